"""An engine that can't limit a cage: it is said once, and no limit is passed that it would warn of."""

import ast
import itertools
import subprocess

import pytest
from conftest import INFO, edit

ALL = ["memory", "swap", "pids", "cpus", "pause"]
BOUNDS = "The engine can't limit a cage's use of: {}. Those settings have no effect.\n"
PAUSE = "The engine can't pause a cage: export, sync and destroy ask to stop it while it is read.\n"


@pytest.fixture
def cage(tc, repo, home):
    """The folder of a cage rendered from the real templates."""
    assert tc("create", repo, "--render-only", "--cpus", "1.5", "--pids", "77").code == 0
    return home / "envs" / "web"


@pytest.fixture
def made(cage, engine):
    """Make guard and cage on an engine that lacks some; returns the limits of each and the messages."""
    for name in (".state/engine", ".state/image", ".history"):
        (cage / name).mkdir(parents=True)
    (cage / ".history/guard").write_text("isolated-dev-0123456789ab.guard\n")
    for name in ("used-image", "used-guard-image", "id-image", "id-guard-image"):
        (cage / ".state/image" / name).write_text("1\n")

    def run(*lacks):
        (engine / "asked").write_text("")
        security = " name=seccomp,profile=default"
        info = INFO.format(memory=8000000000, security=security, lacks="".join(f" {it}" for it in lacks))
        (engine / "answer").write_text(info)
        (cage / ".state/engine/seen").write_text("guard missing\ncage missing\n")
        done_by_others = [f"-o{step}" for step in ("seen", "network", "image", "guard-image", "unclaimed", "flags")]
        command = ["make", "-s", *done_by_others, "container"]
        done = subprocess.run(command, cwd=cage, capture_output=True, text=True, check=True)
        asked = [ast.literal_eval(line) for line in (engine / "asked").read_text().splitlines()]
        assert [words[0] for words in asked] == ["info", "run", "create"]
        return *(bounds(words) for words in asked[1:]), done.stdout + done.stderr

    return run


def bounds(words):
    """The limits among the flags of the engine's call."""
    known = ("--cpus", "--memory", "--memory-swap", "--pids-limit")
    return {flag.lstrip("-"): value for flag, value in itertools.pairwise(words) if flag in known}


GUARD = {"memory": "128m", "memory-swap": "128m", "pids-limit": "64"}
CAGE = {"cpus": "1.5", "memory": "4000000000", "memory-swap": "4000000000", "pids-limit": "77"}


def test_proxies_of_the_client_are_emptied_where_it_has_some_and_named(made, engine, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    kinds = [kind + "_proxy" for kind in ("http", "https", "no", "ftp", "all")]
    emptied = sorted(f"{name}=" for kind in kinds for name in (kind, kind.upper()))

    def run():
        said = made()[-1]
        asked = [ast.literal_eval(line) for line in (engine / "asked").read_text().splitlines()]
        return said, [sorted(word for word in words if word.lower().endswith("proxy=")) for words in asked]

    assert run() == ("", [[], [], []]), "an ENV of the Dockerfile holds"
    (tmp_path / "config.json").write_text('{"proxies": {"default": {"httpsProxy": "http://me:secret@proxy:1"}}}')
    told = (
        "The proxies in docker's settings (config.json) are not handed to the cage. "
        "To hand in your shell's: SESSION_ENV += https_proxy in local.mk\n"
    )
    assert run() == (told, [[], emptied, emptied])


def test_engine_that_can_do_all_is_given_all_limits(made, cage):
    assert made() == (GUARD, CAGE, "")
    assert (cage / ".history/lacks").read_text() == ""


@pytest.mark.parametrize(
    ("lacks", "left_out", "said"),
    [
        (ALL, CAGE, BOUNDS.format("memory, swap, processes, cpus") + PAUSE),
        (["swap"], ["memory-swap"], BOUNDS.format("swap")),
        (["cpus"], ["cpus"], BOUNDS.format("cpus")),
        (["pids"], ["pids-limit"], BOUNDS.format("processes")),
        (["pause"], [], PAUSE),
    ],
    ids=["all", "swap", "cpus", "pids", "pause"],
)
def test_engine_is_given_the_limits_that_it_knows_and_its_lacks_are_said_once(lacks, left_out, said, made, cage):
    def kept(bounds):
        return {flag: value for flag, value in bounds.items() if flag not in left_out}

    assert made(*lacks) == (kept(GUARD), kept(CAGE), said)
    assert (cage / ".history/lacks").read_text().split() == lacks
    assert made(*lacks)[2] == ""
    assert made() == (GUARD, CAGE, "")


def test_empty_limit_is_no_limit_but_half_of_the_memory(made, cage):
    edit(cage / "Makefile", "export CAGE_CPUS := 1.5", "export CAGE_CPUS :=")
    edit(cage / "Makefile", "export CAGE_MEMORY := ", "export CAGE_MEMORY := 2g")
    assert made()[1] == {"memory": "2g", "memory-swap": "2g", "pids-limit": "77"}


def test_limits_of_an_engine_that_has_none_are_no_call_and_no_error(cage, engine):
    (engine / "answer").write_text(INFO.format(memory=8000000000, security="", lacks="".join(f" {it}" for it in ALL)))
    command = ["make", "-s", "-C", cage, "-o", "seen", "limited"]
    (cage / ".state/engine").mkdir(parents=True)
    (cage / ".state/engine/seen").write_text("cage running\n")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.endswith("The engine can't limit a cage: memory, cpus and pids have no effect.\n")
    assert "'update'" not in (engine / "asked").read_text()
