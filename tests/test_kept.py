"""Bundles for the trash hold only objects that git has checked: an old git does not check them on the way out."""

import shutil
import subprocess

import pytest


def git(folder, *words, data=None):
    command = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b", *words]
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout.decode().strip()


@pytest.fixture
def keep(tc, repo, home):
    """Make a bundle of a commit with a file of that name, as destroy does; returns exit code, words and bundle."""
    assert tc("create", repo, "--render-only", "--auth-mode", "api_key").code == 0
    folder = home / "envs" / "web"
    git(repo, "commit", "--allow-empty", "--quiet", "--message", "first")
    shutil.copytree(repo, folder / "repo")
    state, incoming = folder / ".state/commits", folder / ".state/commits/incoming.git"
    (folder / ".history").mkdir()
    state.mkdir(parents=True)

    def run(name):
        git(state, "init", "--quiet", "--bare", incoming)
        (incoming / "objects/info/alternates").write_text("../../../../repo/.git/objects\n")
        (state / "parent").write_text(git(folder / "repo", "rev-parse", "HEAD") + "\n")
        blob = git(incoming, "hash-object", "-w", "--stdin", data=b"work\n")
        entry = b"100644 " + name + b"\0" + bytes.fromhex(blob)
        tree = git(incoming, "hash-object", "-w", "-t", "tree", "--literally", "--stdin", data=entry)
        parent = (state / "parent").read_text().strip()
        git(incoming, "update-ref", "refs/heads/work", git(incoming, "commit-tree", "-p", parent, "-m", "x", tree))
        (state / "old").write_text("old\n")
        (state / "new").write_text(tree + "\n")
        # The commits are there already: making them is no part of this.
        done = subprocess.run(
            ["make", "-C", folder, "kept", "MAKE=true", "CAGE_TO=commits"], capture_output=True, text=True, timeout=60
        )
        return done.returncode, done.stdout + done.stderr, folder / ".history/commits.bundle"

    return run


def test_work_is_kept_as_a_bundle_that_a_fetch_takes(keep, home):
    code, _, bundle = keep(b"work.txt")
    assert code == 0
    clone = home / "envs/web/repo"
    git(clone, "fetch", "--quiet", bundle, "work:kept")
    assert git(clone, "show", "kept:work.txt") == "work"


@pytest.mark.parametrize("name", [b".git", b".GIT\xe2\x80\x8c", b"..", b"a/b"])
def test_what_git_refuses_is_in_no_bundle_and_its_words_are_indented(keep, name):
    code, said, bundle = keep(name)
    assert code == 2
    assert "error: git refused the work that was to be bundled\n" in said
    words = [line for line in said.splitlines() if "fsck" in line or "fatal" in line]
    assert words and all(line.startswith("  ") for line in words)
    assert not bundle.exists()


@pytest.mark.parametrize("way", ["--commits", "--branch", "--undo"])
@pytest.mark.parametrize("only", ["--dry-run", "--json"])
def test_what_is_only_to_be_shown_is_never_done(way, only, repo, tc):
    assert tc("create", repo, "--render-only", "--auth-mode", "api_key").code == 0
    done = tc("export", "web", way, only)
    assert (done.code, done.out) == (2, "")
    assert "error: only an export into the work tree can be shown without being done\n" in done.err


def test_settings_of_the_person_do_not_unmake_the_check(keep, tmp_path):
    (tmp_path / ".gitconfig").write_text("[fetch]\n\tfsckObjects = false\n[transfer]\n\tfsckObjects = false\n")
    code, said, bundle = keep(b".git")
    assert (code, bundle.exists()) == (2, False)
    assert "error: git refused the work that was to be bundled\n" in said


def test_work_that_the_clone_has_already_needs_no_bundle(keep, home):
    assert keep(b"work.txt")[0] == 0
    folder = home / "envs/web"
    shutil.rmtree(folder / ".history")
    (folder / ".history").mkdir()
    git(folder / "repo", "fetch", "--quiet", folder / ".state/commits/incoming.git", "work:ahead")
    git(folder / "repo", "checkout", "--quiet", "ahead")
    git(folder / "repo", "commit", "--quiet", "--allow-empty", "--message", "on top of it")
    (folder / ".state/commits/parent").write_text(git(folder / "repo", "rev-parse", "HEAD") + "\n")
    words = ["make", "-C", folder, "kept", "MAKE=true", "CAGE_TO=commits"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert not list((folder / ".history").iterdir())
