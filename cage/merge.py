"""Three-way merges of a cage's recipes: base is what was last rendered, mine the live file."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cage import pristine, runner

KEPT, RECORDED, REPLACED, MERGED, CONFLICT = "kept", "recorded", "replaced", "merged", "conflict"

TAKE = {"mine": "--ours", "template": "--theirs"}


@dataclass
class Change:
    """What a render does with one file: data goes live, beside lies next to it under suffix."""

    path: str
    new: bytes
    action: str
    data: bytes | None = None
    beside: bytes | None = None
    suffix: str = ""

    @property
    def is_one(self) -> bool:
        """Whether the live file changes or would have to."""
        return self.action not in (KEPT, RECORDED)


def plan(folder: Path, files: dict[str, bytes], take: str = "") -> list[Change]:
    """What a render of files into folder does, the tool's own files first, Makefile last."""
    changes = []
    for path, new in files.items():
        mine = pristine.live(folder, path)
        if pristine.is_yours(path):
            changes.append(decide(path, mine, pristine.base(folder, path), new, take))
        elif mine == new or (path == pristine.ONCE and mine is not None):
            changes.append(Change(path, new, KEPT))
        else:
            changes.append(Change(path, new, REPLACED, new))
    order = {False: 0, True: 1}
    return sorted(changes, key=lambda c: (order[pristine.is_yours(c.path)], c.path == "Makefile"))


def decide(path: str, mine: bytes | None, base: bytes | None, new: bytes, take: str) -> Change:
    """What becomes of one file of the user's. An edit is never overwritten unasked."""
    if mine is None and base is not None and path not in pristine.RECIPES:
        return Change(path, new, RECORDED)
    if mine is None:
        return Change(path, new, REPLACED, new)
    if new == mine:
        return Change(path, new, KEPT if base == new else RECORDED)
    if new == base:
        return Change(path, new, KEPT)
    if mine == base:
        return Change(path, new, REPLACED, new)
    if base is None:
        return _without_base(path, new, take)
    return _merge(path, mine, base, new, take)


def _without_base(path: str, new: bytes, take: str) -> Change:
    if take == "mine":
        return Change(path, new, RECORDED)
    if take == "template":
        return Change(path, new, MERGED, new)
    return Change(path, new, CONFLICT, beside=new, suffix=".new")


def _merge(path: str, mine: bytes, base: bytes, new: bytes, take: str) -> Change:
    """Merge what both sides changed. A file in CRLF is merged in LF and stays one in CRLF."""
    crlf = b"\r\n" in mine and b"\r\n" not in base + new
    text = mine.replace(b"\r\n", b"\n") if crlf else mine
    conflicts, merged = merge_file(text, base, new, TAKE.get(take, "--diff3"))
    if crlf:
        merged = merged.replace(b"\n", b"\r\n")
    if conflicts < 0:
        return _without_base(path, new, take)
    if conflicts:
        return Change(path, new, CONFLICT, beside=merged, suffix=".merge")
    return Change(path, new, RECORDED if merged == mine else MERGED, merged)


def merge_file(mine: bytes, base: bytes, new: bytes, option: str) -> tuple[int, bytes]:
    """The number of conflicts and the text of git's merge; -1 for what is no text."""
    names = ("yours", "last rendered", "template")
    with tempfile.TemporaryDirectory(prefix="tc-") as folder:
        for name, data in zip(names, (mine, base, new), strict=True):
            (Path(folder) / name).write_bytes(data)
        command = ["git", "merge-file", "--stdout", option, *names]
        done = subprocess.run(command, cwd=folder, env=runner.clean_environment(), capture_output=True)
    return (done.returncode if done.returncode < 128 else -1), done.stdout
