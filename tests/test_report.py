"""The plan as a person reads it: what weighs most comes first, and no list hides another."""

import pytest
from test_judge import judge, placed, sync
from test_verdict import lay, tree, verdict

import report  # isort: skip


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty folder that the judge takes for a cage's project."""
    return placed(tmp_path, monkeypatch, tree, verdict)


def shown(*sections):
    """The text and the whole text of sections, each the arguments of Report.add."""
    told = report.Report()
    for section in sections:
        told.add(*section)
    return told.shown(), told.whole()


def test_section_without_lines_has_no_title():
    assert shown(([], None, "Refused:")) == ("", "")


def test_each_section_is_cut_by_itself():
    many = [f"  {number}" for number in range(202)]
    said, whole = shown((many, None, "Conflicts:"), (["  x"], None, "Refused:"), (many,))
    cut = [*many[:200], "  and 2 more"]
    assert said.splitlines() == ["Conflicts:", *cut, "Refused:", "  x", *cut]
    assert whole.splitlines() == ["Conflicts:", *many, "Refused:", "  x", *many]


def test_whole_is_empty_where_all_was_shown():
    assert shown((["  x"] * 200,)) == ("  x\n" * 200, "")


@pytest.mark.parametrize("cut", [False, True])
def test_other_lines_may_be_shown_which_say_whether_they_leave_any_out(cut):
    assert shown((["full"], ["short"], "Title:", cut)) == ("Title:\nshort\n", "Title:\nfull\n" if cut else "")


@pytest.mark.parametrize(
    ("paths", "folders", "named"),
    [
        (["a", "b"], [], ["a", "b"]),
        (["n/a", "n/b/c", "n/b/d"], [], ["n/  (3 files)"]),
        (["n/a"], [], ["n/a"]),
        (["d/a", "d/b"], ["d"], ["d/a", "d/b"]),
        (["d/n/a", "d/n/b/c", "d/x"], ["d"], ["d/n/  (2 files)", "d/x"]),
        (["n/a", "n-/a", "n/b"], [], ["n-/a", "n/  (2 files)"]),
        (["\x1b/a", "\x1b/b"], [], ["\\x1b/  (2 files)"]),
    ],
)
def test_folder_that_is_new_is_one_line(paths, folders, named):
    paths = sorted(path.encode() for path in paths)
    assert report.names_of(paths, {folder.encode() for folder in folders}) == named


def test_thousands_of_additions_hide_nothing_that_a_person_decides(project):
    lay(project, {**{f"a{i:04}": "x" for i in range(1000)}, "new/x": "1", "new/y": "1", "zz": "1", ".envrc": "x"})
    (project / "z\x1b").write_text("x")
    judged = judge({"zz": "0", "gone": "0", "both": "0"}, {"zz": "0", "gone": "0", "both": "1"})
    text = judged.report().shown().splitlines()
    assert text[:9] == [
        "Read these first, the host runs them later:",
        "  the shell",
        "    .envrc ×1: ./.envrc",
        "Conflicts:",
        "  both: deleted in the cage, other on the host",
        "Refused:",
        "  z\\x1b: has invisible or control characters in its name",
        "  D  gone",
        "  M  zz",
    ]
    assert text[9:11] == ["  A  .envrc", "  A  a0000"]
    assert text[-1] == "  and 802 more"
    whole = judged.lists()["plan.txt"].decode().splitlines()
    assert whole[1] == "the shell\t.envrc\t.envrc"
    assert whole[2:8] == text[3:9]
    assert whole[8:] == [f"  A  {name}" for name in (".envrc", *(f"a{i:04}" for i in range(1000)), "new/x", "new/y")]


def test_folder_that_only_the_cage_has_is_one_line_of_the_plan(project):
    lay(project, {"old/new/a": "1", "old/new/b": "1", "src/a/b": "1", "src/c": "1", "old/x": "1"})
    judged = judge({"old/x": "1"})
    assert judged.report().shown() == "  A  old/new/  (2 files)\n  A  src/  (2 files)\n"
    assert judged.lists()["plan.txt"] == b"  A  old/new/a\n  A  old/new/b\n  A  src/a/b\n  A  src/c\n"
    assert judged.plan()["added"] == ["old/new/a", "old/new/b", "src/a/b", "src/c"]


def test_sync_has_conflicts_first_and_one_line_for_a_folder(project):
    lay(project, {"both": "2", "gone": "0", "old/x": "0"})
    host = {"both": "1", "old/x": "1", "new/a": "1", "new/b": "1", "old/y": "1"}
    arrival = sync({"both": "0", "gone": "0", "old/x": "0"}, host)
    assert arrival.report().shown() == (
        "Conflicts:\n  both: changed in the cage too\n  D  gone\n  >  old/x\n  >  new/  (2 files)\n  >  old/y\n"
    )
    assert arrival.lists()["plan.txt"].endswith(b"  >  new/a\n  >  new/b\n  >  old/y\n")
