"""A local repository from anywhere: nothing in it keeps a create waiting, and none of its words reach the terminal."""

import os
import subprocess
import time
from pathlib import Path

import pytest

LIB = Path(__file__).parent.parent / "templates" / "lib"
SECONDS = 50  # past any time limit of the recipes'


def git(folder, *words, **more):
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, **more).stdout.strip()


@pytest.fixture
def source(repo):
    """A repository with two commits, a branch and an uncommitted file."""
    (repo / "file").write_text("one\n")
    git(repo, "add", ".")
    git(repo, "commit", "--quiet", "--message", "One")
    git(repo, "pack-refs", "--all")
    git(repo, "branch", "other")
    (repo / "new").touch()
    return repo


@pytest.fixture
def clone(tc, home, source):
    """Clone, check out and count, as create does it; returns make's exit code and all that was said."""

    def run(*, of=source, name="web", branch=None):
        chosen = ("--branch", branch) if branch else ()
        assert tc("create", of, "--name", name, "--render-only", "--auth-mode", "api_key", *chosen).code == 0
        done = subprocess.run(
            ["make", "-C", home / "envs" / name, "origin", "repo/.git/index", "uncommitted"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
        )
        assert b"\x1b" not in done.stdout and b"\xc2\x9b" not in done.stdout
        return done.returncode, done.stdout.decode(errors="replace")

    return run


def fifo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def endless(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def huge(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.truncate(1 << 40)


READ_BY_GIT = [
    "HEAD",
    "config",
    "config.worktree",
    "index",
    "sharedindex.1",
    "packed-refs",
    "shallow",
    "commondir",
    "info/exclude",
    "info/grafts",
    "refs/heads/other",
    "refs/tags/deep/one",
    "objects/info/alternates",
    "objects/info/commit-graph",
]


@pytest.mark.parametrize("trap", [fifo, endless, huge], ids=lambda trap: trap.__name__)
@pytest.mark.parametrize("name", READ_BY_GIT)
def test_what_git_would_wait_for_is_named_and_not_opened(clone, source, trap, name):
    trap(source / ".git" / name)
    code, said = clone()
    assert code == 2
    assert "error: git would wait for this, or read it without end: " in said
    assert f"{source}/.git/{name}" in said


@pytest.mark.parametrize("name", ["objects/pack/x.idx", "objects/aa/" + "b" * 38, "refs/heads/modules/x"])
def test_fifo_among_objects_and_where_others_keep_theirs(clone, source, name):
    fifo(source / ".git" / name)
    assert f"{source}/.git/{name}" in clone()[1]


def test_fifo_behind_links_worktrees_and_borrowed_objects(clone, source, tmp_path):
    fifo(tmp_path / "elsewhere" / "pack" / "x.idx")
    (source / ".git/refs/linked").symlink_to(tmp_path / "elsewhere")
    assert f"{source}/.git/refs/linked/pack/x.idx" in clone()[1]
    (source / ".git/refs/linked").unlink()
    (source / ".git/objects/info/alternates").write_text(f"{tmp_path}/elsewhere\n")
    assert f"{tmp_path}/elsewhere/pack/x.idx" in clone()[1]
    (source / ".git/objects/info/alternates").unlink()
    git(source, "worktree", "add", "--quiet", tmp_path / "tree", "other")
    fifo(source / ".git/packed-refs")
    assert "packed-refs" in clone(of=tmp_path / "tree", name="tree")[1]


def test_git_folder_that_is_a_fifo_or_leads_to_one(clone, source, tmp_path):
    (source / ".git").rename(tmp_path / "moved")
    os.mkfifo(source / ".git")
    assert f"without end: {source}/.git\n" in clone()[1]
    (source / ".git").unlink()
    fifo(tmp_path / "moved" / "HEAD")
    (source / ".git").write_text("gitdir: ../moved\n")
    assert "/../moved/HEAD" in clone()[1]


@pytest.mark.parametrize("depth", [1, 2])
def test_settings_that_include_what_git_would_wait_for(clone, source, tmp_path, depth):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "middle").write_text(f"[include]\n\tpath = {tmp_path}/fifo\n")
    with (source / ".git/config").open("a") as file:
        file.write(f"[inCLUDE]\n\tpath = {tmp_path / ('fifo' if depth == 1 else 'middle')}\n")
    code, said = clone()
    assert code == 2
    assert "repository's settings include a file" in said


def test_settings_that_include_a_file_are_taken(clone, source, tmp_path):
    (tmp_path / "more").write_text("[user]\n\tname = More\n")
    git(source, "config", "include.path", str(tmp_path / "more"))
    assert clone()[0] == 0


@pytest.mark.parametrize("trap", [fifo, endless], ids=lambda trap: trap.__name__)
def test_excludes_file_that_is_none_is_left_out(clone, source, tmp_path, trap):
    trap(tmp_path / "excludes")
    git(source, "config", "core.excludesFile", str(tmp_path / "excludes"))
    code, said = clone()
    assert code == 0
    assert f"1 uncommitted file of {source} is not taken" in said


def test_excludes_file_counts(clone, source, tmp_path):
    (tmp_path / "excludes").write_text("new\n")
    git(source, "config", "core.excludesFile", str(tmp_path / "excludes"))
    code, said = clone()
    assert code == 0
    assert "uncommitted" not in said


@pytest.mark.parametrize("name", [".gitignore", "below/.gitattributes", ".gitmodules", "below/.git/HEAD"])
def test_work_tree_that_git_would_wait_for_is_not_counted(clone, source, name):
    fifo(source / name)
    for beside in ("objects", "refs"):
        if name.endswith("HEAD"):
            (source / name).with_name(beside).mkdir()
    begin = time.monotonic()
    code, said = clone()
    assert code == 0
    assert f"The uncommitted files of {source} can't be counted." in said
    assert time.monotonic() - begin < 15  # past that only a time limit helped


def test_honest_repository_is_counted_without_a_word(clone, source):
    os.mkfifo(source / "pipe")
    code, said = clone()
    assert code == 0
    assert f"1 uncommitted file of {source} is not taken" in said
    assert "git would wait" not in said


@pytest.mark.parametrize("url", [b"https://a/\x1b]0;x\x07b", b"https://a/\xc2\x9b31mb", b"https://a/\nb", b"x" * 70000])
def test_origin_that_would_steer_a_terminal_is_not_kept(clone, source, home, url):
    with (source / ".git/config").open("ab") as file:
        quoted = url.replace(b"\n", b"\\n")
        file.write(b'[remote "origin"]\n\turl = "' + quoted + b'"\n')
    code, said = clone()
    assert code == 0
    assert "it is not taken over" in said
    assert git(home / "envs/web/repo", "config", "remote.origin.url") == str(source)


@pytest.mark.parametrize(
    "url", ["--upload-pack=touch x", "ext::sh -c touch", "ssh://-oProxyCommand=x/y", "a@-oProxyCommand=x:y"]
)
def test_origin_that_would_run_a_program_is_not_kept(clone, source, home, url):
    git(source, "config", "remote.origin.url", url)
    assert clone()[0] == 0
    assert git(home / "envs/web/repo", "config", "remote.origin.url") == str(source)


def put(source, mode, name, blob):
    """A tree with that one entry; git may refuse the name."""
    command = ["git", "hash-object", "-w", "-t", "tree", "--literally", "--stdin"]
    raw = mode + b" " + name + b"\0" + bytes.fromhex(blob)
    return subprocess.run(command, cwd=source, input=raw, check=True, capture_output=True).stdout.decode().strip()


@pytest.mark.parametrize("name", [b".git", b".GIT", b"git~1", b"..", b"a" * 300])
def test_tree_that_git_refuses_is_told_in_a_sentence(clone, source, name):
    inner = put(source, b"100644", name, git(source, "hash-object", "-w", "file"))
    outer = put(source, b"40000", b"\x1b]0;x\x07\xc2\x9b31m", inner)
    git(source, "update-ref", "HEAD", git(source, "commit-tree", "-m", "x", outer))
    code, said = clone()
    assert code == 2
    assert "error: the repository has a file name that git refuses here" in said
    assert "invalid path" not in said and "fatal" not in said


def commit(source, tree, author="a <a@b>", then="", message="m"):
    """A commit of TREE on HEAD, with the AUTHOR and what else follows; git may refuse it."""
    head = git(source, "rev-parse", "HEAD")
    raw = f"tree {tree}\nparent {head}\nauthor {author} 1 +0000\n{then}committer a <a@b> 1 +0000\n\n{message}\n"
    command = ["git", "hash-object", "-w", "-t", "commit", "--literally", "--stdin"]
    done = subprocess.run(command, cwd=source, input=raw.encode(), check=True, capture_output=True)
    git(source, "update-ref", "HEAD", done.stdout.decode().strip())


def twice(source, *modes):
    """A tree with the name 'x' once for each of MODES."""
    blob, tree = git(source, "hash-object", "-w", "file"), git(source, "rev-parse", "HEAD^{tree}")
    rows = (f"{mode} x\0".encode() + bytes.fromhex(tree if mode == "40000" else blob) for mode in modes)
    command = ["git", "hash-object", "-w", "-t", "tree", "--literally", "--stdin"]
    done = subprocess.run(command, cwd=source, input=b"".join(rows), check=True, capture_output=True)
    return done.stdout.decode().strip()


def test_faults_of_old_commits_pass(clone, source):
    sound = git(source, "rev-parse", "HEAD^{tree}")
    commit(source, twice(source, "100644", "100644"))
    commit(source, sound, author="a")
    commit(source, sound, then="author b <b@b> 1 +0000\n")
    commit(source, sound, message="a\0b")
    code, said = clone(of=f"file://{source}")
    assert (code, "error" in said) == (0, False), said


@pytest.mark.parametrize("modes", [("100644", "100644"), ("100644", "40000")])
def test_folder_of_head_with_a_name_twice_is_no_beginning(clone, source, home, modes):
    commit(source, twice(source, *modes))
    for url in (f"file://{source}", source):
        code, said = clone(of=url, name="web" if url == source else "other")
        assert code == 2
        assert "error: a folder of the commit that the cage would begin with has a name twice" in said
    assert not (home / "envs/web/repo").exists()


def test_error_of_a_clone_names_the_line_that_allows_a_fault(clone, source, home):
    commit(source, git(source, "rev-parse", "HEAD^{tree}"), author="<a@b>")
    code, said = clone(of=f"file://{source}")
    assert code == 2
    assert f"error: 'file://{source}' can't be cloned: git finds the fault 'missingNameBeforeEmail' in it\n" in said
    line = "FSCK_ALLOWED += missingNameBeforeEmail"
    assert f"\n  {line}\n" in said
    folder = home / "envs/web"
    with (folder / "local.mk").open("a") as file:
        file.write(f"{line}\n")
    subprocess.run(["make", "-C", folder, "repo"], check=True, capture_output=True, timeout=SECONDS)


@pytest.mark.parametrize("said", ["remote: error: object 1234567: aFault: x", "warning: object 1234567: aFault: x",
    "error: object 1234567: gitmodulesUrl: x", "error: object 1234567: a fault: x", ""])  # fmt: skip
def test_other_words_name_no_line(tmp_path, said):
    (tmp_path / ".state/clone").mkdir(parents=True)
    (tmp_path / ".state/clone/words").write_text(f"{said}\n")
    (tmp_path / "lib").symlink_to(LIB)
    done = subprocess.run(
        ["bash", "lib/failed/clone"], cwd=tmp_path, env={**os.environ, "CAGE_REPO_URL": "x", "CAGE_NAME": "web"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert "error: 'x' can't be cloned\n" in done.stderr
    assert "FSCK_ALLOWED" not in done.stderr


def test_branch_that_is_not_there_is_named_without_what_steers_a_terminal(clone):
    code, said = clone(branch="no\x1b]0;x\x07ne")
    assert code == 2
    assert "can't be cloned" in said


def test_words_of_git_pass_as_they_come_without_what_steers_a_terminal(tmp_path):
    said = b"Receiving:  50%\rReceiving: 100%\n\tremote: \x1b]0;x\x07 \xc2\x9b31m \x00 %s \\ * [ end"
    command = ["bash", LIB / "run/progress", tmp_path / "words", "sh", "-c", "cat; exit 7"]
    done = subprocess.run(command, input=said, capture_output=True, timeout=20)
    assert (done.returncode, done.stdout) == (7, b"")
    assert done.stderr == b"Receiving:  50%\rReceiving: 100%\n\tremote: ?]0;x? ??31m ? %s \\ * [ end"
    assert (tmp_path / "words").read_bytes() == done.stderr
