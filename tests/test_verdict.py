"""Random three-sided trees end as the rules say; the judge's own modules, on folders, without an engine."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import namedtuple
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

GUARD = Path(__file__).parent.parent / "templates/guard"
sys.path.insert(0, str(GUARD))
import commit_rules  # noqa: E402
import landing  # noqa: E402
import objects  # noqa: E402
import question  # noqa: E402
import rules  # noqa: E402
import tree  # noqa: E402
import verdict  # noqa: E402
from arrival import Arrival, Return  # noqa: E402, F401 (test_judge takes Return from here)

PATHS = ["a", "b", "d/x", "d/y", "e/f/z", "link"]
CONTENTS = st.sampled_from(["", "one\n", "two\n", "three\n"])
TREES = st.dictionaries(st.sampled_from(PATHS), CONTENTS)


@pytest.fixture
def cage():
    """An empty folder that the judge takes for a cage's project."""
    root = Path(tempfile.mkdtemp())
    before = tree.ROOT, tree.SCRATCH
    tree.ROOT = verdict.ROOT = os.fsencode(root / "project")
    tree.SCRATCH = str(root / "scratch")
    yield root
    tree.ROOT, tree.SCRATCH = before
    verdict.ROOT = before[0]
    shutil.rmtree(root)


def entry(text: str) -> tree.Entry:
    return tree.Entry("100644", len(text), hashlib.sha256(text.encode()).hexdigest())


def lay(folder: Path, files: dict[str, str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def side(files: dict[str, str]) -> dict[bytes, tree.Entry]:
    return {path.encode(): entry(text) for path, text in files.items()}


def host_of(files: dict[str, str]) -> question.Host:
    folders = {p for path in files for p in rules.parents(path.encode())}
    return question.Host(side(files), folders, {}, {path.encode() for path in files})


def merged(base: dict, cage: dict, host: dict, take: str) -> tuple[dict, set]:
    """The files that the host should hold, and the conflicts: the rules of the export, in five lines."""
    result, conflicts = dict(host), set()
    for path in base.keys() | cage.keys() | host.keys():
        before, inside, outside = base.get(path), cage.get(path), host.get(path)
        if inside in (before, outside):
            continue
        if outside == before or take == "cage":
            result[path] = inside
        elif take != "host":
            conflicts.add(path)
    return {path: text for path, text in result.items() if text is not None}, conflicts


@settings(max_examples=300, deadline=None)
@given(TREES, TREES, TREES, st.sampled_from(["", "cage", "host"]))
def test_export_ends_as_the_rules_say(base, inside, host, take):
    root = Path(tempfile.mkdtemp())
    tree.ROOT = verdict.ROOT = os.fsencode(root)
    try:
        lay(root, inside)
        judged = verdict.Verdict(side(base), host_of(host), question.Choices(take=take))
        expected, conflicts = merged(base, inside, host, take)
        assert {p.decode() for p in judged.conflicts} == conflicts
        result = {p.encode(): entry(t) for p, t in host.items()} | judged.changed
        for path in judged.deleted:
            del result[path]
        assert result == {p.encode(): entry(t) for p, t in expected.items() if p not in conflicts} | {
            p.encode(): entry(host[p]) for p in conflicts & host.keys()
        }
        # Applied, and asked again: nothing is left but the conflicts.
        after = {
            p.decode(): text for p in result for text in [*host.values(), *inside.values()] if entry(text) == result[p]
        }
        again = verdict.Verdict(judged.next_base(), host_of(after), question.Choices(take=take))
        assert (again.changed, again.deleted) == ({}, [])
        assert {p.decode() for p in again.conflicts} == conflicts
    finally:
        tree.ROOT = verdict.ROOT = b"/project"
        shutil.rmtree(root)


@pytest.mark.parametrize("configured", [b"tools/hooks", b"./tools/hooks/"])
def test_what_the_clone_runs_as_hooks_is_pointed_out(configured, tmp_path, monkeypatch):
    """core.hooksPath of the host clone, wherever it leads."""
    monkeypatch.setattr(tree, "ROOT", os.fsencode(tmp_path))
    monkeypatch.setattr(verdict, "ROOT", os.fsencode(tmp_path))
    (tmp_path / "tools/hooks").mkdir(parents=True)
    (tmp_path / "tools/hooks/pre-commit").touch()
    (tmp_path / "tools/hooks.txt").touch()
    host = host_of({})._replace(hooks=os.path.normpath(configured))
    found = verdict.Verdict({}, host, question.Choices()).runs_later()
    assert {path: reasons[0].row for path, reasons in found.items()} == {
        b"tools/hooks/pre-commit": ("git, as hooks", "tools/hooks/")
    }


def test_what_the_clone_includes_as_settings_is_pointed_out(tmp_path, monkeypatch):
    monkeypatch.setattr(tree, "ROOT", os.fsencode(tmp_path))
    monkeypatch.setattr(verdict, "ROOT", os.fsencode(tmp_path))
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/team.inc").touch()
    (tmp_path / "tools/team").symlink_to("team.inc")
    (tmp_path / "team.inc").touch()
    for included in (b"tools/team.inc", b"tools/team", b"Tools/TEAM.inc"):
        found = verdict.Verdict({}, host_of({})._replace(included=(included,)), question.Choices()).runs_later()
        assert b"tools/team.inc" in found and b"team.inc" not in found
        assert found[b"tools/team.inc"][0].row == ("git, as settings", included.decode())


@settings(max_examples=300, deadline=None)
@given(TREES, TREES, TREES, st.sampled_from(["", "cage", "host"]))
def test_sync_ends_as_the_rules_say(base, inside, host, take):
    root = Path(tempfile.mkdtemp())
    tree.ROOT = verdict.ROOT = os.fsencode(root)
    try:
        lay(root, inside)
        arrival = Arrival(side(base), host_of(host), question.Choices(take=take))
        # The same rules the other way round: host and cage change places.
        expected, conflicts = merged(base, host, inside, {"cage": "host", "host": "cage", "": ""}[take])
        assert {p.decode() for p in arrival.conflicts} == conflicts
        result = {**side(inside), **arrival.sent}
        assert {p: e for p, e in result.items() if e} == side(expected)
        for path, there in arrival.expected.items():
            assert there == side(inside).get(path)
    finally:
        tree.ROOT = verdict.ROOT = b"/project"
        shutil.rmtree(root)


@pytest.mark.parametrize("take", ["", "host"])
@pytest.mark.parametrize("base", [{"a": "one\n"}, {"a": "one\n", "b": "two\n"}])
def test_sync_takes_nothing_that_git_on_the_host_ignores(cage, base, take):
    lay(cage / "project", base)
    host = host_of({"a": "one\n", "b": "private\n"})
    host = host._replace(tracked={b"a"}, private=frozenset({b"b"}))
    arrival = Arrival(side(base), host, question.Choices(take=take))
    assert (arrival.sent, arrival.settled, arrival.conflicts) == ({}, {}, {})
    held = ", 1 ignored on the host and kept there" if "b" in base else ""
    assert arrival.summary() == f"0 to the cage, 0 deleted there, 0 conflicts{held}"


def test_file_of_the_hosts_own_is_not_taken_into_the_base(cage):
    lay(cage / "project", {"a": "one\n", "b": "two\n"})
    base, host = side({"a": "one\n"}), host_of({"a": "one\n", "b": "private\n"})
    judged = verdict.Verdict(base, host, question.Choices(take="host"))
    assert (judged.changed, judged.conflicts) == ({}, {})
    assert judged.next_base() == base


def program(name):
    """A program of the guard, as a module."""
    loader = SourceFileLoader(f"guard_{name}", str(GUARD / name))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def test_files_that_wait_leave_nothing_behind_and_a_killed_ones_go(cage):
    lay(cage / "project", {"a": "one\n", ".trusty-cage.0123456789abcdef/0": "x", ".trusty-cage.own/0": "x"})
    with pytest.raises(AttributeError), landing.drafts(tree.ROOT) as folder:
        assert [path.name for path in (cage / "project").glob(".trusty-cage.*/0")] == ["0"]
        landing.draft(folder, b"0", tarfile.TarInfo("./a"), None)
    assert sorted(path.name for path in (cage / "project").iterdir()) == [".trusty-cage.own", "a"]


@pytest.mark.parametrize("said", ["100M", "-1", "1e9", "\u0661", "9" * 19])
def test_limit_that_is_no_number_is_an_error_in_words(said, monkeypatch):
    monkeypatch.setenv("CAGE_LIMIT_FILE", said)
    with pytest.raises(SystemExit) as ended:
        rules.limit("FILE", 1)
    assert ended.value.code == f"error: CAGE_LIMIT_FILE is no number: {said!a}"


def judge_link(cage: Path, links: dict[str, str], path: str) -> str:
    lay(cage / "project", {"dir/file": "x"})
    for name, target in links.items():
        (cage / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (cage / "project" / name).symlink_to(target)
    targets = {path.encode(): target.encode() for path, target in links.items()}
    return rules.link_reason(path.encode(), targets[path.encode()], targets.get)


@pytest.mark.parametrize(
    ("links", "path"),
    [
        ({"l": "/etc/passwd"}, "l"),
        ({"l": ".."}, "l"),
        ({"l": "../x"}, "l"),
        ({"dir/l": "../../x"}, "dir/l"),
        ({"l": "dir/../../x"}, "l"),
        ({"l": ".git/config"}, "l"),
        ({"l": "dir/.GIT"}, "l"),
        ({"l": "hop/x", "hop": "/etc"}, "l"),
        ({"l": "hop/x", "hop": "dir/up", "dir/up": "../.."}, "l"),
        ({"l": "m", "m": "l"}, "l"),
    ],
)
def test_links_that_leave_are_refused(cage, links, path):
    assert judge_link(cage, links, path)


@pytest.mark.parametrize(
    ("links", "path"),
    [
        ({"l": "dir/file"}, "l"),
        ({"dir/l": "../dir/file"}, "dir/l"),
        ({"l": "missing"}, "l"),
        ({"l": "hop/file", "hop": "dir"}, "l"),
        ({"l": "./dir/./file"}, "l"),
    ],
)
def test_links_that_stay_are_not(cage, links, path):
    assert judge_link(cage, links, path) == ""


@pytest.mark.parametrize(
    "name",
    [
        *(".git", ".GIT", ".Git ", ".git.", ".git. .", "git~1", "GIT~2"),
        *(".g\u200cit", "\ufeff.git", ".git::$INDEX_ALLOCATION", "x\\.git", "\uff0egit"),
    ],
)
def test_spellings_of_dotgit_are_known(name):
    assert rules.is_dotgit(name.encode())


@pytest.mark.parametrize("name", [".gitignore", ".github", "git", "a.git", "digit~1x", ".gitattributes"])
def test_neighbours_of_dotgit_are_free(name):
    assert not rules.is_dotgit(name.encode())


def test_names_for_a_terminal_hold_nothing_that_acts(cage):
    shown = rules.show(b"\x1b]0;x\x07\n\xc2\x9b\xe2\x80\xae\xff" + b"y" * 400)
    assert shown.isprintable()
    assert len(shown) < 300


@pytest.fixture
def commits(tmp_path, monkeypatch):
    """An agent's repository, whose first commit has an escaping link, and the judge of commits on the rest."""
    folder = tmp_path / "agent"
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(objects, "GIT", str(folder / ".git"))
    monkeypatch.setattr(objects, "SCRATCH", str(tmp_path / "scratch"))

    def git(*words):
        command = ["git", "-C", folder, "-c", "user.name=x", "-c", "user.email=x@x", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(*words):
        git("add", "--all")
        git("commit", "--quiet", "--message", "x", *words)

    def judge(beside=()):
        """The refused entries of the branch work, with files BESIDE on the host."""
        base = {b"README": entry("x"), b"out": tree.link_entry(b"../../etc")}
        host = question.Host(base | dict.fromkeys(beside, entry("x")), set(), {}, set(), links={b"out": b"../../etc"})
        read = objects.Objects()
        judged = commit_rules.Commits(read, base, host, git("rev-list", "--max-parents=0", "work"))
        judged.judge(judged.order(objects.resolve()))
        return {rules.show(path): why for (path, _, _), why in judged.refused.items()}

    folder.mkdir()
    git("init", "--quiet", "--initial-branch", "work")
    (folder / "README").write_text("x")
    (folder / "out").symlink_to("../../etc")
    commit()
    commits = namedtuple("Commits", "folder git commit judge")
    return commits(folder, git, commit, judge)


THROUGH = {"in": "is a link that leaves the project through another one"}


def test_commit_of_a_link_through_one_that_leaves_is_refused(commits):
    (commits.folder / "in").symlink_to("out/passwd")
    commits.commit()
    assert commits.judge() == THROUGH


def test_commit_of_a_link_through_one_that_a_side_branch_removed_is_refused(commits):
    commits.git("checkout", "--quiet", "-b", "side")
    (commits.folder / "out").unlink()
    (commits.folder / "out").write_text("a file")
    commits.commit()
    commits.git("checkout", "--quiet", "work")
    (commits.folder / "README").write_text("y")
    commits.commit()
    commits.git("merge", "--quiet", "--strategy", "ours", "--no-edit", "side")
    (commits.folder / "in").symlink_to("out/passwd")
    commits.commit()
    assert commits.judge() == THROUGH


def test_commit_of_a_name_that_differs_in_case_alone_is_refused(commits):
    (commits.folder / "readme").write_text("x")
    (commits.folder / "new").write_text("x")
    commits.commit()
    assert commits.judge() == {"readme": "is README on file systems that fold case or Unicode"}


def test_commit_of_a_file_is_taken(commits):
    (commits.folder / "new").write_text("x")
    commits.commit()
    assert commits.judge() == {}


def test_commit_of_a_link_through_what_is_a_link_no_more_is_taken(commits):
    (commits.folder / "out").unlink()
    commits.commit()
    (commits.folder / "out").mkdir()
    (commits.folder / "out/file").write_text("x")
    (commits.folder / "in").symlink_to("out/file")
    commits.commit()
    assert commits.judge() == {}
