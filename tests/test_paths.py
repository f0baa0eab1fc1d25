"""lib/export/paths: names that no list of a plan may have, even if the judge let them pass."""

import os
import shutil
import subprocess

import pytest
from conftest import ROOT

LISTS = ("write", "delete", "rmdir", "added", "backup")


@pytest.fixture
def staged(tmp_path):
    """A cage's folder with an empty stage; lib/SCRIPT runs there with paths put into one list."""
    folder = tmp_path / "cage"
    shutil.copytree(ROOT / "templates/lib", folder / "lib")
    stage = folder / ".state/export/stage"
    (stage / "tree").mkdir(parents=True)
    (folder / "repo/.git").mkdir(parents=True)
    (folder / ".history").mkdir()
    (folder / ".history/base").touch()
    for name in (*LISTS, "report", "summary"):
        (stage / name).touch()

    def run(script, name, *paths):
        (stage / name).write_bytes(b"".join(path + b"\0" for path in paths))
        if script == "export/recheck":
            digest = "set -eu; . lib/terminal.bash; . lib/export/digests.bash; stage_digest >.state/export/stage-digest"
            subprocess.run(["bash", "-c", digest], cwd=folder, check=True)
            (folder / ".state/export/question").mkdir(exist_ok=True)
            (folder / ".state/export/question/links").touch()
            (folder / ".state/export/question/sums").touch()
        environment = {"PATH": os.environ["PATH"], "CAGE_NAME": "web"}
        words = ["bash", f"lib/{script}", *(["export"] if script == "export/plan" else [])]
        return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)

    run.folder = folder
    return run


def refusal(shown):
    return f"error: the plan names a git folder or a path outside of the clone, so nothing was written: {shown} \n"


@pytest.mark.parametrize("script", ["export/recheck", "export/plan"])
@pytest.mark.parametrize("name", LISTS)
def test_git_folder_is_refused_in_every_list(script, name, staged):
    done = staged(script, name, b"./a", b"./b/.git/config", b"./c")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", refusal("./b/.git/config"))
    assert not (staged.folder / ".history/applying").exists()


@pytest.mark.parametrize(
    "path",
    [
        *(b"./.git", b".git", b"./.GIT/x", b"./.Git", b"./a/.git./x", b"./.git ", b"./a/.git . ./x", b"./a/.git/"),
        *(b"./git~1", b"./.git::$INDEX_ALLOCATION/x", b"./.git .:x"),
        *(b"./.g\xe2\x80\x8cit/x", b"./.gi\xef\xbb\xbft", b"./.\xe2\x81\xafgit"),
        *(b"/etc/passwd", b"/", b"", b".", b"./", b"..", b"./..", b"../x", b"./a/../../x", b"./a/.."),
        b"./new\nline/.git/x",
    ],
)  # fmt: skip
def test_path_that_leads_elsewhere_is_refused(path, staged):
    done = staged("export/paths", "write", b"./good", path)
    assert (done.returncode, done.stdout) == (1, "")
    problem = "the plan names a git folder or a path outside of the clone, so nothing was written"
    assert done.stderr.startswith(f"error: {problem}: ")


@pytest.mark.parametrize(
    "path",
    [
        *(b"./.gitignore", b"./.github/x", b"./a.git/x", b"./git", b"./.gitx/y", b"./x.git", b"./git~x", b"./..."),
        *(b"./a..b", b"./..a", b"./a/...", b"./-x", b"./ .git", b"./x\nx", b"./a:b/.gitmodules", b"./\xe2\x80\x8cx"),
    ],
)
def test_path_of_an_honest_name_passes(path, staged):
    done = staged("export/paths", "write", path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_names_are_shown_without_what_steers_a_terminal(staged):
    done = staged("export/paths", "delete", b"./\x1b]0;t\x07/.git", b"./2/.git", b"./3/.git", b"./4/.git")
    assert done.stderr == refusal("./]0;t/.git ./2/.git ./3/.git")


def test_plan_of_nothing_passes(staged):
    for name in LISTS:
        (staged.folder / ".state/export/stage" / name).unlink()
    assert staged("export/paths", "report").returncode == 0


def test_lists_that_can_not_be_read_are_refused(staged):
    (staged.folder / ".state/export/stage/write").unlink()
    (staged.folder / ".state/export/stage/write").mkdir()
    assert staged("export/paths", "report").returncode != 0


def test_many_paths_take_no_time(staged):
    done = staged("export/paths", "write", *(b"./folder/sub/file-%d" % number for number in range(200_000)))
    assert done.returncode == 0
