"""The agent's commits: read from hostile repositories, judged, written anew, and taken in by git as judged."""

import hashlib
import io
import os
import random
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import pytest
from conftest import seeded
from test_rules import above, faults, fits, random_tree, spelled
from test_verdict import program

GUARD = Path(__file__).parent.parent / "templates/guard"
sys.path.insert(0, str(GUARD))
import commit_rules  # noqa: E402
import objects  # noqa: E402
import question  # noqa: E402
import rules  # noqa: E402
import stream  # noqa: E402
import tree  # noqa: E402

WHO = b"A B <a@b> 1700000000 +0100"
FILES = {b"README": b"hello\n", b"lib/code.txt": b"code\n", b"run.sh": b"#!/bin/sh\n"}


class Agent:
    """A repository whose objects are written byte by byte, as no git would."""

    def __init__(self, folder):
        self.folder, self.made = folder, set()
        subprocess.run(["git", "init", "--quiet", "--initial-branch", "work", folder], check=True)

    def put(self, kind, data):
        data = b"%s %d\0" % (kind, len(data)) + data
        name = hashlib.sha1(data).hexdigest()
        path = self.folder / ".git/objects" / name[:2] / name[2:]
        if name not in self.made:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(zlib.compress(data, 1))
            self.made.add(name)
        return name

    def blob(self, content):
        return self.put(b"blob", content)

    def raw_tree(self, rows):
        return self.put(b"tree", b"".join(b"%s %s\0" % (mode, name) + bytes.fromhex(oid) for mode, name, oid in rows))

    def tree(self, files):
        """A tree of FILES: path -> content, or (mode, content or object)."""
        rows, folders = {}, {}
        for path, content in files.items():
            name, _, rest = path.partition(b"/")
            if rest:
                folders.setdefault(name, {})[rest] = content
                continue
            mode, content = content if isinstance(content, tuple) else (b"100644", content)
            rows[name] = (mode, name, content if isinstance(content, str) else self.blob(content))
        rows |= {name: (b"40000", name, self.tree(inside)) for name, inside in folders.items()}
        order = sorted(rows.values(), key=lambda row: row[1] + (b"/" if row[0] == b"40000" else b""))
        return self.raw_tree(order)

    def commit(self, files, *parents, message=b"m\n", author=WHO, committer=WHO, extra=b""):
        root = files if isinstance(files, str) else self.tree(files)
        head = b"tree %s\n" % root.encode() + b"".join(b"parent %s\n" % p.encode() for p in parents)
        return self.put(b"commit", head + b"author %s\ncommitter %s\n%s\n%s" % (author, committer, extra, message))

    def read_tree(self, commit):
        """The names of the files of COMMIT."""
        words = ["git", "-C", self.folder, "ls-tree", "-r", "--name-only", commit]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()

    def branch(self, oid, name="work"):
        (self.folder / ".git/refs/heads" / name).write_text(f"{oid}\n")


class Case:
    """An agent's repository over a host clone with the same first files."""

    def __init__(self, root, monkeypatch, files=FILES):
        self.root, self.files = root, files
        self.agent = Agent(root / "agent")
        (root / "scratch").mkdir()
        monkeypatch.setattr(objects, "GIT", str(self.agent.folder / ".git"))
        monkeypatch.setattr(objects, "SCRATCH", str(root / "scratch"))
        self.first = self.agent.commit(files)
        self.agent.branch(self.first)
        self.host = root / "host"
        subprocess.run(["git", "clone", "--quiet", "--no-checkout", self.agent.folder, self.host], check=True)
        self.seeded = self.git("rev-parse", "HEAD")
        monkeypatch.setenv("CAGE_SEEDED", self.seeded)
        monkeypatch.setenv("CAGE_IMPORTED", self.first)
        monkeypatch.setenv("CAGE_TREE", "")
        self.program = program("commits")
        self.links, self.submodules = {}, {}

    def git(self, *words, **options):
        done = subprocess.run(["git", "-C", self.host, *words], check=True, capture_output=True, **options)
        return done.stdout.decode("utf-8", "replace").strip()

    def base(self):
        return {
            path: tree.link_entry(content[1])
            if isinstance(content, tuple)
            else tree.Entry("100644", len(content), hashlib.sha256(content).hexdigest())
            for path, content in self.files.items()
        }

    def judge(self, tip, beside=(), head=()):
        """The judged Commits up to TIP, and their order; BESIDE and HEAD are more paths of the host."""
        entries = self.base() | dict.fromkeys(beside, tree.Entry("100644", -1, "x"))
        folders = {p for path in entries for p in rules.parents(path)}
        host = question.Host(entries, folders, {}, set(), links=self.links, head=dict.fromkeys(head, b"100644"))
        host = host._replace(submodules=frozenset(self.submodules), seeded=self.submodules)
        read = objects.Objects()
        judged = commit_rules.Commits(read, self.base(), host, self.first, self.seeded)
        order = judged.order(tip)
        judged.judge(order)
        return judged, order

    def refused(self, tip, **more):
        return {path: why for (path, _, _), why in self.judge(tip, **more)[0].refused.items()}

    def land(self, tip):
        """Give the stream to the host's git, on the branch 'work' there; returns the refused entries."""
        judged, order = self.judge(tip)
        out = io.BytesIO()
        lines = stream.Stream(out)
        self.program.write(judged.objects, judged, order, lines, self.program.storing_of(judged))
        lines.done()
        self.git("fast-import", "--quiet", "--done", "--force", input=out.getvalue())
        return judged.refused

    def files_of(self, commit):
        """The files of a commit of the host: path -> (mode, content)."""
        rows = subprocess.run(
            ["git", "-C", self.host, "ls-tree", "-r", "-z", commit], check=True, capture_output=True
        ).stdout.split(b"\0")[:-1]
        found = {}
        for row in rows:
            facts, _, path = row.partition(b"\t")
            mode, _, oid = facts.split()
            blob = ["git", "-C", self.host, "cat-file", "blob", oid]
            found[path] = (mode, subprocess.run(blob, check=True, capture_output=True).stdout)
        return found


@pytest.fixture
def case(monkeypatch):
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as place:  # linux
        yield Case(Path(place), monkeypatch)


def words(ended):
    return str(ended.value.code)


# -- HEAD ----------------------------------------------------------------------


def head_of(case):
    return case.program.head(objects.Objects())


def test_head_on_a_branch_is_its_commit(case):
    assert head_of(case) == case.first


def test_head_without_a_commit_yet_is_none(case):
    (case.agent.folder / ".git/HEAD").write_text("ref: refs/heads/new\n")
    assert head_of(case) is None


def test_head_in_packed_refs_is_its_commit(case):
    (case.agent.folder / ".git/packed-refs").write_text(f"# pack-refs\n{case.first} refs/heads/work\n^{'0' * 40}\n")
    (case.agent.folder / ".git/refs/heads/work").unlink()
    assert head_of(case) == case.first


BROKEN_HEADS = {
    "a tag": ("annotated", "HEAD names a tag, where a commit belongs"),
    "a blob": ("blob", "HEAD names a blob, where a commit belongs"),
    "a tree": ("tree", "HEAD names a tree, where a commit belongs"),
    "nothing that is there": ("0" * 40, "can't be read"),
    "a short name": ("abc", "names no commit"),
    "a circle": ("ref: refs/heads/a", "leads round in a circle"),
    "another folder": ("ref: refs/../../x", "names no branch"),
    "an option": ("--upload-pack=x", "names no commit"),
    "an escape": ("ref: refs/heads/\x1b]0;x", "names no branch"),
    "nothing": ("", "names no commit"),
}


@pytest.mark.parametrize("kind", BROKEN_HEADS)
@pytest.mark.parametrize("by", ["HEAD", "refs/heads/work"])
def test_head_that_is_no_commit_is_an_error_in_words(case, kind, by):
    value, said = BROKEN_HEADS[kind]
    made = {
        "annotated": lambda: case.agent.put(
            b"tag", b"object %s\ntype commit\ntag v\ntagger %s\n\ncommit x\n" % (case.first.encode(), WHO)
        ),
        "blob": lambda: case.agent.blob(b"x"),
        "tree": lambda: case.agent.tree(FILES),
    }
    value = made[value]() if value in made else value
    (case.agent.folder / ".git" / by).write_text(f"{value}\n")
    (case.agent.folder / ".git/refs/heads/a").write_text("ref: refs/heads/b\n")
    (case.agent.folder / ".git/refs/heads/b").write_text("ref: refs/heads/a\n")
    with pytest.raises(SystemExit, match="^error: .*" + said):
        head_of(case)


@pytest.mark.parametrize("by", ["HEAD", "refs", "refs/heads", "refs/heads/work", "packed-refs"])
def test_ref_that_is_a_link_is_an_error_and_is_not_followed(case, by):
    path = case.agent.folder / ".git" / by
    if path.is_dir() or path.exists():
        path.rename(case.root / "moved")
    else:
        (case.agent.folder / ".git/refs/heads/work").unlink()
        (case.root / "moved").write_text(f"{case.first} refs/heads/work\n")
    path.symlink_to(case.root / "moved")
    with pytest.raises(SystemExit, match="has a link where"):
        head_of(case)


@pytest.mark.parametrize("by", ["HEAD", "refs/heads/work", "packed-refs"])
def test_ref_that_is_a_fifo_or_huge_is_an_error(case, by):
    path = case.agent.folder / ".git" / by
    (case.agent.folder / ".git/refs/heads/work").unlink()
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    with pytest.raises(SystemExit, match="no small file"):
        head_of(case)
    path.unlink()
    with path.open("w") as file:
        file.truncate(1 << 40)
    with pytest.raises(SystemExit, match="no small file"):
        head_of(case)


def test_refs_in_another_format_are_an_error(case):
    (case.agent.folder / ".git/reftable").mkdir()
    with pytest.raises(SystemExit, match="another format"):
        head_of(case)


def test_head_that_is_gone_is_an_error(case):
    (case.agent.folder / ".git/HEAD").unlink()
    with pytest.raises(SystemExit, match="has no HEAD"):
        head_of(case)


# -- objects -------------------------------------------------------------------


def test_object_that_is_not_what_its_name_says_is_an_error(case):
    wanted = case.agent.blob(b"harmless")
    other = case.agent.blob(b"harmful!")
    path = case.agent.folder / ".git/objects" / wanted[:2] / wanted[2:]
    path.write_bytes((case.agent.folder / ".git/objects" / other[:2] / other[2:]).read_bytes())
    with pytest.raises(SystemExit, match=r"is not what its name says|can't be read"):
        objects.Objects().read(wanted, "blob", 100)


def test_object_over_its_bound_is_an_error_before_it_is_read(case):
    with pytest.raises(SystemExit, match="is larger than"):
        objects.Objects().read(case.agent.blob(b"x" * 101), "blob", 100)


def test_object_of_its_bound_is_read(case):
    assert objects.Objects().read(case.agent.blob(b"x" * 100), "blob", 100) == b"x" * 100


def test_large_object_is_read_whole(case):
    content = random.Random(1).randbytes(3 << 20)
    assert objects.Objects().read(case.agent.blob(content), "blob", 4 << 20) == content


@pytest.mark.parametrize("kind", ["tree", "commit"])
def test_object_of_another_type_is_an_error(case, kind):
    with pytest.raises(SystemExit, match=f"is a blob, where a {kind} is named"):
        objects.Objects().read(case.agent.blob(b"x"), kind, 100)


TREES = {
    "a name twice": [(b"100644", b"a", "1"), (b"100644", b"a", "2")],
    "a slash": [(b"100644", b"a/b", "1")],
    "no name": [(b"100644", b"", "1")],
    "a dot": [(b"100644", b".", "1")],
    "two dots": [(b"40000", b"..", "1")],
    "an unknown mode": [(b"100000", b"a", "1")],
    "a long mode": [(b"0100644", b"a", "1")],
}


@pytest.mark.parametrize("kind", TREES)
def test_tree_that_git_would_not_write_is_an_error(case, kind):
    tree_ = case.agent.raw_tree([(mode, name, digit * 40) for mode, name, digit in TREES[kind]])
    with pytest.raises(SystemExit, match="is none that git would write"):
        objects.Objects().tree(tree_)


@pytest.mark.parametrize("data", [b"100644 a", b"100644 a\0short", b"100644\0" + bytes(20), b"x"])
def test_torn_tree_is_an_error(data):
    with pytest.raises(SystemExit, match="is none that git would write"):
        objects.parse_tree("0" * 40, data)


def test_tree_says_modes_as_git_writes_them_today():
    data = b"".join(mode + b" n" + mode + b"\0" + bytes(20) for mode in (b"100664", b"040000", b"160000", b"120000"))
    assert [item.mode for item in objects.parse_tree("0" * 40, data)] == [b"100644", b"40000", b"160000", b"120000"]


def test_tree_of_sha256_has_longer_names():
    (item,) = objects.parse_tree("0" * 64, b"100644 a\0" + bytes(range(32)))
    assert item == (b"100644", b"a", bytes(range(32)).hex())


COMMITS = {
    "two trees": b"tree %(t)s\ntree %(t)s\nauthor %(w)s\ncommitter %(w)s\n\nm",
    "no author": b"tree %(t)s\ncommitter %(w)s\n\nm",
    "two authors": b"tree %(t)s\nauthor %(w)s\nauthor %(w)s\ncommitter %(w)s\n\nm",
    "no tree": b"author %(w)s\ncommitter %(w)s\n\nm",
    "a short parent": b"tree %(t)s\nparent abc\nauthor %(w)s\ncommitter %(w)s\n\nm",
    "an option as parent": b"tree %(t)s\nparent --all\nauthor %(w)s\ncommitter %(w)s\n\nm",
    "nothing": b"",
}


@pytest.mark.parametrize("kind", COMMITS)
def test_commit_that_git_would_not_write_is_an_error(kind):
    with pytest.raises(SystemExit, match="is none that git would write"):
        objects.parse_commit("0" * 40, COMMITS[kind] % {b"t": b"1" * 40, b"w": WHO})


def test_commit_keeps_nothing_of_its_signature():
    data = (
        b"tree %s\nauthor %s\ncommitter %s\ngpgsig -----BEGIN\n author x\n tree y\n \n -----END\n"
        b"encoding latin1\n\nmess\n\nage" % (b"1" * 40, WHO, WHO)
    )
    assert objects.parse_commit("0" * 40, data) == ("1" * 40, (), WHO, WHO, "latin1", b"mess\n\nage")


def test_objects_elsewhere_are_an_error(case):
    (case.agent.folder / ".git/objects/info").mkdir(exist_ok=True)
    (case.agent.folder / ".git/objects/info/alternates").write_text("/elsewhere\n")
    with pytest.raises(SystemExit, match="has alternates among its objects"):
        objects.Objects()


def test_replaced_object_is_read_as_it_is(case):
    new = case.agent.blob(b"new")
    old = case.agent.blob(b"old")
    (case.agent.folder / ".git/refs/replace").mkdir()
    (case.agent.folder / ".git/refs/replace" / old).write_text(f"{new}\n")
    assert objects.Objects().read(old, "blob", 10) == b"old"


# -- judging -------------------------------------------------------------------


def after(case, change, **options):
    """A commit whose files are the first ones with CHANGE (None for gone)."""
    files = {path: content for path, content in (case.files | change).items() if content is not None}
    return case.agent.commit(files, case.first, **options)


REFUSED = {
    "a link out": ({b"l": (b"120000", b"/etc/passwd")}, b"l", "is a link that leaves the project"),
    "a link up": ({b"d/l": (b"120000", b"../../x")}, b"d/l", "is a link that leaves the project"),
    "a link into git": ({b"l": (b"120000", b".git/config")}, b"l", "is a link into a git folder"),
    "a link through a link": ({b"a": (b"120000", b"/"), b"b": (b"120000", b"a/x")}, b"b", rules.THROUGH),
    "a link that ends at a NUL": ({b"l": (b"120000", b"..\0x")}, b"l", "is a link with a NUL in its target"),
    "a link into git that does": ({b"l": (b"120000", b".git\0x")}, b"l", "is a link with a NUL in its target"),
    "a long link": ({b"l": (b"120000", b"x" * 5000)}, b"l", "is a link to nowhere"),
    "a git folder": ({b"lib/.GIT/config": b"x"}, b"lib/.GIT", rules.DOTGIT),
    "a git file": ({b"lib/.git": b"gitdir: ../x"}, b"lib/.git", rules.DOTGIT),
    "a short name": ({b"GIT~1": b"x"}, b"GIT~1", rules.DOTGIT),
    "a control character": ({b"a\x1bb": b"x"}, b"a\x1bb", "has invisible or control characters in its name"),
    "a submodule": ({b"sub": (b"160000", "1" * 40)}, b"sub", "is a git repository within"),
    "a bare repository": ({b"x/HEAD": b"x", b"x/objects/a": b"", b"x/refs/a": b""}, b"x/HEAD", rules.BARE),
    "one by commondir": ({b"x/HEAD": b"x", b"x/commondir": b"../y"}, b"x/commondir", rules.BARE),
    "one in another spelling": (
        {b"x/\xe2\x84\x8bead": b"x", b"x/object\xc5\xbf/a": b"", b"x/REFS./a": b""},
        b"x/object\xc5\xbf/a",
        rules.BARE,
    ),
    "one at the top": ({b"HEAD": b"x", b"objects/a": b"", b"refs/a": b""}, b"HEAD", rules.BARE),
    "another case": ({b"readme": b"x"}, b"readme", "is README on file systems that fold case or Unicode"),
    "another case of a folder": ({b"LIB/x": b"x"}, b"LIB", "is lib on file systems that fold case or Unicode"),
    "a trailing dot": ({b"README.": b"x"}, b"README.", "is README on file systems that fold case or Unicode"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_commit_that_brings_it_is_refused(case, kind):
    change, path, why = REFUSED[kind]
    assert case.refused(after(case, change)).get(path) == why


SUB = "5" * 40


@pytest.fixture
def with_submodule(tmp_path, monkeypatch):
    """A host clone with submodules in its seeded commit, which the cage's own commit does not have."""
    case = Case(tmp_path, monkeypatch)
    case.git("read-tree", "HEAD")
    for path in ("lib/sub", "other"):
        case.git("update-index", "--add", "--cacheinfo", f"160000,{SUB},{path}")
    case.seeded = case.git(
        "-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", "-m", "x", case.git("write-tree")
    )
    case.submodules = {b"lib/sub": (b"160000", SUB), b"other": (b"160000", SUB)}
    monkeypatch.setenv("CAGE_SEEDED", case.seeded)
    return case


def gitlinks(case, commit):
    return [line for line in case.git("ls-tree", "-r", commit).splitlines() if line.startswith("160000")]


BOTH = [f"160000 commit {SUB}\tlib/sub", f"160000 commit {SUB}\tother"]


def test_submodules_stay_whatever_became_of_the_history(with_submodule):
    case, new = with_submodule, FILES | {b"new": b"x"}
    on_top, amended = after(case, {b"new": b"x"}), case.agent.commit(new)
    rebased = case.agent.commit(new | {b"more": b"x"}, amended)
    emptied = case.agent.commit({b"README": b"x"}, case.first)
    back = case.agent.commit(FILES, emptied)
    merged = case.agent.commit(new, amended, on_top)
    for tip in (on_top, amended, rebased, emptied, back, merged):
        assert case.land(tip) == {}
        assert gitlinks(case, "work") == BOTH
        assert gitlinks(case, "work^") == BOTH
        there = case.git("ls-tree", "-r", "--name-only", "work").splitlines()
        assert there == sorted([*case.agent.read_tree(tip), "lib/sub", "other"])


def test_commit_with_files_in_a_submodule_or_its_place_is_refused(with_submodule):
    case = with_submodule
    for change, path, why in (
        ({b"lib/sub/deep/x": b"x"}, b"lib/sub/deep/x", "lies in the submodule 'lib/sub'"),
        ({b"other": b"x"}, b"other", "takes the place of the submodule 'other'"),
        ({b"lib/code.txt": None, b"lib": b"x"}, b"lib", "takes the place of the submodule 'lib/sub'"),
        ({b"lib/sub": (b"160000", "6" * 40)}, b"lib/sub", "is a git repository within"),
    ):
        tip = case.agent.commit(FILES, after(case, change))
        mode, oid = change[path] if path == b"lib/sub" else (b"100644", case.agent.blob(b"x"))
        assert case.land(tip) == {(path, mode, oid): why}
        assert gitlinks(case, "work") == gitlinks(case, "work^") == BOTH
        case.git("update-ref", "-d", "refs/heads/work")


def test_submodule_that_the_agent_checked_out_stays(with_submodule):
    case = with_submodule
    assert case.land(after(case, {b"lib/sub": (b"160000", SUB), b"new": b"x"})) == {}
    assert gitlinks(case, "work") == BOTH


TAKEN = {
    "a file": {b"new": b"x"},
    "a link": {b"l": (b"120000", b"lib/code.txt")},
    "a program": {b"p": (b"100755", b"x")},
    "a case that changes": {b"README": None, b"readme": b"x"},
    "parts of a repository": {b"x/HEAD": b"x", b"x/objects/a": b""},
    "a file for a folder": {b"lib/code.txt": None, b"lib": b"x"},
    "a folder for a file": {b"README": None, b"README/x": b"x"},
}


@pytest.mark.parametrize("kind", TAKEN)
def test_commit_that_brings_it_is_taken_whole(case, kind):
    tip = after(case, TAKEN[kind])
    assert case.land(tip) == {}
    wanted = {path: content for path, content in (FILES | TAKEN[kind]).items() if content is not None}
    wanted = {p: c if isinstance(c, tuple) else (b"100644", c) for p, c in wanted.items()}
    assert case.files_of("work") == wanted


def test_bare_repository_in_parts_over_commits_is_refused(case):
    one = after(case, {b"x/HEAD": b"x"})
    two = case.agent.commit(FILES | {b"x/objects/a": b""}, one)
    three = case.agent.commit(FILES | {b"x/refs/a": b""}, two)
    assert set(case.refused(three).values()) == {rules.BARE}


def test_bare_repository_with_what_lies_beside_is_refused(case):
    tip = after(case, {b"x/HEAD": b"x"})
    assert case.refused(tip) == {}
    assert case.refused(tip, beside=[b"x/objects/a", b"x/refs/a"]) == {b"x/HEAD": rules.BARE}


def test_bare_repository_with_what_is_committed_on_the_host_is_refused(case):
    tip = after(case, {b"x/objects/a": b"", b"x/refs/a": b""})
    assert rules.BARE in case.refused(tip, head=[b"x/HEAD"]).values()


def test_spelling_of_what_lies_beside_is_refused(case):
    assert case.refused(after(case, {b"notes": b"x"}), beside=[b"Notes"]) == {
        b"notes": "is Notes on file systems that fold case or Unicode"
    }


def test_link_through_a_link_that_lies_beside_is_refused(case):
    case.links = {b"vendor": b"/opt"}
    tip = after(case, {b"l": (b"120000", b"vendor/x")})
    assert case.refused(tip, beside=[b"vendor"]) == {b"l": rules.THROUGH}


def test_link_that_misleads_one_of_the_host_is_refused(case):
    case.links = {b"p/x": b"a/../../y"}
    tip = after(case, {b"p/a": (b"120000", b"../lib")})
    assert case.refused(tip, beside=[b"p/x"]) == {b"p/a": "leads p/x out of the project"}


def test_link_whose_target_comes_later_is_judged_with_it(case):
    one = after(case, {b"d/in": (b"120000", b"up/x")})
    assert case.refused(one) == {}
    two = case.agent.commit(FILES | {b"d/in": (b"120000", b"up/x"), b"d/up": (b"120000", b"../../..")}, one)
    assert case.refused(two) == {b"d/in": rules.THROUGH, b"d/up": "is a link that leaves the project"}


def test_large_file_is_refused_unread(case, monkeypatch):
    monkeypatch.setattr(rules, "FILE_BYTES", 10)
    assert case.refused(after(case, {b"big": b"x" * 11, b"fits": b"x" * 10})) == {b"big": "is larger than 0 MiB"}


def test_base_is_never_refused(tmp_path, monkeypatch):
    odd = {b"out": (b"120000", b"/etc"), b"GIT~1": b"x", b"Name": b"x", b"name": b"y", b"c\x1b": b"x", b"x/HEAD": b"x"}
    case = Case(tmp_path, monkeypatch, FILES | odd | {b"x/objects/a": b"", b"x/refs/a": b""})
    assert case.refused(after(case, {b"new": b"x"})) == {}
    # Another history that begins with the same files, too.
    assert case.refused(case.agent.commit(case.files)) == {}


def test_changed_file_may_have_the_name_that_the_base_has(tmp_path, monkeypatch):
    case = Case(tmp_path, monkeypatch, FILES | {b"c\x1b": b"x"})
    assert case.refused(after(case, {b"c\x1b": b"other"})) == {}


def test_tree_of_billions_and_one_of_great_depth_end_soon(case):
    root = case.agent.tree({b"f%d" % i: b"x" for i in range(10)})
    for _ in range(9):
        root = case.agent.raw_tree([(b"40000", b"d%d" % i, root) for i in range(10)])
    with pytest.raises(SystemExit, match="over 1000000 entries"):
        case.refused(case.agent.commit(root, case.first))
    root = case.agent.tree({b"f": b"x"})
    for _ in range(3000):
        root = case.agent.raw_tree([(b"40000", b"d", root)])
    assert set(case.refused(case.agent.commit(root, case.first)).values()) == {rules.TOO_DEEP}


def test_parent_that_is_missing_is_an_error(case):
    with pytest.raises(SystemExit, match="can't be read"):
        case.refused(case.agent.commit(FILES, "1" * 40))


def test_parent_that_is_a_blob_is_an_error(case):
    with pytest.raises(SystemExit, match="is a blob, where a commit is named"):
        case.refused(case.agent.commit(FILES, case.agent.blob(b"x")))


# -- writing -------------------------------------------------------------------


def test_message_is_data_whatever_it_says(case):
    message = (
        b"one\n\ndata 5\nM 120000 inline evil\ndata 11\n/etc/passwd\ncommit refs/heads/x\nprogress \x1b]0;x\x07\ndone\n"
    )
    case.land(after(case, {b"new": b"x"}, message=message))
    assert case.files_of("work").keys() == {*FILES, b"new"}
    said = case.git("log", "-1", "--format=%B", "work")
    assert said == message.decode().replace("\x1b", "\ufffd").replace("\x07", "\ufffd").strip()
    assert case.git("for-each-ref", "--format=%(refname)", "refs/heads") == "refs/heads/work"


def test_content_is_data_whatever_it_says(case):
    content = b"x\ndata 3\nabc\nM 100644 :1 y\ncommit refs/heads/x\n"
    case.land(after(case, {b"new": content, b'q"u\\o': content}))
    assert case.files_of("work") == {
        p: (b"100644", c) for p, c in (FILES | {b"new": content, b'q"u\\o': content}).items()
    }


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (WHO, "A B <a@b> 1700000000 +0100"),
        (b"x\x1b]0;t\x07 <y\x9b> 5 +0000", "x\ufffd]0;t\ufffd <y\ufffd> 5 +0000"),
        (b"no address", "no address <> 0 +0000"),
        (b"a <b> 99999999999999999999 +0000", "a <b> 1099511627776 +0000"),
        (b"a <b> -5 +9999", "a <b> 0 +0000"),
        (b" <b> 5 -0730", " <b> 5 -0730"),
        (b"a <b\ncommitter x <y> 5 +0000", "a <bcommitter x y> 5 +0000"),
        (b"a <b> 5 +1430", "a <b> 5 +0000"),
        (b"", " <> 0 +0000"),
    ],
)
def test_people_and_dates_are_parsed(line, said):
    assert stream.person(line).decode() == said


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        (b"caf\xe9", "iso-8859-1", "café"),
        (b"\x9b31m", "latin1", "\ufffd31m"),
        ("café 🦊".encode(), "utf-8", "café 🦊"),
        (b"caf\xe9", "rot13", "caf\ufffd"),
        (b"x", "unicode_escape", "x"),
        (b"a\r\nb\rc\td", "UTF-8", "a\nb\ufffdc\td"),
        ("a\u202eb\u2066c\u2028d".encode(), "utf-8", "a\ufffdb\ufffdc\u2028d"),
        (b"x", "iso-8859-77", "x"),
    ],
)
def test_messages_hold_nothing_that_acts(text, encoding, said):
    assert stream.clean(text, encoding).decode() == said


def test_stream_ends_before_it_is_too_large(case, monkeypatch):
    monkeypatch.setattr(stream, "TOTAL_BYTES", 100)
    out = io.BytesIO()
    with pytest.raises(SystemExit, match="larger than"):
        stream.Stream(out).blob("1" * 40, 200, [b"x" * 200])
    assert len(out.getvalue()) <= 100


def test_merge_lands_with_both_parents(case):
    one, two = after(case, {b"one": b"1"}), after(case, {b"two": b"2"})
    both = case.agent.commit(FILES | {b"one": b"1", b"two": b"2"}, one, two)
    assert case.land(both) == {}
    assert case.files_of("work").keys() == {*FILES, b"one", b"two"}
    assert case.git("log", "--format=%p", "-1", "work").count(" ") == 1
    assert case.git("merge-base", "work^1", "work^2") == case.seeded


def test_history_of_its_own_comes_on_top_of_the_seeded_commit(case):
    case.land(case.agent.commit({b"only": b"x"}))
    assert case.files_of("work") == {b"only": (b"100644", b"x")}
    assert case.git("rev-parse", "work^") == case.seeded


def test_history_whose_first_commit_is_gone_comes_whole(case):
    tip = after(case, {b"new": b"x"})
    (case.agent.folder / ".git/objects" / case.first[:2] / case.first[2:]).unlink()
    assert case.land(tip) == {}
    assert case.files_of("work").keys() == {*FILES, b"new"}


def test_refused_entries_stay_out_and_the_rest_lands(case):
    one = after(case, {b"bad": (b"120000", b"/etc"), b"good": b"1", b"README": (b"120000", b"/x")})
    two = case.agent.commit(FILES | {b"good": b"2", b"README": b"back"}, one)
    case.land(two)
    assert case.files_of("work^").keys() == {*FILES, b"good"}
    assert case.files_of("work^")[b"README"] == (b"100644", FILES[b"README"])
    assert case.files_of("work")[b"README"] == (b"100644", b"back")


def test_folder_that_was_refused_once_comes_whole_when_it_may(case):
    one = after(case, {b"LIB/x": b"1", b"LIB/y": b"2"})
    two = case.agent.commit({b"README": b"hello\n", b"LIB/x": b"1", b"LIB/y": b"3"}, one)
    case.land(two)
    assert case.files_of("work^").keys() == FILES.keys()
    assert case.files_of("work").keys() == {b"README", b"LIB/x", b"LIB/y"}


# -- random graphs -------------------------------------------------------------

GRAPHS, AT_ONCE = 10_000, 500


def random_graph(rng, case):
    """The tip of some commits on top of the first one, with files that a random_tree has."""
    made = [(case.first, {path.decode(): content.decode() for path, content in FILES.items()})]
    for _ in range(rng.choice([1, 1, 2, 3])):
        parents = rng.sample(made, min(len(made), rng.choice([0, 1, 1, 1, 2])))
        files = random_tree(rng, 6)
        inherited = parents[0][1] if parents and rng.random() < 0.7 else {}
        files = {path: content for path, content in inherited.items() if fits(path, files)} | files
        if rng.random() < 0.4 and (some := sorted(files)):
            old = rng.choice([*some, *(folder for path in some for folder in above(path))])
            new = "/".join([*old.split("/")[:-1], old.split("/")[-1].swapcase()])
            moved = {new + p[len(old) :] if p == old or p.startswith(f"{old}/") else p: files[p] for p in some}
            files = moved if rng.random() < 0.5 else files | moved
        raw = {
            path.encode(): (b"120000", content[1].encode()) if isinstance(content, tuple) else content.encode()
            for path, content in files.items()
        }
        message = rng.choice([b"m", b"data 3\nabc\ndone\n", b"M 120000 inline x\ndata 4\n/etc\n", b"\x1b[31m"])
        made.append((case.agent.commit(raw, *(oid for oid, _ in parents), message=message), files))
    return made[-1][0]


def landed_trees(case, marks):
    """The files of each mark in the host's git: mark -> path -> (mode, content), read by one cat-file."""
    reader = subprocess.Popen(
        ["git", "-C", case.host, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    cache = {}

    def read(name):
        if name not in cache:
            reader.stdin.write(f"{name}\n".encode())
            reader.stdin.flush()
            size = int(reader.stdout.readline().split()[2])
            cache[name] = reader.stdout.read(size + 1)[:-1]
        return cache[name]

    def files(tree_, folder=b""):
        found = {}
        for mode, name, oid in objects.parse_tree(tree_, read(tree_)):
            path = folder + name
            found |= files(oid, path + b"/") if mode == b"40000" else {path: (mode, read(oid))}
        return found

    trees = {mark: files(read(oid).split()[1].decode()) for mark, oid in marks.items()}
    reader.stdin.close()
    reader.wait()
    return trees


@pytest.mark.timeout(900)
def test_random_graphs_land_as_they_were_judged(case):
    rng, reader, refusals = seeded(), objects.Objects(), 0
    first = {path.decode(): content.decode() for path, content in FILES.items()}
    for _ in range(GRAPHS // AT_ONCE):
        out, wanted, judgements = io.BytesIO(), {}, []
        lines = stream.Stream(out)
        for _ in range(AT_ONCE):
            tip = random_graph(rng, case)
            lines.marks = {oid: mark for oid, mark in lines.marks.items() if oid == tip}
            host = question.Host(case.base(), {b"lib"}, {}, set())
            judged = commit_rules.Commits(reader, case.base(), host, case.first, case.seeded)
            order = judged.order(tip)
            judged.judge(order)
            case.program.write(reader, judged, order, lines, case.program.storing_of(judged))
            refusals += bool(judged.refused)
            judgements.append({lines.marks[oid].decode(): judged for oid in order})
            wanted |= {lines.marks[oid].decode(): commit.tree for oid, commit in order.items()}
        marks = case.root / "marks"
        case.git(
            "fast-import", "--quiet", "--done", "--force", f"--export-marks={marks}", input=out.getvalue() + b"done\n"
        )
        made = dict(line.split() for line in marks.read_text().splitlines())
        landed = landed_trees(case, {mark: made[mark] for mark in wanted})
        for graph in judgements:
            for mark, judged in graph.items():
                files = readable(landed[mark])
                assert faults(case.root / "place", first, files, first) == [], files
                assert_as_judged(reader, judged, wanted[mark], landed[mark])
    assert GRAPHS / 10 < refusals < GRAPHS


def readable(files):
    """FILES as test_rules writes them."""
    return {
        path.decode(): ("link", content.decode()) if mode == b"120000" else content.decode()
        for path, (mode, content) in files.items()
    }


def assert_as_judged(reader, judged, tree_, landed):
    """All of TREE that was not refused has landed, and nothing that was."""
    agent, folders, there, refused = {}, [(b"", tree_)], set(), set()
    while folders:
        folder, oid = folders.pop()
        there.add(folder.decode())
        for item in reader.tree(oid):
            path = commit_rules.below(folder, item.name)
            if (path, item.mode, item.oid) in judged.refused:
                kept_out = item.mode == b"40000" or landed.get(path) != (item.mode, reader.read(item.oid, "blob", 100))
                assert kept_out or path in FILES
                refused.add(spelled(path.decode()))
            elif item.mode == b"40000":
                folders.append((path, item.oid))
            else:
                agent[path] = (item.mode, reader.read(item.oid, "blob", 100))
    assert agent.items() <= landed.items()
    # Imported entries stay in the place of refused ones, and those that are gone if another spelling is refused.
    assert landed.keys() - agent.keys() <= FILES.keys()
    for path in FILES:
        gone = [it for it in (path.decode(), *above(path.decode())) if it not in there]
        assert path in landed or refused.isdisjoint(map(spelled, gone))
