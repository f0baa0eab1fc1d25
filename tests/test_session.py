"""lib/run/session: the terminal after a session is as before, after any program."""

import fcntl
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

LIB = Path(__file__).parent.parent / "templates" / "lib"
CSI = re.compile(rb"\x1b\[([?>=<]?)([0-9;]*)([\x20-\x2f]?[@-~])")

MODES = [1, 5, 9, 45, 66, 67, 69, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1049, 2004, 2026, 2031, 2048]


class Terminal:
    """A terminal of the test's: the output of programs in it, and its answer to each DA query."""

    def __init__(self, answer=b""):
        self.ours, self.theirs = pty.openpty()
        self.answer, self.shown = answer, b""

    def start(self, *command, **streams):
        """Run command in the terminal, through lib/run/session."""
        streams = {"stdin": self.theirs, "stdout": self.theirs, "stderr": self.theirs} | streams
        return subprocess.Popen(
            ["bash", LIB / "run/session", str(os.getpid()), *command],
            **streams,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(self.theirs, termios.TIOCSCTTY, 0),
        )

    def follow(self, process, seconds=20):
        """Show and answer until process is done; returns its exit code."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            done = process.poll() is not None
            while select.select([self.ours], [], [], 0.01)[0]:
                data = os.read(self.ours, 65536)
                self.shown += data
                os.write(self.ours, self.answer * data.count(b"\x1b[c"))
            if done:
                return process.returncode
        process.kill()
        raise AssertionError("the session did not end")

    def run(self, *command, **streams):
        return self.follow(self.start(*command, **streams))

    def settings(self):
        return termios.tcgetattr(self.theirs)

    def pending(self):
        """The input that a shell would find typed, read as it comes."""
        now = self.settings()
        now[3] &= ~(termios.ICANON | termios.ECHO)
        now[6][termios.VMIN] = now[6][termios.VTIME] = 0
        termios.tcsetattr(self.theirs, termios.TCSANOW, now)
        return os.read(self.theirs, 65536)


@pytest.fixture
def terminal():
    terminal = Terminal()
    yield terminal
    os.close(terminal.ours)
    os.close(terminal.theirs)


def last(shown, mark, number, kinds):
    """The last thing that was said of a mode: its final letter."""
    said = [
        kind for prefix, numbers, kind in CSI.findall(shown) if prefix == mark and numbers == number and kind in kinds
    ]
    return said[-1] if said else None


@pytest.mark.parametrize("code", [0, 1, 137])
def test_modes_are_off_whatever_the_exit_code(terminal, code):
    on = "".join(f"\\033[?{mode}h" for mode in MODES) + "\\033[?25l\\033[?7l\\033[4h\\033="
    assert terminal.run("bash", "-c", f"printf '{on}'; exit {code}") == code
    for mode in MODES:
        assert last(terminal.shown, b"?", b"%d" % mode, (b"h", b"l")) == b"l", mode
    assert last(terminal.shown, b"?", b"25", (b"h", b"l")) == b"h"
    assert last(terminal.shown, b"?", b"7", (b"h", b"l")) == b"h"
    assert last(terminal.shown, b"", b"4", (b"h", b"l")) == b"l"
    assert terminal.shown.rindex(b"\x1b>") > terminal.shown.rindex(b"\x1b=")


def test_what_no_mode_holds_is_set_back(terminal):
    assert terminal.run("printf", "MARK") == 0
    after = terminal.shown.partition(b"MARK")[2]
    # An unended string comes first, colours and charsets after all that old terminals take for colours.
    assert after.startswith(b"\x18\x1b\\")
    for sequence in (
        b"\x1b[r",
        b"\x1b(B",
        b"\x0f",
        b"\x1b[0m",
        b"\x1b[0 q",
        b"\x1b[<99u",
        b"\x1b[>4m",
        b"\x1b]104\x1b\\",
    ):
        assert sequence in after, sequence
    assert after.index(b"\x1b[>4m") < after.index(b"\x1b[0m")


def test_title_is_put_back_and_is_never_what_the_cage_chose_where_there_is_none(terminal):
    terminal.run("printf", "\\033]0;evil\\007")
    assert terminal.shown.startswith(b"\x1b[22;0t")
    assert re.search(rb"\x1b\]0;[^\x1b]*\x1b\\\x1b\[23;0t$", terminal.shown)
    assert b"evil" not in terminal.shown.partition(b"\x07")[2]


def test_settings_of_the_terminal_come_back(terminal):
    mine = terminal.settings()
    mine[0] &= ~termios.IXON
    mine[6][termios.VINTR] = b"\x07"
    termios.tcsetattr(terminal.theirs, termios.TCSANOW, mine)
    before = terminal.settings()
    terminal.run("stty", "raw", "-echo")
    assert terminal.settings() == before


def test_answers_are_dropped_and_not_shown(terminal):
    terminal.answer = b"\x1b[?64;1;2c"
    terminal.run(sys.executable, "-c", "print('\\033[c' * 2000, end='')")
    assert terminal.pending() == b""
    assert b"64;1;2" not in terminal.shown


def test_answers_are_waited_for_a_moment_only(terminal):
    begin = time.monotonic()
    terminal.run("true")
    assert time.monotonic() - begin < 2
    os.write(terminal.ours, b"typed afterwards")
    assert terminal.pending() == b"typed afterwards"


def test_ctrl_c_while_the_session_begins_gives_the_terminal_back(terminal):
    before = terminal.settings()
    process = terminal.start("bash", "-c", "printf '\\033[?1049h'; sleep 20")
    while b"\x1b[?1049h" not in terminal.shown:
        terminal.shown += os.read(terminal.ours, 4096)
    os.write(terminal.ours, b"\x03")
    assert terminal.follow(process) == 130
    assert last(terminal.shown, b"?", b"1049", (b"h", b"l")) == b"l"
    assert terminal.settings() == before


@pytest.mark.parametrize("streams", [{"stdin": subprocess.DEVNULL}, {"stdout": subprocess.DEVNULL}])
def test_without_a_terminal_on_both_sides_nothing_is_added(terminal, streams):
    assert terminal.run("bash", "-c", "echo only this >&2; exit 3", **streams) == 3
    assert terminal.shown == b"only this\r\n"
    os.write(terminal.ours, b"typed\n")
    assert terminal.pending() == b"typed\n"


def lived(tmp_path, tc, *, ignored):
    """Whether a command of six seconds lived to its end, with a ps that fails and with TC for the caller's tc."""
    for name in ("ps", "make"):  # make would end the programs inside
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    command = ["bash", LIB / "run/session", str(os.getpid()), "sh", "-c", f"sleep 6; touch {tmp_path}/end"]
    nohup = [
        sys.executable,
        "-c",
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execvp(sys.argv[1], sys.argv[1:])",
    ]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "CAGE_TC": str(tc)}
    subprocess.run([*(nohup if ignored else []), *command], env=environment, stdin=subprocess.DEVNULL, timeout=20)
    return (tmp_path / "end").exists()


@pytest.mark.parametrize(
    ("alive", "ignored", "lives"), [(True, False, True), (False, False, False), (False, True, True)]
)
def test_session_ends_with_its_tc_unless_nohup_says_otherwise(alive, ignored, lives, tmp_path):
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert lived(tmp_path, os.getpid() if alive else gone.pid, ignored=ignored) is lives
