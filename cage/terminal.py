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
    """One of answers, the first for a mere Enter. Raises CageError, naming flags, where nobody can be asked."""
    typed = _line(f"{question} ({'/'.join(answers)}) [{answers[0]}]", question, flags) or answers[0]
    matching = [answer for answer in answers if answer.startswith(typed)]
    return matching[0] if len(matching) == 1 else ask(question, answers, flags)


def confirm(question: str, flags: str) -> bool:
    """Whether the answer is yes; only Enter is no. Raises CageError as ask() does."""
    return _line(f"{question} [y/N]", question, flags) in ("y", "yes")


def _line(shown: str, question: str, flags: str) -> str:
    remedy = f"Answer with {flags}."
    if not interactive():
        raise CageError(question, remedy, DECIDE)
    print(shown, end=" ", file=sys.stderr, flush=True)
    if not (line := sys.stdin.readline()):
        raise CageError("no answer", remedy, DECIDE)
    return line.strip().lower()
