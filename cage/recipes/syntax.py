"""Syntax errors that make, the shell, Python and the engine find in a cage's recipes: file, line and why."""

import json
import re
import subprocess
import warnings
from pathlib import Path

from cage.errors import CageError
from cage.recipes import edits
from cage.surroundings import NEUTRAL, clean_environment, no_make

TOP = "Makefile"
PROFILE = "seccomp.json"
SHEBANG = re.compile(rb"#!\s*\S*?(?:/env\s+)?(?:\S*/)?(bash|sh|python3?)\b")


def unread(name: str, problem: str) -> CageError:
    """The error for recipes of the cage called name that can't be read."""
    return CageError(
        f"the recipes of cage '{name}' can't be read: {problem}",
        f"See what was changed in them: tc diff-recipes {name}",
    )


def everything(folder: Path, edited: list[str]) -> list[str]:
    """All that can't be read in folder's recipes, of which the user edited those of edited."""
    problem = makefiles(folder) if any(map(edits.is_makefile, edited)) else ""
    return [*filter(None, [problem]), *scripts(folder, edited).values()]


def makefiles(folder: Path) -> str:
    """The first thing that make can't read in the makefiles of folder; empty if there is none.

    Raises CageError where there is no make.
    """
    command = ["make", "-f", TOP, "-f", "-", "-n", "--no-print-directory", "-C", str(folder), ".parsed"]
    try:
        done = subprocess.run(
            command,
            cwd=NEUTRAL,
            env=clean_environment(),
            input=".parsed: ;\n",
            capture_output=True,
            text=True,
            errors="replace",
        )
    except FileNotFoundError:
        raise no_make() from None
    said = [line for line in done.stderr.splitlines() if "warning:" not in line]
    return (said[0] if said else "make says nothing") if done.returncode else ""


def script(path: str, data: bytes) -> str:
    """The syntax error of a script for a shell, Python or the engine; empty without one, and for other files."""
    if path == PROFILE:
        return _json(path, data)
    found = SHEBANG.match(data)
    kind = "python" if path.endswith(".py") else found[1].decode() if found else ""
    if kind.startswith("python"):
        return _python(path, data)
    return _shell(kind, path, data) if kind else ""


def scripts(folder: Path, edited: list[str]) -> dict[str, str]:
    """Syntax errors of the edited scripts of folder, by path."""
    found = {path: script(path, edits.live(folder, path) or b"") for path in edited}
    return {path: said for path, said in found.items() if said}


def _shell(shell: str, path: str, data: bytes) -> str:
    done = subprocess.run([shell, "-n"], cwd=NEUTRAL, input=data, env=clean_environment(), capture_output=True)
    if not done.returncode:
        return ""
    said = done.stderr.decode(errors="replace").partition("\n")[0]
    found = re.match(r".*?(?:line )?(\d+): (.*)", said)
    return f"{path}:{found[1]}: {found[2]}" if found else f"{path}: {said}"


def _python(path: str, data: bytes) -> str:
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(data, path, "exec")
    except (SyntaxError, ValueError) as error:
        return f"{path}:{getattr(error, 'lineno', None) or 1}: {getattr(error, 'msg', error)}"
    return ""


def _json(path: str, data: bytes) -> str:
    try:
        json.loads(data)
    except ValueError as error:
        return f"{path}:{getattr(error, 'lineno', 1)}: {getattr(error, 'msg', error)}"
    return ""
