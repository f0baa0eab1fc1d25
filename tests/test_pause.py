"""A pause that fails is tried again, and undone only where it was this verb's own."""

import os
import subprocess
import sys

import pytest

# Pauses when it was asked as often as the file `stubborn` says; before that it gives `answers`, a line a time.
ENGINE = f"""#!{sys.executable}
import pathlib, sys
here = pathlib.Path(__file__).parent
verb = sys.argv[1]
with (here / "asked").open("a") as file:
    file.write(verb + "\\n")
if sys.argv[1:3] == ["container", "inspect"]:
    label = (here / "id").read_text().strip()
    for name in ("isolated-dev-0123456789ab.guard", "isolated-dev-web"):
        print(f"/{{name}}|running|2030-01-01T00:00:00Z|image|sha256:1|web|{{label}}")
tries = (here / "asked").read_text().split().count("pause")
if verb == "pause" and tries <= int((here / "stubborn").read_text()):
    answers = (here / "answers").read_text().splitlines()
    sys.exit("Error response from daemon: " + answers[min(tries, len(answers)) - 1])
"""


@pytest.fixture
def cage(tc, repo, home, tmp_path, monkeypatch):
    """Pauses with the real recipes as often as it is asked; returns exit code, words, and the engine's verbs."""
    assert tc("create", repo, "--render-only", "--auth-mode", "api_key").code == 0
    folder, engine = home / "envs" / "web", tmp_path / "bin"
    engine.mkdir()
    (engine / "docker").write_text(ENGINE)
    (engine / "docker").chmod(0o755)
    (engine / "id").write_text((home / "id").read_text())
    (folder / ".history").mkdir()
    (folder / ".history" / "created").touch()
    (folder / ".history" / "guard").write_text("isolated-dev-0123456789ab.guard\n")
    (folder / "local.mk").write_text("read: seen\n\t@$(RESUMED) $(PAUSE) && echo read\n")
    monkeypatch.setenv("PATH", f"{engine}:{os.environ['PATH']}")

    def read(stubborn, answer="unable to freeze: unknown"):
        (engine / "stubborn").write_text(str(stubborn))
        (engine / "answers").write_text(answer)
        done = subprocess.run(
            ["make", "--no-print-directory", "-C", folder, "read"], capture_output=True, text=True, timeout=60
        )
        asked = (engine / "asked").read_text().split()
        return done.returncode, done.stdout + done.stderr, [verb for verb in asked if verb.endswith("pause")]

    return read


def test_pause_that_fails_is_tried_again_and_undone(cage):
    code, said, asked = cage(3)
    assert code == 0
    assert said.splitlines()[-1] == "read"
    assert "can't" not in said
    assert asked == ["pause"] * 4 + ["unpause"]


def test_pause_that_never_works_is_told_with_the_way_out(cage):
    code, said, asked = cage(99)
    assert code == 2
    assert "cage 'web' can't be paused: it may be starting processes without end\n" in said
    assert "Stop it first, its work is kept: make -C " in said
    assert "unable to freeze" not in said
    assert asked == ["pause"] * 5


@pytest.mark.parametrize("answer", ["Container 1 is already paused", "Container 1 is not running"])
def test_cage_that_stands_still_by_somebody_elses_doing_stays_so(cage, answer):
    code, said, asked = cage(99, answer)
    assert code == 0
    assert said.splitlines()[-1] == "read"
    assert asked == ["pause"]


def test_somebody_elses_pause_amid_the_tries_stays(cage):
    code, said, asked = cage(99, "unable to freeze\nContainer 1 is already paused")
    assert code == 0
    assert said.splitlines()[-1] == "read"
    assert asked == ["pause", "pause"]


def test_engine_that_went_away_is_not_taken_for_a_busy_cage(cage):
    code, said, asked = cage(99, "Cannot connect to the Docker daemon")
    assert code == 2
    assert "processes" not in said
    assert "unpause" not in asked
