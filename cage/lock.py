"""The lock of a cage, which its recipes take, too (lib/run/lock): a link that names its owner."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cage import home
from cage.errors import CageError
from cage.surroundings import NEUTRAL

TRIES, PAUSE = 100, 0.1


@contextmanager
def held(folder: Path, verb: str) -> Iterator[None]:
    """No other verb changes the cage in folder meanwhile; tells before it waits.

    Raises CageError where the other one takes too long. A dead owner's lock is taken over.
    """
    lock = home.make_folder(folder / ".state") / "lock"
    me = f"{os.getpid()}:{_started(os.getpid())}:{verb}"
    _take(lock, me, folder.name)
    try:
        yield
    finally:
        if _owner(lock) == me:
            lock.unlink()


def _take(lock: Path, me: str, name: str) -> None:
    told = False
    for _ in range(TRIES):
        with suppress(FileExistsError):
            try:
                lock.symlink_to(me)
            except FileNotFoundError:
                raise CageError(f"cage '{name}' was destroyed meanwhile", "See which there are: tc list") from None
            return
        if not (owner := _owner(lock)):
            continue
        if not _alive(owner):
            _take_away(lock, owner)
            continue
        number, *_, verb = owner.split(":")
        if not told:
            print(f"cage '{name}' is busy with '{verb}' (process {number}); waiting", file=sys.stderr)
            told = True
        time.sleep(PAUSE)
    raise CageError(f"cage '{name}' is still busy with '{verb}' (process {number})", "Try again when it is done.")


def _take_away(lock: Path, owner: str) -> None:
    """Remove a dead owner's lock; somebody else's, who was faster, goes back."""
    aside = lock.with_name(f"lock.{os.getpid()}")
    with suppress(FileNotFoundError):
        lock.rename(aside)
        found = _owner(aside)
        aside.unlink()
        if found != owner:
            with suppress(FileExistsError):
                lock.symlink_to(found)


def _owner(lock: Path) -> str:
    try:
        return str(lock.readlink())
    except OSError:
        return ""


def _alive(owner: str) -> bool:
    number, _, rest = owner.partition(":")
    start = rest.rpartition(":")[0]
    return bool(start) and _started(number) == start


def _started(number: int | str) -> str:
    """When the process began, as lib/run/lock writes it: a later process can have the same number.

    Empty if there is none, or only its remains.
    """
    with suppress(OSError):
        state, *fields = Path(f"/proc/{number}/stat").read_text(errors="replace").rpartition(") ")[2].split()
        return "" if state in "ZX" else fields[18]
    if Path("/proc/self/stat").exists():
        return ""
    command = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(number)]
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC0"}
    done = subprocess.run(command, cwd=NEUTRAL, capture_output=True, text=True, env=environment)
    state, _, start = done.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else "_".join(start.split())
