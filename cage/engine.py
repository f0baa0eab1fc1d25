"""The engine: the names of a cage's objects there, and its client, which is only asked here."""

import os
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

from cage.surroundings import NEUTRAL
from cage.text import printable

PATIENCE = 10

# cage is the name that the label says; nobody has checked it.
Container = namedtuple("Container", "cage name state")
AS_CONTAINER = '{{.Label "trusty-cage.env"}}\t{{.Names}}\t{{.State}}'


def object_name(cage: str) -> str:
    """The name of a cage's container and of its project volume."""
    return f"isolated-dev-{cage}"


def of_home(home_id: str) -> tuple[str, str]:
    """The options that restrict a listing to the objects of one TRUSTY_CAGE_HOME."""
    return "--filter", f"label=trusty-cage.home={home_id}"


class Call:
    """A call of the engine's client that goes on while its caller does something else."""

    def __init__(self, verb: str, *words: str) -> None:
        """Begin a call for a verb of tc, which TRUSTY_CAGE_TRACE names."""
        self.verb, self.words, self.begin, self.process = verb, words, time.monotonic(), None
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        try:
            self.process = subprocess.Popen(["docker", *words], cwd=NEUTRAL, text=True, errors="replace", **pipes)
        except FileNotFoundError:
            self.why = "'docker' is not installed"
        except OSError as error:
            self.why = f"'docker' can't be run: {(error.strerror or '').lower()}"

    def answer(self, patience: int = PATIENCE) -> tuple[str, str]:
        """The client's answer, or why there is none."""
        if not self.process:
            return "", self.why
        try:
            said, errors = self.process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            return "", f"'docker {self.words[0]}' did not answer within {patience} seconds"
        if os.environ.get("TRUSTY_CAGE_TRACE"):
            took = (time.monotonic() - self.begin) * 1000
            print(f"{took:5.0f} ms  {self.verb:<14} docker {printable(' '.join(self.words))[:200]}", file=sys.stderr)
        if self.process.returncode:
            return "", (errors.strip().splitlines() or [f"'docker {self.words[0]}' failed"])[-1]
        return said.strip(), ""


def ask(*words: str, patience: int = PATIENCE) -> tuple[str, str]:
    """The client's answer to tc doctor, or why there is none."""
    return Call("doctor", *words).answer(patience)


def ask_for_containers(verb: str, home_id: str) -> Call:
    """Begin to ask for all containers of a TRUSTY_CAGE_HOME; containers() reads the answer."""
    return Call(verb, "ps", "--all", "--no-trunc", *of_home(home_id), "--format", AS_CONTAINER)


def containers(said: str) -> list[Container]:
    """The containers that an answer lists."""
    return [Container(*line.split("\t")) for line in said.splitlines() if line.count("\t") == 2]


def elsewhere(verb: str, folders: list[Path]) -> dict[str, str]:
    """Those of the cages' folders whose cage is on another engine: name -> the machine of that engine."""
    kept = {folder.name: dict(map(_pair, text.splitlines())) for folder in folders if (text := _kept(folder))}
    here = Call(verb, "info", "--format", "{{.ID}}").answer()[0] if kept else ""
    return {name: said.get("machine", "") for name, said in kept.items() if here and said.get("engine") != here}


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition("=")
    return name, value


def _kept(folder: Path) -> str:
    """The facts that the recipes keep of a cage's engine; empty for a cage that has none yet."""
    try:
        return (folder / ".history" / "engine").read_text(errors="replace")
    except OSError:
        return ""


def guards(found: list[Container]) -> list[Container]:
    """Those of the containers that are guards."""
    return [container for container in found if container.name.endswith(".guard")]


def states(found: list[Container]) -> dict[str, str]:
    """The engine's word for each cage's state, by the cage's name; 'cut-off' for one that runs without its guard."""
    # A guard that was started after its cage leaves it without a network, too: only lib/engine/facts sees that.
    guarded = {guard.cage for guard in guards(found) if guard.state == "running"}
    own = {container.cage: container.state for container in found if container.name == object_name(container.cage)}
    return {cage: "cut-off" if state == "running" and cage not in guarded else state for cage, state in own.items()}
