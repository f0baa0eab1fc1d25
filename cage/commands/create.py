"""tc create: from a repository to a cage."""

import os
import shlex
import shutil
import sys
import time
from argparse import Namespace
from pathlib import Path

from cage import config, home, meta, names, terminal
from cage.commands.existing import Cage
from cage.errors import CageError
from cage.recipes import edits, templates
from cage.settings import SETTINGS
from cage.text import printable, quote

LARGEST = 1 << 20
# Files of a draft: a folder with no others in it has nobody's work.
DRAFTED = {*edits.RECIPES, edits.MACHINERY, edits.ABOUT, edits.ONCE, edits.COPIES, ".state", ".trash"}
DRAFTED |= {"guard", "image", "lib", edits.FOLDER}


def create(args: Namespace) -> int:
    """Make a cage, or go on with a half-made one; returns make's exit code."""
    repo_url = names.repository(args.repository)
    name = names.derive(repo_url) if args.name is None else names.check(args.name)
    dockerfile = _read_dockerfile(args.dockerfile)
    flags = {setting.key: getattr(args, setting.key) for setting in SETTINGS}
    chosen = config.resolve(flags, os.environ)
    folder = home.folder_of(name)
    if (folder / "meta.json").exists():
        _check_same(folder, repo_url, args.branch, chosen)
        _check_same_dockerfile(folder, dockerfile)
    else:
        _make_folder(folder, repo_url, args, chosen, dockerfile)
    if args.render_only:
        print(f"Rendered cage '{name}'.")
        print(f"Create it:  make -C {printable(shlex.quote(str(folder)))} create")
        return 0
    attach = terminal.shown_on(sys.stdin, sys.stdout) and not args.no_attach
    variables = {} if attach else {"CAGE_NO_ATTACH": "1"}
    return Cage.find(name).make("create", **variables)


def _check_same(folder: Path, repo_url: str, branch: str | None, chosen: config.Config) -> None:
    """Let a half-made cage of the same repository and settings go on, and nothing else.

    An option that is not given counts as the same.
    """
    fields = meta.read(folder)
    if (folder / ".history" / "created").exists():
        raise _taken(folder.name, repo_url, fields)
    kept = {"repository": fields["repo_url"], "branch": fields["branch"], **meta.settings(fields)}
    given = {key: chosen.values[key] for key in chosen.origins}
    given |= {"repository": repo_url, "branch": kept["branch"] if branch is None else branch}
    for key, value in given.items():
        if kept[key] != value:
            raise CageError(
                f"cage '{folder.name}' is half made: its {key} is {quote(kept[key])}, not {quote(value)}",
                f"Finish it as it is:  make -C {shlex.quote(str(folder))} create\n"
                f"Or remove it:        tc destroy {folder.name}",
            )


def _read_dockerfile(given: str | None) -> bytes | None:
    """The Dockerfile that --dockerfile names; None without one."""
    if given is None:
        return None
    try:
        with Path(given).expanduser().open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "there is no such user"
        raise CageError(f"{quote(given)} can't be read: {why}", "Give the path of a Dockerfile.") from None
    if not data.strip() or len(data) > LARGEST:
        raise CageError(f"{quote(given)} is no Dockerfile: it is empty, or over a megabyte", "Give another.")
    return data


def _check_same_dockerfile(folder: Path, given: bytes | None) -> None:
    """A half-made cage goes on with the Dockerfile it has, which its user may have mended meanwhile."""
    if given is not None and given != edits.live(folder, "Dockerfile"):
        raise CageError(
            f"cage '{folder.name}' is half made, with another Dockerfile",
            f"Edit that one, {shlex.quote(str(folder / 'Dockerfile'))}, and create without --dockerfile.",
        )


def _taken(name: str, repo_url: str, fields: meta.Fields) -> CageError:
    if fields["repo_url"] == repo_url:
        return CageError(
            f"cage '{name}' already exists", f"Attach with 'tc attach {name}', or remove it with 'tc destroy {name}'."
        )
    return CageError(
        f"cage '{name}' already exists, made from {quote(fields['repo_url'])}",
        f"Choose another name: tc create {shlex.quote(repo_url)} --name {_free(name)}",
    )


def _free(name: str) -> str:
    taken = {path.name for path in home.folder_of(name).parent.iterdir()}
    free = (f"{name[:59]}-{number}" for number in range(2, 1000))
    return next(name for name in free if name not in taken)


def _make_folder(folder: Path, repo_url: str, args: Namespace, chosen: config.Config, dockerfile: bytes | None) -> None:
    """Render the cage's folder beside its place, and move it there whole."""
    clone = _settle_clone(folder, args)
    settings = dict(chosen.values)
    has_key = os.environ.get(settings["api_key_env"])
    if "auth_mode" not in chosen.origins and not has_key and terminal.interactive():
        settings["auth_mode"] = terminal.ask(
            "Does the agent log in with an API key or with your subscription?",
            ("api_key", "subscription"),
            "--auth-mode",
        )
    fields = meta.new(folder.name, repo_url, args.branch or "", settings)
    if dockerfile is not None:
        fields["dockerfile"] = "own"
    files = templates.files(fields, home.make_home_id())
    home.make_folder(folder.parent)
    _remove_old_drafts(folder)
    draft = home.make_folder(folder.with_name(f".new-{folder.name}-{os.urandom(4).hex()}"))
    try:
        edits.put_new(draft, files)
        if dockerfile is not None:
            edits.put(draft, "Dockerfile", dockerfile)
        meta.write(draft, fields)
        _land(draft, folder, clone)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _remove_old_drafts(folder: Path) -> None:
    """Remove drafts of killed creates; a running one is done within seconds, so older ones are dead."""
    for draft in folder.parent.glob(f".new-{folder.name}-????????"):
        if time.time() - draft.stat().st_mtime > 60:
            shutil.rmtree(draft, ignore_errors=True)


def _settle_clone(folder: Path, args: Namespace) -> str:
    """The user's choice for the host clone of a destroyed cage: reuse, fresh, or '' without one.

    'debris' are recipes of a create that was killed while it moved them there.
    """
    if not folder.exists() or not any(folder.iterdir()):
        return ""
    if not (folder / "repo").is_dir():
        if {path.name for path in folder.iterdir()} <= DRAFTED:
            return "debris"
        raise CageError(f"{quote(folder)} is in the way: it holds neither a cage nor a host clone", home.away(folder))
    answer = args.clone or terminal.ask(
        f"the host clone of a destroyed cage '{folder.name}' is left: use it, or move it aside?",
        ("reuse", "fresh"),
        "--reuse-clone or --fresh-clone",
    )
    if answer == "reuse" and not (folder / "repo" / ".git").exists():
        raise CageError(
            f"the host clone {quote(folder / 'repo')} has no git folder", "Put its .git back, or give --fresh-clone."
        )
    return answer


def _land(draft: Path, folder: Path, clone: str) -> None:
    """Put draft at folder. Beside a clone, meta.json comes last: until then there is no cage."""
    if clone == "fresh":
        kept = home.aside("clones", folder.name)
        (folder / "repo").rename(kept)
        print(f"Moved the old host clone to {printable(kept)}", file=sys.stderr)
    if not clone:
        try:
            draft.rename(folder)
        except OSError:
            if not folder.exists():
                raise
            raise CageError(f"cage '{folder.name}' was made meanwhile", "See which there are: tc list") from None
        return
    for left in [path for path in folder.iterdir() if path.name != "repo"]:
        left.rename(home.make_folder(home.aside("trash", folder.name)) / left.name)
    for path in sorted(draft.iterdir(), key=lambda path: path.name == "meta.json"):
        path.rename(folder / path.name)
