"""Whose a file in a cage's folder is, and what its user changed in it."""

from collections.abc import Iterator
from pathlib import Path

import cage
from cage import home

RECIPES = ("Makefile", "Dockerfile", "layout.sh", "guard/Dockerfile")
ONCE = "local.mk"
COPIES = ".rendered"
VERSION = ".version"


def is_yours(path: str) -> bool:
    """Whether a re-render merges path; what is not the user's is replaced."""
    return path in RECIPES or path.startswith("image/")


def copy_of(folder: Path, path: str) -> Path:
    """Where the text that path was last rendered to is kept."""
    return folder / COPIES / path


def copied(folder: Path) -> Iterator[str]:
    """The paths that have a pristine copy, the recipes first."""
    copies = folder / COPIES
    files = (path for path in copies.rglob("*") if path.is_file())
    found = {path.relative_to(copies).as_posix() for path in files}
    yield from (path for path in RECIPES if path in found)
    yield from sorted(path for path in found.difference(RECIPES) if is_yours(path))


def edited(folder: Path) -> list[str]:
    """The paths whose live file is not what was last rendered."""
    return [path for path in copied(folder) if live(folder, path) != base(folder, path)]


def live(folder: Path, path: str) -> bytes | None:
    """What path holds now; None if it is gone."""
    return _bytes(folder / path)


def base(folder: Path, path: str) -> bytes | None:
    """What path was last rendered to; None if that is not known."""
    return _bytes(copy_of(folder, path))


def put(folder: Path, path: str, data: bytes, sync: bool = True) -> None:
    """Write a file of a cage's folder. What an image is built from is no secret."""
    target = folder / path
    home.make_folder(target.parent)
    built = path.startswith(("image/", "guard/"))
    home.write(target, data, 0o644 if built else 0o600, sync)


def put_copy(folder: Path, path: str, data: bytes, sync: bool = True) -> None:
    """Record data as what path was rendered to."""
    put(folder, f"{COPIES}/{path}", data, sync)


def put_new(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files of a cage that is new."""
    for path, data in files.items():
        put(folder, path, data, sync=False)
        if is_yours(path):
            put_copy(folder, path, data, sync=False)
    put_copy(folder, VERSION, cage.__version__.encode())


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
