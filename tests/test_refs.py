"""Work that the cage's HEAD does not name: branches, tags, notes, stashes, work trees and reflogs, by real git."""

import hashlib
import io
import os
import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_verdict import program

sys.path.insert(0, str(Path(__file__).parent.parent / "templates/guard"))
import objects
import question
import refs
import stored
import stream
import tree

WHO = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in
       {"NAME": "A", "EMAIL": "a@b", "DATE": "1700000000 +0100"}.items()}  # fmt: skip


class Cage:
    """A cage's repository, and the host clone that it began from."""

    def __init__(self, root, monkeypatch):
        self.root, self.inside, self.host = root, root / "project", root / "host"
        (root / "scratch").mkdir()
        subprocess.run(["git", "init", "--quiet", "--initial-branch", "main", self.inside], check=True)
        self.commit("first", "README")
        subprocess.run(["git", "clone", "--quiet", self.inside, self.host], check=True)
        self.first = self.git("rev-parse", "HEAD")
        for name, value in {"GIT": str(self.inside / ".git"), "SCRATCH": str(root / "scratch")}.items():
            monkeypatch.setattr(objects, name, value)
        monkeypatch.setattr(refs, "GIT", str(self.inside / ".git"))
        monkeypatch.setenv("CAGE_SEEDED", self.first)
        monkeypatch.setenv("CAGE_IMPORTED", self.first)
        monkeypatch.setenv("CAGE_REFLOGS", "1")
        self.program = program("commits")

    def git(self, *words, at=None, **options):
        options.setdefault("env", {**os.environ, **WHO})
        done = subprocess.run(["git", "-C", at or self.inside, *words], check=True, capture_output=True, **options)
        return done.stdout.decode("utf-8", "replace").strip()

    def commit(self, message, name):
        (self.inside / name).write_text(f"{message}\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def beside(self, *held):
        read = objects.Objects()
        return list(self.program.beside(read, self.program.head(read), held))

    def all(self):
        """The refs that are left inside; the host then has all others below refs/landed/."""
        content = b"first\n"
        base = {b"README": tree.Entry("100644", len(content), hashlib.sha256(content).hexdigest())}
        host = question.Host(dict(base), set(), {}, set(base))
        read, out = objects.Objects(), io.BytesIO()
        commits = self.program.Commits(read, base, host, self.first, self.first)
        left = self.program.All(read, commits, stream.Stream(out, self.program.SCRATCH_REF)).left
        incoming = self.root / "incoming.git"
        subprocess.run(["git", "init", "--quiet", "--bare", incoming], check=True)
        (incoming / "objects/info/alternates").write_text(f"{self.host}/.git/objects\n")
        self.git("fast-import", "--done", "--quiet", at=incoming, input=out.getvalue())
        self.git("-c", "transfer.fsckObjects=true", "fetch", "--quiet", incoming, "refs/*:refs/landed/*", at=self.host)
        return left

    def landed(self):
        names = self.git("for-each-ref", "--format=%(refname)", "refs/landed", at=self.host).split()
        return sorted(name.removeprefix("refs/landed/") for name in names if name != "refs/landed/scratch")

    def shown(self, ref, path):
        return self.git("show", f"refs/landed/{ref}:{path}", at=self.host)


@pytest.fixture
def cage(tmp_path, monkeypatch):
    return Cage(tmp_path, monkeypatch)


def work(cage):
    """Work of each kind outside HEAD."""
    cage.git("checkout", "--quiet", "-b", "feature/x")
    cage.commit("on feature", "feature.txt")
    cage.git("tag", "--annotate", "--message", "Release one", "v1")
    cage.git("notes", "add", "--message", "remember this")
    cage.git("checkout", "--quiet", "main")
    cage.git("checkout", "--quiet", "--detach")
    cage.commit("left behind", "left.txt")
    cage.git("checkout", "--quiet", "main")
    for number in ("one", "two"):
        (cage.inside / "README").write_text(f"{number}\n")
        (cage.inside / "new.txt").write_text(f"untracked {number}\n")
        cage.git("stash", "push", "--quiet", "--include-untracked")
    cage.git("worktree", "add", "--quiet", "-b", "in-tree", cage.root / "tree")
    (cage.root / "tree/tree.txt").write_text("tree\n")
    cage.git("-C", cage.root / "tree", "add", "--all")
    cage.git("-C", cage.root / "tree", "commit", "--quiet", "--message", "in tree")


def test_each_kind_of_work_is_told_by_name(cage):
    work(cage)
    assert cage.beside() == [
        "1 commit on branch 'feature/x'",
        "1 commit on branch 'in-tree'",
        "1 commit on notes 'commits'",
        "1 commit on tag 'v1'",
        "stash 'stash@{0}'",
        "stash 'stash@{1}'",
        "linked work tree 'tree', where files may be uncommitted",
        "1 commit that only reflogs name",
    ]


def test_each_kind_of_work_lands(cage):
    work(cage)
    assert cage.all() == {}
    assert [name for name in cage.landed() if "reflog" not in name] == [
        "heads/feature/x", "heads/in-tree", "heads/stash/0", "heads/stash/1", "heads/worktrees/tree", "notes/commits",
        "tags/v1",
    ]  # fmt: skip
    assert cage.shown("heads/feature/x", "feature.txt") == "on feature"
    assert cage.shown("heads/stash/0", "README") == "two"
    assert cage.shown("heads/stash/1", "README") == "one"
    assert cage.shown("heads/stash/0^3", "new.txt") == "untracked two"
    assert cage.shown("heads/worktrees/tree", "tree.txt") == "tree"
    assert cage.git("cat-file", "-p", "refs/landed/tags/v1", at=cage.host).endswith("Release one")
    feature = cage.git("rev-parse", "refs/landed/heads/feature/x", at=cage.host)
    assert cage.shown("notes/commits", feature) == "remember this"
    logged = [cage.git("ls-tree", "--name-only", f"refs/landed/{name}", at=cage.host) for name in cage.landed()
              if "reflog" in name]  # fmt: skip
    assert any("left.txt" in names for names in logged)
    cage.git("stash", "apply", "--quiet", "refs/landed/heads/stash/0", at=cage.host)
    assert (cage.host / "new.txt").read_text() == "untracked two\n"


def test_work_that_remotes_or_the_host_hold_is_none(cage):
    cage.git("checkout", "--quiet", "-b", "theirs")
    theirs = cage.commit("theirs", "theirs.txt")
    cage.git("checkout", "--quiet", "main")
    cage.git("reflog", "expire", "--expire=now", "--all")
    assert cage.beside() == ["1 commit on branch 'theirs'"]
    assert cage.beside(theirs) == []
    cage.git("update-ref", "refs/remotes/origin/theirs", theirs)
    assert cage.beside() == []


def test_broken_ref_is_named_and_stops_no_other(cage):
    work(cage)
    (cage.inside / ".git/refs/heads/bad").write_text("no object\n")
    (cage.inside / ".git/refs/heads/round").write_text("ref: refs/heads/round\n")
    (cage.inside / ".git/refs/heads/gone").write_text("7" * 40 + "\n")
    blob = cage.git("rev-parse", "HEAD:README")
    (cage.inside / ".git/refs/heads/file").write_text(f"{blob}\n")
    left = cage.all()
    assert set(left) == {"branch 'bad'", "branch 'round'", "branch 'gone'", "branch 'file'"}
    assert "leads round in a circle" in left["branch 'round'"]
    assert left["branch 'file'"] == "branch 'file' names a blob, where a commit belongs"
    assert cage.shown("heads/feature/x", "feature.txt") == "on feature"


def test_object_that_is_missing_leaves_its_ref_inside(cage):
    cage.git("checkout", "--quiet", "-b", "torn")
    cage.commit("torn", "torn.txt")
    blob = cage.git("rev-parse", "HEAD:torn.txt")
    cage.git("checkout", "--quiet", "main")
    cage.commit("whole", "whole.txt")
    cage.git("reflog", "expire", "--expire=now", "--all")
    (cage.inside / ".git/objects" / blob[:2] / blob[2:]).unlink()
    assert list(cage.all()) == ["branch 'torn'"]
    assert cage.landed() == ["heads/main"]


def test_broken_head_stops_no_other(cage):
    work(cage)
    (cage.inside / ".git/HEAD").write_text("ref: refs/heads/../../x\n")
    assert "HEAD" in cage.all()
    assert cage.shown("heads/feature/x", "feature.txt") == "on feature"


@pytest.mark.parametrize("name", ["Feature/X", "feature", "a\u202eb", "with~tilde", "up/../../x", "x.lock", "@{1}"])
def test_name_that_the_host_can_not_have_is_left_inside(cage, name):
    taken = refs.Refs()
    assert taken.take("refs/heads/feature/x") == ""
    assert taken.take(f"refs/heads/{name}")


def test_names_beside_each_other_land(cage):
    taken = refs.Refs()
    for name in ("refs/heads/feature/x", "refs/heads/feature/y", "refs/tags/feature", "refs/heads/g", "refs/heads/ä"):
        assert taken.take(name) == ""


def test_refs_that_take_too_long_to_count_are_an_error(cage, monkeypatch):
    work(cage)
    monkeypatch.setitem(cage.program.SECONDS, "count", -1)
    with pytest.raises(SystemExit, match="seconds to count"):
        cage.beside()


def test_more_refs_than_the_bound_are_an_error(cage, monkeypatch):
    monkeypatch.setattr(refs, "MOST", 3)
    for number in range(4):
        cage.git("branch", f"b{number}")
    with pytest.raises(SystemExit, match="more than 3 branches"):
        refs.Refs()


@pytest.mark.parametrize(("wanted", "path"), [("feature/x", "feature.txt"), ("v1", "feature.txt"), ("stash", "README")])
def test_ref_is_chosen_by_name(cage, wanted, path):
    work(cage)
    read = objects.Objects()
    assert path in cage.git("ls-tree", "--name-only", cage.program.named(read, wanted))


@pytest.mark.parametrize("wanted", ["nothing", "commits"])
def test_ref_that_is_not_there_is_named_beside_those_that_are(cage, capsys, wanted):
    """Notes are no ref that can be chosen."""
    cage.git("notes", "add", "--message", "remember this")
    cage.git("branch", "side")
    with pytest.raises(SystemExit, match=f"no branch, tag or stash '{wanted}'"):
        cage.program.named(objects.Objects(), wanted)
    assert capsys.readouterr().err == "Beside HEAD there are:\n  branch 'side'\n"


def test_tags_of_the_first_commit_land_and_the_annotated_one_is_told(cage):
    cage.git("tag", "light")
    cage.git("tag", "--annotate", "--message", "Release", "v0")
    cage.git("branch", "same")
    assert cage.beside() == ["tag 'v0'"]
    assert cage.all() == {}
    assert cage.landed() == ["tags/light", "tags/v0"]


def test_commits_are_counted_and_a_ref_whose_object_is_gone_has_none(cage):
    cage.git("checkout", "--quiet", "-b", "side")
    for name in ("one", "two"):
        cage.commit(name, name)
    cage.git("checkout", "--quiet", "--detach", "main")
    for name in ("three", "four"):
        cage.commit(name, name)
    cage.git("checkout", "--quiet", "main")
    (cage.inside / ".git/refs/heads/gone").write_text("7" * 40 + "\n")
    assert cage.beside() == ["2 commits on branch 'side'", "2 commits that only reflogs name"]
    lost = cage.git("rev-parse", "side~1")
    (cage.inside / ".git/objects" / lost[:2] / lost[2:]).unlink()
    assert cage.beside()[0] == "? commits on branch 'side'"


def test_branch_that_goes_on_from_heads_commits_lands_on_them(cage):
    cage.commit("one", "one")
    cage.git("checkout", "--quiet", "-b", "side")
    cage.commit("two", "two")
    cage.git("checkout", "--quiet", "main")
    assert cage.all() == {}
    assert cage.landed() == ["heads/main", "heads/side"]
    names = [cage.git("rev-parse", f"refs/landed/heads/{name}", at=cage.host) for name in ("main", "side~1")]
    assert names[0] == names[1]


def test_head_without_a_commit_stops_no_other(cage):
    cage.git("branch", "side")
    cage.git("checkout", "--quiet", "side")
    cage.commit("one", "one")
    cage.git("symbolic-ref", "HEAD", "refs/heads/unborn")
    assert cage.all() == {}
    assert cage.landed() == ["heads/side"]


def test_commit_of_the_reflogs_that_can_not_be_read_is_named_by_twelve_digits(cage):
    cage.git("checkout", "--quiet", "--detach")
    lost = cage.commit("left behind", "left.txt")
    blob = cage.git("rev-parse", "HEAD:left.txt")
    cage.git("checkout", "--quiet", "main")
    (cage.inside / ".git/objects" / blob[:2] / blob[2:]).unlink()
    assert list(cage.all()) == [f"reflog '{lost[:12]}'"]


def noted(cage, *names):
    """Notes on the first commit, the files of whose tree have NAMES."""
    blob = cage.git("hash-object", "-w", "--stdin", input=b"a note\n")
    with_blob = b"".join(f"100644 blob {blob}\t".encode() + name + b"\0" for name in names)
    folder = cage.git("mktree", "-z", input=with_blob)
    rows = f"040000 tree {folder}\t{cage.first[:2]}\0".encode() + with_blob
    made = cage.git("mktree", "-z", input=rows)
    cage.git("update-ref", "refs/notes/commits", cage.git("commit-tree", "-m", "notes", made))
    cage.git("reflog", "expire", "--expire=now", "--all")


def test_notes_in_folders_land_and_names_of_no_commit_are_passed_over(cage):
    noted(cage, cage.first[2:].encode(), b"no ascii \xe4", b"\x1b[2J")
    assert cage.all() == {}
    assert cage.landed() == ["notes/commits"]
    assert cage.shown("notes/commits", cage.first) == "a note"


def test_more_notes_than_the_bound_stay_inside(cage, monkeypatch):
    noted(cage, cage.first[2:].encode())
    monkeypatch.setattr(cage.program, "ENTRIES", 2)
    assert cage.all() == {}
    monkeypatch.setattr(cage.program, "ENTRIES", 1)
    assert cage.all() == {"notes 'commits'": "there are more than 1 of them"}


def test_tag_of_a_tag_or_a_tree_is_left_inside(cage):
    cage.commit("more", "more.txt")
    cage.git("tag", "--annotate", "--message", "one", "one")
    cage.git("tag", "--annotate", "--message", "two", "two", "one")
    cage.git("tag", "--annotate", "--message", "tree", "tree", "HEAD^{tree}")
    assert set(cage.all()) == {"tag 'two'", "tag 'tree'"}
    assert "tags/one" in cage.landed()


def test_signature_of_a_tag_is_left_out():
    signed = b"object " + b"1" * 40 + b"\ntype commit\ntag v\ntagger A <a@b> 1 +0000\n\nwords\n"
    signature = b"-----BEGIN PGP SIGNATURE-----\nx\n-----END PGP SIGNATURE-----\n"
    assert objects.parse_tag("2" * 40, signed + signature).message == b"words\n"


# -- the program as it is called -----------------------------------------------


class Called:
    """The program's main, with its limits noted in the place of set, and what it printed."""

    def __init__(self, cage, monkeypatch, capfdbinary):
        self.cage, self.capture, self.limits = cage, capfdbinary, []
        program = cage.program
        noted = {name: getattr(resource, name) for name in ("RLIMIT_DATA", "RLIMIT_CPU")}
        noted["setrlimit"] = lambda what, pair: self.limits.append((what, pair))
        monkeypatch.setattr(program, "resource", SimpleNamespace(**noted))
        monkeypatch.setattr(program, "read_question", self.question)
        monkeypatch.setattr(sys, "setrecursionlimit", lambda depth: self.limits.append(depth))
        monkeypatch.setattr(sys, "stdin", io.StringIO(""))
        for name in ("CAGE_ALL_REFS", "CAGE_REF", "CAGE_SKIP_REFUSED", "CAGE_TREE"):
            monkeypatch.delenv(name, raising=False)

    def question(self):
        self.asked = True
        base = {b"README": tree.Entry("100644", 6, hashlib.sha256(b"first\n").hexdigest())}
        return base, question.Host(dict(base), set(), {}, set(base))

    def __call__(self, *words):
        """The exit code, standard output and the lines of standard error."""
        self.asked, self.limits[:] = False, []
        code = self.cage.program.main(list(words))
        out, err = self.capture.readouterr()
        return code, out, err.decode().splitlines()

    def land(self, out):
        """The commits that a stream brings, by ref: the subjects, the newest first."""
        incoming = self.cage.root / f"incoming-{len(list(self.cage.root.iterdir()))}.git"
        subprocess.run(["git", "init", "--quiet", "--bare", incoming], check=True)
        (incoming / "objects/info/alternates").write_text(f"{self.cage.host}/.git/objects\n")
        self.cage.git("fast-import", "--done", "--quiet", at=incoming, input=out)
        refs = self.cage.git("for-each-ref", "--format=%(refname)", at=incoming).split()
        return {ref: self.cage.git("log", "--format=%s", ref, at=incoming).split("\n") for ref in refs}


@pytest.fixture
def called(cage, monkeypatch, capfdbinary):
    return Called(cage, monkeypatch, capfdbinary)


def test_count_tells_commits_and_other_work_within_its_limits(cage, called):
    assert called("count") == (0, b"0\n", [])
    cage.commit("one", "one")
    cage.commit("two", "two")
    cage.git("branch", "side", "HEAD~1")
    cage.git("checkout", "--quiet", "--orphan", "other")
    cage.commit("three", "three")
    cage.git("checkout", "--quiet", "main")
    assert called("count") == (0, b"2\n1 commit on branch 'other'\n", [])
    assert not called.asked
    assert called.limits == [
        (resource.RLIMIT_DATA, (2 << 30, 2 << 30)),
        (resource.RLIMIT_CPU, (60, 60)),
        1000 + 4 * cage.program.DEPTH,
    ]


def test_count_without_a_commit_is_nothing_and_what_the_host_holds_is_told_by_a_list(cage, called, monkeypatch):
    cage.git("checkout", "--quiet", "-b", "side")
    side = cage.commit("aside", "aside")
    cage.git("symbolic-ref", "HEAD", "refs/heads/unborn")
    assert called("count") == (0, b"0\n1 commit on branch 'side'\n", [])
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{side} words\n"))
    assert called("count") == (0, b"0\n", [])


def test_count_of_a_head_that_git_can_not_walk_is_a_question_mark(cage, called):
    cage.commit("one", "one")
    tree_ = cage.git("rev-parse", "HEAD^{tree}")
    lost = cage.git("commit-tree", "-p", cage.git("rev-parse", "HEAD"), "-m", "lost", tree_)
    cage.git("update-ref", "HEAD", cage.git("commit-tree", "-p", lost, "-m", "last", tree_))
    (cage.inside / ".git/objects" / lost[:2] / lost[2:]).unlink()
    assert called("count")[1].startswith(b"?\n")


def test_export_brings_heads_commits_and_names_the_rest(cage, called):
    cage.commit("one", "one")
    cage.git("checkout", "--quiet", "-b", "side")
    cage.commit("aside", "aside")
    cage.git("checkout", "--quiet", "--detach")
    cage.commit("that reflogs name", "three")
    cage.git("checkout", "--quiet", "main")
    cage.commit("two", "two")
    code, out, err = called("export")
    assert (code, called.asked, called.limits[1]) == (0, True, (resource.RLIMIT_CPU, (600, 600)))
    (subjects,) = called.land(out).values()
    assert subjects == ["two", "one", "first"]
    assert err == [
        "Left inside; --ref NAME or --all-refs takes it (make: CAGE_REF=NAME, CAGE_ALL_REFS=1):",
        "  1 commit on branch 'side'",
    ]


def test_export_of_another_ref_brings_that_alone(cage, called, monkeypatch):
    cage.git("checkout", "--quiet", "-b", "side")
    cage.commit("aside", "aside")
    cage.git("checkout", "--quiet", "main")
    cage.commit("two", "two")
    monkeypatch.setenv("CAGE_REF", "side")
    code, out, err = called("export")
    (subjects,) = called.land(out).values()
    assert (code, err, subjects) == (0, [], ["aside", "first"])


def test_export_of_all_refs_brings_each_and_names_what_is_left(cage, called, monkeypatch):
    cage.git("checkout", "--quiet", "-b", "side")
    cage.commit("aside", "aside")
    cage.git("checkout", "--quiet", "main")
    (cage.inside / ".git/refs/heads/bad").write_text("no object\n")
    monkeypatch.setenv("CAGE_ALL_REFS", "1")
    code, out, err = called("export")
    landed = called.land(out)
    assert (code, landed["refs/heads/side"], "refs/scratch" in landed) == (0, ["aside", "first"], True)
    assert (err[0], len(err), err[1].startswith("  branch 'bad': ")) == ("Left inside:", 2, True)


@pytest.mark.parametrize("everything", ["", "1"])
def test_files_are_stored_by_the_hosts_attributes_and_those_that_can_not_be_are_named(
    cage, called, monkeypatch, everything
):
    monkeypatch.setattr(tree, "SCRATCH", str(cage.root / "attributes"))
    host, words = called.question()[1], b"*.txt text\n*.wide working-tree-encoding=UTF-16LE\n"
    host = host._replace(storage=stored.Settings({b".gitattributes": words}))
    monkeypatch.setattr(cage.program, "read_question", lambda: (host.entries, host))
    monkeypatch.setenv("CAGE_ALL_REFS", everything)
    for name, data in {"a.txt": b"1\r\n", "b.txt": b"1\r\n", "as-it-is": b"1\r\n", "odd.wide": b"\xe9"}.items():
        (cage.inside / name).write_bytes(data)
    cage.commit("one", "one")
    code, out, err = called("export")
    assert (code, out.count(b"blob\n"), out.count(b"data 2\n1\n"), out.count(b"data 3\n1\r\n")) == (0, 4, 1, 1)
    assert err == [
        "warning: git on the host would store these in another form:",
        "  odd.wide: is not in the encoding 'UTF-16LE' of its attributes",
    ]


def test_check_tells_by_its_code_whether_something_would_stay(cage, called, monkeypatch):
    cage.commit("one", "one")
    assert called("check") == (0, b"", [])
    assert (called.asked, called.limits[1]) == (True, (resource.RLIMIT_CPU, (600, 600)))
    (cage.inside / ".git/refs/heads/bad").write_text("no object\n")
    assert called("check")[:2] == (1, b"")
    (cage.inside / ".git/refs/heads/bad").unlink()
    (cage.inside / "out").symlink_to("/etc")
    cage.commit("a link that leads out", "two")
    monkeypatch.setenv("CAGE_SKIP_REFUSED", "1")
    code, out, err = called("check")
    assert (code, out, err) == (1, b"", ["Refused:", "  out: is a link that leaves the project"])
    monkeypatch.delenv("CAGE_SKIP_REFUSED")
    with pytest.raises(SystemExit, match="may not leave the cage"):
        called("check")


def test_history_of_a_cage_that_was_seeded_with_a_tree_begins_anew(cage, called, monkeypatch):
    """The host had no commit: the seeding's name is that of a tree, and stands for no parent."""
    monkeypatch.setenv("CAGE_TREE", cage.first)
    cage.commit("one", "one")
    _, out, _ = called("export")
    assert b"from " + cage.first.encode() not in out
    monkeypatch.setenv("CAGE_TREE", "7" * 40)
    _, out, _ = called("export")
    assert b"from " + cage.first.encode() in out
