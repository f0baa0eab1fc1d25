"""Printed text, without control characters and without the password of a URL."""

import re
import shlex
import sys
from collections.abc import Iterable

CONTROL = "\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
INVISIBLE = "\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f"
UNPRINTABLE = re.compile(f"[{CONTROL}{INVISIBLE}]")

# A password, or a word that looks like a token, before the host of a URL. 'host:8080/' is a port.
SECRET = re.compile(
    r"(?i)://(?:[^/?#\s]*(?::(?!\d*(?:/|$))|%3a)[^?#\s]*"
    r"|(?:gh[a-z]_|github_pat_|gl[a-z]+-|hf_|AT[A-Z]TT)[^/?#@\s]*|[A-Za-z0-9_=-]{32,})@"
)
# A token in the query of a URL.
ARGUMENT = re.compile(r"(?i)([?&;][^=&\s]*(?:token|password|secret|key)[^=&\s]*=)[^&#\s]+")

LONGEST = 4096
BEARABLE = 160


def printable(text: object) -> str:
    """Anything as one line that is safe to print: no control character, no password."""
    return UNPRINTABLE.sub("?", ARGUMENT.sub(r"\1***", SECRET.sub("://***@", str(text)[:LONGEST])))


def has_secret(url: str) -> bool:
    """Whether a URL holds a password or a token: refused in a URL to clone, and never printed."""
    return bool(SECRET.search(url) or ("://" in url and ARGUMENT.search(url)))


def quote(text: object) -> str:
    """The subject of a message, in quotes and of bearable length."""
    shown = printable(text)
    return f"'{shown}'" if len(shown) <= BEARABLE else f"'{shown[:BEARABLE]}…'"


def typed(word: object) -> str:
    """A path, or another word, as it is typed in a shell; for printing it still has to be made printable."""
    return shlex.quote(str(word))


def fail(problem: str, remedy: str = "") -> None:
    """Print an error in the voice of the house: what is wrong, then what to do."""
    complain([f"error: {problem}", *remedy.splitlines()])


def warn(problem: str, remedy: str = "") -> None:
    """Print a warning: something is wrong but stops nothing."""
    complain([f"warning: {problem}", *remedy.splitlines()])


def complain(lines: Iterable[str]) -> None:
    """Print lines to standard error."""
    print("".join(f"{printable(line)}\n" for line in lines), end="", file=sys.stderr)
