"""tc set NAME agent_version=…: another version of an agent than this release's, pinned in the cage's own Dockerfile."""

import re

from cage import agents, meta, registry
from cage.errors import USAGE, CageError
from cage.recipes import edits
from cage.text import quote

KEY = "agent_version"
APPLIES = "after: tc recreate {name}, which builds the agent's layer; other layers are reused"


class Change:
    """The rows of agents whose version changes, the pins that meta.json keeps (empty: none), and notes."""

    def __init__(self) -> None:
        self.rows: dict[str, agents.Agent] = {}
        self.pins: dict[str, str] = {}
        self.notes = ""

    @property
    def arguments(self) -> dict[str, str]:
        """The ARGs of the rows, by name."""
        return {name: value for row in self.rows.values() for name, value in row.arguments.items()}

    def fields(self, fields: meta.Fields) -> meta.Fields:
        """A copy of fields with the pins; unchanged without any."""
        pins = {name: pin for name, pin in {**meta.pins(fields), **self.pins}.items() if pin}
        return {**fields, meta.PINS: pins} if self.pins else fields

    def lines(self, text: bytes | None) -> bytes | None:
        """The text of a Dockerfile with the ARGs; None for none."""
        for name, value in self.arguments.items() if text else ():
            text = _line(name).sub(f"ARG {name}={value}".encode(), text)
        return text


def look_up(value: str, name: str, fields: meta.Fields, dockerfile: bytes | None, base: bytes | None) -> Change:
    """The change for a value such as 'claude@2.1.332,codex@latest' in the cage called name; the registry is asked.

    CageError where the value is none, the registry has no such version, or the Dockerfile has no line for it.
    """
    change = Change()
    now = {agent.name: agent for agent in agents.with_pins(meta.pins(fields))}
    words = [word.strip().partition("@") for word in value.split(",")]
    for agent, at, version in words:
        _check(now, agent, version if at else "latest")
        _check_lines(name, fields, now[agent], dockerfile)
    for agent, at, version in words:
        row, lacking = registry.look_up(now[agent], version) if at else (agents.known()[agent], [])
        change.rows[agent], change.pins[agent] = row, row.pin if at else ""
        if at and version == "latest":
            newest = ", for arm64 ".join(row.version.split("/"))
            change.notes += f" The newest of {agent} is {newest}."
        for architecture in lacking:
            own = row.version_of(architecture)
            change.notes += f" The registry has no {agent} of it for {architecture}, which stays at {own}."
        if agent not in meta.settings(fields)["agents"].split(","):
            change.notes += f" {agent} is not among the cage's agents: add it to 'agents'."
    mine, last = ([_line(name).findall(text or b"") for name in change.arguments] for text in (dockerfile, base))
    change.notes += " You had changed its lines by hand." if mine != last else ""
    return change


def _check(now: dict[str, agents.Agent], agent: str, version: str) -> None:
    if agent not in now:
        raise CageError(f"{quote(agent)} for '{KEY}' is no agent", f"Known: {', '.join(now)}", USAGE)
    if version != "latest" and not registry.VERSION.fullmatch(version):
        example = f"For example: {agent}@latest, {agent}@{now[agent].version_of('amd64')}"
        raise CageError(f"{quote(version)} for '{KEY}' is no version", example, USAGE)


def _check_lines(name: str, fields: meta.Fields, agent: agents.Agent, dockerfile: bytes | None) -> None:
    lost = next((line for line in agent.arguments if not _line(line).search(dockerfile or b"")), "")
    if lost:
        own = fields.get("dockerfile") == "own"
        remedy = "Change the version where your own Dockerfile has it." if own else f"Render it anew: tc render {name}"
        raise CageError(f"the {edits.DOCKERFILE} of cage '{name}' has no line 'ARG {lost}='", remedy)


def _line(argument: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?m)^ARG +%s=[^\r\n]*" % argument.encode())
