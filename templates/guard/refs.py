"""Work in the cage's .git that its HEAD does not name: branches, tags, notes, stashes, linked work trees, reflogs.

Each ref is read by itself: one that can't be read is named, and stops no other.
"""

import os
import re
from typing import NamedTuple

from objects import GIT, SHA, all_refs, bad, files_below, read_small, resolve
from rules import folded, name_reason, show

MOST = 1000  # refs and stashes; each is one more process of git's
KINDS = {"heads": "branch", "tags": "tag", "notes": "notes"}
HEADS, TAGS, NOTES = "refs/heads/", "refs/tags/", "refs/notes/"
REFLOGS = 20_000  # objects that only reflogs name


class Ref(NamedTuple):
    """A name for work: of a branch, a tag, notes, a stash, the HEAD of a linked work tree, or another ref."""

    kind: str
    name: str  # as its user knows it
    oid: str
    lands: str  # the ref that stands for it outside; no two are alike, in any spelling

    def said(self):
        """Its kind and name, safe to print."""
        return f"{self.kind} '{show(os.fsencode(self.name))}'" if self.name else self.kind


class Refs:
    """All work but HEAD's own branch."""

    def __init__(self):
        self.found, self.refused = [], {}  # Refs; what could not be read -> why
        self.taken = {}  # the refs that land, folded -> True, and the folders above them -> False
        self.head = head_branch()
        if not self.head or self.take(self.head):
            self.head = f"{HEADS}HEAD"
        names = sorted(all_refs())
        for name in names:
            kind, _, rest = name.removeprefix("refs/").partition("/")
            if kind != "remotes" and name not in (self.head, "refs/stash"):
                self.read(KINDS.get(kind, "ref"), rest if kind in KINDS else name, name, lands_as(kind, rest))
        for number, oid in enumerate(stashes(self.refused) if "refs/stash" in names else ()):
            self.add("stash", f"stash@{{{number}}}", oid, f"{HEADS}stash/{number}")
        for tree in linked_trees():
            self.read("work tree", tree, f"worktrees/{tree}/HEAD", f"{HEADS}worktrees/{tree}")
        if len(self.found) > MOST:
            raise bad(f"the cage has more than {MOST} branches, tags and stashes")

    def read(self, kind, name, ref, lands):
        """Add the ref REF, if it can be read and names an object."""
        try:
            if oid := resolve(ref):
                self.add(kind, name, oid, lands)
        except (SystemExit, OSError) as error:
            self.refused[f"{kind} '{show(os.fsencode(name))}'"] = reason_of(error)

    def add(self, kind, name, oid, lands):
        """Add a Ref, unless its name is none for the host."""
        ref = Ref(kind, name, oid, lands)
        if why := self.take(lands):
            self.refused[ref.said()] = why
        else:
            self.found.append(ref)

    def take(self, lands):
        """Why no ref can be called LANDS outside, empty if one can; then the name is taken."""
        if name_reason(os.fsencode(lands)) or not REF_OUTSIDE.fullmatch(lands) or "@{" in lands or ".." in lands:
            return "has a name that git does not take, or that hides something"
        parts = folded(os.fsencode(lands)).split("/")
        above = ["/".join(parts[:end]) for end in range(3, len(parts))]
        whole = "/".join(parts)
        if whole in self.taken or any(self.taken.get(part) for part in above):
            return "has the name of another, where names fold"
        self.taken |= dict.fromkeys(above, False)
        self.taken[whole] = True
        return ""


# Names that git takes (git-check-ref-format(1)), in folders.
REF_OUTSIDE = re.compile(r"refs(/(?!\.)[^\x00-\x20\x7f~^:?*\[\\/]+(?<!\.lock)(?<!\.))+")


def lands_as(kind, rest):
    """The ref that stands outside for the ref 'refs/KIND/REST'."""
    return f"refs/{kind}/{rest}" if kind in KINDS else f"{HEADS}refs/{kind}/{rest}".rstrip("/")


def reason_of(error):
    """The reason in ERROR, which objects.py or the system raised."""
    return str(error).removeprefix("error: ") if isinstance(error, SystemExit) else error.strerror or "can't be read"


def head_branch():
    """The branch that the cage's HEAD names, as a ref; empty for a detached HEAD."""
    value = read_small("HEAD") or ""
    return value.removeprefix("ref:").strip() if value.startswith("ref:") else ""


def reflog(path):
    """The objects that the reflog PATH names, the newest first."""
    lines = (read_small(path) or "").splitlines()
    oids = [oid for line in reversed(lines) for oid in reversed(line.split(" ", 2)[:2])]
    return [oid for oid in dict.fromkeys(oids) if SHA.fullmatch(oid) and oid.strip("0")]


def stashes(refused):
    """The stashes, the newest first: refs/stash is that one, its reflog has all."""
    try:
        newest = resolve("refs/stash")
        lines = (read_small("logs/refs/stash") or "").splitlines()
    except (SystemExit, OSError) as error:
        refused["the stash"] = reason_of(error)
        return []
    older = [line.split(" ", 2)[1] for line in reversed(lines) if line.count(" ") > 1]
    return list(dict.fromkeys(oid for oid in [newest, *older] if oid and SHA.fullmatch(oid)))


def linked_trees():
    """The names of the linked work trees."""
    folder = f"{GIT}/worktrees"
    if os.path.islink(folder) or not os.path.isdir(folder):
        return []
    with os.scandir(folder) as listing:
        return sorted(entry.name for entry in listing if entry.is_dir(follow_symlinks=False))


def tree_folder(tree):
    """The folder of the linked work tree called TREE, as the cage names it; empty where that is not known."""
    try:
        named = read_small(f"worktrees/{tree}/gitdir") or ""
    except (SystemExit, OSError):
        return ""
    return os.path.dirname(named) if named.startswith("/") and named.endswith("/.git") else ""


def logged(objects):
    """All commits that reflogs name, the newest of each log first; logs that can't be read are passed over."""
    found = {}
    for path in sorted(files_below("logs")) + [f"worktrees/{tree}/logs/HEAD" for tree in linked_trees()]:
        try:
            found |= dict.fromkeys(reflog(path))
        except (SystemExit, OSError):
            continue
        if len(found) > REFLOGS:
            break
    return [oid for oid in list(found)[:REFLOGS] if objects.has(oid) and objects.look(oid)[0] == "commit"]
