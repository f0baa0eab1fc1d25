"""make, run on a cage's Makefile: in the foreground, or unseen."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from cage.errors import FAILED, INTERRUPTED, USAGE, CageError
from cage.surroundings import NEUTRAL, clean_environment, no_make

# Linux takes no string of the environment, and no argument, over 128 KiB (execve(2)).
LARGEST = 130_000


def _import_sh() -> ModuleType:
    """sh, at a third of the time that importing it takes.

    Most of that goes to asyncio and to finding out its own version. Running in the foreground needs neither, so
    something stands in for them meanwhile.
    """
    asyncio, metadata = ModuleType("asyncio"), ModuleType("importlib.metadata")
    asyncio.Queue = object
    metadata.version = str
    stand_ins = {module.__name__: module for module in (asyncio, metadata) if module.__name__ not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        import sh
    except (AttributeError, ImportError):
        # A release of sh that asks more of them gets the real ones.
        for name in stand_ins:
            del sys.modules[name]
        stand_ins = {}
        import sh
    finally:
        for name in stand_ins:
            del sys.modules[name]
    return sh


sh = _import_sh()


def run(folder: Path, targets: tuple[str, ...], variables: dict[str, str]) -> int:
    """Make targets of the Makefile in folder; returns the exit code that was meant.

    make ends every failed recipe with 2: the recipe writes its own code to CAGE_EXIT_FILE.
    The variables travel by environment: make would expand what stands in its arguments.
    """
    with tempfile.NamedTemporaryFile(prefix="tc-", mode="r") as said:
        with _left_to_the_recipe() as interrupts:
            code = _run(folder, targets, _environment(variables, said.name))
        # Of make and its recipe either may be the first to end, so make's own code doesn't tell.
        if (interrupts and code) or code in (-signal.SIGINT, INTERRUPTED):
            return INTERRUPTED
        meant = said.read().strip()
    if meant.isdecimal():
        return int(meant)
    return FAILED if code else 0


def unseen(folder: Path, target: str, variables: dict[str, str]) -> tuple[int | None, str]:
    """Make target without a terminal; the code that was meant, None where none was, and what was said."""
    with tempfile.NamedTemporaryFile(prefix="tc-", mode="r") as said:
        done = subprocess.run(
            ["make", *_options(folder), target],
            cwd=NEUTRAL,
            env=_environment(variables, said.name),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        meant = said.read().strip()
    code = int(meant) if meant.isdecimal() else None
    return 0 if not done.returncode else code, done.stdout.strip()


def script(folder: Path, path: str) -> int:
    """Run a script of the cage's lib, where make can't read the recipes; returns its exit code."""
    return subprocess.run(["bash", path], cwd=folder, env=clean_environment()).returncode


def _options(folder: Path) -> tuple[str, ...]:
    return ("-f", "Makefile", "--no-print-directory", "-C", str(folder))


def _environment(variables: dict[str, str], said: str) -> dict[str, str]:
    for value in variables.values():
        if len(value.encode(errors="surrogateescape")) > LARGEST:
            problem = f"what is asked for is longer than {LARGEST // 1000} kB"
            raise CageError(problem, "Put a command into a file; name folders in the place of files.", USAGE)
    return clean_environment() | variables | {"CAGE_VIA": "tc", "CAGE_EXIT_FILE": said}


def _run(folder: Path, targets: tuple[str, ...], environment: dict[str, str]) -> int:
    try:
        command = sh.Command("make")
    except sh.CommandNotFound:
        raise no_make() from None
    try:
        command(*_options(folder), *targets, _fg=True, _cwd=NEUTRAL, _env=environment)
    except sh.ErrorReturnCode as error:
        return error.exit_code
    return 0


@contextmanager
def _left_to_the_recipe() -> Iterator[list[int]]:
    """Ctrl-C reaches make as well: wait for it to end rather than leave it behind, and note that it came.

    A handler, not SIG_IGN: that one would be inherited. Python ignores SIGPIPE, and recipes are to end of it.
    """
    interrupts = []
    before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    ignored = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGPIPE, ignored)
