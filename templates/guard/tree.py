"""The files of a cage's project folder, read without trusting it: no link is followed, no special file opened.

Run by itself, it prints the manifest of the project: mode, size, SHA-256, path of every file and link.
"""

import hashlib
import os
import stat
import subprocess
import sys
from itertools import islice
from typing import NamedTuple

from rules import BARE, ENTRIES, LINKED, WAY_BYTES, git_parts, looks_bare, parents, place_reason

ROOT = b"/project"
INSIDE = b"/home/trustycage/project"  # ROOT, as the cage's programs know it
HOME, HOME_HERE = b"/home/trustycage", b"/home/trustycage"  # as the cage's programs know it, and as this helper does
FROM = {}  # name -> the folder that it lies in, where that is not ROOT (taking.py)

SCRATCH = "/run/j"


class Entry(NamedTuple):
    """One path of a manifest."""

    mode: str  # as git writes it: 100644, 100755 or 120000 (a link)
    size: int
    digest: str  # SHA-256 of the raw bytes; of a link, of its target

    def same(self, other):
        """Whether OTHER (None for no entry) is the same file; sizes are not always known."""
        return other is not None and (self.mode, self.digest) == (other.mode, other.digest)


class Found(NamedTuple):
    """The lstat of one path in the cage."""

    mode: int
    size: int
    reason: str  # why nothing new may leave from here; empty for none


def located(path):
    """PATH, relative to the project or absolute, as the cage knows it; its volume here, and its place there.

    Raises LookupError where it lies in none. A '..' is taken off as text, since no link is followed.
    """
    path = HOME + path[1:] if path.startswith(b"~/") else path
    whole = os.path.normpath(os.path.join(INSIDE, path))
    for inside, root in ((INSIDE, ROOT), (HOME, HOME_HERE)):
        if whole == inside or whole.startswith(inside + b"/"):
            return whole, root, whole[len(inside) + 1 :]
    raise LookupError("is neither in the project nor in /home/trustycage: nothing else of a cage is kept in a volume")


def real(path):
    """PATH as this helper has it."""
    return os.path.join(FROM.get(path.partition(b"/")[0], ROOT), path)


def scan(base=(), names=()):
    """Every entry below ROOT but the cage's own .git, or NAMES and all below them: path -> Found. Raises SystemExit
    past ENTRIES.

    Nothing below a linked work tree is listed; a folder that holds paths of BASE counts as none.
    """
    found, folders, known = {}, [] if names else [(b"", "")], set()
    for name in names:
        info = os.lstat(real(name))
        found[name] = Found(info.st_mode, info.st_size, place_reason(name, stat.S_ISDIR(info.st_mode)))
        folders += [(name, "")] if stat.S_ISDIR(info.st_mode) and not found[name].reason else []
    while folders:
        folder, reason = folders.pop()
        with os.scandir(real(folder)) as listing:
            entries = list(islice(listing, ENTRIES + 1 - len(found)))
        if folder and looks_bare(frozenset().union(*(git_parts(e.name) for e in entries))):
            reason = BARE
            found[folder] = found[folder]._replace(reason=reason)
        if is_linked(folder, entries):
            known = known or {above for path in base for above in parents(path)}
            if folder not in known:
                found[folder] = found[folder]._replace(reason=LINKED)
                continue
        for entry in entries:
            path = os.path.join(folder, entry.name)
            info = entry.stat(follow_symlinks=False)
            is_folder = stat.S_ISDIR(info.st_mode)
            if path == b".git" and is_folder:
                continue
            own = place_reason(path, is_folder)
            if is_folder and not own:
                folders.append((path, reason))
            found[path] = Found(info.st_mode, info.st_size, reason or own)
        if len(found) > ENTRIES:
            raise SystemExit(f"error: the cage holds more than {ENTRIES} entries")
    return found


def is_linked(folder, entries):
    """Whether FOLDER, with ENTRIES, is a linked work tree: its .git is a file that names a folder of the cage's git."""
    if not folder or not any(e.name == b".git" and e.is_file(follow_symlinks=False) for e in entries):
        return False
    with open_file(folder + b"/.git") as file:
        text = file.read(WAY_BYTES + 1)
    word, _, target = text.removesuffix(b"\n").partition(b" ")
    odd = word != b"gitdir:" or len(text) > WAY_BYTES or b"\n" in target or b"\0" in target
    return not odd and os.path.normpath(os.path.join(INSIDE, folder, target)).startswith(INSIDE + b"/.git/worktrees/")


def describe(path, found):
    """The Entry of PATH, every byte read; None if it is neither a file nor a link."""
    if stat.S_ISLNK(found.mode):
        return link_entry(os.readlink(real(path)))
    if not stat.S_ISREG(found.mode):
        return None
    handle = open_handle(path)
    try:
        # Most files are small. hashlib.file_digest makes a large buffer for each, which takes longer than the file.
        digest = hashlib.sha256(os.read(handle, 1 << 15))
        while block := os.read(handle, 1 << 20):
            digest.update(block)
    finally:
        os.close(handle)
    return Entry("100755" if found.mode & 0o111 else "100644", found.size, digest.hexdigest())


def link_entry(target):
    """The Entry of a link to TARGET."""
    return Entry("120000", len(target), hashlib.sha256(target).hexdigest())


def open_handle(path):
    """PATH opened to read, as a file descriptor; raises OSError for a link, and never waits on a FIFO."""
    return os.open(real(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)


def open_file(path):
    """PATH opened to read; raises as open_handle() does."""
    return os.fdopen(open_handle(path), "rb")


def ignore_files(found):
    """The cage's regular .gitignore files: path -> content; 16 MiB of them at most."""
    files, room = {}, 16 << 20
    for path, entry in found.items():
        if os.path.basename(path) == b".gitignore" and stat.S_ISREG(entry.mode) and entry.size <= room:
            with open_file(path) as file:
                files[path] = file.read(entry.size)
            room -= entry.size + 4096
    return files


def ignored(paths, rules, place):
    """Those of PATHS that the .gitignore files RULES (path -> content) match. git sees only copies, in PLACE."""
    if not paths or not rules:
        return set()
    lay(rules, place)
    return set(paths_in(ask_git(["check-ignore", "-z", "--stdin", "--no-index"], ended(paths), place)))


def lay(files, place):
    """Copies of FILES (path -> content) in the folder PLACE of the helper's own."""
    for path, content in files.items():
        copy = os.path.join(os.fsencode(SCRATCH), os.fsencode(place), path)
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        with open(copy, "wb") as target:
            target.write(content)


def ask_git(words, told, place):
    """The answer of git to WORDS, with TOLD on its standard input, in the work tree PLACE of the helper's own.

    Raises SystemExit where it fails, or takes more than a minute.
    """
    folder, tree = f"{SCRATCH}/{place}.git", f"{SCRATCH}/{place}"
    env = {"PATH": os.environ["PATH"], "HOME": SCRATCH, "GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "--quiet", "--bare", "--template=", folder], env=env, check=True)
    os.makedirs(tree, exist_ok=True)
    command = ["git", f"--git-dir={folder}", f"--work-tree={tree}", *words]
    try:
        answer = subprocess.run(command, input=told, stdout=subprocess.PIPE, env=env, cwd=tree, timeout=60)
    except subprocess.TimeoutExpired:
        raise SystemExit("error: the ignore rules or attributes take more than a minute to match") from None
    if answer.returncode not in (0, 1):
        raise SystemExit("error: git could not read the ignore rules or attributes")
    return answer.stdout


def manifest(entries):
    """ENTRIES (path -> Entry) as bytes: 'mode size digest path', each ended by NUL, sorted by path."""
    records = (b"%s %d %s %s\0" % (e.mode.encode(), e.size, e.digest.encode(), p) for p, e in sorted(entries.items()))
    return b"".join(records)


def parse_manifest(data):
    """The entries of manifest DATA; raises ValueError if it is none."""
    entries = {}
    for record in data.split(b"\0")[:-1]:
        mode, size, digest, path = record.split(b" ", 3)
        entries[path] = Entry(mode.decode(), int(size), digest.decode())
    return entries


def ended(paths):
    """PATHS with ./ in front, so that none looks like an option, each ended by NUL."""
    return b"".join(b"./" + p + b"\0" for p in paths)


def paths_in(data):
    """The paths of a list as ended() or find -print0 writes it."""
    return [p.removeprefix(b"./") for p in data.split(b"\0")[:-1]]


def kind(mode):
    """The name of MODE's file type."""
    names = [(stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"), (stat.S_ISDIR, "a folder")]
    return next((name for test, name in names if test(mode)), "a device")


if __name__ == "__main__":
    described = {path: describe(path, found) for path, found in scan().items()}
    sys.stdout.buffer.write(manifest({path: entry for path, entry in described.items() if entry}))
