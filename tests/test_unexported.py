"""The work that a destroy says it would lose, and where it stops."""

import subprocess
from pathlib import Path

import pytest

from cage.menu import VERBS

LIB = Path(__file__).parent.parent / "templates/lib"
COUNT = "1 added, 0 changed, 0 deleted, 0 refused, 0 held back, 2 commits inside\n"
GONE = "volume 'isolated-dev-web' is not there, and the work in it, so nothing was destroyed"
UNCOUNTED = "what is not exported could not be counted, so nothing was destroyed"


@pytest.fixture
def ask(tmp_path):
    """Run lib/destroy/would-lose in a cage's folder with these files; returns exit code and words."""
    (tmp_path / "lib").symlink_to(LIB)
    (tmp_path / ".history").mkdir()
    (tmp_path / ".state/engine").mkdir(parents=True)
    (tmp_path / ".state/export").mkdir()
    (tmp_path / "repo/.git").mkdir(parents=True)

    def run(count="", volume=True, seen="", force="", **history):
        (tmp_path / ".state/export/count").write_text(count)
        (tmp_path / ".state/engine/volumes").write_text("isolated-dev-web\n" if volume else "")
        (tmp_path / ".state/engine/seen").write_text(seen)
        for name in history:
            (tmp_path / ".history" / name).touch()
        environment = {"PATH": "/usr/bin:/bin", "CAGE_NAME": "web", "CAGE_VOLUME": "isolated-dev-web"}
        environment |= {"CAGE_REPO_URL": "https://example.com/x"}
        environment |= {"CAGE_VIA": "tc", "CAGE_VERBS": VERBS}
        done = subprocess.run(
            ["bash", "lib/destroy/would-lose"],
            cwd=tmp_path,
            env=environment | {"CAGE_FORCE": force},
            capture_output=True,
            text=True,
            timeout=20,
        )
        return done.returncode, done.stderr

    return run


def test_counted_work_is_told(ask):
    assert ask(COUNT, base=1) == (0, f"Not exported: {COUNT}")


def test_no_volume_that_was_filled_holds_no_work(ask):
    assert ask(volume=False)[0] == 0
    assert ask(seen="cage missing\n", seeding=1)[0] == 0
    assert ask(volume=False, base=1, destroying=1) == (0, "Not exported: nothing; no work is left in it\n")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"volume": False, "base": 1}, GONE),
        ({"base": 1}, UNCOUNTED),
        ({}, UNCOUNTED),
        ({"base": 1, "destroying": 1}, UNCOUNTED),
        ({"seeding": 1, "seen": "cage was-started\n"}, UNCOUNTED),
        ({"seeding": 1, "base": 1}, UNCOUNTED),
    ],
)
def test_work_that_nobody_can_count_stops_it_but_for_force(ask, asked, why):
    code, said = ask(**asked)
    assert code == 3
    assert f"error: {why}\n" in said
    assert said.endswith("Destroy it all the same: tc destroy web --force\n")
    assert ask(**asked, force="1") == (0, "Not exported: could not be counted\n")


def test_clone_that_is_gone_stops_it_with_the_command_that_makes_one(ask, tmp_path):
    (tmp_path / "repo/.git").rmdir()
    code, said = ask(base=1)
    assert code == 3
    assert "error: the host clone is gone" in said
    assert f"git clone -- https://example.com/x {tmp_path}/repo\n" in said


@pytest.mark.parametrize("count", [f"{COUNT}beside: a stash\n", COUNT.replace("0 refused", "12 refused")])
def test_work_that_can_be_kept_stops_nothing_and_is_told(ask, count):
    code, said = ask(count, base=1)
    assert code == 0
    assert "12 refused" in said or "and beside that: a stash\n" in said


def test_words_of_the_count_act_on_no_terminal(ask):
    assert "\x1b" not in ask(f"{COUNT}beside: \x1b]0;x\x07\n", base=1)[1]
