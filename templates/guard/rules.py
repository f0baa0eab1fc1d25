"""The rules of what may leave a cage, for files, branches, commits and bundles alike.

They judge names, types and sizes: nothing here opens a file.

To keep files in the cage, add a row to REFUSED below. It is in force at the next export, for files, branches, commits
and bundles; the guard itself, which does not use it, is named stale until the next 'make recreate'.

A rule over one entry is a function that gives the reason against it, empty for none: place_reason() for any, and
leaf_reason() for all but folders. A rule over many holds for the tree that results on the host: its files, minus
deleted ones, plus new ones.
"""

import os
import re
import unicodedata
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from typing import NamedTuple

import joiners

# Files that an export refuses: it stops there, and CAGE_SKIP_REFUSED=1 (tc: --skip-refused) brings the rest. Each row
# has a name or a path, and the reason that is told. '*' stands for any letters but a slash. A name without a slash
# matches a file or a folder at any depth, one with a slash from the top of the project on; a slash at its end is for
# folders alone. Case is ignored. A folder that matches keeps all below it. Files that the host has already, unchanged,
# are not judged. Examples:
REFUSED = [
    # ("*.pem", "may hold a private key"),
    # (".github/workflows", "is changed by people alone"),
    # ("secrets/", "may hold passwords"),
]

# Characters that Unicode calls ignorable, outside its format characters: they have no glyph, and file systems that fold
# case drop them from names. Variation selectors, which follow many emoji, are allowed in a name.
UNSEEN = re.compile("[\u115f\u1160\u2065\u3164\uffa0\ufff0-\ufff8\U000e0080-\U000e00ff\U000e01f0-\U000e0fff]")
VARIANTS = re.compile("[\u034f\u17b4\u17b5\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")

LINES = 200  # of each list in a report: a person reads no more
HOPS = 40  # from link to link: Linux follows no more (path_resolution(7))
STEPS = 1000  # of names on the way: each hop can bring two thousand, and each is looked up
WAY_BYTES = 4096  # as far as a link leads: Linux takes no longer path (PATH_MAX)
LINK_BYTES = WAY_BYTES - 1  # of a link's target, which the kernel ends with a NUL


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

TOO_DEEP = f"is deeper than {DEPTH} folders or longer than {PATH_BYTES} bytes"
DOTGIT = "is a git folder in another place or spelling"
BARE = "is a bare git repository"
LINKED = "is a linked work tree of the cage's own repository"
THROUGH = "is a link that leaves the project through another one"

# -- one entry -----------------------------------------------------------------


class Leaf(NamedTuple):
    """A file, a link, or something odd, at a path of the cage's, as a rule sees it."""

    path: bytes
    size: int = 0
    target: bytes | None = None  # where a link leads
    odd: str = ""  # the reason against it, where it is neither a file nor a link


def place_reason(path, is_folder):
    """Why nothing may lie at PATH, by its own name and depth; empty if it may. Folders above are judged before."""
    if is_dotgit(path.rpartition(b"/")[2]):
        return DOTGIT
    # An entry of a folder lies one deeper.
    too_deep = path.count(b"/") + is_folder > DEPTH or (is_folder and len(path) > PATH_BYTES)
    return TOO_DEEP if too_deep else ""


def leaf_reason(leaf, before, onward):
    """Why this new or changed LEAF may not leave; empty if it may. BEFORE is the base's Entry there, None for none;
    ONWARD tells where the link at a path leads, None for no link."""
    reason = size_reason(leaf.size, before and before.size)
    if leaf.odd:
        reason = reason or leaf.odd
    elif leaf.target is not None:
        reason = reason or link_reason(leaf.path, leaf.target, onward)
    reason = reason or refused_reason(leaf.path)
    return reason or ("" if before else name_reason(leaf.path))


def too_many():
    """The reason against one entry more than the host clone may hold."""
    return f"brings the host clone over {ENTRIES} entries"


def many_gone(gone, base):
    """Why GONE deletions of the files of BASE need --force; empty if they don't."""
    return f"{gone} of {len(base)} files would be deleted" if gone > 20 and 4 * gone > len(base) else ""


def total_reason(size, room):
    """Why SIZE bytes more may not leave where there is ROOM for so many; empty if they may."""
    return f"brings the export over {TOTAL_BYTES >> 20} MiB in all" if size > room else ""


# -- names ---------------------------------------------------------------------


def refused_reason(path):
    """The reason of the first row of REFUSED that PATH fits, or a folder above it; empty for none."""
    parts = path.split(b"/") if REFUSED else ()
    for pattern, reason in REFUSED:
        wanted = pattern.casefold().strip("/").split("/")
        least = len(wanted) + pattern.endswith("/")
        starts = range(1) if "/" in pattern.rstrip("/") else range(len(parts))
        for start in starts:
            if len(parts) - start >= least and all(map(fits, parts[start:], wanted)):
                return reason
    return ""


@lru_cache(1 << 16)
def fits(name, pattern):
    """Whether some file system reads NAME (bytes) as a name that fits PATTERN, in small letters."""
    return any(fnmatchcase(reading, pattern) for reading in readings(name)) or is_called(name, pattern)


def readings(name):
    """The names that some file system reads NAME (bytes) as, in small letters: Windows takes a backslash for the end
    of a folder and a colon for the end of a name, and drops trailing dots and blanks; HFS+ drops ignorable characters;
    others fold case and compatible letters."""
    if name.isascii():
        text = name.decode().lower()
    else:
        text = name.decode("utf-8", "replace")
        text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Mn") and not UNSEEN.match(c))
        text = unicodedata.normalize("NFKC", text).casefold()
    return {part.rstrip(". ") for part in re.split(r"[\\:]", text)}


def is_called(name, wanted):
    """Whether some file system reads NAME (bytes) as WANTED, a name in small letters; NTFS also by a short name."""
    return any(reading == wanted or is_short_name(reading, wanted) for reading in readings(name))


def is_short_name(reading, wanted):
    """Whether READING could be the 8.3 name that NTFS made for WANTED: six of its letters, or two and a hash, and a
    number. A name that is one itself gets none."""
    found = re.fullmatch(r"([^.]+)~(\d+)(?:\.([^.]*))?", reading)
    if not found or (len(wanted) <= 8 and wanted.isalnum()):
        return False
    stem, dot, extension = wanted.lstrip(".").rpartition(".")
    stem = re.sub(r"[ .]", "", stem if dot else extension)
    extension = extension[:3] if dot else ""
    said, number, end = found[1], found[2], found[3] or ""
    hashed = re.fullmatch(r"(.{1,2})[0-9a-f]{4}", said)
    begins = stem.startswith(hashed[1]) if hashed else said in (stem[:6], stem[: 7 - len(number)])
    return end == extension and begins


@lru_cache(1 << 16)
def is_dotgit(name):
    """Whether some file system reads NAME as .git."""
    if name.isascii() and b"git" not in name.lower():
        return False
    return any(part == ".git" or re.fullmatch(r"git~\d+", part) for part in readings(name))


@lru_cache(1 << 16)
def git_parts(name):
    """Which of the names that make a folder a git repository some file system reads NAME as."""
    low = name.lower()
    if low.isascii() and not any(part in low for part in (b"head", b"objects", b"refs", b"common")):
        return frozenset()
    return frozenset(part for part in ("head", "objects", "refs", "commondir") if is_called(name, part))


def looks_bare(parts):
    """Whether git would take a folder with these PARTS for a repository. The folder that 'commondir' names may hold
    the objects, the refs and the configuration in its place."""
    return "head" in parts and ({"objects", "refs"} <= parts or "commondir" in parts)


def name_reason(path):
    """Why no new file may have this name; empty if it may."""
    if len(path) > PATH_BYTES:
        return f"has a path longer than {PATH_BYTES} bytes"
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return "has a name that is not UTF-8"
    seen = joiners.without(text)
    if UNSEEN.search(seen) or any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in seen):
        return "has invisible or control characters in its name"
    return ""


def size_reason(size, before=None):
    """Why no file of SIZE bytes may leave; empty if it may. One that was as large BEFORE may."""
    return f"is larger than {FILE_BYTES >> 20} MiB" if size > FILE_BYTES and size != before else ""


# -- links ---------------------------------------------------------------------


def link_reason(path, target, onward):
    """Why the link PATH to TARGET may not leave; empty if it may. It has to stay inside, read either way: as text,
    and walked: ONWARD tells where the link at a path leads, None for no link."""
    if len(target) > LINK_BYTES:
        return "is a link to nowhere"
    if b"\0" in target:  # a git object can hold a NUL; in a file system the link ends before it
        return "is a link with a NUL in its target"
    parts = target.split(b"/")
    down = next((i for i, part in enumerate(parts) if part != b".."), len(parts))
    if not target or target.startswith(b"/") or down > path.count(b"/"):
        return "is a link that leaves the project"
    if b".." in parts[down:]:
        return "is a link that goes down and up again"
    return walk(path, target, onward)[0]


def walk(path, target, onward):
    """Follow the link PATH to TARGET, and where ONWARD leads. Returns why that is not inside, empty if it is, and the
    paths that were passed."""
    at, ahead, hops, passed = path.split(b"/")[:-1], target.split(b"/")[::-1], 0, []
    if target.startswith(b"/"):
        return THROUGH, passed
    while ahead:
        part = ahead.pop()
        if part in (b"", b"."):
            continue
        if is_dotgit(part):
            return "is a link into a git folder", passed
        if part == b"..":
            if not at:
                return THROUGH, passed
            at = at[:-1]
            continue
        passed.append(b"/".join([*at, part]))
        if len(passed) > STEPS or len(passed[-1]) > WAY_BYTES:
            return THROUGH, passed
        next_target = onward(passed[-1])
        if next_target is None:
            at = [*at, part]
            continue
        hops += 1
        if hops > HOPS or next_target.startswith(b"/"):
            return THROUGH, passed
        ahead += next_target.split(b"/")[::-1]
    return "", passed


def misled(links, arriving, before):
    """The ARRIVING paths that lead one of the LINKS (path -> target) which was inside with the links of BEFORE out of
    the project: path -> reason. LINKS are all that result, the arriving ones too."""
    found = {}
    for path, target in links.items() if links != before else ():
        if path in arriving:
            continue
        why, passed = walk(path, target, links.get)
        if why and not walk(path, target, before.get)[0]:
            found |= {p: f"leads {show(path)} out of the project" for p in passed if p in arriving}
    return found


# -- trees that result ---------------------------------------------------------


class Bare:
    """Folders that git would take for a repository, by all the paths that were noted."""

    def __init__(self):
        self.parts, self.noted = {}, set()  # folder -> the parts of a repository in it

    def note(self, path):
        """Note PATH and the folders above it."""
        while path and path not in self.noted:
            self.noted.add(path)
            folder, _, name = path.rpartition(b"/")
            if parts := git_parts(name):
                self.parts[folder] = self.parts.get(folder, frozenset()) | parts
            path = folder

    def reason(self, path):
        """Why PATH may not arrive; empty if it may. A project has a .git of its own, which git takes first; but a file
        that arrives also lies in a stage without one: at the top the parts themselves are refused.
        """
        for folder in [b"", *parents(path)]:
            if looks_bare(self.parts.get(folder, frozenset())) and (folder or git_parts(path.split(b"/")[0])):
                return BARE
        return ""


def same_as(other):
    """The reason against another spelling of OTHER."""
    return f"is {show(other)} on file systems that fold case or Unicode"


class Submodules:
    """The PATHS at which the host has submodules: other repositories, whose files its own git does not see."""

    def __init__(self, paths):
        self.paths = frozenset(paths)
        self.above = {folder: path for path in self.paths for folder in parents(path)}

    def reason(self, path):
        """Why no new file may come to PATH; empty if it may."""
        for folder in parents(path) if self.paths else ():
            if folder in self.paths:
                return f"lies in the submodule '{show(folder)}'"
        there = path if path in self.paths else self.above.get(path)
        return f"takes the place of the submodule '{show(there)}'" if there else ""

    def below(self, folders):
        """The submodules that lie in one of FOLDERS."""
        folders = set(folders) & self.above.keys()
        return {path for path in self.paths if not folders.isdisjoint(parents(path))}


class Spellings:
    """The paths there are, by how a file system that folds case and Unicode sees them."""

    def __init__(self, paths, base=()):
        """BASE are paths with which it began: a spelling that was one of several there may stand beside the others."""
        self.paths, self.base, self.seen = set(paths), base, {}

    def add(self, path):
        """Note PATH and its parents, also where another spelling is there."""
        for seen_as, part in spellings(path):
            others = self.seen.setdefault(seen_as, [])
            if part not in others:
                others.append(part)

    def collision(self, path):
        """Why PATH may not join the others; empty if it may, and then it has joined."""
        for there in sorted(self.paths):  # at the first question: most exports bring no new path
            self.add(there)
        self.paths = ()
        for seen_as, part in spellings(path):
            others = self.seen.get(seen_as, [part])
            if part not in others and part not in self.twins:
                return same_as(others[0])
        self.add(path)
        return ""

    @cached_property
    def twins(self):
        """The paths of the base, and the folders above them, that have another spelling there."""
        known = {}
        for path in self.base:
            for seen_as, part in spellings(path):
                known.setdefault(seen_as, set()).add(part)
        return set().union(*(parts for parts in known.values() if len(parts) > 1))


def spellings(path):
    """PATH and the folders above it, outermost first, each after how the most forgetful file system knows it. There a
    backslash ends a folder, too: that one is PATH's own."""
    found, seen_as = [], ""
    for part in [*parents(path), path]:
        for name in folded(part.rpartition(b"/")[2]).split("/"):
            seen_as = f"{seen_as}/{name}" if found else name
            found.append((seen_as, part))
    return found


def spelled(path):
    """How the most forgetful file system knows PATH."""
    return spellings(path)[-1][0]


@lru_cache(1 << 16)
def folded(path):
    """PATH as the most forgetful file system knows it. Combining marks stay, unlike in readings(): in many a language
    they are the letters that two names differ in, and no file system drops them."""
    if path.isascii():
        text = path.decode().lower()
    else:
        text = VARIANTS.sub("", path.decode("utf-8", "surrogateescape"))
        text = "".join(c for c in text if unicodedata.category(c) != "Cf" and not UNSEEN.match(c))
        text = unicodedata.normalize("NFKC", text).casefold()
        text = unicodedata.normalize("NFD", text)
    return re.sub(r"(:[^/]*|[. ]+)(?=/|$)", "", text.replace("\\", "/"))


def result_reasons(arrivals, stay, folders, links, before, ever=(), base=()):
    """The ARRIVALS (path -> a link's target, None for a file) that break a rule in the tree that results: path ->
    reason. STAY are the paths of files and links beside them, FOLDERS the folders, LINKS the links of STAY (path ->
    target), BEFORE all links that were there until now, EVER paths that a merge could bring together with them, BASE
    those with which it began."""
    if not arrivals:
        return {}
    found, new, bare = {}, {path for path in arrivals if path not in stay}, Bare()
    for paths in (arrivals, stay, folders, ever):
        for path in paths:
            bare.note(path)
    room = ENTRIES - len(stay) - len(folders)
    known = Spellings({*stay, *folders}, base) if new else None
    all_links = {path: target for path, target in links.items() if path not in arrivals}
    all_links |= {path: target for path, target in arrivals.items() if target is not None}
    for path in sorted(arrivals):
        reason = bare.reason(path)
        if path in new:
            reason = reason or known.collision(path)
            room -= 1
            if room < 0:
                reason = reason or too_many()
        if arrivals[path] is not None:
            reason = reason or link_reason(path, arrivals[path], all_links.get)
        if reason:
            found[path] = reason
    return found or misled(all_links, arrivals, before)


# -- words ---------------------------------------------------------------------


def parents(path):
    """The folders above PATH, the outermost first."""
    parts = path.split(b"/")
    return [b"/".join(parts[:i]) for i in range(1, len(parts))]


def counted(things, noun):
    """How many THINGS there are, with their NOUN."""
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def show(path):
    """PATH for a terminal: one line, nothing that a terminal or a reader's eye would act on."""
    text = path.decode("utf-8", "backslashreplace")
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= 300 else f"{text[:140]}…{text[-140:]}"


def bounded(lines):
    """LINES, cut where nobody would read on."""
    return lines if len(lines) <= LINES else [*lines[:LINES], f"  and {len(lines) - LINES} more"]
