"""Files of a cage's folder that change together: staged whole, then moved, after a kill by the next verb."""

import errno
import shutil
from pathlib import Path

from cage import home
from cage.recipes import edits

# This folder exists while files are moved; .history is never deleted, so a kill leaves it.
STAGED = Path(".history", "render")
DRAFT = Path(".history", "render.new")
NEW, SEEN, GONE = "new", "seen", "gone"

# Old and new bytes of each path; None is no file.
Moves = dict[str, tuple[bytes | None, bytes | None]]


def land(folder: Path, moves: Moves) -> None:
    """Make moves, under the cage's lock. A file that is edited meanwhile is left as it is."""
    moves = {path: move for path, move in moves.items() if move[0] != move[1]}
    if not moves:
        return
    draft = folder / DRAFT
    shutil.rmtree(draft, ignore_errors=True)
    home.make_folder(draft)
    for path, (seen, new) in moves.items():
        if seen is not None:
            edits.put(draft / SEEN, path, seen)
        edits.put(draft / (GONE if new is None else NEW), path, new or b"")
    draft.rename(folder / STAGED)
    finish(folder)


def unfinished(folder: Path) -> bool:
    """Whether a landing was interrupted there."""
    return (folder / STAGED).is_dir()


def finish(folder: Path) -> None:
    """Move the staged files, under the cage's lock. Those moved before a kill are no longer staged."""
    if not unfinished(folder):
        return
    staged = folder / STAGED
    for path in _within(staged / NEW):
        if not (staged / NEW / path).exists():
            continue
        if _is_copy(path) or edits.live(folder, path) == edits.live(staged / SEEN, path):
            _move(staged / NEW / path, folder / path)
        else:
            # An edit that came in between stays, and the next render merges it.
            for other in (f"{edits.COPIES}/{edits.VERSION}", f"{edits.COPIES}/{path}", path):
                (staged / NEW / other).unlink(missing_ok=True)
    for path in _within(staged / GONE):
        if edits.live(folder, path) == edits.live(staged / SEEN, path):
            (folder / path).unlink(missing_ok=True)
    shutil.rmtree(staged)


def _within(top: Path) -> list[str]:
    """The paths of all files below top, pristine copies last."""
    found = (path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file())
    return sorted(found, key=lambda path: (_is_copy(path), path))


def _is_copy(path: str) -> bool:
    return path.startswith(f"{edits.COPIES}/")


def _move(staged: Path, target: Path) -> None:
    """Put staged in place of target in one step; a link that target is stays one."""
    target = target.resolve()
    home.make_folder(target.parent)
    try:
        staged.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        home.write(target, staged.read_bytes(), staged.stat().st_mode & 0o777)
        staged.unlink()
