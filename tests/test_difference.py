"""export --diff: a patch that git takes, byte for byte, and for a terminal text that steers nothing."""

import os
import pty
import subprocess

import pytest

# Per path the host's entry and the cage's: content and mode, a link's target, or None.
CHANGES = {
    "added": (None, (b"new\n", 0o644)),
    "added-run": (None, (b"#!/bin/sh\n", 0o755)),
    "empty": (None, (b"", 0o644)),
    "changed": ((b"1\n2\n3\n", 0o644), (b"1\nzwei\n3\n", 0o644)),
    "deleted": ((b"old\n", 0o644), None),
    "mode": ((b"run\n", 0o644), (b"run\n", 0o755)),
    "crlf": ((b"a\r\nb\r\n", 0o644), (b"a\r\nc\r\n", 0o644)),
    "lf-to-crlf": ((b"a\nb\n", 0o644), (b"a\r\nb\r\n", 0o644)),
    "no-newline": ((b"a", 0o644), (b"b", 0o644)),
    "binary": ((bytes(range(256)), 0o644), (bytes(range(255, -1, -1)), 0o644)),
    "binary-new": (None, (b"\0\1\2" * 100, 0o644)),
    "utf16.txt": ((b"\xff\xfea\0", 0o644), (b"\xff\xfeb\0", 0o644)),
    "link": ("a", "b"),
    "link-new": (None, "changed"),
    "file-to-link": ((b"x\n", 0o644), "changed"),
    "deep/er/file": (None, (b"x\n", 0o644)),
    "was-folder/x": ((b"x\n", 0o644), None),
    "was-folder": (None, (b"now a file\n", 0o644)),
    "a name ü\t": ((b"1\n", 0o644), (b"2\n", 0o644)),
    ".gitattributes": (None, (b"* binary ident filter=f\n*.txt text eol=crlf working-tree-encoding=UTF-16\n", 0o644)),
    "ident": ((b"$Id$\n", 0o644), (b"$Id$\nmore\n", 0o644)),
}  # fmt: skip


def put(path, what):
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(what, str):
        path.symlink_to(what)
    elif what:
        path.write_bytes(what[0])
        path.chmod(what[1])


def tree(folder):
    """The files below folder, without git's own."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file() and name.split("/")[0] != ".git":
            found[name] = path.read_bytes(), path.stat().st_mode & 0o100
    return found


@pytest.fixture
def folder(tc, repo, home):
    """A cage's folder in which an export is staged: CHANGES, and a file that nobody changed."""
    assert tc("create", repo, "--render-only", "--auth-mode", "api_key").code == 0
    folder = home / "envs/web"
    stage = folder / ".state/export/stage"
    subprocess.run(["git", "init", "--quiet", folder / "repo"], check=True)
    put(folder / "repo/untouched", (b"same\n", 0o644))
    for path, (before, after) in CHANGES.items():
        if before:
            put(folder / "repo" / path, before)
        if after:
            put(stage / "tree" / path, after)
    for name, ours in (("write", [p for p in CHANGES if CHANGES[p][1]]), ("delete", ["deleted", "was-folder/x"])):
        (stage / name).write_bytes(b"".join(b"./%s\0" % path.encode() for path in ours))
    (stage / "report").write_text("  A  added\nRefused:\n  .env: no\n")
    (stage / "summary").write_text("counted\n")
    return folder


def plan(folder, **environment):
    """Make 'plan' of the stage, with --diff."""
    command = ["make", "--no-print-directory", "-C", folder, "-o", "stage", "plan"]
    return {"args": command, "env": {**os.environ, "CAGE_DIFF": "1", "CAGE_DRY_RUN": "1", **environment}}


def test_patch_makes_of_the_clone_what_the_cage_has(folder, tmp_path):
    hostile = {"GIT_EXTERNAL_DIFF": "false", "HOME": str(tmp_path)}
    (tmp_path / ".gitconfig").write_text("[diff]\n\tnoprefix = true\n\texternal = false\n[core]\n\tautocrlf = true\n")
    done = subprocess.run(**plan(folder, **hostile), capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"  A  added\nRefused:\n  .env: no\ncounted\n")
    expected = {"untouched": tree(folder / "repo")["untouched"], **tree(folder / ".state/export/stage/tree")}
    (tmp_path / ".gitconfig").unlink()
    for option in ("--check", "--index", "--whitespace=nowarn"):
        if option == "--index":
            subprocess.run(["git", "-C", folder / "repo", "add", "--all"], check=True)
            continue
        subprocess.run(["git", "-C", folder / "repo", "apply", option, "-"], input=done.stdout, check=True)
    assert tree(folder / "repo") == expected


def test_patch_names_modes_and_both_sides(folder):
    patch = subprocess.run(**plan(folder), capture_output=True).stdout.decode(errors="replace")
    for line in (
        "--- a/changed\n+++ b/changed\n@@ -1,3 +1,3 @@\n 1\n-2\n+zwei\n 3\n",
        "old mode 100644\nnew mode 100755\n",
        "new file mode 120000\n",
        "deleted file mode 100644\n",
        "GIT binary patch\n",
        "-a\n\\ No newline at end of file\n+b\n",
    ):
        assert line in patch
    assert "untouched" not in patch


def in_terminal(**options):
    ours, theirs = pty.openpty()
    with subprocess.Popen(stdin=theirs, stdout=theirs, stderr=theirs, **options) as process:
        os.close(theirs)
        shown = b""
        try:
            while data := os.read(ours, 4096):
                shown += data
        except OSError:
            pass
    os.close(ours)
    return process.returncode, shown.replace(b"\r\n", b"\n")


def test_terminal_gets_text_in_colour_that_steers_nothing(folder):
    (folder / ".state/export/stage/tree/changed").write_bytes(b"1\n\x1b]0;taken over\x07\n3\n")
    code, shown = in_terminal(**plan(folder, NO_COLOR=""))
    assert code == 0
    assert b"\x1b[32m+]0;taken over\x1b[m\n" in shown
    assert b"\x1b[31m-2\x1b[m\n" in shown
    assert b"\nBinary files a/binary and b/binary differ\n" in shown
    assert b"GIT binary patch" not in shown
    assert shown.startswith(b"  A  added\n") and shown.endswith(b"counted\n")


def test_terminal_without_colour(folder):
    code, shown = in_terminal(**plan(folder, NO_COLOR="1"))
    assert (code, b"\x1b" in shown, b"\n-2\n+zwei\n" in shown) == (0, False, True)


def test_nothing_new_is_an_empty_patch(folder):
    for name in ("write", "delete"):
        (folder / ".state/export/stage" / name).write_bytes(b"")
    done = subprocess.run(**plan(folder), capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"")


def test_change_that_is_too_long_for_a_person_says_where_it_lies(folder):
    (folder / ".state/export/stage/tree/changed").write_bytes(b"abcdefghi\n" * 300_000)
    code, shown = in_terminal(**plan(folder, NO_COLOR="1"))
    *_, told, last = shown.decode(errors="replace").splitlines()
    assert (code, last) == (0, "counted")
    assert told.endswith(f"all of it: cat -v '{folder}/.state/export/diff/patch'")
    assert 1_000_000 < len(shown) < 1_001_000


def test_what_stands_behind_a_link_of_the_clone_is_not_read(folder, tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/file").write_text("secret\n")
    (folder / "repo/deep").symlink_to(tmp_path / "secret")
    (folder / ".state/export/stage/write").write_bytes(b"./deep/file\0")
    (folder / ".state/export/stage/tree/deep/file").write_text("x\n")
    assert b"secret" not in subprocess.run(**plan(folder), capture_output=True).stdout
