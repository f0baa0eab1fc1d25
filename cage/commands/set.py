"""tc set and tc auth: settings of a cage that exists."""

import re
from argparse import Namespace

from cage import agents, lock, make, meta, settings, terminal
from cage.commands import agent_version
from cage.commands.existing import Cage
from cage.errors import DONE, UNREACHABLE, USAGE, CageError
from cage.recipes import edits, merge, replace, syntax, templates
from cage.text import quote, warn

LIMITS = {setting.key for setting in settings.SETTINGS if setting.applies == "limits"}
COPY = f"{edits.COPIES}/Makefile"
# The version of an agent stands in the Dockerfile, not in the Makefile as the others do.
KEYS = (*settings.BY_KEY, agent_version.KEY)
NO_VERSION = agent_version.Change()


def set_(args: Namespace) -> int:
    """Change settings of a cage: `tc set <name> key=value…`."""
    values = {}
    for word in args.values:
        key, equals, value = word.partition("=")
        if not equals or key not in KEYS:
            raise CageError(f"{quote(word)} is not a setting", f"Known: {', '.join(KEYS)}", USAGE)
        values[key] = value
    found = Cage.find(args.name)
    versions = values.pop(agent_version.KEY, None)
    pinned = NO_VERSION
    if versions is not None:
        texts = edits.live(found.folder, edits.DOCKERFILE), edits.base(found.folder, edits.DOCKERFILE)
        pinned = agent_version.look_up(versions, found.name, found.fields, *texts)
    moves, said = change(found, values, pinned)
    limits = _limit(found, moves) if LIMITS & values.keys() else ""
    for key, told in said.items():
        applies = settings.BY_KEY[key].applies
        when = limits if applies == "limits" else settings.WHEN[applies].format(name=found.name)
        # The engine may not keep a limit, as lib/engine/lacks found.
        if limits and key.encode() in (edits.live(found.folder, ".history/lacks") or b"").split():
            when = "on an engine that can bound it; this one can't"
        if key == "packages" and b"\nARG CAGE_PACKAGES" not in (edits.live(found.folder, "Dockerfile") or b""):
            when = "in no image: there is no 'ARG CAGE_PACKAGES' in its Dockerfile"
        value = quote(meta.settings(found.fields)[key])
        print(f"Set {key} of cage '{found.name}' to {value}.{told}\nIt applies {when}")
    if versions is not None:
        when = agent_version.APPLIES.format(name=found.name)
        print(f"Set {agent_version.KEY} of cage '{found.name}' to {quote(versions)}.{pinned.notes}\nIt applies {when}")
    return DONE


def auth(args: Namespace) -> int:
    """Renew the agent's credentials, or change where they come from."""
    found = Cage.find(args.name)
    values = {key: vars(args)[key] for key in ("auth_mode", "api_key_env") if vars(args)[key] is not None}
    old = meta.settings(found.fields)
    if values.get("auth_mode") == "subscription" != old["auth_mode"] and terminal.interactive():
        values["keys"] = ask_keys(old)
    moves = change(found, values)[0] if values else {}
    code = found.make("auth")
    if code != DONE and moves:
        _take_back(found, moves)
        warn("the settings are as they were")
    return code


def ask_keys(settings: dict[str, str]) -> str:
    """Where the subscription's token is to be; only Claude Code's can stay outside of the cage."""
    if settings["agent"] != "claude":
        return settings["keys"]
    question = "The subscription's token can stay outside; an organisation's settings and limits don't come in then."
    return terminal.ask(f"{question}\nWhere is it to be?", ("outside", "inside"), "--keys")


def change(
    cage: Cage, values: dict[str, str], pinned: agent_version.Change = NO_VERSION
) -> tuple[replace.Moves, dict[str, str]]:
    """Change the lines of settings and of pinned, in the pristine copies too, and meta.json.

    Returns the moves, and a note by key.
    """
    values = {key: settings.check(key, value) for key, value in values.items()}
    if "engine" in values:
        raise CageError("a cage's engine can't be changed", "Make another cage with it.", USAGE)
    cage.check_whole()
    folder = cage.folder
    with lock.held(folder, "set"):
        if problem := syntax.makefiles(folder):
            raise syntax.unread(cage.name, problem)
        mine, base = edits.live(folder, "Makefile"), edits.base(folder, "Makefile")
        local = edits.live(folder, edits.LOCAL) or b""
        _follow_agent(meta.settings(cage.fields), values, mine)
        said = {key: _tell(key, mine, base, local) for key in values}
        fields = pinned.fields(meta.change(cage.fields, values))
        moves = {
            "meta.json": (edits.live(folder, "meta.json"), meta.dump(fields)),
            "Makefile": (mine, with_lines(mine, values)),
            COPY: (base, with_lines(base, values)),
        }
        for path in (edits.DOCKERFILE, f"{edits.COPIES}/{edits.DOCKERFILE}") if pinned.rows else ():
            moves[path] = (text := edits.live(folder, path), pinned.lines(text))
        if problem := merge.trial(folder, {"Makefile": moves["Makefile"][1]}):
            raise syntax.unread(cage.name, problem)
        replace.land(folder, moves)
        cage.fields = fields
    return moves, said


def _follow_agent(old: dict[str, str], values: dict[str, str], mine: bytes) -> None:
    """Have the key's name go with the agent while it is that agent's own and the Makefile, mine, names an agent."""
    if not {"agent", "agents"} & values.keys():
        return
    new = {**old, **values}
    if "agent" not in values and new["agent"] not in new["agents"].split(","):
        new["agent"] = values["agent"] = new["agents"].split(",")[0]
    settings.check_agent(new)
    known = agents.known()
    before, after = known.get(old["agent"]), known[new["agent"]]
    follows = before and _line("agent").search(mine) and old["api_key_env"] == before.key != after.key
    if "api_key_env" not in values and follows:
        values["api_key_env"] = after.key


def _limit(cage: Cage, moves: replace.Moves) -> str:
    """Have the running container follow its limits; returns when they apply. CageError, and no change, if refused."""
    code, said = make.unseen(cage.folder, "limits", {"CAGE_MISSING": "ok"})
    if code == DONE:
        seen = edits.live(cage.folder, ".state/engine/seen") or b""
        return "when its container is made" if b"cage missing" in seen else settings.WHEN["limits"]
    if code == UNREACHABLE:
        return f"after: tc make {cage.name} limits (the engine can't be reached now)"
    if "No rule to make target" in said:
        return f"after: tc recreate {cage.name}"
    _take_back(cage, moves)
    why = [line for line in said.splitlines() if line and not line.startswith("make")]
    raise CageError("the engine refuses these limits; nothing was changed", "\n".join(why[:4]))


def _take_back(cage: Cage, moves: replace.Moves) -> None:
    with lock.held(cage.folder, "set"):
        replace.land(cage.folder, {path: (new, old) for path, (old, new) in moves.items()})


def _line(key: str) -> re.Pattern[bytes]:
    name = f"CAGE_{key.upper()}".encode()
    return re.compile(rb"(?m)^ *(?:export +)?%s *[:?]?=((?:[^\n]*\\\r?\n)*[^\r\n]*)" % name)


def with_lines(text: bytes | None, values: dict[str, str]) -> bytes | None:
    """The text of a Makefile with the lines of values, by key; None for none."""
    for key, value in values.items() if text else ():
        line = f"export CAGE_{key.upper()} := {templates.make(value)}".encode(errors="surrogateescape")
        text = _line(key).sub(lambda _, line=line: line, text)
    return text


def _tell(key: str, mine: bytes, base: bytes | None, local: bytes) -> str:
    """The note to the user about the line that is changed."""
    found = _line(key).search(mine)
    if not found:
        return f" CAGE_{key.upper()} no longer stands in your Makefile: it has no effect there."
    said = ""
    before = base and _line(key).search(base)
    if before and before[1] != found[1]:
        said = f" You had changed the line by hand, to {quote(found[1].decode(errors='replace').strip())}."
    if _line(key).search(local):
        said += " local.mk sets it too, and comes last."
    return said
