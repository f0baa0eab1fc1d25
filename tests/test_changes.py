"""The uncommitted changes of a local repository, chosen and laid into the clone: all of them, and nothing is run."""

import os
import subprocess

import pytest
from test_local import fifo, git

SECONDS = 100
WITH = {"CAGE_WITH_CHANGES": "1", "CAGE_WITH_UNTRACKED": "1"}


@pytest.fixture
def source(repo):
    """A repository with a file of each kind."""
    for name in ("both", "staged", "changed", "moved", "gone", "mode", "kind", "folder"):
        (repo / name).write_text(f"{name}\n")
    (repo / "deep").mkdir()
    (repo / "deep/file").write_text("deep\n")
    (repo / "link").symlink_to("both")
    (repo / ".gitignore").write_text("*.log\n")
    git(repo, "add", ".")
    git(repo, "commit", "--quiet", "--message", "One")
    return repo


@pytest.fixture
def laid(tc, home):
    """Choose and lay the changes, as create does it; returns make's exit code and all that was said."""

    def run(of, name="web", targets=("changes-chosen", "changed-clone"), **variables):
        rendered = tc("create", of, "--name", name, "--render-only", "--auth-mode", "api_key")
        assert rendered.code == 0, rendered
        done = subprocess.run(
            ["make", "-C", home / "envs" / name, *targets],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            env={**os.environ, **(variables or WITH)},
        )
        assert b"\x1b" not in done.stdout and b"\xc2\x9b" not in done.stdout
        return done.returncode, done.stdout.decode(errors="replace")

    return run


def status(folder):
    return git(folder, "-c", "core.fsmonitor=false", "-c", "status.renames=false", "status", "--porcelain", "-uall")


def change(source):
    """A change of each kind."""
    (source / "both").write_text("staged\n")
    (source / "staged").write_text("staged\n")
    git(source, "add", "both", "staged")
    (source / "both").write_text("later\n")
    (source / "changed").write_text("changed\n")
    git(source, "mv", "--", "moved", "-new place")
    (source / "gone").unlink()
    (source / "mode").chmod(0o755)
    (source / "kind").unlink()
    (source / "kind").symlink_to("/etc/passwd")
    (source / "folder").unlink()
    (source / "folder").mkdir()
    (source / "folder/file").write_text("in\n")
    git(source, "rm", "-r", "--quiet", "deep")
    (source / "deep").write_text("a file now\n")
    (source / "link").unlink()
    (source / "link").symlink_to("changed")
    (source / "noise.log").write_text("ignored\n")
    (source / "a\nb \x1b]0;x\x07").write_text("odd name\n")


def test_clone_has_index_and_work_tree_of_each_kind_of_change(laid, source, home):
    change(source)
    code, said = laid(source)
    assert code == 0, said
    clone = home / "envs/web/repo"
    assert status(clone) == status(source)
    assert git(clone, "diff", "--cached") == git(source, "diff", "--cached")
    assert git(clone, "diff") == git(source, "diff")
    assert (clone / "folder/file").read_text() == "in\n"
    assert not (clone / "noise.log").exists()
    assert git(clone, "rev-parse", "HEAD") == git(source, "rev-parse", "HEAD")
    git(clone, "fsck", "--strict")


def test_new_files_stay_out_without_a_word_of_the_user(laid, source, home):
    change(source)
    code, said = laid(source, CAGE_WITH_CHANGES="1")
    assert code == 0, said
    assert "  folder/file\n" in said and "  a?b ]0;x\n" in said
    assert "They stay out. To take them: CAGE_WITH_UNTRACKED=1\n" in said
    assert "??" not in status(home / "envs/web/repo")
    assert (home / "envs/web/repo/both").read_text() == "later\n"


def test_clean_work_tree_changes_nothing(laid, source, home):
    code, said = laid(source)
    assert (code, (home / "envs/web/.history/changes").read_text()) == (0, ""), said
    assert status(home / "envs/web/repo") == ""


def test_repository_without_a_commit(laid, tmp_path, home):
    subprocess.run(["git", "init", "--quiet", tmp_path / "fresh"], check=True)
    (tmp_path / "fresh/one").write_text("one\n")
    git(tmp_path / "fresh", "add", "one")
    (tmp_path / "fresh/two").write_text("two\n")
    code, said = laid(tmp_path / "fresh")
    assert code == 0, said
    assert status(home / "envs/web/repo") == "A  one\n?? two"


def test_linked_work_tree_and_split_index(laid, source, tmp_path, home):
    git(source, "worktree", "add", "--quiet", tmp_path / "tree", "-b", "other")
    (tmp_path / "tree/both").write_text("there\n")
    git(tmp_path / "tree", "add", "both")
    git(tmp_path / "tree", "update-index", "--split-index")
    (tmp_path / "tree/changed").write_text("there\n")
    code, said = laid(tmp_path / "tree")
    assert code == 0, said
    assert status(home / "envs/web/repo") == "M  both\n M changed"


def test_files_that_a_sparse_check_out_hides_are_not_gone(laid, source, home):
    (source / "other").mkdir()
    (source / "other/file").write_text("other\n")
    git(source, "add", ".")
    git(source, "commit", "--quiet", "--message", "Two")
    git(source, "sparse-checkout", "set", "--cone", "--sparse-index", "other")
    assert not (source / "deep").exists()
    (source / "both").write_text("more\n")
    code, said = laid(source)
    assert code == 0, said
    assert status(home / "envs/web/repo") == "M both"
    assert (home / "envs/web/repo/deep/file").exists()


def test_credentials_and_what_a_filter_stores_stay_as_they_are_committed(laid, source, home):
    (source / ".gitattributes").write_text("*.bin filter=lfs\n")
    for name in ("some.bin", ".npmrc", ".env.local"):
        (source / name).write_text("committed\n")
    git(source, "add", ".")
    git(source, "commit", "--quiet", "--message", "Two")
    for name in ("some.bin", ".npmrc", "staged.bin", "config/gh/hosts.yml", "deep/.ssh/key", ".env", "id_rsa"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("CANARY\n")
    (source / ".env.local").unlink()
    git(source, "add", "staged.bin", ".npmrc", ".env")
    (source / "both").write_text("taken\n")
    code, said = laid(source)
    assert code == 0, said
    clone = home / "envs/web/repo"
    assert status(clone) == "M both"
    for name in ("some.bin: the filter 'lfs'", "staged.bin: the filter 'lfs'", ".npmrc", ".env", ".env.local", "id_rsa",
                 "config/gh/hosts.yml", "deep/.ssh/key"):  # fmt: skip
        assert f"  {name}" in said, name
    for tree in (home / "envs/web/.history/changes").read_text().split()[2:]:
        found = ["git", "-C", clone, "grep", "-q", "CANARY", tree]
        assert subprocess.run(found).returncode == 1


def test_line_ends_are_those_of_a_check_out(laid, source, home):
    (source / ".gitattributes").write_text("*.bat text eol=crlf\n")
    (source / "a.bat").write_bytes(b"one\r\ntwo\r\n")
    git(source, "add", ".")
    git(source, "commit", "--quiet", "--message", "Two")
    (source / "a.bat").write_bytes(b"one\r\nthree\r\n")
    assert laid(source)[0] == 0
    assert (home / "envs/web/repo/a.bat").read_bytes() == b"one\r\nthree\r\n"
    assert status(home / "envs/web/repo") == "M a.bat"


def test_settings_of_the_repository_run_nothing(laid, source, home, tmp_path):
    (source / ".gitattributes").write_text("* filter=evil diff=evil\nboth -filter\nstaged -filter\n")
    git(source, "add", ".gitattributes")
    git(source, "commit", "--quiet", "--message", "Attributes")
    evil = f"touch '{tmp_path}/pwned'; cat"
    for key in ("core.fsmonitor", "core.pager", "filter.evil.clean", "filter.evil.smudge", "filter.evil.process",
                "diff.evil.textconv", "diff.evil.command", "diff.external", "core.alternateRefsCommand",
                "uploadpack.packObjectsHook", "core.sshCommand", "core.editor"):  # fmt: skip
        subprocess.run(["git", "config", "--file", source / ".git/config", key, evil], check=True)
    for hook in ("post-index-change", "post-checkout", "pre-commit", "reference-transaction"):
        path = source / ".git/hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\ntouch '{tmp_path}/pwned'\n")
        path.chmod(0o755)
    (source / "both").write_text("mine\n")
    (source / "changed").write_text("filtered\n")
    code, said = laid(source)
    assert code == 0, said
    assert "  changed: the filter 'evil' would have to be run\n" in said
    assert status(home / "envs/web/repo") == "M both"
    assert not (tmp_path / "pwned").exists()


def test_links_lead_no_write_out_of_the_clone(laid, source, home, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").write_text("precious\n")
    (source / "out").symlink_to(tmp_path / "outside")
    git(source, "add", ".")
    git(source, "commit", "--quiet", "--message", "Link")
    (source / "out").unlink()
    (source / "out").mkdir()
    (source / "out/file").write_text("planted\n")
    code, said = laid(source)
    assert code == 0, said
    assert (home / "envs/web/repo/out/file").read_text() == "planted\n"
    assert (tmp_path / "outside/file").read_text() == "precious\n"


@pytest.mark.parametrize("place", ["both", "new", ".gitignore", "deep/.gitattributes"])
def test_work_tree_that_git_would_wait_for_hangs_nothing(laid, source, place):
    fifo(source / place)
    (source / "changed").write_text("changed\n")
    code, said = laid(source)
    if place.startswith(("deep", ".")):
        assert (code, "error: git would wait for a file in the work tree" in said) == (2, True), said
    else:
        assert code == 0, said
        assert place == "new" or "  both: neither a file nor a link\n" in said


@pytest.mark.parametrize("way", ["merge", "rebase", "cherry-pick", "revert"])
def test_what_is_in_progress_is_one_error(laid, source, home, way):
    marks = {
        "merge": "MERGE_HEAD",
        "rebase": "rebase-merge/done",
        "cherry-pick": "CHERRY_PICK_HEAD",
        "revert": "REVERT_HEAD",
    }
    (source / ".git" / marks[way]).parent.mkdir(exist_ok=True)
    (source / ".git" / marks[way]).write_text(git(source, "rev-parse", "HEAD"))
    code, said = laid(source)
    assert code == 2
    assert f"error: a {way} is in progress in {source}" in said
    assert not (home / "envs/web/repo").exists()


def test_unmerged_files_are_one_error(laid, source):
    (source / "both").write_text("stashed\n")
    git(source, "stash", "--quiet")
    (source / "both").write_text("committed\n")
    git(source, "commit", "--quiet", "--all", "--message", "Two")
    subprocess.run(["git", "stash", "pop"], cwd=source, capture_output=True)
    code, said = laid(source)
    assert (code, said.count("error:")) == (2, 1)
    assert f"error: files in {source} are unmerged" in said


def test_source_without_a_work_tree_is_an_error_with_the_command_that_does_without(laid, source, tmp_path):
    git(source, "clone", "--quiet", "--bare", ".", tmp_path / "bare.git")
    git(source, "bundle", "create", "--quiet", tmp_path / "some.bundle", "--all")
    for name, of, why in (
        ("one", tmp_path / "bare.git", "is bare: it has no work tree"),
        ("two", tmp_path / "some.bundle", "is a bundle"),
        ("three", "https://example.com/x/y", "is on a server"),
    ):
        code, said = laid(of, name)
        assert code == 2
        assert f"error: there are no uncommitted changes to take: '{of}' {why}\n" in said
        assert f"envs/{name}' create\n" in said


def test_second_run_keeps_to_the_choice_of_the_first(laid, source, home):
    (source / "both").write_text("first\n")
    assert laid(source, targets=("changes-chosen", "repo"))[0] == 0
    (source / "both").write_text("second\n")
    (source / "changed").write_text("second\n")
    code, said = laid(source)
    assert code == 0, said
    assert status(home / "envs/web/repo") == "M both"
    assert (home / "envs/web/repo/both").read_text() == "first\n"
    assert "come along" not in laid(source, targets=("changes-chosen",))[1]


def test_clone_that_was_made_without_changes_gets_none(laid, source, home):
    assert laid(source, targets=("repo/.git/index",))[0] == 0
    (home / "envs/web/repo/both").write_text("precious\n")
    (source / "both").write_text("mine\n")
    code, said = laid(source)
    assert code == 2
    assert "error: the host clone is there already" in said
    assert (home / "envs/web/repo/both").read_text() == "precious\n"


def test_changes_on_top_of_another_commit_are_refused(laid, source, tc, home):
    git(source, "branch", "other")
    git(source, "commit", "--quiet", "--allow-empty", "--message", "Two")
    (source / "both").write_text("mine\n")
    assert tc("create", source, "--name", "web", "--branch", "other", "--render-only").code == 0
    code, said = laid(source)
    assert code == 2
    assert "error: the uncommitted changes are not on top of 'other'" in said
    assert not (home / "envs/web/repo").exists()
