"""dev/lint-recipes: each of its rules refuses an example, and the recipes themselves pass."""

import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, edit, edit_recipe

LONG = "#" * 121
HEAD = "#   HELPER          "
STOPPED = "#: Stop the cage, its guard and its gate\nstopped: seen\n"


@pytest.fixture
def lint(tmp_path):
    """Lint a copy of the templates; returns the words, a line each, without the places."""
    shutil.copytree(ROOT / "templates", tmp_path / "templates")
    shutil.copy(ROOT / "Makefile.cage", tmp_path)
    (tmp_path / "templates/Makefile.j2").rename(tmp_path / "templates/Makefile")

    def run():
        command = [sys.executable, ROOT / "dev/lint-recipes", tmp_path / "templates"]
        done = subprocess.run(command, capture_output=True, text=True)
        lines = [line.split(": ", 1)[1] for line in done.stderr.splitlines()]
        assert done.returncode == (1 if lines else 0)
        return lines

    run.folder = tmp_path / "templates"
    return run


def test_recipes_as_they_are_pass(lint):
    assert lint() == []


def test_long_line_of_the_layout_is_refused(lint):
    layout = lint.folder / "layout.sh.j2"
    layout.write_text(f"{layout.read_text()}# {'x' * 119}\n")
    assert lint() == ["is longer than 120 characters"]


def test_two_engines_files_may_define_the_same(lint):
    shutil.copy(lint.folder / "recipes/docker.mk", lint.folder / "recipes/podman.mk")
    assert lint() == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("# ---- The helper", LONG, "is longer than 120 characters"),
        ("rm -f .history/guard", "a && b || c | d; rm -f .history/guard", "has 4 shell operators"),
        ("rm -f .history/guard", 'a "$$(b)" "$$(c)" && for d in e; do f', "has 5 shell operators"),
        ("rm -f .history/guard", "$(on_terminal) a && b && c", "has 4 shell operators"),
        ("\t\t--init \\\n\t\t--ipc private \\\n", "\t\t--init --ipc private \\\n", "has more than one flag on a line"),
        (STOPPED, f"{STOPPED}\t1\n\t2\n\t3\n\t4\n", "stopped has more than 5 recipe lines"),
        (STOPPED, "stopped: seen\n", "stopped has no '#: sentence' above"),
        ("rm -f .history/guard", "$(NOTHING)", "$(NOTHING) is defined nowhere"),
        (HEAD, "#   -  ", "HELPER is used by other files: name it at the head, with a sentence"),
        (HEAD, "#   HELPER, OTHER   ", "OTHER is named at the head, and is not defined here"),
        (HEAD, "#   HELPER, FOR_APT  ", "FOR_APT is named at the head, and no other file uses it"),
    ],
)
def test_recipe_that_does_not_read_is_refused(old, new, said, lint):
    edit_recipe(lint.folder, old, new)
    assert lint() == [said]


@pytest.mark.parametrize("call", ["git status", "x=$(docker info)", '"$CAGE_ENGINE" info', "true && rsync a b"])
def test_call_of_the_engine_in_a_script_is_refused(call, lint):
    edit(lint.folder / "lib/run/gone", "for _ in", f"{call}\nfor _ in")
    assert lint() == ["calls the engine, git or rsync: that belongs into a recipe"]


@pytest.mark.parametrize("call", ['"$$CAGE_ENGINE" version', "$(IN_CLONE) status", "git status"])
def test_call_of_the_engine_in_the_machinery_is_refused(call, lint):
    edit(
        lint.folder.parent / "Makefile.cage", "\t$(Q)mkdir -p -m 700 $@\n", f"\t$(Q)mkdir -p -m 700 $@\n\t$(Q){call}\n"
    )
    assert lint() == ["calls the engine, git or rsync: that belongs into a recipe of the user's"]
