"""tc render and tc diff-recipes: the recipes of cages that exist."""

from argparse import Namespace
from contextlib import nullcontext
from pathlib import Path

import cage
from cage import home, lock, make
from cage.commands.existing import Cage, names_of_all
from cage.errors import DECIDE, DONE, FAILED, USAGE, CageError
from cage.recipes import edits, merge, replace, syntax, templates
from cage.text import fail, printable, quote, typed, warn

# Copies of the files last put beside the live ones; they tell which of those the user edited since.
BESIDE = Path(".state", "merge")


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
            fail(*error.said)
            codes.append(error.code)
    return max(codes, default=DONE)


def _render_one(cage: Cage, check: bool, take: str) -> int:
    with nullcontext() if check else lock.held(cage.folder, "render"):
        changes = merge.plan(cage.folder, templates.files(cage.fields, home.home_id()), take)
        _judge(cage, changes, take)
        if conflicts := [change for change in changes if change.action == merge.CONFLICT]:
            return _refuse(cage, conflicts, check)
        kept = "" if check else _apply(cage.folder, changes)
    seen = [change for change in changes if change.is_one]
    for change in seen:
        print(f"{cage.name}: {change.action:<9} {printable(change.path)}")
    if kept:
        print(f"{cage.name}: as they were, they are in {printable(typed(cage.folder / kept))}")
    if not seen:
        print(f"{cage.name}: up to date")
    return FAILED if check and seen else DONE


def _judge(cage: Cage, changes: list[merge.Change], take: str) -> None:
    """Make a conflict of every merge with a syntax error; raises CageError if an edit has one."""
    unread = syntax.scripts(cage.folder, edits.edited(cage.folder))
    for change in changes:
        if (problem := unread.get(change.path)) and change.action != merge.REPLACED:
            error = syntax.unread(cage.name, problem)
            if change.action != merge.KEPT:
                raise error
            warn(*error.said)
        elif change.is_written and edits.is_yours(change.path):
            _decide_unread(change, syntax.script(change.path, change.data), take)
    if any(change.action == merge.CONFLICT for change in changes):
        return
    merged = [change for change in changes if edits.is_makefile(change.path) and change.action == merge.MERGED]
    while problem := merge.trial(cage.folder, {change.path: change.data for change in changes if change.is_written}):
        if broken := syntax.makefiles(cage.folder):
            raise syntax.unread(cage.name, broken)
        if not merged:
            why = f"with the new templates, your edits in cage '{cage.name}' can't be read: {problem}"
            raise CageError(why, f"Nothing was changed. Mend your lines: tc diff-recipes {cage.name}", DECIDE)
        merged.sort(key=lambda change: problem.startswith(f"{change.path}:"))
        _decide_unread(change := merged.pop(), problem, take)
        if change.action == merge.CONFLICT:
            return


def _decide_unread(change: merge.Change, problem: str, take: str) -> None:
    """A clean merge with a syntax error becomes a conflict of the whole file."""
    if not problem or change.action not in (merge.MERGED, merge.RECORDED):
        return
    change.why = problem
    if take == "mine":
        change.action, change.data = merge.RECORDED, None
    elif take == "template":
        change.data = change.new
    else:
        change.action, change.beside, change.suffix, change.data = merge.CONFLICT, change.data, ".merge", None


def _refuse(cage: Cage, conflicts: list[merge.Change], check: bool) -> int:
    """Put both sides of each conflict beside the live files, and say how to finish."""
    named = ", ".join(quote(change.path) for change in conflicts)
    problem = f"{named} of cage '{cage.name}' and the new templates don't go together; nothing was changed"
    said = [f"Merged, it can't be read: {change.why}" for change in conflicts if change.why]
    if check:
        fail(problem, "\n".join([*said, f"See both sides: tc render {cage.name}"]))
        return DECIDE
    finish, drop = [], []
    for change in conflicts:
        _put_beside(cage.folder, change)
        live, beside = (typed(cage.folder / f"{change.path}{end}") for end in ("", change.suffix))
        finish.append(f"mv {beside} {live}" if change.suffix == ".merge" else f"diff -u {live} {beside}")
        drop.append(f"rm {beside}")
    verb = "Edit it, then:" if finish[0].startswith("mv") else "Compare, edit yours, then:"
    said += ["Both sides lie beside it." if len(conflicts) == 1 else "Both sides lie beside them.", verb]
    said += [f"  {line}" for line in (*finish, f"tc render {cage.name} --take mine")]
    sides = (f"  tc render {cage.name} --take {side}" for side in merge.TAKE)
    said += ["Or without looking, your lines or the template's where they differ:", *sides]
    said += ["Or leave the recipes as they are:", *(f"  {line}" for line in drop)]
    fail(problem, "\n".join(said))
    if broken := syntax.makefiles(cage.folder):
        warn(f"the recipes of cage '{cage.name}' can't be read as they are: {broken}")
    return DECIDE


def _put_beside(folder: Path, change: merge.Change) -> None:
    """Write both sides next to the live file; an older such file that its user edited is kept."""
    path, given = change.path + change.suffix, (BESIDE / (change.path + change.suffix)).as_posix()
    there, ours = edits.live(folder, path), edits.live(folder, given)
    if there is not None and ours == change.beside:
        return
    moves = {path: (there, change.beside), given: (ours, change.beside)}
    if there not in (None, ours):
        moves[f"{_keep(folder)}/{path}"] = (None, there)
    replace.land(folder, moves)


def _apply(folder: Path, changes: list[merge.Change]) -> str:
    """Land a render; returns the folder that keeps the user's lines, if any were replaced."""
    moves, went = {}, {}
    for change in changes:
        if change.is_written:
            moves[change.path] = (change.mine, change.data)
        elif change.action == merge.REMOVED:
            moves[change.path] = (change.mine, None)
        moves[f"{edits.COPIES}/{change.path}"] = (change.base, change.new)
        if change.drops_an_edit:
            went[change.path] = change.mine
        for path in (change.path + ".merge", change.path + ".new"):
            if (beside := edits.live(folder, path)) is not None:
                moves[path] = (beside, None)
                if beside != edits.live(folder, (BESIDE / path).as_posix()):
                    went[path] = beside
    version = f"{edits.COPIES}/{edits.VERSION}"
    moves[version] = (edits.live(folder, version), cage.__version__.encode())
    kept = _keep(folder) if went else ""
    replace.land(folder, moves | {f"{kept}/{path}": (None, data) for path, data in went.items()})
    return kept


def _keep(folder: Path) -> str:
    """A new folder's path, for files that a render takes away."""
    return home.aside(f"envs/{folder.name}/{edits.KEPT}", "before").relative_to(folder).as_posix()


def diff_recipes(args: Namespace) -> int:
    """Show the user's changes to the recipes, then the syntax errors in them."""
    found = Cage.find(args.name)
    found.check_whole()
    unread = syntax.everything(found.folder, edits.edited(found.folder))
    readable = not syntax.makefiles(found.folder)
    code = make.run(found.folder, ("diff-recipes",), {}) if readable else make.script(found.folder, "lib/diff-recipes")
    for problem in unread:
        warn(f"make or a shell can't read this: {problem}")
    return code
