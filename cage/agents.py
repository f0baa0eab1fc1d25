"""The agents that a cage can have: the rows of templates/lib/agents."""

import re
from collections import namedtuple
from collections.abc import Mapping
from functools import cache

from cage.surroundings import source

FIELDS = "name version amd64 arm64 package program key vendor address suffix credentials memory command"
# The engine's names of architectures, and those of npm's packages.
ARCHITECTURES = {"amd64": "x64", "arm64": "arm64"}
# The second to the fourth field of a row.
PIN = re.compile(r"\d[\w.+-]{0,63}(?:/\d[\w.+-]{0,63})? [0-9a-f]{128} [0-9a-f]{128}", re.ASCII)


class Agent(namedtuple("Agent", FIELDS)):
    """One row; the command is the rest of its line."""

    @property
    def variable(self) -> str:
        """The prefix of this agent's ARGs in the Dockerfile."""
        return self.name.upper().replace("-", "_")

    def version_of(self, architecture: str) -> str:
        """The version for an architecture: one that lags behind has its own, after a slash."""
        versions = self.version.split("/")
        return versions[-1] if architecture == "arm64" else versions[0]

    @property
    def pin(self) -> str:
        """Version and hashes, as meta.json keeps them."""
        return f"{self.version} {self.amd64} {self.arm64}"

    def pinned(self, pin: str) -> "Agent":
        """This row with another pin."""
        return self._replace(**dict(zip(("version", "amd64", "arm64"), pin.split(" "), strict=True)))

    @property
    def arguments(self) -> dict[str, str]:
        """The ARGs of this agent's pin in the Dockerfile."""
        arguments = {}
        for architecture in ARCHITECTURES:
            name = architecture.upper()
            arguments[f"{self.variable}_VERSION_{name}"] = self.version_of(architecture)
            arguments[f"{self.variable}_SHA512_{name}"] = getattr(self, architecture)
        return arguments


@cache
def known() -> dict[str, Agent]:
    """All agents by name, in the table's order."""
    lines = (source() / "templates" / "lib" / "agents").read_text().splitlines()
    rows = (line.split(None, FIELDS.count(" ")) for line in lines if line.strip() and not line.startswith("#"))
    return {row[0]: Agent(*row) for row in rows}


def with_pins(pins: Mapping[str, str]) -> list[Agent]:
    """All agents, those of pins by those."""
    return [agent.pinned(pins[agent.name]) if agent.name in pins else agent for agent in known().values()]
