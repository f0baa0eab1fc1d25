"""The environment that this process and all that it starts run in."""

import os
import re

from cage.errors import CageError
from cage.source import source

# Variables that change how make, git, tar or a recipe's shell behave.
UNWANTED = (
    "MAKEFLAGS", "MAKEFILES", "GNUMAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES",
    "BASH_ENV", "ENV", "CDPATH", "SHELLOPTS", "BASHOPTS", "TAR_OPTIONS", "GREP_OPTIONS", "POSIXLY_CORRECT",
    "PERL5OPT", "PERL_USE_UNSAFE_INC",
)  # fmt: skip
UNWANTED_PREFIXES = ("GIT_", "CAGE_", "BASH_FUNC_")


# Programs are started here: tc may be typed in a folder with an agent's files, and some programs read settings, modules
# or a version to run from the current folder.
NEUTRAL = "/"


def _in_makefile(name: str) -> list[str]:
    """The words of a variable of Makefile.cage."""
    text = (source() / "Makefile.cage").read_text()
    return re.search(rf"(?m)^{name} := ((?:.*\\\n)*.*)", text)[1].replace("\\\n", " ").split()


# Lists of folders, which lose their relative parts, and single paths.
LISTS, PLACES = _in_makefile("LISTS"), _in_makefile("PLACES")


def settle() -> None:
    """Make this process and its children look for programs, libraries and settings at absolute paths only.

    '.' or an empty part of PATH is the current folder.
    """
    os.environ["PATH"] = _from_root(os.environ.get("PATH", "")) or os.defpath
    os.environ["PWD"] = NEUTRAL
    for name, value in list(os.environ.items()):
        if name in LISTS and value != _from_root(value):
            os.environ[name] = value = _from_root(value)
        # A *ENV_DIR (PYENV_DIR) is the folder where a version manager began to look for versions.
        if (name in LISTS and not value) or (name in PLACES and value[:1] != "/") or name.endswith("ENV_DIR"):
            del os.environ[name]


def _from_root(folders: str) -> str:
    return os.pathsep.join(folder for folder in folders.split(os.pathsep) if folder.startswith("/"))


def clean_environment() -> dict[str, str]:
    """The caller's environment without variables that steer make, git or a recipe."""
    return {
        key: value for key, value in os.environ.items() if key not in UNWANTED and not key.startswith(UNWANTED_PREFIXES)
    }


def no_make() -> CageError:
    """The error without a make."""
    return CageError(
        "'make' is not installed", "Install it: sudo apt-get install make, or on macOS: xcode-select --install"
    )
