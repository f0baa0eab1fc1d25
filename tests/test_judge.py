"""The judge of an export on real folders, without an engine: files that leave, refused ones, and conflicts."""

import io
import os
import shutil
import sys
import tarfile
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_verdict import GUARD, Arrival, Return, entry, host_of, lay, program, question, rules, side, tree, verdict

BIG = 1 << 20


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty folder that the judge takes for a cage's project."""
    return placed(tmp_path, monkeypatch, tree, verdict)


def placed(tmp_path, monkeypatch, tree, verdict):
    folder = tmp_path / "project"
    folder.mkdir(exist_ok=True)
    monkeypatch.setattr(tree, "ROOT", os.fsencode(folder))
    monkeypatch.setattr(verdict, "ROOT", os.fsencode(folder))
    monkeypatch.setattr(tree, "SCRATCH", str(tmp_path / "scratch"))
    return folder


@pytest.fixture
def limited(project, tmp_path, monkeypatch):
    """The judge with limits of the test's own: they are read once, when it begins."""

    def begin(**limits):
        for name, value in limits.items():
            monkeypatch.setenv(f"CAGE_LIMIT_{name}", str(value))
        for path in GUARD.glob("*.py"):
            monkeypatch.delitem(sys.modules, path.stem, raising=False)
        fresh = import_module("verdict")
        placed(tmp_path, monkeypatch, sys.modules["tree"], fresh)
        return fresh

    return begin


def sparse(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)


def judge(base=(), host=None, *, of=verdict, folders=(), **choices):
    """The verdict on the project, with the files of BASE, and with those of HOST on the host, BASE's if None."""
    base = dict(base)
    there = host_of(base if host is None else host)
    there = there._replace(folders=there.folders | {path.encode() for path in folders})
    return of.Verdict(side(base), there, question.Choices(**choices))


def outcome(judged):
    """Everything that was decided, with paths as text."""
    return {
        "changed": {os.fsdecode(path): found.mode for path, found in judged.changed.items()},
        "deleted": [os.fsdecode(path) for path in judged.deleted],
        "refused": {os.fsdecode(path): why for path, why in judged.refused.items()},
        "conflicts": {os.fsdecode(path): why for path, why in judged.conflicts.items()},
    }


def decided(changed=(), deleted=(), refused=(), conflicts=()):
    """An outcome in full; changed entries are plain files."""
    return {
        "changed": changed if isinstance(changed, dict) else dict.fromkeys(changed, "100644"),
        "deleted": list(deleted),
        "refused": dict(refused),
        "conflicts": dict(conflicts),
    }


# -- size ----------------------------------------------------------------------

LARGE = "is larger than 1 MiB"
OVER = "brings the export over {} MiB in all"


@pytest.mark.timeout(10)
def test_terabyte_is_refused_unread(project):
    sparse(project / "new", 1 << 40)
    sparse(project / "grown", 1 << 40)
    (project / "small").write_text("x")
    large = "is larger than 100 MiB"
    assert outcome(judge({"grown": "one\n"})) == decided(["small"], refused={"grown": large, "new": large})


def test_file_over_the_limit_is_refused_and_one_at_the_limit_leaves(project, limited):
    judge_of = limited(FILE=BIG)
    sparse(project / "at", BIG)
    sparse(project / "over", BIG + 1)
    assert outcome(judge(of=judge_of)) == decided(["at"], refused={"over": LARGE})


def test_file_that_was_as_large_before_may_change(project, limited):
    judge_of = limited(FILE=BIG)
    sparse(project / "same", BIG + 1)
    sparse(project / "grown", BIG + 2)
    base = {"same": "x" * (BIG + 1), "grown": "x" * (BIG + 1)}
    assert outcome(judge(base, of=judge_of)) == decided(["same"], refused={"grown": LARGE})


def test_export_over_the_limit_in_all_is_refused_in_part(project, limited):
    judge_of = limited(FILE=BIG, TOTAL=2 * BIG)
    for name in "abc":
        sparse(project / name, BIG)
    (project / "d").touch()
    assert outcome(judge(of=judge_of)) == decided(["a", "b", "d"], refused={"c": OVER.format(2)})


def test_what_stays_as_it_was_is_not_counted(project, limited):
    judge_of = limited(FILE=BIG, TOTAL=BIG)
    (project / "a").write_text("x" * BIG)
    sparse(project / "b", BIG)
    (project / "c").write_text("y" * BIG)
    base = {"a": "x" * BIG, "c": "x" * BIG}
    assert outcome(judge(base, of=judge_of)) == decided(["b"], refused={"c": OVER.format(1)})


def test_what_is_refused_is_not_counted(project, limited):
    judge_of = limited(FILE=BIG, TOTAL=BIG)
    sparse(project / "a\x07", BIG)
    sparse(project / "b", BIG)
    assert outcome(judge(of=judge_of)) == decided(
        ["b"], refused={"a\x07": "has invisible or control characters in its name"}
    )


# -- spellings -----------------------------------------------------------------


def same_as(other):
    return f"is {other} on file systems that fold case or Unicode"


@pytest.mark.parametrize(
    ("there", "name", "other"),
    [
        ("README", "readme", "README"),
        ("docs/x", "Docs/y", "docs"),
        ("docs/x", "DOCS/x", "docs"),
        ("straße", "STRASSE", "straße"),
        ("\u00e9", "e\u0301", "\u00e9"),
        ("\u2764", "\u2764\ufe0f", "\u2764"),
    ],
)
@pytest.mark.parametrize("where", ["base", "host"])
def test_new_name_that_folds_onto_another_is_refused(there, name, other, where, project):
    files = {there: "x"}
    lay(project, {name: "y", **(files if where == "base" else {})})
    judged = judge(files if where == "base" else {}, files)
    assert outcome(judged) == decided(refused={name: same_as(other)})


def test_of_two_new_names_that_fold_the_first_leaves(project):
    lay(project, {"A": "x", "a": "y", "b": "z"})
    assert outcome(judge()) == decided(["A", "b"], refused={"a": same_as("A")})


RENAMES = [
    ({"README": "x"}, {"readme": "x"}),
    ({"docs/a": "1", "docs/b/c": "2"}, {"Docs/a": "1", "Docs/b/c": "2"}),
    ({"docs/a": "1", "docs/b": "2"}, {"docs/A": "1", "docs/b": "2"}),
    ({"stra\u00dfe": "1", "caf\u00e9/x": "1"}, {"STRASSE": "1", "cafe\u0301/x": "1"}),
    ({"a": "1", "A": "2"}, {"a": "2"}),
]


@pytest.mark.parametrize(("base", "inside"), RENAMES)
@pytest.mark.parametrize("way", ["files", "branch"])
def test_rename_of_case_alone_leaves(base, inside, way, project):
    lay(project, inside)
    judged = judge(base) if way == "files" else branch(base, base)
    assert (judged.refused, set(judged.deleted)) == ({}, {path.encode() for path in base.keys() - inside.keys()})
    assert {path for path in inside if base.get(path) != inside[path]} == {os.fsdecode(path) for path in judged.changed}


def test_rename_is_finished_after_a_kill_that_left_its_folder_empty(project):
    lay(project, {"Docs/a": "1"})
    judged = judge({"docs/a": "1"}, {}, folders=["docs"])
    assert outcome(judged) == decided(["Docs/a"])
    assert judged.lists()["rmdir"] == b"./docs\0"
    own = judge({"docs/a": "1"}, {"docs/own": "1"})
    assert outcome(own) == decided(refused={"Docs/a": same_as("docs")})


def test_old_spelling_is_named_to_the_host_with_the_new_one(project):
    lay(project, {"readme": "x", "Docs/A": "x", "own/x": "1", "new": "1"})
    pairs = judge({"README": "x", "docs/a": "x", "own/y": "1"}).lists()["respelled"]
    assert pairs == b"./Docs\0./docs\0./Docs/A\0./docs/a\0./readme\0./README\0"
    assert judge({"README": "x"}, {}).lists()["respelled"] == b""


@pytest.mark.parametrize("way", ["files", "branch"])
def test_rename_to_a_spelling_that_is_refused_stays_in_the_cage(way, project, monkeypatch):
    monkeypatch.setattr("rules.REFUSED", [("*.PEM", "is private")])
    lay(project, {"key.PEM": "x", "Docs/a.pem": "1", "Docs/b": "2", "free": "1"})
    base = {"key.pem": "x", "docs/a.pem": "1", "docs/b": "2", "gone": "x"}
    judged = judge(base) if way == "files" else branch(base, base)
    private = dict.fromkeys(["key.PEM", "Docs/a.pem"], "is private")
    assert outcome(judged) == decided(["free"], deleted=["gone"], refused={**private, "Docs/b": same_as("docs")})
    assert judged.next_base() == side({path: text for path, text in base.items() if path != "gone"} | {"free": "1"})


def test_rename_to_a_spelling_that_ignore_rules_match_stays_in_the_cage(project):
    lay(project, {".gitignore": "*.LOG\n", "a.LOG": "x"})
    base = {".gitignore": "*.LOG\n", "a.log": "x"}
    judged = judge(base)
    assert (outcome(judged), judged.held) == (decided(), {b"a.LOG"})
    assert outcome(judge(base, include_ignored=True)) == decided(["a.LOG"], deleted=["a.log"])


def test_folder_whose_new_spelling_is_something_refused_stays(project):
    lay(project, {"keep": "x"})
    os.mkfifo(project / "LIB")
    base = {"lib/a": "1", "lib/b/c": "1", "library": "1", "keep": "x"}
    judged = judge(base)
    assert outcome(judged) == decided(deleted=["library"], refused={"LIB": FIFO})
    assert judged.next_base() == side({path: base[path] for path in ("lib/a", "lib/b/c", "keep")})


def test_what_would_land_beside_a_file_that_stays_is_refused_with_it(project):
    """The file 'a' stays for the sake of 'A', so that no folder can take its place, and no third spelling."""
    lay(project, {"a/x": "1", "b\x07/x": "1", "keep": "x"})
    os.mkfifo(project / "A")
    assert outcome(judge({"a": "0", "keep": "x"})) == decided(
        refused={"A": FIFO, "a/x": FIFO, "b\x07/x": "has invisible or control characters in its name"}
    )
    shutil.rmtree(project / "a")
    lay(project, {"aa": "1", "keep": "x"})
    os.mkfifo(project / "A")
    (project / "\uff21").write_text("1")
    assert outcome(judge({"a": "0", "keep": "x"})) == decided(["aa"], refused={"A": FIFO, "\uff21": same_as("a")})


def test_file_does_not_take_the_place_of_a_folder_that_stays(project):
    lay(project, {"lib": "1", "keep": "x"})
    os.mkfifo(project / "LIB")
    judged = judge({"lib/a": "0", "keep": "x"})
    assert outcome(judged) == decided(refused={"LIB": FIFO, "lib": FIFO})


def test_spellings_that_the_base_has_twice_are_never_refused(project):
    base = {"Lib/a": "1", "lib/b": "1", "README": "1", "readme": "1"}
    lay(project, {"Lib/c": "1", "lib/b": "1", "README": "2", "readme": "2"})
    for judged in (judge(base), branch(base, base), judge(base, {"lib/b": "1", "README": "1"}, take="cage")):
        assert judged.refused == {}
        assert {b"Lib/c", b"README", b"readme"} <= judged.changed.keys()
    lay(project, {**base, "ReadMe": "1", "LIB/x": "1"})
    assert judge(base).refused.keys() == {b"ReadMe", b"LIB/x"}


def test_names_that_fold_may_change_where_they_were_before(project):
    lay(project, {"A": "x", "a": "y"})
    assert outcome(judge({"A": "0", "a": "0"})) == decided(["A", "a"])


# -- deletions -----------------------------------------------------------------

FIFO = "is a FIFO, neither a file nor a link"


def test_what_lies_below_something_refused_is_not_deleted(project):
    lay(project, {"keep": "x"})
    os.mkfifo(project / "d")
    judged = judge({"d/x": "x", "d/e/y": "y", "dx": "z", "keep": "x"})
    assert outcome(judged) == decided(deleted=["dx"], refused={"d": FIFO})


def test_file_that_became_something_refused_is_not_deleted(project):
    lay(project, {"keep": "x", "sub/HEAD": "", "sub/objects/o": "", "sub/refs/r": ""})
    os.mkfifo(project / "pipe")
    judged = judge({"sub": "x", "pipe": "x", "keep": "x"})
    assert judged.deleted == []
    assert {path for path in judged.refused if b"/" not in path} == {b"sub", b"pipe"}


def test_file_that_became_a_folder_is_deleted_and_what_is_in_it_leaves(project):
    lay(project, {"a/x": "x"})
    assert outcome(judge({"a": "x"})) == decided(["a/x"], deleted=["a"])


def numbered(count):
    return {f"f{i:03}": "x" for i in range(count)}


@pytest.mark.parametrize(
    ("gone", "base", "said"),
    [
        (1, 1, "the cage's project is empty"),
        (20, 40, ""),
        (20, 21, ""),
        (21, 84, ""),
        (21, 83, "21 of 83 files would be deleted"),
        (22, 88, ""),
        (22, 87, "22 of 87 files would be deleted"),
        (0, 40, ""),
    ],
)
def test_deletions_of_more_than_20_and_a_quarter_need_force(gone, base, said, project):
    files = numbered(base)
    lay(project, dict(list(files.items())[gone:]))
    judged = judge(files)
    assert len(judged.deleted) == gone
    assert judged.too_much_gone() == said
    assert judged.plan()["needs_force"] == said
    assert judged.lists()["force"] == said.encode()
    assert judge(files, force=True).too_much_gone() == ""


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ({f"moved/{name}": text for name, text in numbered(60).items()}, ""),
        ({f"moved/{number}": "x" for number in range(39)}, "21 of 60 files would be deleted"),
        ({f"moved/{number}": "x" for number in range(40)}, ""),
        ({f"moved/{number}": "y" for number in range(60)}, "60 of 60 files would be deleted"),
        ({"one": "x"}, "59 of 60 files would be deleted"),
    ],
)
def test_file_that_comes_back_under_another_path_is_not_gone(inside, said, project):
    lay(project, inside)
    judged = judge(numbered(60))
    assert (len(judged.deleted), judged.too_much_gone()) == (60, said)


def test_program_that_comes_back_as_a_plain_file_is_gone(project):
    files = numbered(60)
    lay(project, {f"moved/{name}": text for name, text in files.items()})
    base = {path: found._replace(mode="100755") for path, found in side(files).items()}
    judged = verdict.Verdict(base, host_of(files)._replace(entries=base), question.Choices())
    assert judged.too_much_gone() == "60 of 60 files would be deleted"


def test_file_that_was_there_already_brings_none_back(project):
    files = {**numbered(60), **{f"kept/{name}": "y" for name in numbered(60)}}
    lay(project, {f"kept/{name}": "x" for name in numbered(60)})
    assert judge(files).too_much_gone() == "60 of 120 files would be deleted"


def test_empty_project_is_no_matter_where_nothing_was(project):
    assert judge().too_much_gone() == ""


# -- the host's side ------------------------------------------------------------


def linked(files, **links):
    """A host with FILES and LINKS."""
    targets = {path.encode(): target.encode() for path, target in links.items()}
    there = host_of(files)
    there = there._replace(entries=there.entries | {path: tree.link_entry(target) for path, target in targets.items()})
    return there._replace(links=targets) if hasattr(there, "links") else there


BELOW = "lies below d, which is no folder on the host"
IS_FOLDER = "is a folder on the host"


def own(files):
    """A host with FILES that git there does not track."""
    return host_of(files)._replace(tracked=set())


@pytest.mark.parametrize("host", [linked({}, d="elsewhere"), own({"d": "a file"})], ids=["link", "file"])
@pytest.mark.parametrize("path", ["d/x", "d/e/x"])
def test_nothing_is_written_through_a_link_of_the_host(host, path, project):
    lay(project, {path: "x", "free": "x"})
    judged = verdict.Verdict({}, host, question.Choices())
    assert outcome(judged) == decided(["free"], conflicts={path: BELOW})
    taken = verdict.Verdict({}, host, question.Choices(take="host"))
    assert outcome(taken) == decided(["free"])
    assert set(taken.settled) == {path.encode()}
    assert outcome(verdict.Verdict({}, host, question.Choices(take="cage"))) == decided(
        ["free"], conflicts={path: BELOW}
    )


def test_nothing_is_deleted_through_a_link_of_the_host(project):
    lay(project, {"free": "x"})
    host = linked({"d/x": "x"}, d="elsewhere")
    judged = verdict.Verdict(side({"d/x": "x"}), host, question.Choices())
    assert outcome(judged) == decided(["free"], conflicts={"d/x": BELOW})
    taken = verdict.Verdict(side({"d/x": "x"}), host, question.Choices(take="host"))
    assert outcome(taken) == decided(["free"])


def test_folder_takes_the_place_of_a_file_that_goes(project):
    lay(project, {"d/x": "x"})
    assert outcome(judge({"d": "x"})) == decided(["d/x"], deleted=["d"])


def test_folder_of_the_host_is_not_replaced_by_a_file(project):
    lay(project, {"d": "x", "free": "x"})
    assert outcome(judge({}, {"d/own": "y"})) == decided(["free"], conflicts={"d": IS_FOLDER})
    taken = judge({}, {"d/own": "y"}, take="host")
    assert outcome(taken) == decided(["free"])
    assert taken.settled == {b"d": entry("x")}
    judged = verdict.Verdict({}, own({"d/own": "y"}), question.Choices(take="cage"))
    assert outcome(judged) == decided(["free"], conflicts={"d": IS_FOLDER})


def test_what_git_on_the_host_tracks_gives_way_to_the_cage_s_side(project):
    lay(project, {"d": "x", "e/x": "x"})
    host = {"d/own": "y", "d/e/own": "y", "e": "y"}
    assert outcome(judge({}, host, take="cage")) == decided(["d", "e/x"], deleted=["d/e/own", "d/own", "e"])
    mixed = host_of(host)._replace(tracked={b"d/own", b"e"})
    judged = verdict.Verdict({}, mixed, question.Choices(take="cage"))
    assert outcome(judged) == decided(["e/x"], deleted=["d/own", "e"], conflicts={"d": IS_FOLDER})


# -- what a sparse check-out hides ----------------------------------------------


def sparse_host(files, *hidden):
    """A host with FILES, and with HIDDEN ones in its index alone."""
    there = host_of(files)
    return there._replace(tracked=there.tracked | set(hidden), hidden=frozenset(hidden))


def test_file_that_the_host_hides_is_not_taken_for_deleted(project):
    lay(project, {"a": "0", "d/changed": "1", "d/new": "1"})
    base = side({"a": "0", "d/changed": "0", "d/gone": "0"})
    host = sparse_host({"a": "0"}, b"d/changed", b"d/gone", b"d/new")
    judged = verdict.Verdict(base, host, question.Choices())
    hidden = {"d/gone": "deleted in the cage, hidden on the host", "d/new": "new in the cage, hidden on the host"}
    assert outcome(judged) == decided(["d/changed"], conflicts=hidden)
    assert judged.lists()["added"] == b"./d/changed\0"
    taken = verdict.Verdict(base, host, question.Choices(take="cage"))
    assert outcome(taken) == decided(["d/changed", "d/new"], deleted=["d/gone"])
    assert taken.lists()["delete"] == b""
    taken = verdict.Verdict(base, host, question.Choices(take="host"))
    assert outcome(taken) == decided(["d/changed"])
    lay(project, {"a": "0", "d/changed": "0", "d/gone": "0"})
    assert outcome(verdict.Verdict(base, host, question.Choices())) == decided()


def test_rules_hold_for_what_the_host_hides_too(project):
    lay(project, {"readme": "x", "x": "x"})
    (project / "out").symlink_to("/etc")
    (project / "in").symlink_to("out/x")
    base = side({"x": "x"}) | {b"out": tree.link_entry(b"/etc")}
    host = sparse_host({"x": "x"}, b"README", b"out")
    assert outcome(verdict.Verdict(base, host, question.Choices()))["refused"] == {
        "readme": same_as("README"),
        "in": rules.THROUGH,
    }


@pytest.mark.parametrize("take", ["", "host", "cage"])
def test_sync_does_not_delete_what_the_host_hides(take, project):
    files = {"a": "0", **{f"d/{number}": "0" for number in range(30)}}
    lay(project, {**files, "d/1": "1"})
    host = sparse_host({"a": "0"}, *(path.encode() for path in files if path != "a"))
    arrival = Arrival(side(files), host, question.Choices(take=take))
    assert arrived(arrival) == arrives()
    assert arrival.force == ""


def test_folder_of_the_host_that_this_export_empties_is_replaced(project):
    lay(project, {"d": "x"})
    assert outcome(judge({"d/x": "x"})) == decided(["d"], deleted=["d/x"])
    assert outcome(judge({"d/x": "x"}, {"d/x": "x", "d/own": "y"})) == decided(
        deleted=["d/x"], conflicts={"d": IS_FOLDER}
    )
    assert outcome(judge({"d/x": "x"}, {"d/x": "x", "dx/own": "y"})) == decided(["d"], deleted=["d/x"])


def test_empty_folder_of_the_host_is_replaced(project):
    lay(project, {"d": "x"})
    assert outcome(judge({}, {}, folders=["d"])) == decided(["d"])


# -- kinds ---------------------------------------------------------------------


def test_all_kinds_of_entries_are_named(project):
    lay(project, {"file": "x", "program": "x", "sub/.git/config": "x", "bare/HEAD": "", "bare/x": ""})
    (project / "bare/objects").mkdir()
    (project / "bare/refs").mkdir()
    (project / ".git").mkdir()
    (project / "program").chmod(0o700)
    (project / "link").symlink_to("file")
    (project / "out").symlink_to("/etc")
    os.mkfifo(project / "pipe")
    spelled, bare = "is a git folder in another place or spelling", "is a bare git repository"
    assert outcome(judge()) == decided(
        {"file": "100644", "program": "100755", "link": "120000"},
        refused={
            "bare": bare,
            "bare/HEAD": bare,
            "bare/objects": bare,
            "bare/refs": bare,
            "bare/x": bare,
            "out": "is a link that leaves the project",
            "pipe": FIFO,
            "sub/.git": spelled,
        },
    )


def test_what_is_as_the_base_says_is_never_refused(project):
    (project / "out").symlink_to("/etc")
    (project / "bad\x07").write_text("x")
    base = {b"out": tree.link_entry(b"/etc"), b"bad\x07": entry("x")}
    host = host_of({})._replace(entries=dict(base))
    judged = verdict.Verdict(base, host, question.Choices())
    assert outcome(judged) == decided()
    assert judged.next_base() == base


def test_link_through_another_that_leaves_is_refused(project):
    (project / "hop").symlink_to("/etc")
    (project / "l").symlink_to("hop/passwd")
    base = {b"hop": tree.link_entry(b"/etc")}
    judged = verdict.Verdict(base, host_of({})._replace(entries=dict(base)), question.Choices())
    assert outcome(judged) == decided(refused={"l": "is a link that leaves the project through another one"})


# -- the three sides -----------------------------------------------------------


def test_conflicts_say_what_both_sides_did(project):
    base = {name: "0" for name in ("both", "gone", "kept", "left")}
    lay(project, {"both": "1", "kept": "1", "new": "1"})
    host = {"both": "2", "gone": "2", "new": "2", "left": "0"}
    assert outcome(judge(base, host)) == decided(
        deleted=["left"],
        conflicts={
            "both": "changed in the cage, other on the host",
            "gone": "deleted in the cage, other on the host",
            "kept": "changed in the cage, deleted on the host",
            "new": "new in the cage, other on the host",
        },
    )


def test_host_s_side_is_taken_where_both_changed(project):
    base = {"both": "0", "gone": "0"}
    lay(project, {"both": "1", "new": "1"})
    judged = judge(base, {"both": "2", "gone": "2", "new": "2"}, take="host")
    assert outcome(judged) == decided()
    assert judged.settled == {b"both": entry("1"), b"gone": None}
    assert judged.next_base() == side({"both": "1"})


def test_cage_s_side_is_taken_where_both_changed(project):
    lay(project, {"both": "1", "new": "1"})
    judged = judge({"both": "0", "gone": "0"}, {"both": "2", "gone": "2", "new": "2"}, take="cage")
    assert outcome(judged) == decided(["both", "new"], deleted=["gone"])
    assert judged.next_base() == side({"both": "1", "new": "1"})


def test_what_both_sides_did_alike_only_moves_the_base(project):
    lay(project, {"a": "1", "new": "1"})
    judged = judge({"a": "0", "gone": "0"}, {"a": "1", "new": "1"})
    assert outcome(judged) == decided()
    assert judged.settled == {b"a": entry("1"), b"new": entry("1"), b"gone": None}
    assert judged.next_base() == side({"a": "1", "new": "1"})


def test_ignored_files_that_are_new_are_held_back(project):
    lay(project, {".gitignore": "*.log\n", "a.log": "x", "b.log": "x", "old.log": "1", "host.tmp": "x", "c": "x"})
    host = host_of({".gitignore": "*.log\n", "old.log": "0"})._replace(ignore_files={b".gitignore": b"*.tmp\n"})
    base = side({".gitignore": "*.log\n", "old.log": "0"})
    judged = verdict.Verdict(base, host, question.Choices())
    assert outcome(judged) == decided(["c", "old.log"])
    assert len(judged.held) == 3
    judged = verdict.Verdict(base, host, question.Choices(include_ignored=True))
    assert outcome(judged) == decided(["a.log", "b.log", "c", "host.tmp", "old.log"])
    assert len(judged.held) == 0


# -- reports --------------------------------------------------------------------


@pytest.fixture
def mixed(project):
    """A verdict with something of everything."""
    lay(project, {"new": "1", "Makefile": "1", "both": "1", "sub/x": "1", "there": "1", "dir/kept": "0"})
    os.mkfifo(project / "pi\x1bpe")
    base = {"Makefile": "0", "both": "0", "gone": "0", "dir/gone": "0", "dir/kept": "0", "old/deep/gone": "0"}
    host = {**base, "both": "2", "there": "2"}
    judged = judge(base, host)
    assert outcome(judged) == decided(
        ["Makefile", "new", "sub/x"],
        deleted=["dir/gone", "gone", "old/deep/gone"],
        refused={"pi\x1bpe": FIFO},
        conflicts={
            "both": "changed in the cage, other on the host",
            "there": "new in the cage, other on the host",
        },
    )
    return judged


SUMMARY = "2 added, 1 changed, 3 deleted, 2 conflicts, 1 refused, 0 held back"
REPORT = """\
Read these first, the host runs them later:
  make and its like
    Makefile ×1: ./Makefile
Conflicts:
  both: changed in the cage, other on the host
  there: new in the cage, other on the host
Refused:
  pi\\x1bpe: is a FIFO, neither a file nor a link
  D  dir/gone
  D  gone
  D  old/deep/gone
  M  Makefile
  A  new
  A  sub/x
"""


def test_report_says_all(mixed):
    assert mixed.summary() == SUMMARY
    assert mixed.report().shown() == REPORT


def test_plan_is_the_same_as_data(mixed):
    assert mixed.plan() == {
        "added": ["new", "sub/x"],
        "changed": ["Makefile"],
        "deleted": ["dir/gone", "gone", "old/deep/gone"],
        "runs_later": [{"by": "make and its like", "name": "Makefile", "paths": ["Makefile"]}],
        "conflicts": {
            "both": "changed in the cage, other on the host",
            "there": "new in the cage, other on the host",
        },
        "refused": {"pi\\x1bpe": FIFO},
        "held_back": 0,
        "linked_work_trees": [],
        "needs_force": "",
    }


def test_lists_are_those_that_the_host_acts_on(mixed):
    after = {"Makefile": "1", "new": "1", "sub/x": "1", "both": "0", "dir/kept": "0"}
    assert mixed.lists() == {
        "base": tree.manifest(side(after)),
        "write": b"./Makefile\0./new\0./sub/x\0",
        "added": b"./new\0./sub/x\0",
        "delete": b"./dir/gone\0./gone\0./old/deep/gone\0",
        "rmdir": b"./old/deep\0./old\0",
        "backup": b"./Makefile\0./dir/gone\0./gone\0./old/deep/gone\0",
        "expect": tree.manifest(side(dict.fromkeys(["Makefile", "dir/gone", "gone", "old/deep/gone"], "0"))),
        "conflicts": b"./both\0./there\0",
        "refused": b"./pi\x1bpe\0",
        "force": b"",
        "respelled": b"",
        "report": REPORT.encode(),
        "plan.txt": b"",
        "summary": f"{SUMMARY}\n".encode(),
    }


def test_file_of_the_host_s_own_that_is_taken_over_is_changed(project):
    lay(project, {"new": "1"})
    assert judge({}, {"new": "2"}, take="cage").summary() == "0 added, 1 changed, 0 deleted, 0 refused, 0 held back"


def test_programs_are_pointed_out_where_they_are_new(project):
    lay(project, {"new": "1", "was": "1", "became": "0"})
    for path in project.iterdir():
        path.chmod(0o755)
    base = {**side({"became": "0"}), b"was": entry("0")._replace(mode="100755")}
    host = host_of({})._replace(entries=dict(base))
    judged = verdict.Verdict(base, host, question.Choices())
    assert set(judged.changed) == {b"new", b"was", b"became"}
    later = judged.runs_later()
    assert {path: [why.row.group for why in reasons] for path, reasons in later.items()} == {
        b"became": ["new executables"],
        b"new": ["new executables"],
    }


def test_file_that_a_link_of_the_host_leads_to_is_pointed_out(project):
    lay(project, {"conf/sample": "1", "conf/other": "1"})
    links = {b".envrc": b"conf/sample", b"Makefile": b"conf/gone"}
    host = host_of({})._replace(links=links, entries={path: tree.link_entry(to) for path, to in links.items()})
    judged = verdict.Verdict({}, host, question.Choices())
    assert {path: [reason.row.name for reason in by] for path, by in judged.runs_later().items()} == {
        b"conf/sample": [".envrc"]
    }


def test_file_of_the_host_s_own_that_the_agent_guessed_stays_unknown(project):
    lay(project, {"secrets": "", "known": ""})
    host = host_of({"secrets": "", "known": ""})._replace(tracked={b"known"})
    judged = verdict.Verdict({}, host, question.Choices())
    assert (outcome(judged), judged.next_base().keys()) == (decided(), {b"known"})


def test_one_conflict_is_one(project):
    lay(project, {"a": "1"})
    judged = judge({"a": "0"}, {"a": "2"})
    assert judged.summary() == "0 added, 0 changed, 0 deleted, 1 conflict, 0 refused, 0 held back"


def test_nothing_new_is_said_in_no_words(project):
    assert (judge().report().shown(), judge().summary()) == (
        "",
        "0 added, 0 changed, 0 deleted, 0 refused, 0 held back",
    )


def test_folders_that_a_file_replaces_are_removed_before(project):
    lay(project, {"d": "x"})
    lists = judge({"d/e/x": "x"}).lists()
    assert (lists["write"], lists["delete"], lists["rmdir"]) == (b"./d\0", b"./d/e/x\0", b"./d/e\0./d\0")


def test_long_lists_are_cut_in_the_report_and_not_in_the_plan(project):
    lay(project, numbered(203))
    judged = judge()
    assert judged.report().shown().splitlines()[198:] == ["  A  f198", "  A  f199", "  and 3 more"]
    assert len(judged.plan()["added"]) == 203


# -- the tree that results on the host -----------------------------------------


def test_bare_repository_that_the_host_has_in_part_is_refused(project):
    lay(project, {"x/HEAD": "ref", "free": "x"})
    host = {"x/objects/a": "", "x/refs/b": ""}
    assert outcome(judge({}, host)) == decided(["free"], refused={"x/HEAD": "is a bare git repository"})
    assert outcome(judge({}, {}, folders=["x", "x/objects", "x/refs"])) == decided(
        ["free"], refused={"x/HEAD": "is a bare git repository"}
    )


def test_part_of_a_bare_repository_may_come_where_the_others_go(project):
    lay(project, {"x/HEAD": "ref"})
    assert outcome(judge({"x/objects/a": "", "x/refs/b": ""})) == decided(
        ["x/HEAD"], deleted=["x/objects/a", "x/refs/b"]
    )


def test_spelling_of_what_goes_is_free(project):
    lay(project, {"readme": "x", "Docs/x": "x"})
    assert outcome(judge({"README": "x", "docs/x": "x"})) == decided(["Docs/x", "readme"], deleted=["README", "docs/x"])


def test_link_through_a_link_of_the_host_that_leaves_is_refused(project):
    (project / "l").symlink_to("vendor/x")
    host = linked({}, vendor="/opt")
    assert outcome(verdict.Verdict({}, host, question.Choices())) == decided(
        refused={"l": "is a link that leaves the project through another one"}
    )
    host = linked({}, vendor="dir")
    assert outcome(verdict.Verdict({}, host, question.Choices())) == decided({"l": "120000"})


def test_link_that_misleads_one_of_the_host_is_refused(project):
    (project / "p").mkdir()
    (project / "p/a").symlink_to("../lib")
    host = linked({}, **{"p/own": "a/../../y"})
    assert outcome(verdict.Verdict({}, host, question.Choices())) == decided(
        refused={"p/a": "leads p/own out of the project"}
    )


def test_what_would_stand_in_the_place_of_something_refused_is_not_deleted(project):
    """The refusal of 'd' leaves the host's folder as it is."""
    lay(project, {"keep": "x"})
    (project / "d").symlink_to("out/x")
    base = side({"d/x": "x", "d/y": "x", "keep": "x"})
    there = linked({"d/x": "x", "d/y": "x", "keep": "x"}, out="/opt")
    judged = verdict.Verdict(base, there, question.Choices())
    assert outcome(judged) == decided(refused={"d": "is a link that leaves the project through another one"})


def test_what_would_replace_a_file_that_stays_is_refused_with_it(project):
    lay(project, {"d/a": "x"})
    (project / "d/l").symlink_to("../out/x")
    judged = verdict.Verdict(side({"d": "x"}), linked({"d": "x"}, out="/opt"), question.Choices())
    through = "is a link that leaves the project through another one"
    assert outcome(judged) == decided(refused={"d/l": through, "d/a": through})


@pytest.mark.timeout(20)
def test_much_that_is_refused_and_deleted_takes_no_time(project):
    base = {f"{number}": "0" for number in range(3000)}
    lay(project, {f"{path}/{name}": "1" for path in base for name in "aA"})
    judged = judge(base)
    assert (len(judged.refused), judged.changed, judged.deleted) == (6000, {}, [])
    lay(project, {f"d{path}": "1" for path in base})
    judged = judge({f"d{path}/x": "0" for path in base})
    assert (len(judged.changed), len(judged.deleted), judged.conflicts) == (3000, 3000, {})


def test_folder_that_holds_a_repository_of_the_host_s_own_stays(project):
    lay(project, {"d": "x"})
    base = {"d/x": "x", "e/x": "x"}
    host = host_of(base)._replace(nested=frozenset({b"d", b"e/sub"}))
    judged = verdict.Verdict(side(base), host, question.Choices())
    assert outcome(judged) == decided(deleted=["d/x", "e/x"], conflicts={"d": IS_FOLDER})
    assert judged.lists()["rmdir"] == b""


# -- other repositories --------------------------------------------------------

IN_SUBMODULE = "lies in the submodule 'lib/sub'"
FOR_SUBMODULE = "takes the place of the submodule 'lib/sub'"
OF_SUBMODULES = {"submodules": frozenset({b"lib/sub", b"other"})}


@pytest.mark.parametrize("compare_host", [True, False])
@pytest.mark.parametrize(
    ("files", "refused"),
    [
        ({"lib/sub/x": "x"}, {"lib/sub/x": IN_SUBMODULE}),
        ({"lib/sub/deep/er/x": "x"}, {"lib/sub/deep/er/x": IN_SUBMODULE}),
        ({"lib/sub": "x"}, {"lib/sub": FOR_SUBMODULE}),
        ({"lib": "x"}, {"lib": FOR_SUBMODULE}),
        ({"lib/submarine": "x", "sub": "x", "lib/x/sub/y": "x"}, {}),
        ({"Lib/sub/x": "x"}, {"Lib/sub/x": "is lib on file systems that fold case or Unicode"}),
    ],
)
def test_new_file_in_a_submodule_or_its_place_is_refused(project, files, refused, compare_host):
    lay(project, {"README": "x", **files})
    host = host_of({"README": "0"})._replace(folders={b"lib", b"lib/sub", b"other"}, **OF_SUBMODULES)
    judged = verdict.Verdict(side({"README": "0"}), host, question.Choices(compare_host=compare_host))
    assert outcome(judged) == decided(["README", *sorted(files.keys() - refused.keys())], refused=refused)


def test_file_that_came_home_before_it_lay_in_a_submodule_may_change(project):
    lay(project, {"lib/sub/x": "1"})
    host = host_of({"lib/sub/x": "0"})._replace(**OF_SUBMODULES)
    assert outcome(verdict.Verdict(side({"lib/sub/x": "0"}), host, question.Choices())) == decided(["lib/sub/x"])


def linked_tree(folder, text="gitdir: /home/trustycage/project/.git/worktrees/x\n"):
    """A linked work tree as FOLDER, with TEXT in its .git."""
    lay(folder, {".git": text, "a": "x", "deep/b": "x", "c\n": "x"})
    (folder / "out").symlink_to("/etc/passwd")


TREES = [
    "gitdir: /home/trustycage/project/.git/worktrees/x\n",
    "gitdir: /home/trustycage/project/.git/worktrees/x",
    "gitdir: ../../.git/worktrees/x\n",
]


@pytest.mark.parametrize("text", TREES)
@pytest.mark.parametrize("compare_host", [True, False])
def test_linked_work_tree_is_held_back_and_named(project, text, compare_host):
    linked_tree(project / ".trees/x", text)
    (project / "new").touch()
    judged = verdict.Verdict({}, host_of({}), question.Choices(compare_host=compare_host))
    assert outcome(judged) == decided(["new"])
    assert judged.summary() == "1 added, 0 changed, 0 deleted, 0 refused, 1 held back"
    said = "  .trees/x: is a linked work tree of the cage's own repository, held back"
    assert judged.kept_inside() == [said]
    assert judged.report().shown() == f"{said}\n  A  new\n"
    assert judged.plan()["linked_work_trees"] == [".trees/x"]


NO_TREES = {
    "elsewhere": "gitdir: /home/trustycage/other/.git/worktrees/x",
    "the git folder itself": "gitdir: /home/trustycage/project/.git",
    "the folder of all": "gitdir: /home/trustycage/project/.git/worktrees/",
    "out again": "gitdir: /home/trustycage/project/.git/worktrees/../../../x",
    "out again, relative": "gitdir: ../../.git/worktrees/../../x",
    "two lines": "gitdir: /home/trustycage/project/.git/worktrees/x\ny",
    "a NUL": "gitdir: /home/trustycage/project/.git/worktrees/x\0y",
    "no word": "/home/trustycage/project/.git/worktrees/x",
    "another word": "xgitdir: /home/trustycage/project/.git/worktrees/x",
    "too long": "gitdir: /home/trustycage/project/.git/worktrees/" + "x/" * 2048,
    "nothing": "",
}


@pytest.mark.parametrize("kind", NO_TREES)
def test_git_file_that_names_anything_else_is_refused(project, kind):
    linked_tree(project / ".trees/x", NO_TREES[kind])
    judged = judge()
    assert judged.refused[b".trees/x/.git"] == "is a git folder in another place or spelling"
    assert (judged.linked, judged.refused.keys() >= {b".trees/x/out"}) == ([], True)


@pytest.mark.timeout(10)
def test_git_that_is_no_file_makes_no_linked_work_tree(project):
    place = project / "x"
    for make in (os.mkfifo, os.mkdir, lambda path: path.symlink_to("/home/trustycage/project/.git/worktrees/x")):
        lay(place, {})
        make(place / ".git")
        assert judge().refused[b"x/.git"] == "is a git folder in another place or spelling"
    lay(project, {".git": TREES[0], "a": "x"})
    assert judge().refused == {b".git": "is a git folder in another place or spelling"}


def test_folder_with_files_of_the_base_is_no_linked_work_tree(project):
    linked_tree(project / "x")
    judged = judge({"x/a": "0", "x/gone": "0"})
    assert judged.refused.keys() == {b"x/.git", b"x/out", b"x/c\n"}
    assert (judged.changed.keys(), judged.deleted) == ({b"x/a", b"x/deep/b"}, [b"x/gone"])
    assert judge({"x": "0", "xy": "0"}).deleted == [b"x", b"xy"]


def test_sync_writes_nothing_into_a_linked_work_tree(project):
    linked_tree(project / "x")
    arrival = sync({}, {"x/new": "1", "y": "1"})
    assert arrived(arrival) == arrives({"y": ("1", None)}, conflicts={"x/new": "x stands in the way"})
    assert arrived(sync({}, {"x": "1"})) == arrives(conflicts={"x": "stands in the way"})


# -- the work as a branch ------------------------------------------------------


def branch(base, host, **more):
    """The verdict on the project as one commit on top of BASE; HOST and MORE lie beside it on the host."""
    base = side(base) if not any(isinstance(path, bytes) for path in base) else base
    return verdict.Verdict(base, host_of(host)._replace(**more), question.Choices(compare_host=False))


def test_branch_holds_what_the_cage_changed_whatever_the_host_has(project):
    lay(project, {"both": "1", "new": "1"})
    judged = branch({"both": "0", "gone": "0"}, {"both": "2", "new": "2", "gone": "2"})
    assert outcome(judged) == decided(["both", "new"], deleted=["gone"])
    assert judged.summary() == "1 added, 1 changed, 1 deleted, 0 refused, 0 held back"


def test_branch_does_not_ask_the_host_s_ignore_rules(project):
    lay(project, {"a.log": "x"})
    assert outcome(branch({}, {}, ignore_files={b".gitignore": b"*.log\n"})) == decided(["a.log"])


def test_branch_without_what_is_refused_names_it(project, monkeypatch, capsys):
    lay(project, {"fine": "1"})
    (project / "l").symlink_to("/etc")
    judge, judged, out = program("judge"), branch({}, {}), io.BytesIO()
    monkeypatch.setenv("CAGE_NAME", "web")
    monkeypatch.setenv("CAGE_IDENT", "T <t@localhost> 0 +0000")
    with pytest.raises(SystemExit, match="some entries may not leave the cage"):
        judge.write_commit(judged, out)
    assert not out.getvalue()
    monkeypatch.setenv("CAGE_SKIP_REFUSED", "1")
    judge.write_commit(judged, out)
    assert b'inline "fine"' in out.getvalue()
    assert capsys.readouterr().err == "Refused:\n  l: is a link that leaves the project\n"


@pytest.mark.parametrize("beside", ["host", "head"])
def test_branch_is_joined_with_what_lies_beside_it(beside, project):
    lay(project, {"x/HEAD": "ref", "notes": "x", "free": "x"})
    there = ["x/objects/a", "x/refs/b", "Notes"]
    host = dict.fromkeys(there, "y") if beside == "host" else {}
    head = {path.encode(): b"100644" for path in there} if beside == "head" else {}
    assert outcome(branch({}, host, head=head)) == decided(
        ["free"], refused={"x/HEAD": "is a bare git repository", "notes": same_as("Notes")}
    )


def test_branch_is_joined_with_its_own_base(project):
    lay(project, {"x/HEAD": "ref", "readme": "x"})
    base = {"x/objects/a": "y", "x/refs/b": "y", "README": "y"}
    assert outcome(branch(base, base)) == decided(
        ["readme"], deleted=["README", "x/objects/a", "x/refs/b"], refused={"x/HEAD": "is a bare git repository"}
    )


def test_branch_leads_through_no_link_that_only_the_commit_has(project):
    (project / "l").symlink_to("vendor/x")
    through = {"l": "is a link that leaves the project through another one"}
    assert outcome(branch({}, {}, head={b"vendor": b"120000"})) == decided(refused=through)
    assert outcome(branch({}, {}, head={b"vendor": b"100644"})) == decided({"l": "120000"})
    assert outcome(branch({b"vendor": tree.link_entry(b"dir")}, {}, head={b"vendor": b"120000"})) == decided(
        {"l": "120000"}, deleted=["vendor"]
    )


def test_branch_leads_through_the_links_of_both_sides(project):
    (project / "l").symlink_to("vendor/x")
    through = {"l": "is a link that leaves the project through another one"}
    there = {b"vendor": tree.link_entry(b"/opt")}
    assert outcome(branch({}, {}, entries=there, links={b"vendor": b"/opt"})) == decided(refused=through)
    assert outcome(branch({}, {}, entries=there, links={b"vendor": b"dir"})) == decided({"l": "120000"})
    (project / "vendor").symlink_to("/opt")
    assert outcome(branch(there, {})) == decided(refused=through)


def test_link_of_the_base_is_known_from_either_side(project):
    (project / "held").symlink_to("dir")
    base = {b"held": tree.link_entry(b"dir"), b"host": tree.link_entry(b"to"), b"gone": tree.link_entry(b"x")}
    judged = branch(base, {}, links={b"host": b"to", b"gone": b"other"})
    assert [judged.target(path) for path in (b"held", b"host", b"gone")] == [b"dir", b"to", b"/"]


# -- the way back --------------------------------------------------------------


def sync(base, host, of=verdict, **choices):
    """The Arrival of the HOST's state for the project, whose files were BASE."""
    fresh = import_module("arrival")
    return fresh.Arrival(side(base), host_of(host), question.Choices(**choices))


def arrived(arrival):
    """All decisions, with paths as text: sent entries with the cage's present ones, and the rest."""
    return {
        "sent": {os.fsdecode(p): (e and e.digest, arrival.expected[p]) for p, e in arrival.sent.items()},
        "settled": {os.fsdecode(p): e for p, e in arrival.settled.items()},
        "conflicts": {os.fsdecode(p): why for p, why in arrival.conflicts.items()},
    }


def arrives(sent=(), settled=(), conflicts=()):
    """An arrival in full; sent are (text of the host or None, text in the cage or None)."""
    entries = {
        path: (on_host and entry(on_host).digest, cage and entry(cage)) for path, (on_host, cage) in dict(sent).items()
    }
    return {"sent": entries, "settled": dict(settled), "conflicts": dict(conflicts)}


def test_what_the_host_changed_is_sent(project):
    base = {"same": "0", "changed": "0", "gone": "0"}
    lay(project, {**base, "own": "x"})
    arrival = sync(base, {"same": "0", "changed": "1", "new": "1"})
    assert arrived(arrival) == arrives({"changed": ("1", "0"), "gone": (None, "0"), "new": ("1", None)})
    assert arrival.summary() == "2 to the cage, 1 deleted there, 0 conflicts"
    assert arrival.report().shown() == "  D  gone\n  >  changed\n  >  new\n"
    assert arrival.plan() == {"sent": ["changed", "new"], "deleted": ["gone"], "conflicts": {}, "needs_force": ""}
    assert arrival.lists() == {
        "base": tree.manifest(side({"same": "0", "changed": "1", "new": "1"})),
        "write": b"./changed\0./new\0",
        "delete": b"./gone\0",
        "expect": tree.manifest(side({"changed": "0", "gone": "0"})),
        "conflicts": b"",
        "unknown": b"",
        "refused": b"",
        "force": b"",
        "report": arrival.report().shown().encode(),
        "plan.txt": b"",
        "summary": b"2 to the cage, 1 deleted there, 0 conflicts\n",
    }


def test_what_both_sides_did_alike_is_not_sent(project):
    lay(project, {"changed": "1"})
    arrival = sync({"changed": "0", "gone": "0"}, {"changed": "1"})
    assert arrived(arrival) == arrives(settled={"changed": entry("1"), "gone": None})
    assert arrival.lists()["base"] == tree.manifest(side({"changed": "1"}))


def test_what_the_cage_changed_too_is_a_conflict_or_whose_is_asked_for(project):
    base, host = {"both": "0", "gone": "0"}, {"both": "2"}
    lay(project, {"both": "1", "gone": "1"})
    arrival = sync(base, host)
    why = "changed in the cage too"
    assert arrived(arrival) == arrives(conflicts={"both": why, "gone": why})
    assert arrival.summary() == "0 to the cage, 0 deleted there, 2 conflicts"
    assert arrival.report().shown() == f"Conflicts:\n  both: {why}\n  gone: {why}\n"
    conflicts = {"both": why, "gone": why}
    assert arrival.plan() == {"sent": [], "deleted": [], "conflicts": conflicts, "needs_force": ""}
    assert arrival.lists()["conflicts"] == b"./both\0./gone\0"
    assert arrived(sync(base, host, take="host")) == arrives({"both": ("2", "1"), "gone": (None, "1")})
    assert arrived(sync(base, host, take="cage")) == arrives(settled={"both": entry("2"), "gone": None})


@pytest.mark.parametrize("kind", ["fifo", "folder", "parent"])
def test_what_stands_in_the_way_is_never_taken_for_a_file(kind, project):
    path = "d/x" if kind == "parent" else "d"
    if kind == "fifo":
        os.mkfifo(project / "d")
    else:
        lay(project, {"d": "a file"} if kind == "parent" else {"d/x": "x"})
    at = {"fifo": "", "folder": "d/x ", "parent": "d "}[kind]
    way = arrives(conflicts={path: f"{at}stands in the way"})
    assert arrived(sync({}, {path: "1"})) == way
    removed = {"folder": {"d": ("1", None), "d/x": (None, "x")}, "parent": {"d": (None, "a file"), "d/x": ("1", None)}}
    assert arrived(sync({}, {path: "1"}, take="host")) == (arrives(removed[kind]) if at else way)
    assert arrived(sync({}, {path: "1"}, take="cage")) == arrives(settled={path: entry("1")})


def test_what_goes_anyway_is_in_nobody_s_way(project):
    base = {"d/x": "0", "e": "0"}
    lay(project, base)
    assert arrived(sync(base, {"d": "1", "e/x": "1"})) == arrives(
        {"d": ("1", None), "d/x": (None, "0"), "e": (None, "0"), "e/x": ("1", None)}
    )


def test_folder_with_something_odd_in_it_is_never_replaced(project):
    lay(project, {"d/sub/.git/config": "x", "d/x": "x", "e/x": "x"})
    os.mkfifo(project / "e/fifo")
    way = arrives(conflicts={"d": "d/sub/.git stands in the way", "e": "e/fifo stands in the way"})
    assert arrived(sync({}, {"d": "1", "e": "1"}, take="host")) == way


@pytest.mark.parametrize(
    ("gone", "base", "said"),
    [(20, 40, ""), (21, 84, ""), (21, 83, "21 of 83 files would be deleted"), (0, 40, "")],
)
def test_sync_that_deletes_more_than_20_and_a_quarter_needs_force(gone, base, said, project):
    files = numbered(base)
    lay(project, files)
    host = dict(list(files.items())[gone:])
    arrival = sync(files, host)
    assert (arrival.force, arrival.plan()["needs_force"], arrival.lists()["force"]) == (said, said, said.encode())
    assert sync(files, host, force=True).force == ""
    lay(project, host)
    assert sync(files, host).force == ""


def test_folder_of_the_cage_is_no_hindrance(project):
    lay(project, {"d/own": "x"})
    assert arrived(sync({}, {"d/x": "1"})) == arrives({"d/x": ("1", None)})


@pytest.mark.timeout(10)
def test_terabyte_in_the_cage_is_not_read(project):
    sparse(project / "grown", 1 << 40)
    assert arrived(sync({"grown": "0"}, {"grown": "1"})) == arrives(conflicts={"grown": "stands in the way"})


def test_file_of_the_cage_that_was_as_large_before_is_read(project, limited):
    judge_of = limited(FILE=BIG)
    base = {name: "x" * (BIG + 1) for name in ("same", "at", "over")}
    lay(project, {"same": base["same"], "at": "y" * BIG, "over": "y" * (BIG + 2)})
    arrival = sync(base, {"same": "1", "at": "1", "over": "1"}, of=judge_of)
    assert {os.fsdecode(p) for p in arrival.sent} == {"same"}
    assert arrived(arrival)["conflicts"] == {"at": "changed in the cage too", "over": "stands in the way"}


def test_sync_of_some_paths_leaves_the_others_alone(project):
    lay(project, {})
    host = {"a": "1", "d/x": "1", "d/e/y": "1", "dx": "1"}
    arrival = sync({}, host, paths=(b"d", b"a", b"d/none", b"no\x1bne"))
    assert set(arrival.sent) == {b"a", b"d/x", b"d/e/y"}
    assert arrival.unknown == [b"d/none", b"no\x1bne"]
    assert arrival.lists()["unknown"] == b"d/none\0no\\x1bne\0"


def test_what_the_host_ignores_is_counted_where_it_was_changed(project):
    base = {"a": "0", "b": "0", "c": "0"}
    lay(project, base)
    host = host_of({"a": "1", "b": "0", "c": "1"})._replace(private=frozenset({b"a", b"b"}))
    arrival = Arrival(side(base), host, question.Choices())
    assert arrived(arrival) == arrives({"c": ("1", "0")})
    assert arrival.summary() == "1 to the cage, 0 deleted there, 0 conflicts, 1 ignored on the host and kept there"


def test_report_of_a_sync_has_the_conflicts_and_then_what_is_sent(project):
    lay(project, {"both": "2"})
    assert sync({"both": "0"}, {"both": "1", "new": "1"}).report().shown() == (
        "Conflicts:\n  both: changed in the cage too\n  >  new\n"
    )


def test_one_conflict_of_a_sync_is_one(project):
    lay(project, {"a": "2"})
    assert sync({"a": "0"}, {"a": "1"}).summary() == "0 to the cage, 0 deleted there, 1 conflict"


def test_long_lists_of_a_sync_are_cut(project):
    lay(project, {})
    assert sync({}, numbered(203)).report().shown().splitlines()[198:] == ["  >  f198", "  >  f199", "  and 3 more"]


# -- the undo of a sync ---------------------------------------------------------


def back(base, was, sent, old, new):
    """The way back of a sync that wrote and deleted the paths SENT, where the cage had WAS; the base went from OLD to
    NEW, and is BASE now."""
    lists = {name: tree.manifest(side(files)) for name, files in {"was": was, "old": old, "new": new}.items()}
    return Return(side(base), lists | {"sent": tree.ended(path.encode() for path in sent)})


def test_undo_of_a_sync_brings_back_what_it_replaced_whatever_is_there_now(project):
    lay(project, {"replaced": "later", "new": "1", "same": "0", "d/x": "own"})
    old, new = {"replaced": "0", "gone": "0", "d": "0"}, {"replaced": "1", "new": "1"}
    arrival = back({**new, "exported": "5"}, {**old, "same": "0"}, ["replaced", "new", "gone", "same", "d"], old, new)
    assert {os.fsdecode(p): e and e.digest for p, e in arrival.sent.items()} == {
        **{path: entry("0").digest for path in ("replaced", "gone", "d")},
        **dict.fromkeys(("new", "d/x")),
    }
    assert arrival.expected[b"replaced"] == entry("later")
    assert arrival.lists()["base"] == tree.manifest(side({**old, "exported": "5"}))
    assert (arrival.conflicts, arrival.force) == ({}, "")


def test_undo_of_a_sync_replaces_nothing_odd(project):
    (project / "d").mkdir()
    os.mkfifo(project / "d/fifo")
    os.mkfifo(project / "e")
    arrival = back({}, {"d": "0", "e": "0"}, ["d", "e"], {}, {})
    assert (arrival.sent, arrival.expected) == ({}, {})
    assert arrival.conflicts == {b"d": "d/fifo stands in the way", b"e": "stands in the way"}


def test_more_than_the_limit_is_not_kept(project, monkeypatch):
    judge = program("judge")
    monkeypatch.setattr(judge, "TOTAL_BYTES", 1)
    with pytest.raises(SystemExit, match="too much to keep: see CAGE_LIMIT_TOTAL"):
        judge.write_kept(side({"a": "12"}))


# -- the program ---------------------------------------------------------------

WORK = SimpleNamespace(summary=lambda: "nothing", size=lambda: 7, kept_inside=list)


@pytest.mark.parametrize(
    ("said", "code", "printed"),
    [
        ("1\n", 0, "nothing, 1 commit inside\n"),
        ("3\na stash\n", 0, "nothing, 3 commits inside\nbeside: a stash\n"),
        ("0\n", 1, "nothing, 0 commits inside\nbeside: a git folder that can't be read whole\n"),
        ("0\n", -9, "nothing, 0 commits inside\nbeside: a git folder that can't be read whole\n"),
        ("", 1, "nothing, ? commits inside\nbeside: a git folder that can't be read whole\n"),
    ],
)
def test_what_could_not_be_counted_is_said_beside(said, code, printed, monkeypatch, capsysbinary):
    judge = program("judge")
    asked = []
    monkeypatch.setattr(judge, "read_question", lambda: ((), SimpleNamespace(held=("1" * 40, "2" * 40))))
    monkeypatch.setattr(judge, "Verdict", lambda *_: WORK)
    answer = SimpleNamespace(stdout=said, returncode=code)
    monkeypatch.setattr(judge.subprocess, "run", lambda *_, **options: asked.append(options["input"]) or answer)
    assert judge.main(["count"]) == 0
    assert asked == ["1" * 40 + "\n" + "2" * 40]
    with tarfile.open(fileobj=io.BytesIO(capsysbinary.readouterr().out)) as tar:
        assert tar.extractfile("count").read().decode() == f"{printed}bytes: 7\n"
        assert tar.extractfile("complete").read() == b"2\n"
