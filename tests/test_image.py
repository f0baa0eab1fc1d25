"""An image's build: the builder's arguments, the base image's name, and the last line of the log."""

import ctypes
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from contextlib import suppress

import pytest
from conftest import ROOT

LIB = ROOT / "templates/lib"
STEP = 'RUN echo "error: PYTHON: no"; echo "change: ARG PYTHON_URL"; false'
ERROR = r'process "/bin/sh -c echo \"error: PYTHON: no\"; false" did not complete successfully: exit code: 1'

# The end of a build by buildx 0.29, by the BuildKit of client 20.10, and by the legacy builder (28.5).
BUILDX = f"""\
#5 [2/2] {STEP}
#5 0.990 error: PYTHON: no
#5 0.990 change: ARG PYTHON_URL
#5 ERROR: {ERROR}
------
 > [2/2] {STEP}:
0.990 error: PYTHON: no
0.990 change: ARG PYTHON_URL
------

 1 warning found (use docker --debug to expand):
Dockerfile:3
--------------------
   3 | >>> {STEP}
--------------------
ERROR: failed to build: failed to solve: {ERROR}
"""
CLIENT_20_10 = f"""\
#4 [2/2] {STEP}
#4 0.830 error: PYTHON: no
#4 0.838 change: ARG PYTHON_URL
#4 ERROR: executor failed running [/bin/sh -c false]: exit code: 1
------
 > [2/2] {STEP}:
------
executor failed running [/bin/sh -c false]: exit code: 1
"""
# It colours the output of a step on standard error.
LEGACY = f"""\
Step 3/3 : {STEP}
 ---> Running in 95e15247a6fb
\x1b[91merror: PYTHON: no
------
change: ARG PYTHON_URL
\x1b[0m ---> Removed intermediate container 95e15247a6fb
The command '/bin/sh -c echo "error: PYTHON: no"; false' returned a non-zero code: 1
"""


@pytest.fixture
def folder(tmp_path):
    """A cage's folder, as far as its scripts look at it."""
    (tmp_path / "cage").mkdir()
    (tmp_path / "cage/lib").symlink_to(LIB)
    return tmp_path / "cage"


def shown(folder, log):
    """The words that are shown of a build that failed with this log."""
    (folder / "said").write_text(log)
    words = ["bash", "lib/run/log", "build", "sh", "-c", "cat said; exit 1"]
    done = subprocess.run(words, cwd=folder, env={**os.environ, "CAGE_NAME": "web"}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    place, end, *said = done.stderr.splitlines()
    assert (place, end) == (f"  LOG      {folder}/.state/log/build", "The end of it:")
    return said


def failed(folder, log):
    """The words that a failed build with this log ends with."""
    shown(folder, log)
    words = ["bash", "lib/failed/build", "build", "1"]
    done = subprocess.run(words, cwd=folder, env={**os.environ, "CAGE_NAME": "web"}, capture_output=True, text=True)
    assert done.returncode == 1
    return done.stderr.splitlines()


def on_terminal(folder, build):
    """All that a person sees of a build by these shell commands."""
    run = f"cd {folder}; CAGE_NAME=web exec bash lib/run/log build-image sh -c '{build}'"
    return pty_output(["bash", "-c", run])


def pty_output(command):
    pid, terminal = pty.fork()
    if not pid:
        os.execvp(command[0], command)
    seen = b""
    with suppress(OSError):  # EIO ends the output of a terminal
        while some := os.read(terminal, 4096):
            seen += some
    os.waitpid(pid, 0)
    return seen.decode()


@pytest.mark.parametrize("said", ["#7 [ 3/19] RUN make\tit", "Step 3/19 : RUN make    it"])
def test_terminal_has_the_last_step_of_a_build(said, folder):
    seen = on_terminal(folder, f'echo "{said}\n#7 1.234 words of the step"; sleep 4')
    assert re.search(r"\r\x1b\[K  0:0[1-3] +3/19 RUN make it", seen)
    assert seen.endswith("\r\x1b[K")


def test_password_that_git_asks_for_meanwhile_is_not_written_over(folder):
    (folder / ".state/clone/incoming").mkdir(parents=True)
    assert "3/19" not in on_terminal(folder, 'echo "Step 3/19 : RUN x"; sleep 1.6')


def test_build_that_was_interrupted_is_told_as_no_fault(folder):
    build = "echo begun; kill -INT $PPID; sleep 0.1; echo error: no; exit 1"
    words = ["bash", "lib/run/log", "build", "sh", "-c", build]
    done = subprocess.run(words, cwd=folder, env={**os.environ, "CAGE_NAME": "web"}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, f"  LOG      {folder}/.state/log/build\n")
    done = subprocess.run(["bash", "lib/failed/build", "build", "130"], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize("log", [BUILDX, CLIENT_20_10, LEGACY, LEGACY.replace(" ---> Removed", "Removing")])
def test_last_line_of_a_failed_build_is_the_step_s_own(folder, log):
    lines = shown(folder, log)
    assert lines[0] == "  the step ended with exit code 1"
    assert lines[-1] == "  change: ARG PYTHON_URL"
    assert "  error: PYTHON: no" in lines


@pytest.mark.parametrize("log", [BUILDX, CLIENT_20_10, LEGACY])
def test_failed_build_ends_with_its_cause_and_the_remedy(folder, log):
    said = failed(folder, log.replace("\n------\nchange", "\nchange"))
    assert said == ["error: the image can't be built: PYTHON: no", "change: ARG PYTHON_URL", "Then: @create@"]


def test_failed_build_without_an_error_of_ours_ends_with_its_last_line(folder):
    many = "".join(f"line {number}\n" for number in range(9))
    for log in ("manifest unknown\n", f"ERROR: early\n{many}manifest unknown\n"):
        assert failed(folder, log) == ["error: the image can't be built: manifest unknown", "Then: @create@"]
    assert failed(folder, "ERROR: \x1b[31mn\x1b]o\n")[0] == "error: the image can't be built: n]o"


def test_long_step_leaves_its_exit_code_and_its_last_lines(folder):
    many = "".join(f"#5 1.{number} line {number}\n" for number in range(100, 200))
    lines = shown(folder, BUILDX.replace("#5 0.990 error: PYTHON: no\n", many))
    assert lines == [
        "  the step ended with exit code 1",
        *(f"  line {number}" for number in range(187, 200)),
        "  change: ARG PYTHON_URL",
    ]


@pytest.mark.parametrize(
    ("log", "last"),
    [
        ('#7 [3/4] COPY x /\n#7 ERROR: "/x": not found\n------\n > [3/4] COPY x /:\n------\nDockerfile:5\n',
         '  #7 ERROR: "/x": not found'),
        ("Dockerfile:3\n----------\n   3 | >>> FOO\n----------\nERROR: unknown instruction: FOO\n",
         "  ERROR: unknown instruction: FOO"),
        ("manifest unknown\n", "  manifest unknown"),
    ],
)  # fmt: skip
def test_another_error_is_shown_as_it_is(folder, log, last):
    assert shown(folder, log)[-1] == last


def named(folder, base, answer):
    """Exit code, the base image's name for a builder, and the errors."""
    environment = {**os.environ, "CAGE_BASE_IMAGE": base, "CAGE_NAME": "web"}
    done = subprocess.run(
        ["bash", "lib/image/base"], cwd=folder, env=environment, input=answer, capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("base", ["7eb04bdbccd3", "sha256:7eb04bdbccd3", "7eb04bdbccd3" + "0" * 52])
def test_base_that_is_an_id_goes_by_its_first_tag(folder, base):
    answer = f"id=sha256:7eb04bdbccd3{'0' * 52}\n"
    assert named(folder, base, f"{answer}tags= base:1 base:2\n\n") == (0, "base:1\n", "")
    assert named(folder, base, f"{answer}tags=\n\n") == (
        1,
        "",
        f"error: base image '{base}' is an id, and that image has no name to build from\n"
        f"Give it one, and set base_image to that: docker tag {base} my-base\n",
    )


@pytest.mark.parametrize("answer", ["", "id=sha256:7eb04bdbccd3\ntags= base:1\n\n"])
def test_base_that_has_a_name_keeps_it(folder, answer):
    assert named(folder, "debian:12", answer) == (0, "debian:12\n", "")


@pytest.fixture
def built(tc, repo, home, tmp_path, monkeypatch):
    """Build an image with a stand-in for docker; its argv and environment. `options` are its builder's."""

    def run(options, **environment):
        (tmp_path / "docker").write_text(
            f"#!{sys.executable}\n"
            "import json, os, pathlib, sys\n"
            "if sys.argv[1:] == ['build', '--help']:\n"
            f"    sys.exit(print({options!r}))\n"
            "if sys.argv[1] == 'build':\n"
            f"    pathlib.Path({str(tmp_path / 'asked')!r}).write_text(json.dumps([sys.argv[1:], dict(os.environ)]))\n"
        )
        (tmp_path / "docker").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        assert tc("create", repo, "--render-only").code == 0
        web = home / "envs" / "web"
        (web / ".state/image").mkdir(parents=True, exist_ok=True)
        (web / ".state/image/used-image").write_text("trusty-cage:0\n")
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        done = subprocess.run(["make", "-C", web, "build-image"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads((tmp_path / "asked").read_text())

    return run


def test_result_is_loaded_where_the_builder_knows_that(built):
    assert "--load" in built("      --load     Shorthand for --output=type=docker")[0]
    assert "--load" not in built("      --no-cache     Do not use cache")[0]


def test_build_leaves_no_record_that_differs_each_time(built):
    words, environment = built("")
    assert environment["BUILDX_NO_DEFAULT_ATTESTATIONS"] == "1"
    assert "--iidfile" not in words, "with that, buildx names an id that containerd's image store doesn't know"


def test_proxy_reaches_a_build_in_both_spellings_whichever_is_set(built, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    words, environment = built("", HTTP_PROXY="http://up:1/$x", https_proxy="http://low:2")
    assert environment["http_proxy"] == environment["HTTP_PROXY"] == "http://up:1/$x"
    assert environment["https_proxy"] == environment["HTTPS_PROXY"] == "http://low:2"
    given = [word for word in words if word.lower().endswith("_proxy")]
    assert given == ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"]
    assert environment["no_proxy"] == environment["NO_PROXY"] == "", "else the client would take its own"


def test_each_row_of_neovims_plugins_is_fetched_at_its_commit_and_branch(tmp_path):
    for name, text in (
        ("plugins", (ROOT / "templates/image/steps/plugins").read_text()),
        ("fetch", 'mkdir -p "$4/.git"; echo $1 $3 $NVIM_PLUGIN_COMMIT $NVIM_PLUGIN_BRANCH $4 >>"${0%/*}/asked"\n'),
        ("bin/nvim", "#!/bin/sh\n"),
        ("bin/chown", "#!/bin/sh\n"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    table = ROOT / "templates/image/nvim-plugins"
    environment = {
        **os.environ,
        "GIT_URL": "https://git.example.com/",
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
    }
    with table.open() as rows:
        subprocess.run(["sh", tmp_path / "plugins", tmp_path / "to"], stdin=rows, check=True, env=environment)
    asked = {tuple(line.split(" ")) for line in (tmp_path / "asked").read_text().splitlines()}
    asked.remove(("commit", "LazyVim/starter", f"{tmp_path}/to/starter"))
    rows = [line.split() for line in table.read_text().splitlines() if not line.startswith("#")]
    assert all(len(row) == 4 and re.fullmatch("[0-9a-f]{40}", row[2]) for row in rows)
    assert asked == {("clone", name, *pin, f"{tmp_path}/to/plugins/{folder}") for folder, name, *pin in rows}
    assert len(asked) == len(rows) > 30
    assert rows[0][:2] == ["lazy.nvim", "folke/lazy.nvim"]
    mirror = ["git", "config", "--file", tmp_path / "to/gitconfig", "--get", "url.https://git.example.com/.insteadOf"]
    assert subprocess.run(mirror, capture_output=True, text=True).stdout == "https://github.com/\n"


@pytest.fixture
def plugin(tmp_path):
    """A plugin as steps/fetch leaves it; runs git in it."""
    source, clone = tmp_path / "mirror/owner/a.nvim", tmp_path / "a.nvim"
    author = ["-c", "user.name=a", "-c", "user.email=a@localhost"]

    def git(folder, *words):
        done = subprocess.run(["git", *author, "-C", folder, *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    source.mkdir(parents=True)
    git(source, "init", "--quiet", "--initial-branch", "stable")
    for number in range(3):
        (source / "file").write_text(f"{number}\n")
        git(source, "add", "file")
        git(source, "commit", "--quiet", "--message", f"{number}")
        git(source, "branch", f"another-{number}")
    environment = {
        **os.environ,
        "GIT_URL": f"file://{tmp_path}/mirror",
        "NVIM_PLUGIN_COMMIT": git(source, "rev-parse", "stable"),
        "NVIM_PLUGIN_BRANCH": "stable",
    }
    words = ["sh", ROOT / "templates/image/steps/fetch", "clone", "NVIM_PLUGIN", "owner/a.nvim", clone]
    subprocess.run(words, env=environment, check=True)
    return lambda *words: git(clone, *words)


def test_plugin_is_a_clone_as_its_manager_would_have_made_it(plugin):
    assert plugin("symbolic-ref", "HEAD") == "refs/heads/stable"
    assert plugin("symbolic-ref", "refs/remotes/origin/HEAD") == "refs/remotes/origin/stable"
    assert plugin("rev-parse", "HEAD", "origin/stable").split("\n")[0] == plugin("rev-parse", "origin/HEAD")
    assert plugin("config", "--file", ".git/config", "remote.origin.url") == "https://github.com/owner/a.nvim.git"
    assert plugin("status", "--porcelain", "--branch") == "## stable...origin/stable"


def test_fetch_of_a_plugin_brings_one_branch_and_no_file_unasked(plugin):
    assert plugin("config", "--get-all", "remote.origin.fetch") == "+refs/heads/stable:refs/remotes/origin/stable"
    assert plugin("config", "remote.origin.partialCloneFilter") == "blob:none"
    assert plugin("rev-list", "--count", "HEAD") == "1"


@pytest.mark.parametrize(
    ("wanted", "image", "arguments", "known"),
    [
        ("3.12", "full", "", True),
        ("3.12.7", "full", "", True),
        ("3.12.8", "full", "", False),
        ("3.1", "full", "", False),
        ("3.15", "full", "", False),
        ("3.15", "slim", "", True),
        ("3.15", "full", "PYENV_VERSION=9.9.9", True),
        ("3.15", "full", "GIT_URL=https://host", False),
    ],
)
def test_python_that_the_pinned_pyenv_does_not_know_is_refused_at_once(wanted, image, arguments, known, folder):
    lib = folder / "its"
    shutil.copytree(LIB, lib / "lib")
    (lib / "lib/image/pythons").write_text("# Of pyenv 2.0.1 alone.\n3.9.1\n3.12.7\n3.13.0\n")
    (lib / "Dockerfile").write_text("ARG PYENV_VERSION=2.0.1\n")
    values = {"CAGE_IMAGE": image, "CAGE_PYTHON_VERSION": wanted, "CAGE_BUILD_ARGS": arguments}
    (lib / ".state/image").mkdir(parents=True)
    (lib / ".state/image/base").write_text("base\n")

    def built(context="image"):
        words = ["bash", "lib/image/for-build", "echo", "built", context]
        return subprocess.run(words, cwd=lib, env={**os.environ, **values}, capture_output=True, text=True)

    assert (built().stdout == "built image\n", built().returncode == 0) == (known, known)
    assert known or built().stdout.splitlines() == [
        f"error: pyenv 2.0.1, which is pinned, can't build Python {wanted}; the newest is 3.13.0",
        "Set python_version to one that it knows, or change 'ARG PYENV_VERSION=' and its hash in the Dockerfile.",
    ]
    assert built("guard").returncode == 0
    # An edited Dockerfile has another pyenv, or none.
    (lib / "Dockerfile").write_text("ARG PYENV_VERSION=2.0.2\n")
    assert built().returncode == 0


def test_list_of_pythons_is_that_of_the_pinned_pyenv():
    pinned = re.search(r"(?m)^ARG PYENV_VERSION=(.*)$", (ROOT / "templates/Dockerfile.j2").read_text())[1]
    head = (LIB / "image/pythons").read_text().splitlines()[0]
    assert f" pyenv {pinned} " in head


@pytest.mark.skipif(not shutil.which("cc"), reason="no compiler is here; bats has one in the image")
def test_parser_is_built_where_the_release_of_tree_sitter_cannot_run(tmp_path):
    (tmp_path / "toy/src").mkdir(parents=True)
    (tmp_path / "toy/src/parser.c").write_text((ROOT / "bats/neovim/toy.c").read_text())
    build = ROOT / "templates/image/steps/tree-sitter-build"
    subprocess.run(["sh", build, "build", "-o", "parser.so"], cwd=tmp_path / "toy", check=True)
    subprocess.run(["sh", build, "build", f"--output={tmp_path}/other.so", tmp_path / "toy"], check=True)
    for made in (tmp_path / "toy/parser.so", tmp_path / "other.so"):
        assert ctypes.CDLL(str(made)).tree_sitter_toy
    failed = subprocess.run(["sh", build, "generate", "--abi", "15"], capture_output=True, text=True)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("error: this tree-sitter can only build")
