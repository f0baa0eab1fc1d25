"""make, run in the foreground on a cage's Makefile."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sh

from cage.errors import FAILED, INTERRUPTED, CageError

# What would change how make, git or a recipe's shell behave, whoever set it.
UNWANTED = (
    "MAKEFLAGS", "MAKEFILES", "GNUMAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES",
    "BASH_ENV", "ENV", "CDPATH",
)  # fmt: skip
UNWANTED_PREFIXES = ("GIT_", "CAGE_")


def clean_environment() -> dict[str, str]:
    """The caller's environment without what could steer make, git or a recipe."""
    return {
        key: value for key, value in os.environ.items() if key not in UNWANTED and not key.startswith(UNWANTED_PREFIXES)
    }


def make(folder: Path, targets: tuple[str, ...], variables: dict[str, str]) -> int:
    """Make targets of the Makefile in folder; returns the exit code that was meant.

    make ends every failed recipe with 2: the recipe writes its own code to CAGE_EXIT_FILE.
    The variables travel by environment: make would expand what stands in its arguments.
    """
    with tempfile.NamedTemporaryFile(prefix="tc-", mode="r") as said:
        environment = clean_environment() | variables
        environment |= {"CAGE_VIA": "tc", "CAGE_EXIT_FILE": said.name}
        with _left_to_the_recipe():
            code = _run(folder, targets, environment)
        if code == 0:
            return 0
        if code in (-signal.SIGINT, INTERRUPTED):
            return INTERRUPTED
        meant = said.read().strip()
    return int(meant) if meant.isdecimal() else FAILED


def parse_error(folder: Path) -> str:
    """What make finds wrong with the Makefile in folder, empty if it can be read."""
    command = ["make", "-f", "Makefile", "-f", "-", "-n", "--no-print-directory", ".parsed"]
    done = subprocess.run(
        command,
        cwd=folder,
        env=clean_environment(),
        input=".parsed: ;\n",
        capture_output=True,
        text=True,
        errors="replace",
    )
    return done.stderr.strip() if done.returncode else ""


def _run(folder: Path, targets: tuple[str, ...], environment: dict[str, str]) -> int:
    try:
        command = sh.Command("make")
    except sh.CommandNotFound:
        raise CageError(
            "'make' is not installed", "Install it: sudo apt-get install make, or on macOS: xcode-select --install"
        ) from None
    options = ("-f", "Makefile", "--no-print-directory", "-C", str(folder))
    try:
        command(*options, *targets, _fg=True, _env=environment)
    except sh.ErrorReturnCode as error:
        return error.exit_code
    return 0


@contextmanager
def _left_to_the_recipe() -> Iterator[None]:
    """Ctrl-C reaches make as well: wait for it to end rather than leave it behind.

    A handler, not SIG_IGN: that one would be inherited.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
