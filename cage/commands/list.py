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
    folders = [folder for folder in home.folders() if args.all or not _is_left(folder)]
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
            if isinstance(error, OSError):
                error = CageError(f"'{printable(error.filename)}': {error.strerror}", "Mend its permissions.")
            problems.append(error)
            rows.append({**dict.fromkeys(FIELDS, ""), "name": folder.name, "status": "bad"})
    said, why = asked.answer() if asked else ("", "")
    states = engine.states(engine.containers(said))
    gone = [folder for folder, row in zip(folders, rows, strict=True) if row["status"] == MADE] if not why else []
    elsewhere = engine.elsewhere("list", [folder for folder in gone if folder.name not in states])
    for row in rows:
        if why and row["status"] in (MADE, HALF_MADE):
            row["status"] = "unknown"
        elif row["name"] in elsewhere:
            row["status"] = "on another engine"
        elif row["status"] == MADE:
            state = states.get(row["name"], "removed")
            row["status"] = SHOWN.get(state, state)
    if why:
        warn("the engine does not answer, so no status is known", "Start it, or: docker info")
    print(json.dumps(rows, indent=2) if args.json else _table(rows))
    for problem in problems:
        fail(*problem.said)
    return FAILED if problems else DONE


def forget(args: Namespace) -> int:
    """Move the clone that a destroyed cage left into the trash, where it stays for thirty days."""
    folder = home.folder_of(names.check(args.name))
    if not _is_left(folder):
        raise CageError(f"no destroyed cage left a clone called '{args.name}'", "See: tc list --all")
    os.utime(folder)
    folder.rename(trash := home.aside("trash", args.name))
    print(f"Moved the host clone of '{args.name}' to {printable(trash)} (kept for 30 days)")
    return DONE


def _is_left(folder: Path) -> bool:
    """Whether folder is what a destroyed cage leaves: its host clone. macOS puts a file of its own beside it."""
    return {path.name for path in folder.glob("*")} - {".DS_Store"} == {"repo"}


def _row(folder: Path) -> dict[str, object]:
    """The row that the folder tells; only the engine knows whether a finished cage runs."""
    names.check(folder.name)
    try:
        fields = meta.read(folder)
    except FileNotFoundError:
        if not _is_left(folder):
            raise CageError(f"'{printable(folder)}' holds no cage: it has no meta.json", "Move it away.") from None
        return {**dict.fromkeys(FIELDS, ""), "name": folder.name, "status": "clone only"}
    row = {key: printable(fields.get(key)) for key in FIELDS}
    row["status"] = MADE if os.path.exists(f"{folder}/.history/created") else HALF_MADE  # noqa: PTH110
    return {**row, "edited": edits.edited(folder)}


def _table(rows: list[dict[str, object]]) -> str:
    if not rows:
        return "No cages yet. Make one: tc create <git-url>"
    for row in rows:
        row["edited"] = ", ".join(row["edited"])
    cells = [HEADS, *([printable(row[key]) or "-" for key in FIELDS] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)
