"""What tc doctor finds."""

from collections import namedtuple

# state is good, bad with the command that mends it, or note: nothing is wrong, but it should be known.
Finding = namedtuple("Finding", "check state said remedy")


def good(check: str, said: str) -> Finding:
    """All is well with what was checked."""
    return Finding(check, "good", said, "")


def note(check: str, said: str) -> Finding:
    """Something that a person should know, and need not mend."""
    return Finding(check, "note", said, "")


def bad(check: str, said: str, remedy: str) -> Finding:
    """Something is wrong, and remedy is the command that mends it."""
    return Finding(check, "bad", said, remedy)
