"""tc render, tc set and tc diff-recipes: the recipes of cages that exist."""

import fcntl
import re
import shlex
import shutil
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import unified_diff
from pathlib import Path

import cage
from cage import home, merge, meta, pristine, runner, settings
from cage import render as templates
from cage.cage import PENDING, Cage, names_of_all
from cage.errors import DECIDE, DONE, FAILED, USAGE, CageError
from cage.text import fail, printable, quote, warn


def render(args: Namespace) -> int:
    """Bring recipes up to the templates; the worst of the cages' exit codes is returned."""
    if bool(args.name) == args.all:
        raise CageError("name one cage, or give --all", "tc render web", USAGE)
    codes = []
    for name in names_of_all() if args.all else [args.name]:
        try:
            codes.append(_render_one(Cage.find(name), args.check, args.take or ""))
        except CageError as error:
            if not args.all:
                raise
            fail(error.problem, error.remedy)
            codes.append(error.code)
    return max(codes, default=DONE)


def _render_one(cage: Cage, check: bool, take: str) -> int:
    with _locked(cage.folder):
        changes = merge.plan(cage.folder, templates.files(cage.fields, home.home_id()), take)
        conflicts = [change for change in changes if change.action == merge.CONFLICT]
        if not conflicts and (problem := _parse_error(cage.folder, changes)):
            conflicts = [_unreadable(changes, problem)]
        if conflicts:
            return _refuse(cage, conflicts, check)
        if not check:
            _apply(cage.folder, changes)
    seen = [change for change in changes if change.is_one]
    for change in seen:
        print(f"{cage.name}: {change.action:<9} {change.path}")
    if not seen:
        print(f"{cage.name}: up to date")
    return FAILED if check and seen else DONE


def _refuse(cage: Cage, conflicts: list[merge.Change], check: bool) -> int:
    """Put what could not be decided beside the live files, and say how to finish."""
    for change in conflicts:
        path = cage.folder / (change.path + change.suffix)
        if not check and not path.exists():
            pristine.put(cage.folder, change.path + change.suffix, change.beside)
        live = cage.folder / change.path
        fail(
            f"{quote(live)} and its new template don't go together; nothing was changed",
            f"Both are in {path}\n"
            f"Edit it, then:      mv {shlex.quote(str(path))} {shlex.quote(str(live))}\n"
            f"                    tc render {cage.name} --take mine\n"
            f"Or drop your lines: tc render {cage.name} --take template",
        )
    return DECIDE


def _unreadable(changes: list[merge.Change], problem: str) -> merge.Change:
    said = f"make can't read the merged Makefile: {problem.splitlines()[0]}"
    makefile = next(change for change in changes if change.path == "Makefile")
    if makefile.data is None:
        raise CageError(said, "Mend what you changed in it, nothing else was changed.", DECIDE)
    warn(said)
    makefile.action, makefile.beside, makefile.suffix = merge.CONFLICT, makefile.data, ".merge"
    return makefile


def _parse_error(folder: Path, changes: list[merge.Change]) -> str:
    """What make finds wrong with the Makefiles that are to go live, tried in a copy of folder."""
    if not any(change.path in ("Makefile", "Makefile.cage") and change.data for change in changes):
        return ""
    with tempfile.TemporaryDirectory(prefix="tc-") as made:
        stage = Path(made)
        written = {change.path: change.data for change in changes if change.data is not None}
        tops = {Path(path).parts[0] for path in written}
        for entry in folder.iterdir():
            if entry.name not in tops:
                (stage / entry.name).symlink_to(entry)
            elif entry.is_dir():
                shutil.copytree(entry, stage / entry.name, symlinks=True)
        for path, data in written.items():
            pristine.put(stage, path, data)
        return runner.parse_error(stage)


def _apply(folder: Path, changes: list[merge.Change]) -> None:
    """Land a render. After a crash the same render finishes it: a file lands before its base."""
    kept = None
    with _pending(folder):
        for change in changes:
            if change.action == merge.MERGED:
                kept = kept or home.aside(f"envs/{folder.name}/.history/recipes", "before")
                pristine.put(kept, change.path, pristine.live(folder, change.path))
            _land(folder, change)
        own = {change.path for change in changes}
        for path in (folder / "lib").iterdir():
            if f"lib/{path.name}" not in own and path.is_file():
                path.unlink()
        pristine.put_copy(folder, pristine.VERSION, cage.__version__.encode())


def _land(folder: Path, change: merge.Change) -> None:
    if change.data is not None:
        pristine.put(folder, change.path, change.data)
    if pristine.is_yours(change.path) and change.new != pristine.base(folder, change.path):
        pristine.put_copy(folder, change.path, change.new)
    for suffix in (".merge", ".new"):
        (folder / (change.path + suffix)).unlink(missing_ok=True)


def set_(args: Namespace) -> int:
    """Change settings of a cage: `tc set <name> key=value…`."""
    values = {}
    for word in args.values:
        key, equals, value = word.partition("=")
        if not equals or key not in settings.BY_KEY:
            known = ", ".join(settings.BY_KEY)
            raise CageError(f"{quote(word)} is not a setting", f"Known: {known}", USAGE)
        values[key] = value
    found = Cage.find(args.name)
    for key, said in change(found, values).items():
        print(f"Set {key} of cage '{found.name}' to {quote(meta.settings(found.fields)[key])}.{said}")
        when = settings.WHEN[settings.BY_KEY[key].applies].format(name=found.name)
        print(f"It applies {when}")
    return DONE


def change(cage: Cage, values: dict[str, str]) -> dict[str, str]:
    """Change settings in meta.json and in the Makefile; what there is to say is by key.

    Only their lines change, in the pristine copy too: this is no re-render. meta.json is
    written first, so that a render finishes what a crash left.
    """
    values = {key: settings.check(key, value) for key, value in values.items()}
    if "engine" in values:
        raise CageError("a cage's engine can't be changed", "Make another cage with it.", USAGE)
    folder = cage.folder
    with _locked(folder):
        if problem := runner.parse_error(folder):
            raise CageError(
                f"make can't read the Makefile of cage '{cage.name}': {problem.splitlines()[0]}",
                f"See what was changed in it: tc diff-recipes {cage.name}",
            )
        mine, base = pristine.live(folder, "Makefile"), pristine.base(folder, "Makefile")
        said = {}
        for key, value in values.items():
            said[key] = _tell(key, mine, base, pristine.live(folder, pristine.ONCE) or b"")
            mine, base = _with_line(mine, key, value), _with_line(base, key, value)
        with _pending(folder):
            cage.fields = meta.change(cage.fields, values)
            meta.write(folder, cage.fields)
            pristine.put(folder, "Makefile", mine)
            if base is not None:
                pristine.put_copy(folder, "Makefile", base)
    return said


def _line(key: str) -> re.Pattern[bytes]:
    name = f"CAGE_{key.upper()}".encode()
    return re.compile(rb"(?m)^(?:export )?%s *[:?]?=((?:[^\n]*\\\n)*[^\n]*)$" % name)


def _with_line(text: bytes | None, key: str, value: str) -> bytes | None:
    line = f"export CAGE_{key.upper()} := {templates.make(value)}"
    return text and _line(key).sub(lambda _: line.encode(errors="surrogateescape"), text)


def _tell(key: str, mine: bytes, base: bytes | None, local: bytes) -> str:
    """What its user should know about the line that is changed."""
    found = _line(key).search(mine)
    if not found:
        return f" CAGE_{key.upper()} no longer stands in your Makefile: it has no effect there."
    said = ""
    before = base and _line(key).search(base)
    if before and before[1] != found[1]:
        said = f" You had changed the line by hand, to {quote(found[1].decode(errors='replace'))}."
    if _line(key).search(local):
        said += " local.mk sets it too, and comes last."
    return said


def auth(args: Namespace) -> int:
    """Renew the agent's credentials, or change where they come from."""
    found = Cage.find(args.name)
    given = {"auth_mode": args.auth_mode, "api_key_env": args.api_key_env}
    values = {key: value for key, value in given.items() if value is not None}
    if values:
        change(found, values)
    new = {"CAGE_AUTH_MODE_NEW": args.auth_mode} if args.auth_mode else {}
    return found.make("auth", **new)


def diff_recipes(args: Namespace) -> int:
    """Print what the user changed in the recipes, as a unified diff."""
    found = Cage.find(args.name)
    for path in pristine.edited(found.folder):
        base = (pristine.base(found.folder, path) or b"").decode(errors="replace")
        mine = (pristine.live(found.folder, path) or b"").decode(errors="replace")
        lines = unified_diff(base.splitlines(), mine.splitlines(), f".rendered/{path}", path, lineterm="")
        print("\n".join(map(printable, lines)))
    return DONE


@contextmanager
def _pending(folder: Path) -> Iterator[None]:
    """Mark the folder while several of its files change, for verbs to tell after a crash."""
    mark = folder / PENDING
    home.make_folder(mark.parent)
    home.write(mark, b"")
    yield
    mark.unlink()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Only one changes the recipes of a cage at a time; tells before it waits."""
    with (home.make_folder(folder / ".state") / "recipes").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another tc that changes '{folder.name}'", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
