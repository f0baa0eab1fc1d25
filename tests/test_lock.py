"""The lock of a cage: one process has it, the others are told who; nobody's death keeps it, or lets two in."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import seeded

from cage import lock
from cage.errors import CageError

ROOT = Path(__file__).resolve().parent.parent
DEAD = "999999999:1:export"
# 504 in all: at four numbers of contenders, with and without /proc.
TRIES = int(os.environ.get("LOCK_TRIES", "63"))
Done = namedtuple("Done", "code out err")


@pytest.fixture
def web(tmp_path):
    """The folder of a cage called web, where the lock is tried anew thirty times a second, for minutes."""
    web = tmp_path / "web"
    shutil.copytree(ROOT / "templates/lib", web / "lib")
    edit(web, "sleep 0.1", "sleep 0.03")
    edit(web, "-le 100 ", "-le 6000 ")
    return web


@pytest.fixture(params=["with /proc", "without /proc"])
def folder(web, request):
    """The same, with and without the /proc of Linux."""
    if request.param == "without /proc":
        edit(web, "/proc/self/stat", "/none/stat")
    return web


def edit(folder, old, new):
    """Change the script of the lock in folder."""
    script = folder / "lib/run/lock"
    text = script.read_text()
    assert old in text
    script.write_text(text.replace(old, new))


@pytest.fixture
def child():
    """Another process, alive until the test ends."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def begin(folder, *command, verb="export", **more):
    """Run command under the lock of folder; returns the process."""
    environment = {**os.environ, "CAGE_NAME": "web", "LC_ALL": "C", **more}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(["bash", "lib/run/lock", verb, *command], cwd=folder, env=environment, **pipes)


def through(folder, *command, **more):
    """The end of a command under the lock: exit code, output, errors."""
    process = begin(folder, *(command or ("echo", "through")), **more)
    out, err = process.communicate(timeout=60)
    return Done(process.returncode, out, err)


def started(folder, process):
    """The start of a process, as the script in folder writes it."""
    if "/none/stat" not in (folder / "lib/run/lock").read_text():
        return Path(f"/proc/{process.pid}/stat").read_bytes().rpartition(b") ")[2].split()[19].decode()
    shown = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(process.pid)],
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC0"},
        capture_output=True,
        text=True,
    )
    return shown.stdout.strip().replace(" ", "_")


def links(folder):
    """The links of the lock, by number."""
    return {int(path.name): str(path.readlink()) for path in (folder / ".state/lock").iterdir()}


def left(folder, owner, number=1):
    """Leave a link that names owner."""
    (folder / ".state/lock").mkdir(parents=True)
    (folder / ".state/lock" / str(number)).symlink_to(owner)


def owner(folder, process):
    """The name of a process in a link."""
    return f"{process.pid}:{started(folder, process)}:sync"


def test_link_names_process_start_and_verb_whatever_the_caller_s_time_zone(folder):
    process = begin(folder, "sh", "-c", "echo && exec sleep 60", TZ="EAST-7", LC_ALL="C.UTF-8")
    process.stdout.readline()
    assert links(folder) == {1: f"{process.pid}:{started(folder, process)}:export"}
    assert (folder / ".state").stat().st_mode & 0o777 == 0o700
    process.kill()
    process.communicate()


def test_exit_code_is_the_command_s(folder):
    assert through(folder, "sh", "-c", "exit 7") == (7, "", "")


def test_living_owner_is_told_of_once_and_keeps_the_lock(folder, child):
    edit(folder, "-le 6000 ", "-le 9 ")
    left(folder, owner(folder, child))
    who = f"'sync' (process {child.pid})"
    assert through(folder) == (
        1,
        "",
        f"cage 'web' is busy with {who}; waiting\n"
        f"error: cage 'web' is still busy with {who}\nTry again when it is done.\n",
    )
    assert links(folder) == {1: owner(folder, child)}


def test_queue_that_moves_is_waited_for(folder):
    edit(folder, "-le 6000 ", "-le 100 ")
    verbs = [begin(folder, "sleep", "0.4") for _ in range(6)]
    assert [verb.communicate() and verb.returncode for verb in verbs] == [0] * 6


def test_owner_that_is_stopped_is_told_at_once(folder, child):
    left(folder, owner(folder, child))
    child.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
    done = through(folder)
    assert done.err.splitlines()[0] == f"error: cage 'web' is held by 'sync' (process {child.pid}), which is stopped"
    assert done.code == 1


@pytest.mark.parametrize("name", [DEAD, "999999999::export", "1", "x", ":", "1:2", "../x", "-n", ""])
def test_lock_of_the_dead_is_free_unsaid(name, folder):
    left(folder, name or " ")
    assert through(folder) == (0, "through\n", "")
    assert sorted(links(folder)) == [1, 2]


def test_process_that_has_the_number_of_a_dead_owner_is_not_the_owner(folder, child):
    left(folder, f"{child.pid}:1:export")
    assert through(folder).out == "through\n"


def test_remains_of_a_process_hold_no_lock(folder):
    process = subprocess.Popen(["sleep", "60"])
    left(folder, owner(folder, process))
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert through(folder).out == "through\n"
    process.wait()


def test_process_may_be_called_anything(folder, tmp_path):
    name = tmp_path / os.fsdecode(b"a) Z \n) \xff")
    name.write_text("#!/bin/sh\nread line\n")
    name.chmod(0o700)
    with subprocess.Popen([name], stdin=subprocess.PIPE) as process:
        left(folder, owner(folder, process))
        edit(folder, "-le 6000 ", "-le 9 ")
        assert through(folder).code == 1
        process.kill()


def test_cage_that_is_destroyed_while_a_verb_waits_is_named(folder, child):
    left(folder, owner(folder, child))
    verb = begin(folder, "echo", "through")
    assert "waiting" in verb.stderr.readline()
    (folder / ".state").rename(folder / "trash")
    assert verb.communicate()[1].splitlines()[0] == "error: cage 'web' was destroyed meanwhile"
    assert not (folder / ".state").exists()


def test_folder_that_cannot_be_written_is_told_before_anything_begins(folder):
    (folder / ".state").write_text("")
    assert f"error: nothing can be written to '{folder}'" in through(folder).err


def test_last_links_stay_and_older_ones_go(folder):
    for _ in range(41):
        assert through(folder, "true").code == 0
    numbers = sorted(links(folder))
    assert numbers == list(range(31, 42))


def test_one_that_was_slow_between_look_and_link_does_not_get_in(folder, tmp_path):
    slow = tmp_path / "slow"
    slow.mkdir()
    wait = '[ -e "$0.late" ] || { : >"$0.late"; until [ -e "$0.go" ]; do sleep 0.02; done; }'
    (slow / "ln").write_text(f'#!/bin/sh\n{wait}\nexec /bin/ln "$@"\n')
    (slow / "ln").chmod(0o700)
    left(folder, DEAD)
    late = begin(folder, "sh", "-c", "cat order", PATH=f"{slow}:{os.environ['PATH']}")
    while not (slow / "ln.late").exists():
        time.sleep(0.01)
    for number in range(25):
        assert through(folder, "sh", "-c", f"echo {number} >order").code == 0
    holder = begin(folder, "sh", "-c", "echo && sleep 1 && echo last >order", verb="sync")
    holder.stdout.readline()
    (slow / "ln.go").touch()
    out, err = late.communicate()
    assert (out, err.count("busy with 'sync'")) == ("last\n", 1)
    holder.communicate()


@pytest.mark.parametrize("contenders", [2, 3, 8, 16])
def test_two_are_never_in_though_some_are_killed(contenders, folder, tmp_path):
    """The kernel's own lock is the witness: flock fails where another process is in."""
    witness = ["flock", "--nonblock", "--close", "--conflict-exit-code", "99", str(tmp_path / "witness"), "sleep"]
    chance, tries, ends = seeded(contenders), itertools.count(), []

    def contend(_):
        while next(tries) < TRIES:
            process = begin(folder, *witness, f"{chance.random() / 200:.4f}")
            if chance.random() < 0.3:
                time.sleep(chance.random() / 15)
                process.kill()
            out, err = process.communicate(timeout=120)
            ends.append((process.returncode, out, err))

    with ThreadPoolExecutor(contenders) as pool:
        list(pool.map(contend, range(contenders)))
    assert len(ends) == TRIES
    assert [end for end in ends if end[0] not in (0, -signal.SIGKILL)] == []
    assert sum(code == 0 for code, _, _ in ends) > TRIES / 2


def test_tc_and_recipes_respect_the_same_lock(web, capfd):
    with lock.held(web, "set"):
        verb = begin(web, "echo", "through")
        assert verb.stderr.readline().startswith("cage 'web' is busy with 'set' (process ")
        assert verb.poll() is None
    assert verb.communicate() == ("through\n", "")
    assert capfd.readouterr() == ("", "")


def test_ctrl_c_for_tc_is_not_for_its_lock(web):
    with lock.held(web, "set"):
        owner = max((link for link in (web / ".state/lock").iterdir()), key=lambda link: int(link.name)).readlink()
        assert os.getpgid(int(str(owner).split(":")[0])) != os.getpgrp()


def test_tc_tells_who_has_the_lock(web, capfd, child):
    left(web, f"{child.pid}:{Path(f'/proc/{child.pid}/stat').read_text().split()[21]}:sync")
    child.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
    with pytest.raises(CageError) as refused, lock.held(web, "set"):
        pass
    assert refused.value.problem == f"cage 'web' is held by 'sync' (process {child.pid}), which is stopped"
    assert refused.value.remedy.startswith("Let it go on (fg in its terminal)")
    assert refused.value.code == 1
    assert capfd.readouterr() == ("", "")


def test_lock_of_tc_is_free_again_after_a_failure(web):
    with pytest.raises(ZeroDivisionError), lock.held(web, "set"):
        raise ZeroDivisionError
    assert through(web).out == "through\n"


def test_lock_of_tc_is_free_again_when_tc_is_killed(web):
    program = f"""
import pathlib, time
from cage import lock
with lock.held(pathlib.Path({str(web)!r}), "set"):
    print(flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        verb = begin(web, "echo", "through")
        assert "busy with 'set'" in verb.stderr.readline()
        holder.kill()
        assert verb.communicate() == ("through\n", "")
