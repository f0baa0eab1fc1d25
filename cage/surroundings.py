"""The environment that make, git and recipes are run in."""

import os

from cage.errors import CageError

# What would change how make, git, tar or a recipe's shell behave, whoever set it.
UNWANTED = (
    "MAKEFLAGS", "MAKEFILES", "GNUMAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES",
    "BASH_ENV", "ENV", "CDPATH", "SHELLOPTS", "BASHOPTS", "TAR_OPTIONS", "GREP_OPTIONS", "POSIXLY_CORRECT",
)  # fmt: skip
UNWANTED_PREFIXES = ("GIT_", "CAGE_", "BASH_FUNC_")


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
