"""tc list: all cages in one table, with one call of the engine."""

import json
import os
from argparse import Namespace
from pathlib import Path

from cage import engine, home, meta, names
from cage.errors import DONE, FAILED, CageError
from cage.recipes import edits, syntax
from cage.text import fail, printable, warn

FIELDS = ("name", "status", "created_at", "auth_mode", "edited", "repo_url")
HEADS = ("NAME", "STATUS", "CREATED", "AUTH", "EDITED", "REPOSITORY")
MADE, HALF_MADE = "made", "half made"

# The engine's word for a container's state, and ours.
SHOWN = {"exited": "stopped", "created": "stopped", "dead": "stopped"}


def listing(args: Namespace) -> int:
    """Print every cage; a folder that can't be read is shown as bad, and the end is 1."""
    folders = _folders()
    # The engine answers while the folders are read.
    asked = engine.ask_for_containers("list", home_id) if folders and (home_id := home.home_id()) else None
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
    said, why = asked.answer() if asked else ("", "")
    states = None if why else engine.states(engine.containers(said))
    for row in rows:
        row["status"] = _status(row, states)
    if why:
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
    """The row that the folder tells; only the engine knows whether a finished cage runs."""
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
