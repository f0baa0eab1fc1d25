"""A cage's Makefile, however make is called: only -n shows without doing; steps and help are read by a person."""

import os
import subprocess

import pytest


@pytest.fixture
def folder(tc, repo, home):
    """The folder of a rendered cage whose local.mk tells what make takes itself to do."""
    assert tc("create", repo, "--render-only").code == 0
    web = home / "envs" / "web"
    with (web / "local.mk").open("a") as local:
        local.write("told:\n\t@echo '[$(only_shown)] [$(lock)] [$(resumed)]'\n")
    return web


def make(folder, *words):
    """Make's standard output for words, in the folder itself."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(["make", *words], cwd=folder, env=clean, capture_output=True, text=True)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "words",
    [
        [], ["-s"], ["-k"], ["-j2"], ["-sj2"], ["-B"], ["-C", "."], ["-f", "Makefile"], ["--no-print-directory"],
        ["V=1"], ["CAGE_NAME=nano"], ["-s", "CAGE_CMD=-n"], ["--warn-undefined-variables"], ["--no-builtin-rules"],
        ["-I", "n"],
    ],
)  # fmt: skip
def test_verb_is_done_under_the_lock_with_any_flags(words, folder):
    said = [line for line in make(folder, *words, "told").splitlines() if line.startswith("[")]
    assert said == ["[] [bash lib/run/attempt bash lib/run/lock told] [bash lib/run/finally goes-on]"]


@pytest.mark.parametrize(
    "words", [["-n"], ["--dry-run"], ["--just-print"], ["-sn"], ["-n", "V=1"], ["-nj2"], ["--recon"]]
)
def test_verb_that_is_only_shown_takes_no_lock(words, folder):
    assert "echo '[n] [] []'" in make(folder, *words, "told")


def steps(folder, verb):
    """The steps of a verb, in their order."""
    said = make(folder, "steps", f"OF={verb}")
    *listed, blank, note = said.splitlines()
    assert all(line[:2] in ("  ", "* ") and len(line[2:].split()) > 1 for line in listed)
    assert not blank and note.startswith("* calls the engine.")
    return [line[2:].split()[0] for line in listed]


def test_steps_of_attach_are_in_the_order_that_keeps_the_cage_shut(folder):
    found = steps(folder, "attach")
    chain = ["attachable", "seen", "machine", "guarded", "policy", "up", "attach"]
    assert [step for step in found if step in chain] == chain
    assert {"tags", "notice"} <= set(found)
    assert not {"guard", "container", "question"} & set(found)


def test_steps_of_export_go_on_after_all_that_is_written(folder):
    found = steps(folder, "export")
    assert found.index("question") < found.index("stage") < found.index("plan") < found.index("written")
    assert found.index("apply") < found.index("goes-on") < found.index("export")


def test_steps_of_create_make_the_containers(folder):
    found = steps(folder, "create")
    chain = ["sound", "repo", "images", "network", "guard", "policy", "container", ".history/base", "up", "created"]
    assert sorted(chain, key=found.index) == [step for step in found if step in chain]
    assert {"guard", "container", ".history/base"} <= set(found)


def test_every_verb_has_steps(folder):
    verbs = [line.split()[0] for line in make(folder, "help").splitlines() if line.startswith("  ")]
    assert "sync" in verbs
    for verb in verbs:
        assert steps(folder, verb)[-1] == verb


@pytest.mark.parametrize("verb", ["nix", "-x", "a b", "*"])
def test_steps_of_no_verb_are_an_error(verb, folder):
    assert f"error: there is no verb or step '{verb}'\nSee: make help, make steps\n" in make(
        folder, "steps", f"OF={verb}"
    )


def test_steps_of_a_verb_of_the_user_s_own(folder):
    with (folder / "local.mk").open("a") as local:
        local.write("mine: seen ## Mine\n\t$(MAKE) told\n")
    assert steps(folder, "mine")[-2:] == ["seen", "mine"]
