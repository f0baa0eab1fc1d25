"""tc list: all cages in one table, with one call of the engine."""

import json
import os
import subprocess
import time
from argparse import Namespace
from contextlib import suppress
from pathlib import Path

from cage import home, meta, names
from cage.commands.findings import trace
from cage.errors import DONE, FAILED, CageError
from cage.recipes import edits, syntax
from cage.surroundings import NEUTRAL
from cage.text import fail, printable, warn

FIELDS = ("name", "status", "created_at", "auth_mode", "edited", "repo_url")
HEADS = ("NAME", "STATUS", "CREATED", "AUTH", "EDITED", "REPOSITORY")
PATIENCE = 10
MADE, HALF_MADE = "made", "half made"

# The engine's word for a container's state, and the one that is shown.
SHOWN = {"exited": "stopped", "created": "stopped", "dead": "stopped"}


def listing(args: Namespace) -> int:
    """Print every cage; a folder that can't be read is shown as bad, and the end is 1."""
    folders = _folders()
    # The engine answers while the folders are read.
    asked = _ask() if folders else None
    rows, problems = [], []
    for folder in folders:
        try:
            row = _row(folder)
            unread = syntax.everything(folder, row["edited"] or [])
            problems += [syntax.unread(folder.name, problem) for problem in unread]
            rows.append(row)
        except (CageError, OSError) as error:
            problems.append(error if isinstance(error, CageError) else _unreadable(error))
            rows.append({**dict.fromkeys(FIELDS, ""), "name": folder.name, "status": "bad"})
    states = _states(asked) if folders else {}
    for row in rows:
        row["status"] = _status(row, states)
    if states is None:
        warn("the engine does not answer, so no status is known", "Start it, or: docker info")
    print(json.dumps(rows, indent=2) if args.json else _table(rows))
    for problem in problems:
        fail(problem.problem, problem.remedy)
    return FAILED if problems else DONE


def _folders() -> list[Path]:
    try:
        found = sorted((home.root() / "envs").iterdir())
    except FileNotFoundError:
        return []
    return [path for path in found if path.is_dir() and not path.name.startswith(".new-")]


def _row(folder: Path) -> dict[str, object]:
    """What the folder tells; whether a cage that was made is running, the engine knows."""
    names.check(folder.name)
    try:
        fields = meta.read(folder)
    except FileNotFoundError:
        if not (folder / "repo").is_dir():
            raise CageError(f"'{printable(folder)}' holds no cage", "Move it away.") from None
        return {**dict.fromkeys(FIELDS, ""), "name": folder.name, "status": "clone only"}
    shown = {key: fields[key] for key in ("name", "created_at", "auth_mode", "repo_url")}
    return {
        **dict.fromkeys(FIELDS),
        **{key: printable(value) for key, value in shown.items()},
        "status": MADE if os.path.exists(f"{folder}/.history/created") else HALF_MADE,  # noqa: PTH110
        "edited": edits.edited(folder),
    }


def _status(row: dict[str, object], states: dict[str, str] | None) -> object:
    if row["status"] not in (MADE, HALF_MADE):
        return row["status"]
    if states is None:
        return "unknown"
    if row["status"] == HALF_MADE:
        return HALF_MADE
    state = states.get(row["name"], "removed")
    return SHOWN.get(state, state)


def _ask() -> subprocess.Popen[str] | None:
    """Ask the engine for the states of this home's containers; None if it can't be asked or need not be."""
    if not (home_id := home.home_id()):
        return None
    row = '{{.Label "trusty-cage.env"}}\t{{.Names}}\t{{.State}}'
    only = f"label=trusty-cage.home={home_id}"
    command = ["docker", "ps", "--all", "--no-trunc", "--filter", only, "--format", row]
    with suppress(OSError):
        return subprocess.Popen(
            command, cwd=NEUTRAL, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, errors="replace",
        )  # fmt: skip
    return None


def _states(asked: subprocess.Popen[str] | None) -> dict[str, str] | None:
    """Each cage's container's state, by the cage's name; None if the engine does not answer."""
    if asked is None:
        return None if home.home_id() else {}
    begin = time.monotonic()
    try:
        said = asked.communicate(timeout=PATIENCE)[0]
        trace(begin, "list", *asked.args[1:])
    except subprocess.TimeoutExpired:
        asked.kill()
        return None
    if asked.returncode:
        return None
    rows = [line.split("\t") for line in said.splitlines()]
    found = {(row[0], row[1]): row[2] for row in rows if len(row) == 3}
    guarded = {owner for (owner, it), state in found.items() if it.endswith(".guard") and state == "running"}
    states = {owner: state for (owner, it), state in found.items() if it == f"isolated-dev-{owner}"}
    # One that runs without its guard has no network.
    return {name: "cut-off" if state == "running" and name not in guarded else state for name, state in states.items()}


def _table(rows: list[dict[str, object]]) -> str:
    if not rows:
        return "No cages yet. Make one: tc create <git-url>"
    cells = [HEADS, *(tuple(_cell(row[key]) for key in FIELDS) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)


def _cell(value: object) -> str:
    text = ", ".join(value) if isinstance(value, list) else str(value)
    return printable(text) or "-"


def _unreadable(error: OSError) -> CageError:
    return CageError(f"'{printable(error.filename)}': {error.strerror}", "Mend its permissions.")
