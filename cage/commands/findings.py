"""What tc doctor finds, and how it asks the engine: through its client, only to read."""

import os
import subprocess
import sys
import time
from collections import namedtuple

from cage.surroundings import NEUTRAL
from cage.text import printable

# state is good, bad with the command that mends it, or note: nothing is wrong, but it should be known.
Finding = namedtuple("Finding", "check state said remedy")

PATIENCE = 10


def good(check: str, said: str) -> Finding:
    """All is well with what was checked."""
    return Finding(check, "good", said, "")


def note(check: str, said: str) -> Finding:
    """Something that a person should know, and need not mend."""
    return Finding(check, "note", said, "")


def bad(check: str, said: str, remedy: str) -> Finding:
    """Something is wrong, and remedy is the command that mends it."""
    return Finding(check, "bad", said, remedy)


def trace(begin: float, step: str, *words: str) -> None:
    """With TRUSTY_CAGE_TRACE, print a call of the engine as lib/run/trace does, with what it took since begin."""
    if os.environ.get("TRUSTY_CAGE_TRACE"):
        took = (time.monotonic() - begin) * 1000
        print(f"{took:5.0f} ms  {step:<14} docker {printable(' '.join(words))[:200]}", file=sys.stderr)


def ask(*words: str, patience: int = PATIENCE) -> tuple[str, str]:
    """What the engine's client says, and else why it says nothing."""
    begin = time.monotonic()
    try:
        done = subprocess.run(
            ["docker", *words],
            cwd=NEUTRAL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience,
            check=False,
        )
        trace(begin, "doctor", *words)
    except FileNotFoundError:
        return "", "'docker' is not installed"
    except subprocess.TimeoutExpired:
        return "", f"'docker {words[0]}' did not answer within {patience} seconds"
    except OSError as error:
        return "", f"'docker' can't be run: {(error.strerror or '').lower()}"
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"'docker {words[0]}' failed"]
        return "", lines[-1]
    return done.stdout.strip(), ""
