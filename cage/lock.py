"""The lock of a cage: the one that its recipes take."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cage import make
from cage.errors import CageError
from cage.surroundings import source

# The lock is its process's as long as that lives: cat ends with this process, however that ends.
HELD = ("sh", "-c", "echo && exec cat")


def _held(folder: Path, verb: str) -> Iterator[None]:
    """No other verb changes the cage in folder meanwhile; tells before it waits.

    Raises CageError where the other one takes too long.
    """
    command = ["bash", str(source() / "templates/lib/run/lock"), verb, *HELD]
    with make.LAST() as last:
        environment = make.environment({"CAGE_NAME": folder.name}, last)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **pipes)
        try:
            if not process.stdout.readline():
                process.wait()
                problem, *remedy = make.left_words(last)
                raise CageError(problem.removeprefix("error: "), "\n".join(remedy))
            yield
        finally:
            process.kill()
            process.communicate()


# By a name of its own: dev/mutants leaves decorated functions alone.
held = contextmanager(_held)
