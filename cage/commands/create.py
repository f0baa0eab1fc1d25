"""tc create: from a repository to a cage."""

import os
import shutil
import subprocess
import sys
from argparse import Namespace
from itertools import count
from pathlib import Path

from cage import config, home, lock, meta, names, terminal
from cage.commands.existing import Cage
from cage.commands.set import COPY, ask_keys, with_lines
from cage.errors import USAGE, CageError
from cage.recipes import edits, templates
from cage.settings import check_python
from cage.surroundings import NEUTRAL, clean_environment
from cage.text import printable, quote, typed

LARGEST = 1 << 20
# Files of a draft: a folder with no others in it has nobody's work.
DRAFTED = {*edits.RECIPES, edits.MACHINERY, edits.ABOUT, *edits.ONCE, edits.COPIES, ".state", ".trash"}
DRAFTED |= {"guard", "image", "lib", edits.FOLDER}


def create(args: Namespace) -> int:
    """Make a cage, or go on with a half-made one; returns make's exit code."""
    of, ref, number = names.request(args.repository)
    if ref and args.branch is not None:
        raise CageError("a pull request is the branch of its cage", "Leave --branch out.", USAGE)
    repo_url = names.repository(of or args.repository)
    args.branch = ref or args.branch
    name = names.derive(f"{repo_url}-{number}" if ref else repo_url) if args.name is None else names.check(args.name)
    dockerfile = _read_dockerfile(args.dockerfile)
    chosen = config.resolve(vars(args), os.environ)
    folder = home.folder_of(name)
    if (folder / "meta.json").exists():
        _check_same(folder, repo_url, args, chosen, dockerfile)
    else:
        # A folder that is only rendered may get another pyenv before it is built.
        if dockerfile is None and not args.render_only:
            check_python(chosen.values)
        _make_folder(folder, repo_url, args, chosen, dockerfile)
    if args.render_only:
        print(f"Rendered cage '{name}'.\nCreate it:  make -C {printable(typed(folder))} create")
        return 0
    attach = terminal.shown_on(sys.stdin, sys.stdout) and not args.no_attach
    options = {
        "CAGE_NO_ATTACH": not attach,
        "CAGE_WITH_CHANGES": args.with_changes or args.with_untracked,
        "CAGE_WITH_UNTRACKED": args.with_untracked,
    }
    return Cage.find(name).make("create", **{key: "1" for key, given in options.items() if given})


def _check_same(folder: Path, repo_url: str, args: Namespace, chosen: config.Config, dockerfile: bytes | None) -> None:
    """Let a half-made cage go on if all that is given is the same; its Dockerfile may have been mended meanwhile."""
    fields = meta.read(folder)
    if (folder / ".history" / "created").exists():
        raise _taken(folder.name, repo_url, fields)
    kept = {"repository": fields["repo_url"], "branch": fields["branch"], **meta.settings(fields)}
    given = {key: chosen.values[key] for key in chosen.origins}
    given |= {"repository": repo_url, "branch": kept["branch"] if args.branch is None else args.branch}
    branch = given["branch"] if not (folder / "repo").exists() else kept["branch"]
    for key, value in given.items():
        if kept[key] != value and (key, value) != ("branch", branch):
            problem = f"cage '{folder.name}' is half made: its {key} is {quote(kept[key])}, not {quote(value)}"
            remedy = f"Finish it as it is:  make -C {typed(folder)} create"
            raise CageError(problem, f"{remedy}\nOr remove it:        tc destroy {folder.name}")
    if dockerfile is not None and dockerfile != edits.live(folder, "Dockerfile"):
        remedy = f"Edit that one, {typed(folder / 'Dockerfile')}, and create without --dockerfile."
        raise CageError(f"cage '{folder.name}' is half made, with another Dockerfile", remedy)
    if branch != kept["branch"]:
        _take_branch(folder, fields, branch)


def _take_branch(folder: Path, fields: meta.Fields, branch: str) -> None:
    """Have a cage that has no clone yet begin with another branch."""
    with lock.held(folder, "create"):
        for path in ("Makefile", COPY):
            if text := with_lines(edits.live(folder, path), {"branch": branch}):
                edits.put(folder, path, text)
        meta.write(folder, {**fields, "branch": branch})


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


def _taken(name: str, repo_url: str, fields: meta.Fields) -> CageError:
    if fields["repo_url"] == repo_url:
        remedy = f"Attach with 'tc attach {name}', or remove it with 'tc destroy {name}'."
        return CageError(f"cage '{name}' already exists", remedy)
    others = (f"{name[:59]}-{number}" for number in count(2))
    free = next(other for other in others if not home.folder_of(other).exists())
    problem = f"cage '{name}' already exists, made from {quote(fields['repo_url'])}"
    return CageError(problem, f"Choose another name: tc create {typed(repo_url)} --name {free}")


def _make_folder(folder: Path, repo_url: str, args: Namespace, chosen: config.Config, dockerfile: bytes | None) -> None:
    """Render the cage's folder beside its place, and move it there whole."""
    clone = _settle_clone(folder, args)
    settings = dict(chosen.values)
    has_key = os.environ.get(settings["api_key_env"])
    if "auth_mode" not in chosen.origins and not has_key and terminal.interactive():
        question = "Does the agent log in with an API key or with your subscription?"
        settings["auth_mode"] = terminal.ask(question, ("api_key", "subscription"), "--auth-mode")
    if settings["auth_mode"] == "subscription" and "keys" not in chosen.origins and terminal.interactive():
        settings["keys"] = ask_keys(settings)
    if "git_identity" not in chosen.origins and terminal.interactive() and _signs():
        question = "May commits inside carry the name and the address of your git?"
        settings["git_identity"] = "host" if terminal.confirm(question, "--git-identity") else "no"
    fields = meta.new(folder.name, repo_url, args.branch or "", settings)
    if dockerfile is not None:
        fields["dockerfile"] = "own"
    files = templates.files(fields, home.make_home_id())
    home.make_folder(folder.parent)
    for dead in home.dead_drafts(folder.name):
        shutil.rmtree(dead, ignore_errors=True)
    draft = home.make_folder(folder.with_name(f".new-{folder.name}-{os.urandom(4).hex()}"))
    try:
        edits.put_new(draft, files)
        if dockerfile is not None:
            edits.put(draft, "Dockerfile", dockerfile)
        meta.write(draft, fields)
        _land(draft, folder, clone)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _signs() -> bool:
    """Whether this machine's git has a name for commits."""
    words = ["git", "--git-dir=/dev/null", "config", "--get", "user.name"]
    return subprocess.run(words, cwd=NEUTRAL, env=clean_environment(), capture_output=True).returncode == 0


def _settle_clone(folder: Path, args: Namespace) -> str:
    """The choice for the host clone of a destroyed cage: reuse, fresh, '', or debris (a killed create's recipes)."""
    if not folder.exists() or not any(folder.iterdir()):
        return ""
    if not (folder / "repo").is_dir():
        if {path.name for path in folder.iterdir()} <= DRAFTED:
            return "debris"
        raise CageError(f"{quote(folder)} is in the way: it holds neither a cage nor a host clone", home.away(folder))
    question = f"the host clone of a destroyed cage '{folder.name}' is left: use it, or move it aside?"
    answer = args.clone or terminal.ask(question, ("reuse", "fresh"), "--reuse-clone or --fresh-clone")
    if answer == "reuse" and not (folder / "repo" / ".git").exists():
        problem = f"the host clone {quote(folder / 'repo')} has no git folder"
        raise CageError(problem, "Put its .git back, or give --fresh-clone.")
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
