"""The agents that a cage can have: the rows of templates/lib/agents."""

from collections import namedtuple
from functools import cache

from cage.surroundings import source

FIELDS = "name version amd64 arm64 package program key credentials memory command"


class Agent(namedtuple("Agent", FIELDS)):
    """One row; the command is the rest of its line."""

    @property
    def variable(self) -> str:
        """The prefix of this agent's ARGs in the Dockerfile."""
        return self.name.upper().replace("-", "_")


@cache
def known() -> dict[str, Agent]:
    """All agents by name, in the table's order."""
    lines = (source() / "templates" / "lib" / "agents").read_text().splitlines()
    rows = (line.split(None, FIELDS.count(" ")) for line in lines if line.strip() and not line.startswith("#"))
    return {row[0]: Agent(*row) for row in rows}
