"""Three-way merges of a cage's recipes: base is the last render, mine the live file."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cage
from cage.recipes import edits, syntax
from cage.surroundings import clean_environment

KEPT, RECORDED, REPLACED, MERGED, CONFLICT = "kept", "recorded", "replaced", "merged", "conflict"
REMOVED, LEFT = "removed", "left"

TAKE = {"mine": "--ours", "template": "--theirs"}
# The line that names the release stands within so many lines of a file's head.
HEADER = 5


@dataclass
class Change:
    """A render's effect on one file: data goes live, beside lies next to it under suffix."""

    path: str
    new: bytes | None
    action: str
    data: bytes | None = None
    beside: bytes | None = None
    suffix: str = ""
    why: str = ""
    mine: bytes | None = None
    base: bytes | None = None

    @property
    def is_one(self) -> bool:
        """Whether the live file changes or would have to."""
        return self.action not in (KEPT, RECORDED)

    @property
    def is_written(self) -> bool:
        """Whether something goes live."""
        return self.data is not None

    @property
    def drops_an_edit(self) -> bool:
        """Whether lines of the user may go: then the live file is kept elsewhere."""
        return self.data not in (None, self.mine) and self.mine not in (None, self.base)


def plan(folder: Path, files: dict[str, bytes], take: str) -> list[Change]:
    """The changes that a render of files into folder makes, the tool's own files first."""
    was = edits.version(folder)
    changes = []
    for path in dict.fromkeys([*files, *edits.copied(folder)[0]]):
        mine, base = edits.live(folder, path), edits.base(folder, path)
        change = _of_file(path, mine, base, files.get(path), take, was)
        change.mine, change.base = mine, base
        changes.append(change)
    return sorted(changes, key=lambda change: (edits.is_yours(change.path), change.path == "Makefile"))


def _of_file(path: str, mine: bytes | None, base: bytes | None, new: bytes | None, take: str, was: str) -> Change:
    """The change to one file. One that the templates no longer have goes, unless its user edited it."""
    if path in edits.ONCE and (mine is not None or new is None):
        return Change(path, base, KEPT)
    if new is None:
        return Change(path, None, RECORDED if mine is None else REMOVED if mine == base else LEFT)
    if edits.is_yours(path):
        return decide(path, mine, base, new, take, was)
    if mine == new:
        return Change(path, new, KEPT if base == new else RECORDED)
    return Change(path, new, REPLACED, new)


def decide(path: str, mine: bytes | None, base: bytes | None, new: bytes, take: str, was: str) -> Change:
    """The change to one file of the user's. An edit is never overwritten unasked."""
    if mine is None and base is not None and not edits.is_restored(path):
        return Change(path, new, RECORDED)
    if new == base and mine is not None:
        return Change(path, new, KEPT)
    if new == mine:
        return Change(path, new, RECORDED)
    if mine is None or mine == base:
        return Change(path, new, REPLACED, new)
    if base is None:
        return _without_base(path, new, take)
    return _merge(path, mine, base, new, take, was)


def _restamp(text: bytes, was: str) -> bytes:
    """text with this release's heading line, so that an edit beside that line does not conflict."""
    lines = text.split(b"\n", HEADER)
    stamp, now = (f"trusty-cage {version}. ".encode() for version in (was, cage.__version__))
    heads = [line.replace(stamp, now) if was and line.startswith(b"#") else line for line in lines[:HEADER]]
    return b"\n".join(heads + lines[HEADER:])


def _without_base(path: str, new: bytes, take: str) -> Change:
    if take == "mine":
        return Change(path, new, RECORDED)
    if take == "template":
        return Change(path, new, MERGED, new)
    return Change(path, new, CONFLICT, beside=new, suffix=".new")


def _merge(path: str, mine: bytes, base: bytes, new: bytes, take: str, was: str) -> Change:
    """Merge what both sides changed. A file in CRLF is merged in LF and stays one in CRLF."""
    crlf = b"\r\n" in mine and b"\r\n" not in base + new and b"\n" not in mine.replace(b"\r\n", b"")
    text = mine.replace(b"\r\n", b"\n") if crlf else mine
    sides = _restamp(text, was), _restamp(base, was), new
    conflicts, merged = merge_file(*sides, TAKE.get(take, "--diff3"))
    if crlf:
        merged = merged.replace(b"\n", b"\r\n")
    if conflicts < 0:
        return _without_base(path, new, take)
    if conflicts:
        return Change(path, new, CONFLICT, beside=merged, suffix=".merge")
    return Change(path, new, RECORDED if merged == mine else MERGED, merged)


def merge_file(mine: bytes, base: bytes, new: bytes, option: str) -> tuple[int, bytes]:
    """The number of conflicts and the text of git's merge; -1 for a binary file."""
    sides = {"yours": mine, "last rendered": base, "template": new}
    with tempfile.TemporaryDirectory(prefix="tc-") as folder:
        for name, data in sides.items():
            (Path(folder) / name).write_bytes(data)
        command = ["git", "merge-file", "--stdout", option, *sides]
        done = subprocess.run(command, cwd=folder, env=clean_environment(), capture_output=True)
    return (done.returncode if done.returncode < 128 else -1), done.stdout


def trial(folder: Path, changed: dict[str, bytes]) -> str:
    """make's syntax error in folder with the files of changed; empty without one."""
    with tempfile.TemporaryDirectory(prefix="tc-") as made:
        stage = Path(made)
        for path, data in changed.items():
            if edits.is_makefile(path):
                edits.put(stage, path, data, sync=False)
        (stage / edits.FOLDER).mkdir(exist_ok=True)
        for entry in (*folder.glob("*"), *folder.glob(f"{edits.FOLDER}/*")):
            linked = stage / entry.relative_to(folder)
            if not linked.exists():
                linked.symlink_to(entry)
        return syntax.makefiles(stage)
