"""The environment that this process and all that it starts run in, and the place of the templates."""

import os
import re
from pathlib import Path

from cage.errors import CageError

# Programs are started here: tc may be typed in a folder with an agent's files, and some programs read settings, modules
# or a version to run from the current folder.
NEUTRAL = "/"


def source() -> Path:
    """The folder that holds templates/ and Makefile.cage: in the package or one level up."""
    package = Path(__file__).parent
    return package if (package / "templates").is_dir() else package.parent


def _in_makefile(begin: str) -> list[str]:
    """The words behind begin in Makefile.cage."""
    text = (source() / "Makefile.cage").read_text()
    return re.search(rf"(?m)^{begin} ((?:.*\\\n)*.*)", text)[1].replace("\\\n", " ").split()


# Lists of folders, which lose their relative parts, and single paths.
LISTS, PLACES = _in_makefile("LISTS :="), _in_makefile("PLACES :=")
# Variables that change how make, git, tar or a recipe's shell behave.
UNWANTED = {*_in_makefile("unexport"), "MAKEFLAGS", "GNUMAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"}
UNWANTED_PREFIXES = ("GIT_", "CAGE_", "BASH_FUNC_")


def settle() -> None:
    """Make this process and its children look for programs, libraries and settings at absolute paths only."""
    os.environ["PATH"] = _from_root(os.environ.get("PATH", "")) or os.defpath
    os.environ["PWD"] = NEUTRAL
    for name, value in list(os.environ.items()):
        if name in LISTS and value != _from_root(value):
            os.environ[name] = value = _from_root(value)
        # A *ENV_DIR (PYENV_DIR) is the folder where a version manager began to look for versions.
        if (name in LISTS and not value) or (name in PLACES and value[:1] != "/") or name.endswith("ENV_DIR"):
            del os.environ[name]


def _from_root(folders: str) -> str:
    """The absolute ones of folders: '.' or an empty part of PATH is the current folder."""
    return os.pathsep.join(folder for folder in folders.split(os.pathsep) if folder.startswith("/"))


def clean_environment() -> dict[str, str]:
    """The caller's environment without variables that steer make, git or a recipe."""
    return {
        key: value for key, value in os.environ.items() if key not in UNWANTED and not key.startswith(UNWANTED_PREFIXES)
    }


def on_guard() -> dict[str, object]:
    """Options of subprocess.run for a program whose end and output are wanted: nobody's folder or settings steer it."""
    streams = {"capture_output": True, "encoding": "utf-8", "errors": "surrogateescape"}
    return {"cwd": NEUTRAL, "env": clean_environment(), **streams}


def no_make() -> CageError:
    """The error without a make."""
    remedy = "Install it: sudo apt-get install make, or on macOS: xcode-select --install"
    return CageError("'make' is not installed", remedy)
