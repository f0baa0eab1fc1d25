"""Fixtures of all tests: a TRUSTY_CAGE_HOME of their own, toy templates, and tc as it is typed."""

import fcntl
import os
import pty
import random
import shutil
import signal
import subprocess
import sys
import termios
from collections import namedtuple
from pathlib import Path

import pytest

from cage import cli
from cage.recipes import templates

Result = namedtuple("Result", "code out err")

TOY = Path(__file__).parent / "toy"

# A container in an answer of the engine, as AS_STATE of recipes/docker.mk asks for it.
CONTAINER = (
    "container=/isolated-dev-{name}\nstatus={status}\nstarted=2030-01-01T00:00:00Z\n"
    "image={image}\nimage_id=sha256:1\ncage=web\nhome={home}\n{limits}\n"
)
LIMITS = "memory={}\ncpus={}\npids={}\n"
# The engine, as AS_ENGINE asks for it.
INFO = "memory={memory}\ncpus=4\nsecurity={security}\nlacks={lacks}\n"
ROOT = Path(__file__).parent.parent


# A background job, nohup and some CI ignore SIGINT, and their children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--golden", action="store_true", help="write tests/rendered/ anew")


def pytest_xdist_auto_num_workers():
    """One process more than there are cores: some tests wait for a time limit to pass."""
    return os.cpu_count() + 1


def pytest_terminal_summary(terminalreporter):
    """Print the programs of this machine that passing tests recorded."""
    passed = terminalreporter.stats.get("passed", [])
    for line in sorted(text for report in passed for key, text in report.user_properties if key == "seen"):
        terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A TRUSTY_CAGE_HOME of the test's own, with nothing of the caller's settings."""
    for name in list(os.environ):
        if name.startswith(("TRUSTY_CAGE_", "CAGE_", "ANTHROPIC_", "MAKE", "MFLAGS", "GIT_", "PYTHON")):
            monkeypatch.delenv(name)
    folder = tmp_path / "a home ü"
    monkeypatch.setenv("TRUSTY_CAGE_HOME", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return folder


def seeded(part=0):
    """Random numbers of a test's PART; their seed is printed, and TESTS_SEED repeats it."""
    seed = int(os.environ.get("TESTS_SEED") or random.randrange(1 << 32))
    print(f"TESTS_SEED={seed}")
    return random.Random(f"{seed} {part}")


@pytest.fixture
def place(tmp_path):
    """A folder for thousands of small trees, in memory where there is some."""
    root = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else tmp_path  # linux
    place = root / f"trusty-cage-tests-{os.getpid()}"
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def toy(monkeypatch):
    """Render from the toy templates: their verbs print the variables that reached them."""
    monkeypatch.setattr(templates, "source", lambda: TOY)
    return TOY


@pytest.fixture
def tc(capfd):
    """Run tc in this process, without a terminal."""

    def run(*words):
        capfd.readouterr()
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as ended:
            code = ended.code
        return Result(code, *capfd.readouterr())

    return run


@pytest.fixture
def repo(tmp_path):
    """A local repository called web."""
    folder = tmp_path / "web"
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    return folder


@pytest.fixture
def web(toy, tc, repo, home):
    """The folder of a created cage called web."""
    assert tc("create", repo).code == 0
    return home / "envs" / "web"


@pytest.fixture
def release(tmp_path, monkeypatch):
    """The toy templates of the next release, to be changed by a test."""
    folder = tmp_path / "next"
    shutil.copytree(TOY, folder)
    monkeypatch.setattr(templates, "source", lambda: folder)
    monkeypatch.setattr("cage.__version__", "2.0")

    def change(path, old, new):
        edit(folder / path, old, new)

    change.folder = folder
    return change


def edit(path, old, new):
    """Edit a file as its user would: old, which is there, becomes new."""
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def edit_recipe(cage, old, new):
    """Edit the recipes as their user would: old stands in one of the files, and becomes new there."""
    (path,) = [path for path in (cage / "Makefile", *cage.glob("recipes/*.mk")) if old in path.read_text()]
    edit(path, old, new)


def everything(folder):
    """All files below folder but those that can be remade."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".state" not in path.parts
    }


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A stand-in for docker: prints the file `answer`, logs its argv to `asked`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text(
        f"#!{sys.executable}\n"
        "import pathlib, sys\n"
        "here = pathlib.Path(__file__).parent\n"
        "with (here / 'asked').open('a') as file:\n"
        "    file.write(repr(sys.argv[1:]) + '\\n')\n"
        "answer = here / 'answer'\n"
        "sys.exit(1) if not answer.exists() else sys.stdout.write(answer.read_text())\n"
    )
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def in_terminal(*words, typed=""):
    """Run tc on the toy templates in a terminal, with a line of typed for each question; its exit code and output."""
    ours, theirs = pty.openpty()
    script = (
        "import sys, pathlib; from cage import cli; from cage.recipes import templates;"
        f"templates.source = lambda: pathlib.Path({str(TOY)!r});"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, words)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    shown = b""
    while data := _read(ours):
        shown += data
        if typed and shown.endswith(b"] "):
            line, end, typed = typed.partition("\n")
            os.write(ours, (line + end).encode())
    os.close(ours)
    return process.wait(timeout=20), shown.decode().replace("\r\n", "\n")


def _read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
