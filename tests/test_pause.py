"""A pause that fails is tried again, and undone only where it was this verb's own; without one a cage is stopped."""

import fcntl
import os
import pty
import shutil
import subprocess
import sys
import termios

import pytest
from conftest import CONTAINER

# Pauses when it was asked as often as the file `stubborn` says; before that it gives `answers`, a line a time.
ENGINE = f"""#!{sys.executable}
import os, pathlib, sys
here = pathlib.Path(__file__).parent
verb, status = sys.argv[1], here / "status"
with (here / "asked").open("a") as file:
    file.write(verb + "\\n")
if sys.argv[1:3] == ["container", "inspect"]:
    label = (here / "id").read_text().strip()
    for name, state in (("0123456789ab.guard", "running"), ("web", status.read_text())):
        made_from = (here / "guard-image").read_text().strip() if name.endswith(".guard") else "image"
        print({CONTAINER!r}.format(name=name, status=state, image=made_from, home=label, limits=""), end="")
if verb in ("stop", "start"):
    status.write_text({{"stop": "exited", "start": "running"}}[verb])
if verb == "run" and (here / "kill").exists():
    os.kill(0, 9)
if verb == "run":
    sys.exit(1)
if sys.argv[1:3] == ["volume", "ls"]:
    print("isolated-dev-web")
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
    (engine / "status").write_text("running")
    subprocess.run(["make", "-s", "-C", folder, "tag-guard-image"], check=True)
    shutil.copy(folder / ".state/image/tag-guard-image", engine / "guard-image")
    (folder / ".history").mkdir()
    (folder / ".history" / "created").touch()
    (folder / ".history" / "guard").write_text("isolated-dev-0123456789ab.guard\n")
    (folder / "local.mk").write_text("read: seen\n\t@bash lib/run/pause $(PAUSE) && echo read\n\t$(RESUME)\n")
    monkeypatch.setenv("PATH", f"{engine}:{os.environ['PATH']}")

    def read(stubborn, answer="unable to freeze: unknown"):
        (engine / "stubborn").write_text(str(stubborn))
        (engine / "answers").write_text(answer)
        done = subprocess.run(
            ["make", "--no-print-directory", "-C", folder, "read"], capture_output=True, text=True, timeout=60
        )
        asked = (engine / "asked").read_text().split()
        return done.returncode, done.stdout + done.stderr, [verb for verb in asked if verb.endswith("pause")]

    read.folder, read.engine = folder, engine
    return read


@pytest.fixture
def unfrozen(cage, repo):
    """Give a verb to a cage that its engine can't pause; returns exit code, words, and the engine's verbs."""
    folder, engine = cage.folder, cage.engine
    shutil.copytree(repo, folder / "repo")
    git = ["git", "-C", folder / "repo", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", "first"], check=True)
    for name, text in {"lacks": "pause", "seeded": "HEAD", "imported": "HEAD"}.items():
        (folder / ".history" / name).write_text(f"{text}\n")
    for name in ("base", "base.seeded"):
        (folder / ".history" / name).touch()
    (folder / ".state/engine/machine").write_text("end\n")
    (engine / "stubborn").write_text("99")
    (engine / "answers").write_text("no freezer")

    def run(*words, answer=""):
        (engine / "asked").write_text("")
        ours, theirs = pty.openpty() if answer else (0, subprocess.DEVNULL)
        process = subprocess.Popen(
            ["make", "--no-print-directory", "-C", folder, *words],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: answer and fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        if answer:
            os.write(ours, f"{answer}\n".encode())
        said = process.communicate(timeout=60)[0]
        asked = (engine / "asked").read_text().split()
        return process.returncode, said, [verb for verb in asked if verb not in ("container", "volume", "version")]

    run.folder, run.engine = folder, engine
    return run


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


@pytest.mark.parametrize(
    "answer",
    ["cannot toggle freezer: cgroups not configured for container", "freezer not supported: openat2 cgroup.freeze"],
)
def test_engine_without_a_freezer_is_remembered_and_told_once(cage, answer):
    code, said, asked = cage(99, answer)
    assert code == 2
    told = "the engine can't pause cage 'web', so it has to be stopped to be read: the next try asks for that\n"
    assert said.count(told) == 1
    assert "processes without end" not in said
    assert "unpause" not in asked
    assert (cage.folder / ".history/lacks").read_text() == "pause\n"


VERBS = [["export"], ["export", "CAGE_DRY_RUN=1"], ["export", "CAGE_TO=branch"], ["sync"], ["destroy"]]
ASKED = "The engine can't pause cage 'web'. Stop it, and start it again afterwards? Its programs end."


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_cage_that_cannot_be_paused_is_not_stopped_unasked(words, unfrozen):
    code, said, asked = unfrozen(*words)
    assert code == 2
    assert f"error: this needs an answer, and there is no terminal: {ASKED}\n" in said
    assert asked == []


def test_cage_that_is_not_to_be_stopped_is_not_read(unfrozen):
    code, said, asked = unfrozen("export", answer="n")
    assert code == 2
    assert "error: not confirmed\nNothing was changed.\n" in said
    assert asked == []


@pytest.mark.parametrize("words", VERBS[:-1], ids=" ".join)
@pytest.mark.parametrize("how", [{"words": ["CAGE_YES=1"]}, {"answer": "y"}], ids=["-y", "at a terminal"])
def test_cage_is_read_stopped_and_started_again_whatever_the_end(words, how, unfrozen):
    code, said, asked = unfrozen(*words, *how.get("words", []), answer=how.get("answer", ""))
    assert code == 2
    assert asked == ["stop", "run", "exec", "start"]
    assert "  STOP     web\n" in said and "  START    web\n" in said
    assert not (unfrozen.folder / ".state/export/stopped").exists()


def test_destroy_that_reads_nothing_starts_the_cage_again(unfrozen):
    code, said, asked = unfrozen("destroy", "CAGE_YES=1")
    assert code == 2
    assert "error: what is not exported could not be counted, so nothing was destroyed\n" in said
    assert asked == ["stop", "run", "exec", "start"]


def test_cage_that_a_killed_verb_left_stopped_is_started_by_the_next(unfrozen):
    (unfrozen.engine / "kill").touch()
    assert unfrozen("export", "CAGE_YES=1")[2] == ["stop", "run"]
    (unfrozen.engine / "kill").unlink()
    assert unfrozen("export")[2] == ["run", "exec", "start"]


def test_cage_that_its_user_stopped_meanwhile_stays_stopped(unfrozen):
    (unfrozen.engine / "kill").touch()
    unfrozen("export", "CAGE_YES=1")
    (unfrozen.engine / "kill").unlink()
    unfrozen("stop")
    assert unfrozen("export")[2] == ["run"]
    assert (unfrozen.engine / "status").read_text() == "exited"


def test_status_counts_no_cage_that_runs_and_says_so(unfrozen):
    code, said, asked = unfrozen("status")
    assert code == 0
    assert "un-exported   not counted: the engine can't pause a cage that runs. Stop it first: make -C " in said
    assert asked == ["exec"]  # for the kernel's counter
    (unfrozen.engine / "status").write_text("exited")
    code, said, asked = unfrozen("status")
    assert "un-exported   unknown\n" in said
    assert asked == ["run"]
