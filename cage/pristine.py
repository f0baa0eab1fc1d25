"""Whose a file in a cage's folder is, and what its user changed in it."""

import os
from pathlib import Path

import cage
from cage import home
from cage.errors import CageError
from cage.text import quote

# Verbs need these: one that was deleted is rendered again.
RECIPES = ("Makefile", "export.mk", "Dockerfile", "layout.sh", "guard/Dockerfile")
ONCE = "local.mk"
MACHINERY = "Makefile.cage"
SCRIPTS = "lib/"
# Makefiles that a hand edit can make unreadable.
MAKEFILES = ("Makefile", "export.mk", MACHINERY, ONCE)

COPIES = ".rendered"
VERSION = ".version"
KEPT = Path(".history", "recipes")


def is_yours(path: str) -> bool:
    """Whether a re-render merges path; what is the tool's is replaced."""
    return path not in (MACHINERY, ONCE) and not path.startswith(SCRIPTS)


def is_restored(path: str) -> bool:
    """Whether path is rendered again where it was deleted."""
    return path in RECIPES or not path.startswith(("image/", "guard/"))


def copied(folder: Path) -> list[str]:
    """The paths that have a pristine copy, the recipes first."""
    copies = str(folder / COPIES)
    found = set()
    for above, _, names in os.walk(copies):
        inner = above[len(copies) + 1 :]
        found.update(f"{inner}/{name}" if inner else name for name in names)
    found.discard(VERSION)
    first = [path for path in (*RECIPES, ONCE) if path in found]
    return first + sorted(found.difference(first))


def edited(folder: Path) -> list[str]:
    """The paths whose live file is not what was last rendered."""
    return [path for path in copied(folder) if live(folder, path) != base(folder, path)]


def live(folder: Path, path: str) -> bytes | None:
    """What path holds now; None if it is gone. Raises CageError where it is no file."""
    return _bytes(folder, path)


def base(folder: Path, path: str) -> bytes | None:
    """What path was last rendered to; None if that is not known."""
    return _bytes(folder, f"{COPIES}/{path}")


def version(folder: Path) -> str:
    """The release that the recipes are of; empty if that is not known."""
    return (base(folder, VERSION) or b"").decode(errors="replace")


def put(folder: Path, path: str, data: bytes, sync: bool = True) -> None:
    """Write a file of a cage's folder. What an image is built from is no secret."""
    target = folder / path
    home.make_folder(target.parent)
    built = path.startswith(("image/", "guard/"))
    home.write(target, data, 0o644 if built else 0o600, sync)


def put_new(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files of a cage that is new."""
    for path, data in files.items():
        put(folder, path, data, sync=False)
        put(folder, f"{COPIES}/{path}", data, sync=False)
    put(folder, f"{COPIES}/{VERSION}", cage.__version__.encode())


def _bytes(folder: Path, path: str) -> bytes | None:
    try:
        with open(f"{folder}/{path}", "rb") as file:  # noqa: PTH123 (list reads hundreds)
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError:
        raise CageError(f"{quote(folder / path)} is a folder, not a recipe", "Move it away.") from None
