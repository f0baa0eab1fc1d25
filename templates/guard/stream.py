"""Commits for git fast-import, written from values that were parsed. Content and messages go by their length."""

import re
from copy import copy

from objects import bad
from rules import TOTAL_BYTES

# Encodings that a message may be in; git's names for them are Python's.
ENCODINGS = re.compile(
    r"(?i)utf-?8|us-ascii|iso-?8859-?\d{1,2}|latin-?1|windows-\d{3,4}|cp\d{3,4}|koi8-[ru]"
    r"|shift.?jis|euc-?(jp|kr)|gbk|gb2312|gb18030|big5"
)
# Control characters, and those that turn the direction of writing.
ACTS = re.compile("[^\t\n\x20-\x7e\xa0-\u2029\u202f-\u2065\u206a-\U0010ffff]")
DATE = re.compile(rb" ?(-?\d{1,18})?(?: ([+-]\d{4}))?")
LATEST = 1 << 40  # git's calendar ends before that


class Void:
    """A place for a stream that nobody reads."""

    def write(self, data):
        """Nothing."""


class Stream:
    """A stream of commits on the ref AT, on OUT."""

    def __init__(self, out, at="refs/heads/work"):
        self.out, self.at, self.written, self.last = out, at, 0, 0
        self.marks = {}  # commit of the cage, or key of a blob -> its mark

    def trial(self):
        """A stream into the void that goes on where this one is."""
        other = copy(self)
        other.out, other.marks = Void(), dict(self.marks)
        return other

    def write(self, data):
        """DATA to the host; raises SystemExit, before it is written, past TOTAL_BYTES."""
        self.written += len(data)
        if self.written > TOTAL_BYTES:
            raise bad(f"the cage's commits are larger than {TOTAL_BYTES >> 20} MiB")
        self.out.write(data)

    def mark(self, oid):
        """A new mark for OID, a commit or the key of a blob."""
        self.last += 1
        self.marks[oid] = b":%d" % self.last
        return self.marks[oid]

    def blob(self, key, size, blocks):
        """The content of a file or link, SIZE bytes in BLOCKS; once for each KEY. Returns its mark."""
        if key not in self.marks:
            self.write(b"blob\nmark %s\ndata %d\n" % (self.mark(key), size))
            for block in blocks:
                self.write(block)
            self.write(b"\n")
        return self.marks[key]

    def commit(self, oid, commit, parents, changes, anew=False):
        """COMMIT, which is OID in the cage, on PARENTS (marks, or a commit of the host's), with CHANGES: path, mode,
        and a mark or an object of the host's; without mode for a path that goes. ANEW begins with an empty tree."""
        message = clean(commit.message, commit.encoding)
        # Without 'from' a commit would go on where the ref is.
        self.write(b"" if parents else b"reset %s\n\n" % self.at.encode())
        self.write(b"commit %s\nmark %s\n" % (self.at.encode(), self.mark(oid)))
        self.write(b"author %s\ncommitter %s\n" % (person(commit.author), person(commit.committer)))
        self.write(b"data %d\n%s\n" % (len(message), message))
        for word, parent in zip([b"from", *[b"merge"] * len(parents)], parents, strict=False):
            self.write(b"%s %s\n" % (word, parent))
        if anew:
            self.write(b"deleteall\n")
        for path, mode, name in changes:
            if mode:
                self.write(b"M %s %s %s\n" % (mode, name, quoted(path)))
            else:
                self.write(b"D %s\n" % quoted(path))
        self.write(b"\n")

    def reset(self, ref, at):
        """REF, which is none of git's own, names the commit AT, a mark or an object of the host's."""
        self.write(b"reset %s\nfrom %s\n\n" % (ref.encode(), at))

    def tag(self, ref, at, tag):
        """The annotated TAG of AT, as REF."""
        message = clean(tag.message)
        self.write(b"tag %s\nfrom %s\n" % (ref.removeprefix("refs/tags/").encode(), at))
        self.write(b"tagger %s\n" % person(tag.tagger) if tag.tagger else b"")
        self.write(b"data %d\n%s\n" % (len(message), message))

    def notes(self, ref, commit, notes):
        """NOTES, pairs of a commit (a mark, or an object of the host's) and a text, as REF, by the people of COMMIT."""
        self.write(b"commit %s\n" % ref.encode())
        self.write(b"author %s\ncommitter %s\ndata 0\n\n" % (person(commit.author), person(commit.committer)))
        for at, text in notes:
            text = clean(text)
            self.write(b"N inline %s\ndata %d\n%s\n" % (at, len(text), text))
        self.write(b"\n")

    def done(self):
        """Without this line git fast-import takes nothing of it."""
        self.write(b"done\n")


def quoted(path):
    """PATH quoted for git fast-import, control characters and all."""
    return b'"' + b"".join(bytes([c]) if 32 <= c < 127 and c not in b'"\\' else b"\\%03o" % c for c in path) + b'"'


def clean(text, encoding="utf-8"):
    """TEXT as UTF-8, with a mark in the place of each control character: 'git log' would print it."""
    known = ENCODINGS.fullmatch(encoding)
    try:
        words = text.decode(encoding if known else "utf-8", "replace")
    except LookupError:
        words = text.decode("utf-8", "replace")
    return ACTS.sub("\ufffd", words.replace("\r\n", "\n")).encode("utf-8", "replace")


def person(line):
    """The name, address and date in LINE, made fit for git fast-import. Cut, not searched with a regular expression:
    with megabytes of '<' a search would go on for days.
    """
    name, _, rest = line.partition(b"<")
    address, end, date = rest.partition(b">")
    if not end:
        name, address = line, b""
    seconds, zone = DATE.match(date).groups()
    name, address = (re.sub(r"[<>\n\t]", "", clean(it).decode()).strip().encode() for it in (name, address))
    seconds = min(max(int(seconds or 0), 0), LATEST)
    zone = zone if zone and int(zone[1:]) <= 1400 and int(zone[3:]) < 60 else b"+0000"
    return b"%s <%s> %d %s" % (name, address, seconds, zone)
