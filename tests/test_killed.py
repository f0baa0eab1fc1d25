"""lib/engine/killed: how many programs the kernel ended for want of memory, by a counter that the cage prints."""

import os
import re
import subprocess

import pytest
from conftest import CONTAINER, LIMITS, ROOT

V1 = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"
V2 = "low 0\nhigh 0\nmax 41\noom 7\noom_kill {}\noom_group_kill 0\n"
TOLD = "Out of memory: the kernel ended {} of the programs of cage 'web' (limit 2.0 GiB; more: tc set web memory=4g)\n"


@pytest.fixture
def killed(tmp_path):
    """Run lib/engine/killed for a cage with a limit, after its kernel counted; returns both outputs."""
    (tmp_path / ".state/engine").mkdir(parents=True)
    (tmp_path / "lib").symlink_to(ROOT / "templates/lib")

    def run(word, counted="", *, memory=2 << 30, start="2030-01-01", via="tc"):
        cage = CONTAINER.format(name="web", status="running", image="1", home="id", limits=LIMITS.format(memory, 0, 9))
        (tmp_path / ".state/engine/at-hand").write_text(cage.replace("2030-01-01", start) + "192.0.2.1\nnetwork open\n")
        (tmp_path / ".state/engine/kills").write_bytes(counted.encode("latin1"))
        names = {"CAGE_NAME": "web", "CAGE_CONTAINER": "isolated-dev-web", "CAGE_VIA": via}
        environment = {"PATH": os.environ["PATH"], **names}
        command = ["bash", "lib/engine/killed", word]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize("counter", [V1, V2])
def test_each_program_is_told_once_and_anew_after_a_start(counter, killed):
    assert killed("news", counter.format(0)) == ""
    assert killed("news", counter.format(3)) == TOLD.format(3)
    assert killed("news", counter.format(3)) == ""
    assert killed("news", counter.format(5)) == TOLD.format(2)
    assert killed("news", counter.format(1), start="2030-01-02") == TOLD.format(1)
    assert killed("count", counter.format(5)) == "5\n"


@pytest.mark.parametrize(
    "text", ["", "oom_kill \x1b]0;evil\x07", "oom_kill -1", "oom_kill 9999999999", "oom_kill 1 2\r\n", "\x00" * 9]
)
def test_words_of_the_agent_s_in_the_counter_s_place_say_nothing(text, killed):
    assert killed("news", text + "\n") == killed("count", text + "\n") == ""


def test_memory_so_full_that_the_counter_can_t_be_read(killed):
    told = "the kernel ends each program that starts in {} (limit 2.0 GiB; more: tc set web memory=4g)\n"
    assert killed("news", "exit 137\n") == "Out of memory: " + told.format("cage 'web'")
    assert killed("all", "exit 137\n") == told.format("it")
    assert killed("news", "exit 1\n") == ""


@pytest.mark.parametrize(
    ("memory", "via", "more"),
    [
        (200 << 20, "tc", "limit 200.0 MiB; more: tc set web memory=400m"),
        (1536 << 20, "tc", "limit 1.5 GiB; more: tc set web memory=3g"),
        (2 << 30, "", "limit 2.0 GiB; more: CAGE_MEMORY := 4g in the Makefile, then make limits"),
        (0, "tc", "no limit of the cage's"),
    ],
)
def test_the_way_to_raise_the_limit(memory, via, more, killed):
    assert killed("more", memory=memory, via=via) == more + "\n"


@pytest.mark.parametrize("counter", [V1, V2])
def test_attach_reads_the_counter_where_it_is_and_tells_it_once(counter, tmp_path):
    text = re.search(r"^# The kernel's counter .*?^fi$", (ROOT / "templates/layout.sh.j2").read_text(), re.M | re.S)[0]
    paths = re.findall(r"/sys/\S+", text)
    assert paths == ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"]
    file = tmp_path / "counter"
    text = text.replace(paths[counter == V1], str(file)).replace(paths[counter == V2], "/nowhere")
    (tmp_path / "tmux").write_text(
        f"#!/bin/sh\ncase $1 in show-options) cat {tmp_path}/told 2>/dev/null ;;\n"
        f"set-option) echo $4 >{tmp_path}/told ;;\nlist-commands) echo 'display-message [-d delay]' ;; esac\n"
    )
    (tmp_path / "tmux").chmod(0o755)

    def shown(number):
        file.write_text(counter.format(number))
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CAGE_MORE_MEMORY": "more"}
        command = ["sh", "-euc", f'session=dev\n{text}\nprintf "%s|" "$@"']
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert shown(0) == "|"
    assert shown(2) == ";|display-message|-d|0| Out of memory: programs ended: 2 (more)|"
    assert shown(2) == "|"
    assert shown(3) == ";|display-message|-d|0| Out of memory: programs ended: 1 (more)|"
