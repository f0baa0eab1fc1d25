"""lib/failed: failures that show the words of git's or the engine's which tell their reason."""

import os
import shutil
import subprocess

import pytest
from conftest import ROOT

HOSTILE = (
    "".join(f"error: line {number}\n" for number in range(40)) + "fatal: \033]0;x\007 \302\2331m" + "y" * 900 + "\n"
)
SHOWN = [f"  error: line {number}" for number in range(26, 40)] + ["  " + ("fatal: ?]0;x? ??1m" + "y" * 900)[:300]]
FAILED = {
    "branch": ("commits/fetch.err", "error: git did not take the work onto branch 'work/x', and says why, above"),
    "commits": ("commits/import.log", "error: the work could not be made commits, so nothing was written"),
    "kept fetch": ("commits/fetch.err", "error: git refused the work that was to be bundled"),
    "kept bundle": ("commits/bundle.err", "error: git could not write the bundle of the work"),
    "checkout": ("clone/checkout.err", "error: the files of the clone could not be laid out"),
    "files": ("export/files.err", "error: git could not list the files of the host clone"),
    "dotfiles": ("engine/dotfiles.err", "error: not all of the dotfiles came into the cage"),
}


@pytest.fixture
def failed(tmp_path):
    """The lines that a script of lib/failed prints where git SAID that."""
    folder = tmp_path / "cage"
    shutil.copytree(ROOT / "templates/lib", folder / "lib")
    for name in ("clone", "commits", "engine", "export"):
        (folder / ".state" / name).mkdir(parents=True)
    (folder / ".state/commits/branch").write_text("work/x\n")
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "CAGE_NAME": "web"}

    def run(words, said):
        (folder / ".state" / FAILED[words][0]).write_bytes(said.encode("latin-1"))
        command = ["bash", *f"lib/failed/{words}".split()]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert (bool(done.returncode), done.stdout) == (True, "")
        return done.stderr.splitlines()

    return run


@pytest.mark.parametrize("words", FAILED)
def test_failure_shows_the_end_of_the_words_that_tell_its_reason(words, failed):
    lines = failed(words, HOSTILE)
    assert lines[:16] == [*SHOWN, FAILED[words][1]]
    assert all(line.isprintable() for line in lines)


def test_helper_s_own_end_is_no_word_of_git_s(failed):
    lines = failed("commits", "fatal: stream ends early\nfast-import: dumping crash report to x\n")
    assert lines[0] == FAILED["commits"][1]


def test_branch_that_git_leaves_without_a_word_holds_other_work(failed):
    assert failed("branch", "")[0] == "error: branch 'work/x' holds other work"
