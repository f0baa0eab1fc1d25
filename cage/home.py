"""TRUSTY_CAGE_HOME: where cages live, and how files are written there."""

import os
import shlex
import time
from itertools import count
from pathlib import Path

from cage.errors import CageError
from cage.text import quote


def root() -> Path:
    """The folder that holds everything; TRUSTY_CAGE_HOME moves it.

    Raises CageError for a path with control characters, and for a path relative to the current folder: an
    agent could have put recipes there.
    """
    chosen = os.environ.get("TRUSTY_CAGE_HOME")
    try:
        folder = Path(chosen).expanduser() if chosen else Path.home() / ".trusty-cage"
    except RuntimeError:
        raise CageError("your home folder is not known", "Set HOME, or TRUSTY_CAGE_HOME to a folder.") from None
    if not folder.is_absolute():
        raise CageError(f"TRUSTY_CAGE_HOME is no absolute path: {quote(folder)}", "Set it to one that begins with '/'.")
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 (links stay as they were named)
    if any(letter in str(folder) for letter in "\n\r"):
        raise CageError(f"TRUSTY_CAGE_HOME holds a line break: {quote(folder)}", "Set it to another folder.")
    return folder


def folder_of(name: str) -> Path:
    """The folder of the cage called name, which has been checked."""
    return root() / "envs" / name


def make_folder(folder: Path) -> Path:
    """Make folder and the parents it lacks, each 0700 under any umask."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    return folder


def write(path: Path, data: bytes, mode: int = 0o600, sync: bool = True) -> None:
    """Put data at path so that a crash leaves the old file or the new one, never a part.

    Without sync that holds for a killed process, not for a power cut.
    """
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
    return f"Move it away: mv {shlex.quote(str(folder))} {shlex.quote(f'{folder}.old')}"


def aside(kind: str, name: str) -> Path:
    """An unused path under kind/, for files that are moved away from the cage called name."""
    stamp = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = make_folder(root() / kind)
    taken = {path.name for path in folder.iterdir()}
    free = (f"{stamp}-{number}" if number else stamp for number in count())
    return folder / next(path for path in free if path not in taken)


def home_id() -> str:
    """The id that labels every object made from here: random, made once, in the file `id`.

    Empty if there is none yet. Raises CageError if the file holds something else.
    """
    path = root() / "id"
    try:
        found = path.read_text(errors="replace").strip()
    except FileNotFoundError:
        return ""
    if len(found) != 16 or not set(found) <= set("0123456789abcdef"):
        raise CageError(
            f"{quote(path)} is damaged", "Put back the value of CAGE_HOME_ID that stands in a cage's Makefile."
        )
    return found


def make_home_id() -> str:
    """The id of this home, made if there is none; of two makers at once one wins."""
    if not (found := home_id()):
        path = make_folder(root()) / "id"
        draft = path.with_name(f".id.{os.getpid()}")
        write(draft, os.urandom(8).hex().encode() + b"\n")
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        found = home_id()
    return found
