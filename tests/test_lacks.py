"""An engine that can't bound what a cage takes: it is said once, and no limit is passed that it would warn of."""

import ast
import subprocess

import pytest

ALL = ["memory", "swap", "pids", "cpus", "pause"]
BOUNDS = "The engine can't bound what a cage takes of: {}. Those settings have no effect.\n"
PAUSE = "The engine can't pause a cage: export, sync and destroy ask to stop it while it is read.\n"
SHOW = """shown: engine-seen
\t@$(call LIMITS,create,$$CAGE_CPUS) >/dev/null
\t@"$$CAGE_ENGINE" guard $(call bound,memory,--memory 1m) $(call bound,pids,--pids-limit 2) >/dev/null
"""


@pytest.fixture
def cage(tc, repo, home):
    """The folder of a cage rendered from the real templates."""
    assert tc("create", repo, "--render-only", "--cpus", "1.5", "--pids", "77").code == 0
    return home / "envs" / "web"


@pytest.fixture
def made(cage, engine):
    """Make a container on an engine that lacks some; returns the calls and what was said."""

    def run(*lacks):
        (engine / "asked").write_text("")
        (engine / "answer").write_text("\n".join(["8000000000|name=seccomp,profile=default", *lacks]) + "\n")
        command = ["make", "-s", "-f", "Makefile", "-f", "-", "shown"]
        done = subprocess.run(command, cwd=cage, input=SHOW, capture_output=True, text=True, check=True)
        asked = [ast.literal_eval(line) for line in (engine / "asked").read_text().splitlines()]
        return [" ".join(words) for words in asked if words[0] != "info"], done.stdout + done.stderr

    return run


def test_engine_that_can_do_all_is_given_all_limits(made, cage):
    calls, said = made()
    assert calls == [f"create{MEMORY}{SWAP} --pids-limit 77 --cpus 1.5", "guard --memory 1m --pids-limit 2"]
    assert said == ""
    assert (cage / ".history/lacks").read_text() == ""


MEMORY = " --memory 4000000000"
SWAP = " --memory-swap 4000000000"


@pytest.mark.parametrize(
    ("lacks", "create", "guard", "said"),
    [
        (ALL, "", "", BOUNDS.format("memory, swap, processes, cpus") + PAUSE),
        (["swap"], f"{MEMORY} --pids-limit 77 --cpus 1.5", " --memory 1m --pids-limit 2", BOUNDS.format("swap")),
        (["cpus"], f"{MEMORY}{SWAP} --pids-limit 77", " --memory 1m --pids-limit 2", BOUNDS.format("cpus")),
        (["pids"], f"{MEMORY}{SWAP} --cpus 1.5", " --memory 1m", BOUNDS.format("processes")),
        (["pause"], f"{MEMORY}{SWAP} --pids-limit 77 --cpus 1.5", " --memory 1m --pids-limit 2", PAUSE),
    ],
    ids=["all", "swap", "cpus", "pids", "pause"],
)
def test_engine_is_given_the_limits_that_it_knows_and_its_lacks_are_said_once(lacks, create, guard, said, made, cage):
    assert made(*lacks) == ([f"create{create}", f"guard{guard}"], said)
    assert (cage / ".history/lacks").read_text().split() == lacks
    assert made(*lacks)[1] == ""
    assert made()[1] == ""
    assert made()[0][0] == f"create{MEMORY}{SWAP} --pids-limit 77 --cpus 1.5"


def test_limits_of_an_engine_that_has_none_are_no_call_and_no_error(cage, engine):
    (engine / "answer").write_text("\n".join(["8000000000", *ALL]) + "\n")
    command = ["make", "-s", "-C", cage, "-o", "seen", "limits"]
    (cage / ".state").mkdir()
    (cage / ".state/seen").write_text("cage running\n")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.endswith("The engine can't bound a cage: memory, cpus and pids have no effect.\n")
    assert "'update'" not in (engine / "asked").read_text()
