"""make, run on a cage's Makefile: in the foreground, or unseen."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import ModuleType

from cage.errors import DONE, FAILED, INTERRUPTED, USAGE, CageError
from cage.menu import VERBS
from cage.surroundings import NEUTRAL, clean_environment, no_make, on_guard
from cage.text import complain

# Linux takes no string of the environment, and no argument, over 128 KiB (execve(2)).
LARGEST = 130_000
# A folder where recipes leave their last words and their exit code, since make exits with 2 for any failure.
LAST = partial(tempfile.TemporaryDirectory, prefix="tc-")


def _import_sh() -> ModuleType:
    """sh, at a fifth of the time that importing it takes.

    Most of that goes to modules that running in the foreground does not need, and to finding out its own version: empty
    ones stand in for them meanwhile.
    """
    idle = "asyncio", "importlib.metadata", "inspect", "logging", "traceback", "typing"
    stand_ins = {name: ModuleType(name) for name in idle if name not in sys.modules}
    for module in stand_ins.values():
        vars(module).update(Any=object, Queue=object, version=str)
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
    """Make targets of the Makefile in folder; returns the exit code that was meant. A recipe's error comes last."""
    with LAST() as last:
        with _left_to_the_recipe(interrupted := Path(last, "interrupted")):
            code = _run(folder, targets, environment(variables, last))
        with suppress(BrokenPipeError):
            complain(left_words(last))
        # After Ctrl-C make may end before or after its recipe, so make's own code doesn't tell.
        if (code and interrupted.exists()) or code in (-signal.SIGINT, INTERRUPTED):
            return INTERRUPTED
        meant = left_code(last)
    return meant if meant is not None else FAILED if code else DONE


def unseen(folder: Path, target: str, variables: dict[str, str]) -> tuple[int | None, str]:
    """Make target without a terminal; the recipe's exit code, None if it left none, and its output."""
    with LAST() as last:
        options = {**on_guard(), "env": environment(variables, last), "input": ""}
        done = subprocess.run(["make", *_options(folder), target], **options)
        return left_code(last) if done.returncode else DONE, "\n".join([*left_words(last), done.stdout, done.stderr])


def left_code(last: str) -> int | None:
    """The exit code that was meant, if any was."""
    with suppress(FileNotFoundError):
        meant = Path(last, "exit-code").read_text().strip()
        return int(meant) if meant.isdecimal() else None


def left_words(last: str) -> list[str]:
    """The lines that were left to tc, in the order of time."""
    files = sorted(Path(last).glob("words.*"), key=lambda path: path.stat().st_mtime_ns)
    return [line for file in files for line in file.read_text(errors="replace").splitlines()]


def script(folder: Path, path: str) -> int:
    """Run a script of the cage's lib, where make can't read the recipes; returns its exit code."""
    return subprocess.run(["bash", path], cwd=folder, env=clean_environment()).returncode


def _options(folder: Path) -> tuple[str, ...]:
    return ("-f", "Makefile", "--no-print-directory", "-C", str(folder))


def environment(variables: dict[str, str], last: str) -> dict[str, str]:
    """The environment, by which variables travel: make would expand its arguments. Last words go to the folder last."""
    for value in variables.values():
        if len(value.encode(errors="surrogateescape")) > LARGEST:
            problem = f"what is asked for is longer than {LARGEST // 1000} kB"
            raise CageError(problem, "Put a command into a file; name folders in the place of files.", USAGE)
    ours = {"CAGE_VIA": "tc", "CAGE_TC": str(os.getpid()), "CAGE_VERBS": VERBS, "CAGE_EXIT_FILE": f"{last}/exit-code"}
    return clean_environment() | variables | ours


def _run(folder: Path, targets: tuple[str, ...], environment: dict[str, str]) -> int:
    try:
        sh.Command("make")(*_options(folder), *targets, _fg=True, _cwd=NEUTRAL, _env=environment)
    except sh.CommandNotFound:
        raise no_make() from None
    except sh.ErrorReturnCode as error:
        return error.exit_code
    return 0


@contextmanager
def _left_to_the_recipe(interrupted: Path) -> Iterator[None]:
    """Ctrl-C reaches make as well: wait for it to end rather than leave it behind, and note that it came, in a file.

    SIGTERM and SIGHUP end tc alone, by way of what it has to clean up; a recipe's session notices that by itself.
    """
    # A handler, not SIG_IGN: that one would be inherited. Python ignores SIGPIPE, and recipes are to end of it.
    wanted = {signal.SIGINT: lambda *_: interrupted.touch(), signal.SIGPIPE: signal.SIG_DFL, signal.SIGTERM: _end}
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        wanted[signal.SIGHUP] = _end
    before = {number: signal.signal(number, way) for number, way in wanted.items()}
    try:
        yield
    finally:
        for number, way in before.items():
            signal.signal(number, way)


def _end(number: int, _: object) -> None:
    raise SystemExit(128 + number)
