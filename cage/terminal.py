"""Questions to the person at the terminal."""

import sys
from io import TextIOBase

from cage.errors import DECIDE, CageError


def interactive() -> bool:
    """Whether a person can read a question and answer it."""
    return shown_on(sys.stdin, sys.stderr)


def shown_on(*streams: TextIOBase | None) -> bool:
    """Whether all of streams are open, and terminals."""
    return all(stream and stream.isatty() for stream in streams)


def ask(question: str, answers: tuple[str, ...], flags: str) -> str:
    """One of answers, the first when only Enter is typed.

    Raises CageError, naming the flags that answer it, where nobody can be asked.
    """
    if not interactive():
        raise CageError(question, f"Answer with {flags}.", DECIDE)
    while True:
        print(f"{question} [{'/'.join(answers)}] ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            raise CageError("no answer", f"Answer with {flags}.", DECIDE)
        typed = line.strip().lower() or answers[0]
        matching = [answer for answer in answers if answer.startswith(typed)]
        if len(matching) == 1:
            return matching[0]
