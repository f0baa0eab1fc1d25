"""Syntax errors that make, the shell, Python and the engine find in a cage's recipes: file, line and why."""

import json
import re
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

from cage.errors import CageError
from cage.recipes import edits
from cage.surroundings import no_make, on_guard

TOP = "Makefile"
PROFILE = "seccomp.json"
SHEBANG = re.compile(rb"#!\s*\S*?(?:/env\s+)?(?:\S*/)?(bash|sh|python3?)\b")


def unread(name: str, problem: str) -> CageError:
    """The error for recipes of the cage called name that can't be read."""
    remedy = f"See what was changed in them: tc diff-recipes {name}"
    return CageError(f"the recipes of cage '{name}' can't be read: {problem}", remedy)


def everything(folder: Path, edited: list[str]) -> list[str]:
    """All that can't be read in folder's recipes, of which the user edited those of edited."""
    problem = makefiles(folder) if any(map(edits.is_makefile, edited)) else ""
    return [*filter(None, [problem]), *scripts(folder, edited).values()]


def makefiles(folder: Path) -> str:
    """The first error that make finds in the makefiles of folder; empty without one. CageError if there is no make."""
    # From standard input make takes a copy, and leaves it in /tmp where it stops at an error.
    with tempfile.NamedTemporaryFile("w", prefix="tc-") as last:
        last.write(".parsed: ;\n")
        last.flush()
        command = ["make", "-f", TOP, "-f", last.name, "-n", "--no-print-directory", "-C", str(folder), ".parsed"]
        try:
            done = subprocess.run(command, **on_guard(), input="")
        except FileNotFoundError:
            raise no_make() from None
    said = [line for line in done.stderr.splitlines() if "warning:" not in line]
    return (said[0] if said else "make says nothing") if done.returncode else ""


def script(path: str, data: bytes) -> str:
    """The syntax error of a script for a shell, Python or the engine; empty without one, and for other files."""
    if path == PROFILE:
        return _error(path, json.loads, data)
    found = SHEBANG.match(data)
    if path.endswith(".py") or (found and found[1].startswith(b"python")):
        return _error(path, compile, data, path, "exec")
    return _shell(found[1].decode(), path, data) if found else ""


def scripts(folder: Path, edited: list[str]) -> dict[str, str]:
    """Syntax errors of the edited scripts of folder, by path."""
    found = {path: script(path, edits.live(folder, path) or b"") for path in edited}
    return {path: said for path, said in found.items() if said}


def _shell(shell: str, path: str, data: bytes) -> str:
    done = subprocess.run([shell, "-n"], **on_guard(), input=data.decode(errors="surrogateescape"))
    if not done.returncode:
        return ""
    said = done.stderr.partition("\n")[0]
    found = re.match(r".*?(?:line )?(\d+): (.*)", said)
    return f"{path}:{found[1]}: {found[2]}" if found else f"{path}: {said}"


def _error(path: str, read: Callable, *data: object) -> str:
    """The error that read finds in data; empty without one."""
    try:
        with warnings.catch_warnings(action="ignore"):
            read(*data)
    except (SyntaxError, ValueError) as error:
        return f"{path}:{getattr(error, 'lineno', None) or 1}: {getattr(error, 'msg', error)}"
    return ""
