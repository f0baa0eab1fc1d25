"""The lock of a cage: its owner is named and waited for; only a dead owner's lock is taken over."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from cage import lock
from cage.errors import CageError

DEAD = "999999999:1:export"


@pytest.fixture
def folder(tmp_path):
    """The folder of a cage called web."""
    (tmp_path / "web").mkdir()
    return tmp_path / "web"


@pytest.fixture
def place(folder):
    """Where the lock lies, in a folder that is there."""
    (folder / ".state").mkdir()
    return folder / ".state/lock"


@pytest.fixture
def child():
    """Another process, alive until the test ends."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.fixture
def without_proc(monkeypatch, tmp_path):
    """A machine like macOS: no /proc."""
    monkeypatch.setattr(lock, "Path", lambda path: tmp_path / "none" / path.lstrip("/"))


def owner(process):
    """How the lock of another process reads."""
    return f"{process.pid}:{lock._started(process.pid)}:export"


def held(folder, verb="set"):
    """How the lock reads while it is held."""
    with lock.held(folder, verb):
        return str((folder / ".state/lock").readlink())


def test_lock_names_process_start_and_verb(folder):
    start = Path("/proc/self/stat").read_text().rpartition(") ")[2].split()[19]
    assert held(folder) == f"{os.getpid()}:{start}:set"
    assert not any((folder / ".state").iterdir())
    assert (folder / ".state").stat().st_mode & 0o777 == 0o700


def test_start_without_proc_is_that_of_ps_whatever_the_caller_s_locale(folder, without_proc, monkeypatch):
    monkeypatch.setenv("TZ", "EAST-7")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    shown = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(os.getpid())],
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC0"},
        capture_output=True,
        text=True,
    )
    assert held(folder) == f"{os.getpid()}:{'_'.join(shown.stdout.split())}:set"


def test_lock_is_free_again_after_a_failure(folder):
    with pytest.raises(ZeroDivisionError), lock.held(folder, "set"):
        raise ZeroDivisionError
    assert not any((folder / ".state").iterdir())


def test_lock_that_somebody_took_over_is_left_to_them(folder, place):
    with lock.held(folder, "set"):
        place.unlink()
        place.symlink_to(DEAD)
    assert str(place.readlink()) == DEAD


def busy(folder, capfd):
    """The end of a wait in vain for the lock of folder: problem, remedy, and the words before."""
    with pytest.raises(CageError) as refused, lock.held(folder, "set"):
        pass
    return refused.value.problem, refused.value.remedy, capfd.readouterr()


def test_living_owner_is_told_of_once_and_keeps_the_lock(folder, place, child, capfd, monkeypatch):
    monkeypatch.setattr(lock, "TRIES", 3)
    monkeypatch.setattr(lock, "PAUSE", 0)
    place.symlink_to(owner(child))
    who = f"'export' (process {child.pid})"
    assert busy(folder, capfd) == (
        f"cage 'web' is still busy with {who}",
        "Try again when it is done.",
        ("", f"cage 'web' is busy with {who}; waiting\n"),
    )
    assert str(place.readlink()) == owner(child)


def test_cage_that_is_destroyed_while_a_verb_waits_is_named(folder, place, child, capfd, monkeypatch):
    monkeypatch.setattr(lock.time, "sleep", lambda seconds: shutil.rmtree(folder))
    place.symlink_to(owner(child))
    problem, remedy, _ = busy(folder, capfd)
    assert (problem, remedy) == ("cage 'web' was destroyed meanwhile", "See which there are: tc list")


def test_wait_ends_when_the_lock_is_free(folder, place, child, capfd, monkeypatch):
    paused = []

    def pause(seconds):
        paused.append(seconds)
        if len(paused) == 3:
            place.unlink()

    monkeypatch.setattr(time, "sleep", pause)
    place.symlink_to(owner(child))
    assert held(folder).startswith(f"{os.getpid()}:")
    assert paused == [0.1] * 3
    assert capfd.readouterr().err.count("waiting") == 1


def test_lock_that_goes_away_while_it_is_looked_at_is_free(folder, place, monkeypatch):
    place.symlink_to(DEAD)
    real, asked = lock._owner, []

    def look(path):
        asked.append(path)
        if len(asked) == 1:
            path.unlink()
        return real(path)

    monkeypatch.setattr(lock, "_owner", look)
    assert held(folder).startswith(f"{os.getpid()}:")


@pytest.mark.parametrize("left", [DEAD, "999999999::export", "1", "x", ":", "1:2"])
def test_lock_of_the_dead_is_taken_over_unsaid(left, folder, place, capfd):
    place.symlink_to(left)
    assert held(folder).startswith(f"{os.getpid()}:")
    assert not any((folder / ".state").iterdir())
    assert capfd.readouterr() == ("", "")


def test_process_that_has_the_number_of_a_dead_owner_is_not_the_owner(folder, place, child):
    place.symlink_to(f"{child.pid}:1:export")
    assert held(folder).startswith(f"{os.getpid()}:")


@pytest.mark.parametrize("without", ["", "without_proc"])
def test_remains_of_a_process_hold_no_lock(without, folder, place, request):
    if without:
        request.getfixturevalue(without)
    process = subprocess.Popen(["sleep", "60"])
    place.symlink_to(owner(process))
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert lock._started(process.pid) == ""
    assert held(folder).startswith(f"{os.getpid()}:")
    process.wait()


def test_living_owner_keeps_the_lock_without_proc(folder, place, child, capfd, monkeypatch, without_proc):
    monkeypatch.setattr(lock, "TRIES", 1)
    monkeypatch.setattr(lock, "PAUSE", 0)
    place.symlink_to(owner(child))
    assert busy(folder, capfd)[0] == f"cage 'web' is still busy with 'export' (process {child.pid})"


@pytest.mark.parametrize("without", ["", "without_proc"])
def test_nobody_has_started_under_the_number_of_the_dead(without, request, monkeypatch):
    if without:
        request.getfixturevalue(without)
    else:
        monkeypatch.setattr(subprocess, "run", lambda *given, **more: pytest.fail("where there is /proc, it is asked"))
    assert lock._started(999999999) == ""


def test_process_may_be_called_anything(tmp_path):
    name = tmp_path / os.fsdecode(b"a) Z \xff")
    name.write_text("#!/bin/sh\nread line\n")
    name.chmod(0o700)
    with subprocess.Popen([name], stdin=subprocess.PIPE) as process:
        facts = Path(f"/proc/{process.pid}/stat").read_bytes()
        assert lock._started(process.pid) == facts.rpartition(b") ")[2].split()[19].decode()
        process.kill()


def test_lock_of_the_living_that_came_in_between_goes_back(place, child):
    place.symlink_to(owner(child))
    lock._take_away(place, DEAD)
    assert str(place.readlink()) == owner(child)
    assert list(place.parent.iterdir()) == [place]


def test_lock_that_is_taken_away_and_made_anew_meanwhile_stays(place, child, monkeypatch):
    place.symlink_to(DEAD)
    real = lock._owner

    def look(path):
        if path != place:
            place.symlink_to(owner(child))
        return real(path)

    monkeypatch.setattr(lock, "_owner", look)
    lock._take_away(place, "999999999:2:export")
    assert str(place.readlink()) == owner(child)


def test_lock_that_somebody_else_took_away_is_no_error(place):
    lock._take_away(place, DEAD)
    assert not any(place.parent.iterdir())
