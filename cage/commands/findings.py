"""Findings of tc doctor."""

from collections import namedtuple

# state is good, bad (with a remedy), or note: worth knowing, and nothing is wrong.
Finding = namedtuple("Finding", "check state said remedy")


def good(check: str, said: str) -> Finding:
    """The check found nothing wrong."""
    return Finding(check, "good", said, "")


def note(check: str, said: str) -> Finding:
    """Something that a person should know, and need not mend."""
    return Finding(check, "note", said, "")


def bad(check: str, said: str, remedy: str) -> Finding:
    """Something is wrong, and remedy is the command that mends it."""
    return Finding(check, "bad", said, remedy)
