"""The bytes that git on the host would store for those of a file: line ends, encodings and $Id$ (gitattributes(5)).

Attributes are those of the seeded commit and of the host's owner: an agent's decide nothing. No filter is run.
"""

import re
from typing import NamedTuple

import tree
from rules import bounded, show
from tree import ask_git, ended, lay

ATTRIBUTES = ("text", "crlf", "eol", "ident", "working-tree-encoding", "filter")
MEANINGS = {b"set": "text", b"input": "text", b"auto": "auto", b"unset": "binary"}  # of 'text', and of the older 'crlf'
NONE = (b"set", b"unset", b"unspecified", b"")
MOST = 256 << 20  # bytes of a file that is converted: all of them are in memory, a few times over
# Encodings that Python knows by git's names for them.
ENCODINGS = re.compile(
    r"(?i)utf-?(?:16|32)(?:-?[lb]e(?:-bom)?)?|us-ascii|iso-?8859-?\d{1,2}|latin-?1|windows-\d{3,4}|cp\d{3,4}|koi8-[ru]"
    r"|shift.?jis|euc-?(jp|kr)|gbk|gb2312|gb18030|big5"
)
WIDE = re.compile("(?i)utf-?(16|32)(?:-?([lb]e)(-bom)?)?")
MARKS = (b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\0\0\xfe\xff")
IDENT = re.compile(rb"\$Id:[^$\n]*\$")
PRINTED = bytes([8, 9, 12, 27, *range(32, 127), *range(128, 256)])


class Settings(NamedTuple):
    """How git on the host stores files, as its inventory tells."""

    attributes: dict = {}  # noqa: RUF012 (nobody writes to it) path -> content, of the seeded commit
    info: bytes = b""  # attributes of the clone's git folder
    own: bytes = b""  # attributes of the owner
    autocrlf: bool = False
    crlf: frozenset = frozenset()  # paths that have CRLF in the seeded commit
    mixed: frozenset = frozenset()  # those of them that have other line ends, too


class How(NamedTuple):
    """How one file is stored."""

    ends: str = ""  # 'text': CRLF becomes LF; 'auto': unless it is binary; 'back': LF becomes CRLF
    ident: bool = False
    encoding: str = ""

    def converts(self):
        """Whether any byte may change."""
        return any(self)


class Storing:
    """How each of PATHS is stored by the SETTINGS of the host.

    The cage's own git has stored what its commits hold. It makes LF of CRLF where the host has CRLF and keeps it, since
    'auto' spares a file that git has with CRLF; NORMALISED tells whether it has done so at a path. None for files.
    """

    def __init__(self, settings, paths, normalised=None):
        self.settings, self.normalised = settings, normalised
        self.hows, self.left = {}, {}  # path -> How; path -> the reason why its bytes stay
        told = settings.attributes or settings.info or settings.own
        for path, values in attributes(settings, paths).items() if told else ():
            self.hows[path] = self.read(path, values)
        if settings.autocrlf and not told:
            self.hows = {path: self.read(path, {}) for path in paths}

    def read(self, path, values):
        """The How of PATH by the VALUES of its attributes."""
        ends = MEANINGS.get(values.get("text")) or MEANINGS.get(values.get("crlf"), "")
        if ends == "" and values.get("eol") in (b"lf", b"crlf"):
            ends = "text"
        ends = ends or ("auto" if self.settings.autocrlf else "binary")
        if ends == "auto" and path in self.settings.crlf:
            back = self.normalised and path not in self.settings.mixed and self.normalised(path)
            ends = "back" if back else "binary"
        encoding = values.get("working-tree-encoding", b"")
        encoding = "" if encoding in NONE else encoding.decode("ascii", "replace")
        if (name := values.get("filter", b"")) not in NONE:
            self.left[path] = f"the filter '{show(name)}' was not run"
        return How(ends.replace("binary", ""), values.get("ident") == b"set", encoding)

    def how(self, path):
        """The How of PATH."""
        return self.hows.get(path, How())

    def stored(self, path, data):
        """The bytes that git would store for DATA at PATH."""
        how = self.how(path)
        if len(data) > MOST:
            self.left[path] = "is too large to be converted"
            return data
        if how.encoding and data and not re.fullmatch("(?i)utf-?8", how.encoding):
            data = self.as_utf8(path, data, how.encoding)
        if how.ends == "text" or (how.ends == "auto" and b"\r\n" in data and not is_binary(data)):
            data = data.replace(b"\r\n", b"\n")
        if how.ends == "back" and b"\r" not in data:
            data = data.replace(b"\n", b"\r\n")
        return IDENT.sub(b"$Id$", data) if how.ident else data

    def as_utf8(self, path, data, encoding):
        """DATA in ENCODING as UTF-8; as it is, and noted, where it is not in that encoding."""
        try:
            if self.normalised and b"\0" not in data and data.decode():
                return data  # the cage's git has made UTF-8 of it
        except UnicodeDecodeError:
            pass
        try:
            return decoded(data, encoding).encode()
        except (UnicodeError, LookupError):
            self.left[path] = f"is not in the encoding '{show(encoding.encode())}' of its attributes"
            return data

    def warning(self):
        """The lines that name the files whose bytes git on the host would have changed further; safe to print."""
        lines = bounded([f"  {show(path)}: {why}" for path, why in sorted(self.left.items())])
        return ["warning: git on the host would store these in another form:", *lines] if lines else []


def decoded(data, encoding):
    """The text of DATA in ENCODING; raises UnicodeError or LookupError where git would not take it."""
    if not ENCODINGS.fullmatch(encoding):
        raise LookupError
    if wide := WIDE.fullmatch(encoding):
        bits, order, marked = wide.groups()
        order = None if marked else order
        if data.startswith(MARKS) == bool(order):  # an order is named, or a mark has to tell it
            raise UnicodeError
        encoding = f"utf-{bits}-{order}" if order else f"utf-{bits}"
    return data.decode(encoding)


def is_binary(data):
    """Whether git takes DATA for binary where it has to guess (convert_is_binary in its convert.c)."""
    ends, crs = data.count(b"\n"), data.count(b"\r")
    if crs != data.count(b"\r\n") or b"\0" in data:
        return True
    odd = len(data.translate(None, PRINTED + b"\r\n"))
    return (len(data) - odd - ends - crs) >> 7 < odd - data.endswith(b"\x1a")


def attributes(settings, paths):
    """The attributes of PATHS by SETTINGS: path -> attribute -> value."""
    lay(settings.attributes, "attributes")
    lay({b"info/attributes": settings.info, b"own": settings.own}, "attributes.git")
    words = ["-c", f"core.attributesFile={tree.SCRATCH}/attributes.git/own", "check-attr", "-z", "--stdin", *ATTRIBUTES]
    rows = ask_git(words, ended(paths), "attributes").split(b"\0")[:-1]
    found = {}
    for path, name, value in zip(rows[::3], rows[1::3], rows[2::3], strict=True):
        found.setdefault(path.removeprefix(b"./"), {})[name.decode()] = value
    return found
