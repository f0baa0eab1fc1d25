"""The agent's refs and git objects, read without believing them.

A ref is a small regular file. An object is asked for by its full name, is of the type that was asked for, has a bound,
and is hashed: two readings of one name give the same bytes, or an error. git unpacks them, in a folder of the
helper's own that borrows the cage's objects and nothing else; its own words go nowhere, they could be the agent's.
"""

import hashlib
import os
import re
import stat
import subprocess
from contextlib import suppress
from typing import NamedTuple

from rules import DEPTH, ENTRIES, show
from tree import SCRATCH

GIT = "/project/.git"
SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
REF = re.compile(r"refs(/(?!\.)[^\x00-\x20\x7f~^:?*\[\\/]+)+")
SIGNATURE = re.compile(rb"(?m)^-----BEGIN (?:PGP|SSH) SIGNATURE-----$")
COMMIT_BYTES, TREE_BYTES, SMALL_BYTES = 16 << 20, 64 << 20, 16 << 20
SYMBOLIC = 5  # refs that name each other: git follows no more (MAXREFLOOP… in refs.c is 5)
KEPT = (
    1 << 20
)  # items of trees that are kept in mind, 200 bytes each; a thousand commits on one folder of 8000 files are 8 million
FILE, PROGRAM, LINK, FOLDER, SUBMODULE = b"100644", b"100755", b"120000", b"40000", b"160000"
# 100664, and 040000 with its leading zero, come from old releases of git.
MODES = {b"100644": FILE, b"100664": FILE, b"100755": PROGRAM, b"040000": FOLDER} | {
    mode: mode for mode in (LINK, FOLDER, SUBMODULE)
}


class Commit(NamedTuple):
    """A commit, as its object says."""

    tree: str
    parents: tuple
    author: bytes
    committer: bytes
    encoding: str
    message: bytes


class Tag(NamedTuple):
    """An annotated tag of a commit, as its object says."""

    commit: str
    tagger: bytes
    message: bytes


class Item(NamedTuple):
    """One row of a tree."""

    mode: bytes
    name: bytes
    oid: str


def bad(what):
    """The error that ends the reading, for a person."""
    return SystemExit(f"error: {what}")


# -- refs ----------------------------------------------------------------------


def read_small(name):
    """The text of the small regular file NAME in the cage's .git; None if there is none.

    Raises SystemExit for anything else there, and for a link on the way.
    """
    parts = name.split("/")
    for end in range(len(parts) + 1):
        path = "/".join([GIT, *parts[:end]])  # a slash at the end would follow a link
        try:
            info = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISLNK(info.st_mode):
            raise bad(f"the cage's .git has a link where {show(os.fsencode(name))} is looked for")
    if not stat.S_ISREG(info.st_mode) or info.st_size > SMALL_BYTES:
        raise bad(f"the cage's .git has no small file {show(os.fsencode(name))}")
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), encoding="utf-8", errors="replace") as file:
        return file.read(SMALL_BYTES).strip()


def resolve(name="HEAD", hops=SYMBOLIC):
    """The object that ref NAME of the cage names; None where it names a branch that has none yet.

    Raises SystemExit for a ref that is broken.
    """
    if os.path.lexists(f"{GIT}/reftable"):
        raise bad("the cage's .git keeps its refs in another format (reftable)")
    value = read_small(name)
    if value is None:
        value = packed().get(name)
    if value is None and name == "HEAD":
        raise bad("the cage's .git has no HEAD")
    if value is None:
        return None
    if not value.startswith("ref:"):
        if not SHA.fullmatch(value):
            raise bad(f"the cage's {show(os.fsencode(name))} names no commit")
        return value
    onward = value.removeprefix("ref:").strip()
    if not REF.fullmatch(onward) or ".." in onward or onward.endswith(".lock"):
        raise bad(f"the cage's {show(os.fsencode(name))} names no branch")
    if not hops:
        raise bad(f"the cage's {show(os.fsencode(name))} leads round in a circle")
    return resolve(onward, hops - 1)


def packed():
    """The refs of packed-refs: name -> object."""
    rows = [line.split(" ", 1) for line in (read_small("packed-refs") or "").splitlines() if line[:1] not in "#^"]
    return {row[1]: row[0] for row in rows if len(row) == 2}


def all_refs():
    """All refs of the cage but HEAD: names. Raises as files_below() does."""
    return files_below("refs", packed())


def files_below(top, names=()):
    """NAMES, and those of all files below the folder TOP of the cage's .git. Raises SystemExit past a bound."""
    names, folders = set(names), [top]
    while folders:
        folder = folders.pop()
        with suppress(FileNotFoundError), os.scandir(f"{GIT}/{folder}") as listing:
            for entry in listing:
                path = f"{folder}/{entry.name}"
                if entry.is_dir(follow_symlinks=False) and path.count("/") < 50:
                    folders.append(path)
                elif not path.endswith(".lock"):
                    names.add(path)
                if len(names) + len(folders) > 100_000:
                    raise bad("the cage's .git holds more than 100000 refs")
    return names


# -- objects -------------------------------------------------------------------


def check_objects():
    """Raises SystemExit for files that would make git hang, or look for objects elsewhere."""
    for path in (GIT, f"{GIT}/objects"):
        if not os.path.isdir(path) or os.path.islink(path):
            raise bad("the cage's .git is no repository")
    folders, count = [(f"{GIT}/objects", 0)], 0
    while folders:
        folder, depth = folders.pop()
        with os.scandir(folder) as listing:
            for entry in listing:
                count += 1
                info = entry.stat(follow_symlinks=False)
                plain = stat.S_ISREG(info.st_mode) or (stat.S_ISDIR(info.st_mode) and depth < 3)
                if not plain or count > ENTRIES or entry.name in ("alternates", "http-alternates"):
                    raise bad(f"the cage's .git has {show(os.fsencode(entry.name))} among its objects")
                if stat.S_ISDIR(info.st_mode):
                    folders.append((entry.path, depth + 1))


class Objects:
    """The cage's objects, by name."""

    def __init__(self):
        """Start git in a folder of its own; raises SystemExit where the cage's .git is none to read from."""
        check_objects()
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": SCRATCH,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
        }
        self.folder = f"{SCRATCH}/commits.git"
        command = ["git", "init", "--quiet", "--bare", "--template=", self.folder]
        subprocess.run(command, env=self.env, check=True, stdout=subprocess.DEVNULL)
        self.env["GIT_OBJECT_DIRECTORY"] = f"{GIT}/objects"
        self.facts = self.git("cat-file", "--batch-check")
        self.contents = self.git("cat-file", "--batch")
        self.trees, self.kept = {}, 0  # tree -> its Items, the one asked for last at the end; how many Items

    def git(self, *arguments):
        """Start git over the cage's objects; its warnings are dropped."""
        options = ["-c", "core.commitGraph=false", "-c", "core.multiPackIndex=false", "-c", "core.packedRefsTimeout=0"]
        return subprocess.Popen(
            ["git", f"--git-dir={self.folder}", *options, *arguments],
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, process, oid):
        """The answer of git's cat-file for OID: (type, size). Raises SystemExit where there is no such object."""
        if not SHA.fullmatch(oid):
            raise bad("an object of the cage's commits has no name that git gives")
        try:
            process.stdin.write(f"{oid}\n".encode())
            process.stdin.flush()
        except BrokenPipeError:
            raise bad("git could not read the cage's commits") from None
        found = re.fullmatch(rb"([0-9a-f]+) (commit|tree|blob|tag) ([0-9]{1,18})\n", process.stdout.readline())
        if not found or found[1].decode() != oid:
            raise bad(f"object {oid[:12]} of the cage's commits can't be read")
        return found[2].decode(), int(found[3])

    def look(self, oid):
        """The type and the size in bytes of object OID."""
        return self.ask(self.facts, oid)

    def has(self, oid):
        """Whether there is an object OID."""
        try:
            return bool(self.look(oid))
        except SystemExit:
            return False

    def chunks(self, oid, kind, most):
        """Object OID, which is a KIND of MOST bytes at most, block by block; raises SystemExit if it is not, the last
        time after the last block."""
        found, size = self.look(oid)
        if found != kind:
            raise bad(f"object {oid[:12]} of the cage's commits is a {found}, where a {kind} is named")
        if size > most:
            raise bad(f"{kind} {oid[:12]} of the cage's commits is larger than {most >> 20} MiB")
        if self.ask(self.contents, oid) != (found, size):
            raise bad(f"object {oid[:12]} of the cage's commits is two things")
        digest = hashlib.new("sha1" if len(oid) == 40 else "sha256", f"{kind} {size}\0".encode())
        while size:
            block = self.contents.stdout.read(min(size, 1 << 20))
            if not block:
                raise bad("git could not read the cage's commits")
            size -= len(block)
            digest.update(block)
            yield block
        if self.contents.stdout.read(1) != b"\n" or digest.hexdigest() != oid:
            raise bad(f"object {oid[:12]} of the cage's commits is not what its name says")

    def read(self, oid, kind, most):
        """Object OID, whole; raises as chunks() does."""
        return b"".join(self.chunks(oid, kind, most))

    def commit(self, oid):
        """Commit OID; raises SystemExit for a malformed one."""
        return parse_commit(oid, self.read(oid, "commit", COMMIT_BYTES))

    def files(self, tree, folder=b"", depth=0):
        """The files of TREE at FOLDER and below: (path, object). Raises SystemExit past DEPTH."""
        if depth > DEPTH:
            raise bad(f"tree {tree[:12]} of the cage is deeper than {DEPTH} folders")
        for item in self.tree(tree):
            path = folder + b"/" + item.name if folder else item.name
            if item.mode == FOLDER:
                yield from self.files(item.oid, path, depth + 1)
            elif item.mode in (FILE, PROGRAM):
                yield path, item.oid

    def tag(self, oid):
        """Tag OID; raises SystemExit for a malformed one, and for one of anything but a commit."""
        return parse_tag(oid, self.read(oid, "tag", COMMIT_BYTES))

    def _tree(self, oid):
        """The Items of tree OID; raises SystemExit for a malformed one."""
        return parse_tree(oid, self.read(oid, "tree", TREE_BYTES))

    def tree(self, oid):
        """The same, from the cache if it is there."""
        if oid in self.trees:
            items = self.trees.pop(oid)
        else:
            items = self._tree(oid)
            self.kept += len(items) + 1
        while self.kept > KEPT and self.trees:
            self.kept -= len(self.trees.pop(next(iter(self.trees)))) + 1
        self.trees[oid] = items
        return items


def parse_commit(oid, data):
    """The Commit in DATA; raises SystemExit for bytes that git would not have written."""
    head, _, message = data.partition(b"\n\n")
    fields = {}
    for line in head.split(b"\n"):  # a continued line, as in a signature, begins with a blank: its key is empty
        key, _, value = line.partition(b" ")
        fields.setdefault(key, []).append(value)
    names = [value.decode("ascii", "replace") for value in [*fields.get(b"tree", []), *fields.get(b"parent", [])]]
    once = all(len(fields.get(key, [])) == 1 for key in (b"tree", b"author", b"committer"))
    if not once or not all(SHA.fullmatch(name) for name in names):
        raise bad(f"commit {oid[:12]} of the cage is none that git would write")
    encoding = fields.get(b"encoding", [b"utf-8"])[0].decode("ascii", "replace")
    return Commit(names[0], tuple(names[1:]), fields[b"author"][0], fields[b"committer"][0], encoding, message)


def parse_tag(oid, data):
    """The Tag in DATA; raises SystemExit for bytes that git would not have written. A signature, which would not hold
    for the tag that is written anew, is left out."""
    head, _, message = data.partition(b"\n\n")
    fields = dict(line.partition(b" ")[::2] for line in reversed(head.split(b"\n")))
    target = fields.get(b"object", b"").decode("ascii", "replace")
    if fields.get(b"type") != b"commit" or not SHA.fullmatch(target):
        raise bad(f"tag {oid[:12]} of the cage is not one of a commit")
    return Tag(target, fields.get(b"tagger", b""), SIGNATURE.split(message)[0])


def parse_tree(oid, data):
    """The Items in DATA; raises SystemExit for bytes that git would not have written, above all a name twice."""
    items, at, length, names = [], 0, len(oid) // 2, set()
    while at < len(data):
        end = data.find(b"\0", at)
        mode, blank, name = data[at:end].partition(b" ")
        at = end + 1 + length
        wrong = end < 0 or at > len(data) or not blank or mode not in MODES
        if wrong or not name or b"/" in name or name in (b".", b"..") or name in names:
            raise bad(f"tree {oid[:12]} of the cage's commits is none that git would write")
        names.add(name)
        items.append(Item(MODES[mode], name, data[end + 1 : at].hex()))
    return tuple(items)
