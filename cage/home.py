"""TRUSTY_CAGE_HOME: where cages live, and how files are written there."""

import os
import time
from itertools import count
from pathlib import Path

from cage.errors import CageError
from cage.text import quote, typed


def root() -> Path:
    """The folder that holds everything; TRUSTY_CAGE_HOME moves it. CageError for a relative path or a line break."""
    chosen = os.environ.get("TRUSTY_CAGE_HOME")
    try:
        folder = Path(chosen).expanduser() if chosen else Path.home() / ".trusty-cage"
    except RuntimeError:
        raise CageError("your home folder is not known", "Set HOME, or TRUSTY_CAGE_HOME to a folder.") from None
    # An agent could have put recipes into the current folder.
    if not folder.is_absolute():
        raise CageError(f"TRUSTY_CAGE_HOME is no absolute path: {quote(folder)}", "Set it to one that begins with '/'.")
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 (links stay as they were named)
    if any(letter in str(folder) for letter in "\n\r"):
        raise CageError(f"TRUSTY_CAGE_HOME holds a line break: {quote(folder)}", "Set it to another folder.")
    return folder


def folder_of(name: str) -> Path:
    """The folder of the cage called name, which has been checked."""
    return root() / "envs" / name


def folders() -> list[Path]:
    """The folders of cages, and of what is left of some, in order; hidden ones are drafts."""
    try:
        found = sorted((root() / "envs").iterdir())
    except FileNotFoundError:
        return []
    return [path for path in found if path.is_dir() and not path.name.startswith(".")]


def dead_drafts(name: str) -> list[Path]:
    """Drafts of killed creates of name; a running one is done within seconds, so older ones are dead."""
    drafts = sorted((root() / "envs").glob(f".new-{name}-*"))
    return [path for path in drafts if path.stat().st_mtime < time.time() - 60]


def make_folder(folder: Path) -> Path:
    """Make folder and the parents it lacks, each 0700 under any umask."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    return folder


def write(path: Path, data: bytes, mode: int = 0o600, sync: bool = True) -> None:
    """Put data at path: a kill leaves the old file or the new one, never a part, and with sync a power cut, too."""
    path = path.resolve()
    draft = path.with_name(f".{path.name}.{os.getpid()}~")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(draft, flags, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        if sync:
            os.fsync(file.fileno())
    draft.rename(path)


def away(folder: Path) -> str:
    """The remedy for a folder that is in the way."""
    return f"Move it away: mv {typed(folder)} {typed(f'{folder}.old')}"


def aside(kind: str, name: str) -> Path:
    """An unused path under kind/, for files that are moved away from the cage called name."""
    stamped = make_folder(root() / kind) / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    paths = (stamped.with_name(f"{stamped.name}-{number}") if number else stamped for number in count())
    return next(path for path in paths if not os.path.lexists(path))


def home_id() -> str:
    """The id that labels every object made from here; empty if there is none yet. CageError for a damaged one."""
    path = root() / "id"
    try:
        found = path.read_text(errors="replace").strip()
    except FileNotFoundError:
        return ""
    if len(found) != 16 or not set(found) <= set("0123456789abcdef"):
        remedy = "Put back the value of CAGE_HOME_ID that stands in a cage's Makefile."
        raise CageError(f"{quote(path)} is damaged", remedy)
    return found


def make_home_id() -> str:
    """The id of this home, made if there is none; of two makers at once one wins."""
    if not home_id():
        path = make_folder(root()) / "id"
        draft = path.with_name(f".id.{os.getpid()}")
        write(draft, os.urandom(8).hex().encode() + b"\n")
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return home_id()
