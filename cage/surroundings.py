"""The environment that this process and all that it starts run in."""

import os
import re

from cage.errors import CageError
from cage.source import source

# What would change how make, git, tar or a recipe's shell behave, whoever set it.
UNWANTED = (
    "MAKEFLAGS", "MAKEFILES", "GNUMAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES",
    "BASH_ENV", "ENV", "CDPATH", "SHELLOPTS", "BASHOPTS", "TAR_OPTIONS", "GREP_OPTIONS", "POSIXLY_CORRECT",
    "PERL5OPT", "PERL_USE_UNSAFE_INC",
)  # fmt: skip
UNWANTED_PREFIXES = ("GIT_", "CAGE_", "BASH_FUNC_")


# Programs are started here: tc may be typed in a folder with an agent's files in it, and some look where they stand
# for settings, modules, or the version of theirs that is to run.
NEUTRAL = "/"


def _in_makefile(name: str) -> list[str]:
    """The words of a variable of Makefile.cage."""
    text = (source() / "Makefile.cage").read_text()
    return re.search(rf"(?m)^{name} := ((?:.*\\\n)*.*)", text)[1].replace("\\\n", " ").split()


# Lists of folders, of which only those from the root on are searched, and single paths.
LISTS, PLACES = _in_makefile("LISTS"), _in_makefile("PLACES")


def settle() -> None:
    """Have this process and all that it starts look for programs, libraries and settings from the root on only.

    '.' or nothing in PATH is the folder that a program stands in.
    """
    os.environ["PATH"] = _from_root(os.environ.get("PATH", "")) or os.defpath
    os.environ["PWD"] = NEUTRAL
    for name, value in list(os.environ.items()):
        if name in LISTS and value != _from_root(value):
            os.environ[name] = value = _from_root(value)
        # A *ENV_DIR, such as PYENV_DIR, is where a version manager began to look for versions.
        if (name in LISTS and not value) or (name in PLACES and value[:1] != "/") or name.endswith("ENV_DIR"):
            del os.environ[name]


def _from_root(folders: str) -> str:
    return os.pathsep.join(folder for folder in folders.split(os.pathsep) if folder.startswith("/"))


def clean_environment() -> dict[str, str]:
    """The caller's environment without what could steer make, git or a recipe."""
    return {
        key: value for key, value in os.environ.items() if key not in UNWANTED and not key.startswith(UNWANTED_PREFIXES)
    }


def no_make() -> CageError:
    """What is said where there is no make."""
    return CageError(
        "'make' is not installed", "Install it: sudo apt-get install make, or on macOS: xcode-select --install"
    )
