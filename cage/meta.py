"""meta.json: the repository and the settings of a cage."""

import json
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cage import agents, engine, home
from cage.errors import CageError
from cage.settings import BY_KEY, SETTINGS, dotfiles, readable_file
from cage.text import quote, typed

SCHEMA = 1
LARGEST = 1 << 20
# These settings stand at the top level: they are older than the object 'settings'.
AT_TOP = ("auth_mode", "api_key_env")
# Versions and hashes of agents, by name, in the place of the release's own.
PINS = "agent_versions"
TEXTS = ("name", "repo_url", "created_at", *AT_TOP)

Fields = dict[str, object]


def new(name: str, repo_url: str, branch: str, settings: dict[str, str]) -> Fields:
    """The fields of a cage that is created now."""
    fields = {
        "schema": SCHEMA,
        "name": name,
        "repo_url": repo_url,
        "branch": branch,
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "volume_name": engine.object_name(name),
        "container_name": engine.object_name(name),
        "host_clone_path": str(home.folder_of(name) / "repo"),
    }
    return change(fields, settings)


def change(fields: Fields, values: dict[str, str]) -> Fields:
    """A copy of fields with the settings of values; other fields stay."""
    top = {key: value for key, value in values.items() if key in AT_TOP}
    inner = {key: value for key, value in values.items() if key not in AT_TOP}
    return {**fields, **top, "settings": {**fields.get("settings", {}), **inner}}


def settings(fields: Fields) -> dict[str, str]:
    """All settings by key; a setting that an older release did not know has its default."""
    known = {**fields["settings"], **{key: fields[key] for key in AT_TOP}}
    return {setting.key: known.get(setting.key, setting.default) for setting in SETTINGS}


def pins(fields: Fields) -> dict[str, str]:
    """The pins of agents that the cage has in the place of the release's own, by agent."""
    return fields.get(PINS, {})


def read(folder: Path) -> Fields:
    """The fields of the cage in folder, checked rather than believed; CageError, or FileNotFoundError without any."""
    path = folder / "meta.json"
    fields = _load(path)
    if "schema" not in fields:
        raise _bad(path, "has no schema: another trusty-cage made it")
    if type(fields["schema"]) is not int or fields["schema"] < 1:
        raise _bad(path, "has a schema that is no number")
    if fields["schema"] > SCHEMA:
        remedy = "Upgrade this one: pip install --upgrade trusty-cage"
        raise CageError(f"{quote(path)} was written by a newer trusty-cage", remedy)
    if why := next(_faults(fields, folder.name), ""):
        raise _bad(path, why)
    return fields


def _faults(fields: Fields, name: str) -> Iterator[str]:
    """Faults of fields for the cage called name; fields that an older release did not know are added."""
    for key in TEXTS:
        if not isinstance(fields.get(key), str):
            yield f"has no '{key}'"
    inner = fields.setdefault("settings", {})
    if not isinstance(inner, dict) or not isinstance(fields.setdefault("branch", ""), str):
        yield "has 'settings' or a 'branch' of another kind"
    for key, value in inner.items():
        if not isinstance(value, str):
            yield f"has a setting {quote(key)} that is not a string"
    pinned = fields.get(PINS, {})
    if not isinstance(pinned, dict) or not all(agents.PIN.fullmatch(str(pin)) for pin in pinned.values()):
        yield f"has '{PINS}' that are no versions with their hashes"
    if fields.get("dockerfile", "own") != "own":
        yield "has a 'dockerfile' that is not 'own'"
    objects = dict.fromkeys(("volume_name", "container_name"), engine.object_name(name))
    for key, value in {"name": name, **objects}.items():
        if fields.get(key) != value:
            yield f"has {quote(fields.get(key))} as '{key}', not '{value}'"
    # TRUSTY_CAGE_HOME may have been moved since, so nothing is opened by this field.
    clone = fields.get("host_clone_path")
    parts = [part for part in str(clone).split("/") if part not in ("", ".")]
    if ".." in parts or parts[-3:] != ["envs", name, "repo"]:
        yield f"has {quote(clone)} as 'host_clone_path', not its own clone"


def dump(fields: Fields) -> bytes:
    """The text of meta.json for fields."""
    text = json.dumps(fields, indent=2, ensure_ascii=False) + "\n"
    return text.encode(errors="surrogateescape")


def write(folder: Path, fields: Fields) -> None:
    """Put fields into the folder's meta.json, atomically."""
    home.write(folder / "meta.json", dump(fields))


def _load(path: Path) -> Fields:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _bad(path, "is not a file")
        with path.open("rb") as file:
            fields = json.loads(file.read(LARGEST).decode(errors="surrogateescape"))
        dump(fields)  # raises for a lone surrogate, which JSON can name and no file can hold
    except PermissionError:
        raise _bad(path, "can't be read: permission denied") from None
    except (ValueError, RecursionError):
        raise _bad(path, "is empty, cut short or damaged") from None
    if not isinstance(fields, dict):
        raise _bad(path, "is not what trusty-cage writes")
    return fields


def check_settings(folder: Path, fields: Fields) -> None:
    """Raise CageError for a setting that nobody could have typed; a file that one names may be gone."""
    for key, value in settings(fields).items():
        kept = value if BY_KEY[key].check in (readable_file, dotfiles) else None
        with suppress(ValueError):
            kept = kept or BY_KEY[key].check(value)
        if kept != value:
            raise _bad(folder / "meta.json", f"has {quote(value)} as '{key}'")


def _bad(path: Path, why: str) -> CageError:
    remedy = f"Mend it or put a backup back; the recipes work without it: make -C {typed(path.parent)} help"
    return CageError(f"{quote(path)} {why}", remedy)
