"""The owner of each file in a cage's folder, and its user's edits."""

import json
import os
import stat
import time
from contextlib import suppress
from pathlib import Path

import cage
from cage import home
from cage.errors import CageError
from cage.text import quote

DOCKERFILE = "Dockerfile"
# Verbs need these files: a deleted one is rendered again.
RECIPES = ("Makefile", DOCKERFILE, "certificates.Dockerfile", "layout.sh", "seccomp.json", "guard/Dockerfile")
LOCAL = "local.mk"
# Variables of sessions: their values are shown nowhere, so it is no recipe that could be edited.
VARIABLES = "env"
ONCE = (LOCAL, VARIABLES)
MACHINERY = "Makefile.cage"
SCRIPTS = "lib/"
ABOUT = "README"
FOLDER = "recipes"

COPIES = ".rendered"
VERSION = ".version"
KEPT = Path(".history", "recipes")

# The cache of edited(): its result, and inode and mtime of each file that it read.
FOUND = ".state/edited"
# A file that was changed less than these seconds ago may change again within the same tick of the clock.
UNSETTLED = 2


def is_yours(path: str) -> bool:
    """Whether a re-render merges path; the tool's files are replaced."""
    return path not in (MACHINERY, ABOUT, *ONCE) and not path.startswith(SCRIPTS)


def is_makefile(path: str) -> bool:
    """Whether make reads path, so that an edit of it can leave all recipes unreadable."""
    return path in ("Makefile", MACHINERY, LOCAL) or path.startswith(f"{FOLDER}/")


def is_restored(path: str) -> bool:
    """Whether path is rendered again where it was deleted."""
    return path in RECIPES or not path.startswith(("image/", "guard/"))


def copied(folder: Path) -> tuple[list[str], list[str]]:
    """The paths that have a pristine copy, the recipes first, and the folders of the copies."""
    copies = str(folder / COPIES)
    found, folders = set(), []
    for above, _, names in os.walk(copies):
        inner = above[len(copies) + 1 :]
        folders.append(f"{COPIES}/{inner}" if inner else COPIES)
        found.update(f"{inner}/{name}" if inner else name for name in names)
    found -= {VERSION, VARIABLES}
    first = [path for path in (*RECIPES, LOCAL) if path in found]
    return first + sorted(found.difference(first)), folders


def edited(folder: Path) -> list[str]:
    """The paths whose live file differs from its last render.

    The result is cached while no inode or ctime has changed: every edit changes one, even if it restores size and
    mtime. A pristine copy is only ever replaced, which its folder shows.
    """
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        with open(f"{folder}/{FOUND}", "rb") as file:  # noqa: PTH123 (list reads hundreds)
            known = json.load(file)
        if COPIES in known["paths"] and known["marks"] == _marks(folder, known["paths"]):
            return known["edited"]
    return _look(folder)


def _look(folder: Path) -> list[str]:
    """The result of edited() from the files themselves; cached if it can be."""
    paths, folders = copied(folder)
    watched = folders + paths
    marks = _marks(folder, watched)
    found = [path for path in paths if live(folder, path) != base(folder, path)]
    if max(marks[1::2], default=0) < (time.time() - UNSETTLED) * 1e9:
        with suppress(OSError):
            kept = {"edited": found, "paths": watched, "marks": marks}
            home.write(folder / FOUND, json.dumps(kept).encode(), sync=False)
    return found


def _marks(folder: Path, paths: list[str]) -> list[int]:
    """Inode and ctime of each path, which change when it is written, renamed or replaced; zeros if it is gone."""
    marks = []
    # Relative to the folder: list asks for thousands, and the folders above would take most of the time.
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for path in paths:
            try:
                found = os.stat(path, dir_fd=here)
                marks += (found.st_ino, found.st_ctime_ns)
            except (FileNotFoundError, NotADirectoryError):
                marks += (0, 0)
    finally:
        os.close(here)
    return marks


def live(folder: Path, path: str) -> bytes | None:
    """The live bytes of path; None if it is gone. Raises CageError if it is no file."""
    try:
        # A pipe keeps nobody waiting.
        with open(f"{folder}/{path}", "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError:
        pass
    raise CageError(f"{quote(folder / path)} is no file, so no recipe", "Move it away.")


def base(folder: Path, path: str) -> bytes | None:
    """The bytes that path was last rendered to; None if not known."""
    return live(folder, f"{COPIES}/{path}")


def version(folder: Path) -> str:
    """The release that the recipes are of; empty if that is not known."""
    return (base(folder, VERSION) or b"").decode(errors="replace")


def put(folder: Path, path: str, data: bytes, sync: bool = True) -> None:
    """Write a file of a cage's folder. A file of a build context is readable by all: it is no secret."""
    target = folder / path
    home.make_folder(target.parent)
    home.write(target, data, _mode(path), sync)


def put_new(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files of a cage that is new, into a draft that is moved to its place whole."""
    for path, data in files.items():
        for new, mode in ((folder / path, _mode(path)), (folder / COPIES / path, 0o600)):
            home.make_folder(new.parent)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(data)
    put(folder, f"{COPIES}/{VERSION}", cage.__version__.encode())


def _mode(path: str) -> int:
    if path == "lib/run/trace":
        return 0o700
    return 0o644 if path.startswith(("image/", "guard/")) else 0o600
