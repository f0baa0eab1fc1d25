"""Random three-sided trees end as the rules say; the judge's own modules, on folders, without an engine."""

import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

GUARD = Path(__file__).parent.parent / "templates/guard"
sys.path.insert(0, str(GUARD))
import tree  # noqa: E402
import verdict  # noqa: E402

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


def host_of(files: dict[str, str]) -> verdict.Host:
    folders = {p for path in files for p in tree.parents(path.encode())}
    return verdict.Host(side(files), folders, {}, {path.encode() for path in files})


def merged(base: dict, cage: dict, host: dict, take: str) -> tuple[dict, set]:
    """What the host should hold, and where a person must decide: the rules of the export, in five lines."""
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
        judged = verdict.Verdict(side(base), host_of(host), verdict.Choices(take=take))
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
        again = verdict.Verdict(judged.next_base(), host_of(after), verdict.Choices(take=take))
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
    assert verdict.Verdict({}, host, verdict.Choices()).runs_later() == {b"tools/hooks/pre-commit": "git, as hooks"}


@settings(max_examples=300, deadline=None)
@given(TREES, TREES, TREES, st.sampled_from(["", "cage", "host"]))
def test_sync_ends_as_the_rules_say(base, inside, host, take):
    root = Path(tempfile.mkdtemp())
    tree.ROOT = verdict.ROOT = os.fsencode(root)
    try:
        lay(root, inside)
        arrival = verdict.Arrival(side(base), host_of(host), verdict.Choices(take=take))
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


def judge_link(cage: Path, links: dict[str, str], path: str) -> str:
    lay(cage / "project", {"dir/file": "x"})
    for name, target in links.items():
        (cage / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (cage / "project" / name).symlink_to(target)
    targets = {path.encode(): target.encode() for path, target in links.items()}
    return tree.link_reason(path.encode(), targets[path.encode()], targets.get)


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
    assert tree.is_dotgit(name.encode())


@pytest.mark.parametrize("name", [".gitignore", ".github", "git", "a.git", "digit~1x", ".gitattributes"])
def test_neighbours_of_dotgit_are_free(name):
    assert not tree.is_dotgit(name.encode())


def test_names_for_a_terminal_hold_nothing_that_acts(cage):
    shown = tree.show(b"\x1b]0;x\x07\n\xc2\x9b\xe2\x80\xae\xff" + b"y" * 400)
    assert shown.isprintable()
    assert len(shown) < 300
