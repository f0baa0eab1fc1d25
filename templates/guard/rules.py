"""The rules of what may leave a cage, for files, branches, commits, bundles and undo alike. Nothing here reads a file.

A rule over one entry is a function that gives the reason against it, empty for none. A rule over many holds for the
tree that results on the host: what is there, minus what goes, plus what comes.
"""

import os
import re
import unicodedata

# What Unicode calls ignorable without putting it among the format characters: no glyph, and no part of a name for a
# file system that folds case. Variation selectors stand after many an emoji and are left alone in a name.
UNSEEN = re.compile("[\u115f\u1160\u2065\u3164\uffa0\ufff0-\ufff8\U000e0080-\U000e00ff\U000e01f0-\U000e0fff]")
VARIANTS = re.compile("[\u034f\u17b4\u17b5\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")

LINES = 200  # of each list in a report: a person reads no more


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


def looks_bare(names):
    """Whether a folder with these lower-case NAMES is one that git would take for a repository. What 'commondir'
    names may hold the objects, the refs and the configuration in its place."""
    names = {name.rstrip(b". ") for name in names}
    return b"head" in names and ({b"objects", b"refs"} <= names or b"commondir" in names)


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
    found = re.fullmatch(r"([^.]+)~\d+(?:\.([^.]*))?", reading)
    if not found or (len(wanted) <= 8 and wanted.isalnum()):
        return False
    stem, dot, extension = wanted.lstrip(".").rpartition(".")
    stem = re.sub(r"[ .]", "", stem if dot else extension)
    extension = extension[:3] if dot else ""
    said, end = found[1], found[2] or ""
    hashed = re.fullmatch(r"(.{1,2})[0-9a-f]{4}", said)
    return end == extension and (
        said == stem[: max(1, min(6, len(said)))] or bool(hashed and stem.startswith(hashed[1]))
    )


def is_dotgit(name):
    """Whether some file system reads NAME as .git."""
    if name.isascii() and b"git" not in name.lower():
        return False
    return any(part == ".git" or re.fullmatch(r"git~\d+", part) for part in readings(name))


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


def parents(path):
    """The folders above PATH, the outermost first."""
    parts = path.split(b"/")
    return [b"/".join(parts[:i]) for i in range(1, len(parts))]


def show(path):
    """PATH for a terminal: one line, nothing that a terminal or a reader's eye would act on."""
    text = path.decode("utf-8", "backslashreplace")
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= 300 else f"{text[:140]}…{text[-140:]}"


def bounded(lines):
    """LINES, cut where nobody would read on."""
    return lines if len(lines) <= LINES else [*lines[:LINES], f"  and {len(lines) - LINES} more"]
