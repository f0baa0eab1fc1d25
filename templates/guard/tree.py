"""What a cage's project folder holds, read without trusting it: no link is followed, no special file opened.

Run by itself, it prints the manifest of the project: mode, size, SHA-256, path of every file and link.
"""

import hashlib
import os
import re
import stat
import subprocess
import sys
import unicodedata
from itertools import islice
from typing import NamedTuple

ROOT = b"/project"

# What Unicode calls ignorable without putting it among the format characters: no glyph, and no part of a name for a
# file system that folds case. Variation selectors stand after many an emoji and are left alone in a name.
UNSEEN = re.compile("[\u115f\u1160\u2065\u3164\uffa0\ufff0-\ufff8\U000e0080-\U000e00ff\U000e01f0-\U000e0fff]")
VARIANTS = re.compile("[\u034f\u17b4\u17b5\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
SCRATCH = "/run/j"


def limit(name, default):
    """The limit CAGE_LIMIT_<NAME> of the environment, or its DEFAULT."""
    said = os.environ.get(f"CAGE_LIMIT_{name}") or str(default)
    if not re.fullmatch("[0-9]{1,18}", said):
        raise SystemExit(f"error: CAGE_LIMIT_{name} is no number: {said[:40]!a}")
    return int(said)


FILE_BYTES = limit("FILE", 100 << 20)
TOTAL_BYTES = limit("TOTAL", 2 << 30)
ENTRIES = limit("ENTRIES", 1_000_000)
DEPTH = limit("DEPTH", 100)
PATH_BYTES = limit("PATH", 1000)


class Entry(NamedTuple):
    """What a manifest says of one path."""

    mode: str  # as git writes it: 100644, 100755 or 120000 (a link)
    size: int
    digest: str  # SHA-256 of the raw bytes; of a link, of its target

    def same(self, other):
        """Whether OTHER (None for no entry) is the same file; sizes are not always known."""
        return other is not None and (self.mode, self.digest) == (other.mode, other.digest)


class Found(NamedTuple):
    """What lstat says of one path in the cage."""

    mode: int
    size: int
    reason: str  # why nothing new may leave from here; empty for none


def scan():
    """Every entry below ROOT but the cage's own .git: path -> Found. Raises SystemExit past ENTRIES."""
    found, folders = {}, [(b"", 0, "")]
    while folders:
        folder, depth, reason = folders.pop()
        with os.scandir(os.path.join(ROOT, folder)) as listing:
            entries = list(islice(listing, ENTRIES + 1 - len(found)))
        if looks_bare({e.name.lower() for e in entries}) and folder:
            reason = "is a bare git repository"
            found[folder] = found[folder]._replace(reason=reason)
        for entry in entries:
            path = os.path.join(folder, entry.name)
            info = entry.stat(follow_symlinks=False)
            is_folder = stat.S_ISDIR(info.st_mode)
            if path == b".git" and is_folder:
                continue
            dotgit = is_dotgit(entry.name)
            why = reason or ("is a git folder in another place or spelling" if dotgit else "")
            if is_folder and (depth >= DEPTH or len(path) > PATH_BYTES):
                why = why or f"is deeper than {DEPTH} folders or longer than {PATH_BYTES} bytes"
            elif is_folder and not dotgit:
                folders.append((path, depth + 1, why))
            found[path] = Found(info.st_mode, info.st_size, why)
        if len(found) > ENTRIES:
            raise SystemExit(f"error: the cage holds more than {ENTRIES} entries")
    return found


def looks_bare(names):
    """Whether a folder with these lower-case NAMES is one that git would take for a repository. What 'commondir'
    names may hold the objects, the refs and the configuration in its place."""
    names = {name.rstrip(b". ") for name in names}
    return b"head" in names and ({b"objects", b"refs"} <= names or b"commondir" in names)


def is_dotgit(name):
    """Whether some file system reads NAME as .git: case, trailing dots and blanks, NTFS and HFS+ spellings."""
    if name.isascii() and b"git" not in name.lower():
        return False
    text = name.decode("utf-8", "replace")
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Mn") and not UNSEEN.match(c))
    text = unicodedata.normalize("NFKC", text).casefold()
    return any(re.fullmatch(r"\.git|git~\d+", part.rstrip(". ")) for part in re.split(r"[\\:]", text))


def describe(path, found):
    """The Entry of PATH, every byte read; None for what is neither a file nor a link."""
    if stat.S_ISLNK(found.mode):
        return link_entry(os.readlink(os.path.join(ROOT, path)))
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
    return os.open(os.path.join(ROOT, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)


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
    tree = os.path.join(SCRATCH, place)
    for path, content in rules.items():
        copy = os.path.join(os.fsencode(tree), path)
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        with open(copy, "wb") as target:
            target.write(content)
    env = {"PATH": os.environ["PATH"], "HOME": SCRATCH, "GIT_CONFIG_NOSYSTEM": "1"}
    folder = f"{SCRATCH}/{place}.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--template=", folder], env=env, check=True)
    command = [
        "git",
        f"--git-dir={folder}",
        f"--work-tree={tree}",
        "check-ignore",
        "-z",
        "--stdin",
        "--no-index",
    ]
    try:
        answer = subprocess.run(command, input=ended(paths), stdout=subprocess.PIPE, env=env, cwd=tree, timeout=60)
    except subprocess.TimeoutExpired:
        raise SystemExit("error: the ignore rules take more than a minute to match") from None
    if answer.returncode not in (0, 1):
        raise SystemExit("error: git could not read the ignore rules")
    return set(paths_in(answer.stdout))


def name_reason(path):
    """Why no new file may have this name; empty if it may."""
    if len(path) > PATH_BYTES:
        return f"has a path longer than {PATH_BYTES} bytes"
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return "has a name that is not UTF-8"
    if UNSEEN.search(text) or any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in text):
        return "has invisible or control characters in its name"
    return ""


def link_reason(path, target, onward):
    """Why the link PATH to TARGET may not leave; empty if it may. It has to stay inside, read either way:
    as text, and walked through the cage's own links: ONWARD tells where the one at a path leads, None for no link."""
    parts = target.split(b"/")
    down = next((i for i, part in enumerate(parts) if part != b".."), len(parts))
    if not target or target.startswith(b"/") or down > path.count(b"/"):
        return "is a link that leaves the project"
    if b".." in parts[down:]:
        return "is a link that goes down and up again"
    at, ahead, hops = path.split(b"/")[:-1], parts, 0
    while ahead:
        part, *ahead = ahead
        if part in (b"", b"."):
            continue
        if is_dotgit(part):
            return "is a link into a git folder"
        if part == b"..":
            if not at:
                return "is a link that leaves the project through another one"
            at = at[:-1]
            continue
        here = b"/".join([*at, part])
        if (next_target := onward(here)) is not None:
            hops += 1
            if hops > 40 or next_target.startswith(b"/"):
                return "is a link that leaves the project through another one"
            ahead = next_target.split(b"/") + ahead
        else:
            at = [*at, part]
    return ""


class Spellings:
    """The paths there are, by how a file system that folds case and Unicode sees them."""

    def __init__(self, paths):
        self.paths, self.seen = paths, {}

    def add(self, path):
        """Note PATH and its parents, unless another spelling came first."""
        for part in [*parents(path), path]:
            self.seen.setdefault(self.folded(part), part)

    def collision(self, path):
        """Why PATH may not join the others; empty if it may, and then it has joined."""
        while self.paths:  # sorted out at the first question: most exports bring no new path
            self.add(self.paths.pop())
        for part in [*parents(path), path]:
            if (other := self.seen.get(self.folded(part), part)) != part:
                return f"is {show(other)} on file systems that fold case or Unicode"
        self.add(path)
        return ""

    @staticmethod
    def folded(path):
        """PATH as the most forgetful file system knows it."""
        if path.isascii():
            return path.lower()
        text = VARIANTS.sub("", path.decode("utf-8", "surrogateescape"))
        return unicodedata.normalize("NFD", unicodedata.normalize("NFC", text).casefold()).encode("utf-8", "replace")


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


def parents(path):
    """The folders above PATH, the outermost first."""
    parts = path.split(b"/")
    return [b"/".join(parts[:i]) for i in range(1, len(parts))]


def kind(mode):
    """What MODE's file type is called."""
    names = [(stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"), (stat.S_ISDIR, "a folder")]
    return next((name for test, name in names if test(mode)), "a device")


def show(path):
    """PATH for a terminal: one line, nothing that a terminal or a reader's eye would act on."""
    text = path.decode("utf-8", "backslashreplace")
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= 300 else f"{text[:140]}…{text[-140:]}"


if __name__ == "__main__":
    described = {path: describe(path, found) for path, found in scan().items()}
    sys.stdout.buffer.write(manifest({path: entry for path, entry in described.items() if entry}))
