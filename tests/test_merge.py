"""The three-way merge: every branch."""

import os
import re

import pytest
from conftest import everything

from cage.recipes import edits, merge
from cage.recipes.merge import CONFLICT, KEPT, LEFT, MERGED, RECORDED, REMOVED, REPLACED, Change, decide

BASE = b"one\ntwo\nthree\nfour\n"
MINE = b"ONE\ntwo\nthree\nfour\n"
NEW = b"one\ntwo\nthree\nFOUR\n"
BOTH = b"ONE\ntwo\nthree\nFOUR\n"
CLASH = b"1\ntwo\nthree\nfour\n"
MARKED = b"<<<<<<< yours\nONE\n||||||| last rendered\none\n=======\n1\n>>>>>>> template\n" + BASE[4:]

BRANCHES = {
    "new is mine": (NEW, BASE, NEW, "", (RECORDED, None, None, "")),
    "nothing is new": (BASE, BASE, BASE, "", (KEPT, None, None, "")),
    "only mine is edited": (MINE, BASE, BASE, "", (KEPT, None, None, "")),
    "mine is untouched": (BASE, BASE, NEW, "", (REPLACED, NEW, None, "")),
    "both changed apart": (MINE, BASE, NEW, "", (MERGED, BOTH, None, "")),
    "mine has it already": (BOTH, BASE, NEW, "", (RECORDED, BOTH, None, "")),
    "both changed one line": (MINE, BASE, CLASH, "", (CONFLICT, None, MARKED, ".merge")),
    "conflict, mine is taken": (MINE, BASE, CLASH, "mine", (RECORDED, MINE, None, "")),
    "conflict, template is taken": (MINE, BASE, CLASH, "template", (MERGED, CLASH, None, "")),
    "adjacent edits": (
        b"ONE\ntwo\n",
        b"one\ntwo\n",
        b"one\nTWO\n",
        "",
        (
            CONFLICT,
            None,
            b"<<<<<<< yours\nONE\ntwo\n||||||| last rendered\none\ntwo\n=======\none\nTWO\n"
            b">>>>>>> template\n",
            ".merge",
        ),
    ),
    "no base": (MINE, None, NEW, "", (CONFLICT, None, NEW, ".new")),
    "no base, mine is taken": (MINE, None, NEW, "mine", (RECORDED, None, None, "")),
    "no base, template is taken": (MINE, None, NEW, "template", (MERGED, NEW, None, "")),
    "no base but the same": (NEW, None, NEW, "", (RECORDED, None, None, "")),
    "recipe deleted": (None, BASE, NEW, "", (REPLACED, NEW, None, "")),
    "a new file": (None, None, NEW, "", (REPLACED, NEW, None, "")),
    "CRLF": (MINE.replace(b"\n", b"\r\n"), BASE, NEW, "", (MERGED, BOTH.replace(b"\n", b"\r\n"), None, "")),
    "no last line break": (
        BASE + b"mine", BASE, b"ONE\n" + BASE[4:], "",
        (MERGED, b"ONE\n" + BASE[4:] + b"mine", None, ""),
    ),
    "binary": (b"\0a", b"\0b", b"\0c", "", (CONFLICT, None, b"\0c", ".new")),
    "binary, mine is taken": (b"\0a", b"\0b", b"\0c", "mine", (RECORDED, None, None, "")),
    "binary, template is taken": (b"\0a", b"\0b", b"\0c", "template", (MERGED, b"\0c", None, "")),
    "mixed line ends, ours changed elsewhere": (
        b"ONE\r\ntwo\nthree\nfour\n", BASE, NEW, "", (MERGED, b"ONE\r\ntwo\nthree\nFOUR\n", None, ""),
    ),
    "CRLF on both sides": (
        MINE.replace(b"\n", b"\r\n"), BASE.replace(b"\n", b"\r\n"), NEW.replace(b"\n", b"\r\n"), "",
        (MERGED, BOTH.replace(b"\n", b"\r\n"), None, ""),
    ),
    "only the line ends are mine": (BASE.replace(b"\n", b"\r\n"), BASE, NEW, "", (
        MERGED, NEW.replace(b"\n", b"\r\n"), None, "",
    )),
    "a line between the edits": (
        b"ONE\ntwo\nthree\n", b"one\ntwo\nthree\n", b"one\ntwo\nTHREE\n", "",
        (MERGED, b"ONE\ntwo\nTHREE\n", None, ""),
    ),
    "the same edit on both sides": (
        b"ONE\ntwo\nTHREE\n", b"one\ntwo\nthree\n", b"ONE\ntwo\nthree\n", "",
        (RECORDED, b"ONE\ntwo\nTHREE\n", None, ""),
    ),
    "mine deleted what the template changed": (
        b"two\nthree\nfour\n", BASE, CLASH, "",
        (CONFLICT, None, MARKED.replace(b"ONE\n", b""), ".merge"),
    ),
    "the template deleted what mine changed": (MINE, BASE, BASE[4:], "mine", (RECORDED, MINE, None, "")),
    "mine is empty": (b"", BASE, NEW, "mine", (RECORDED, b"", None, "")),
    "CRLF in the template alone": (MINE, BASE, NEW.replace(b"\n", b"\r\n"), "mine", (RECORDED, MINE, None, "")),
    "CRLF in what was rendered alone": (
        MINE, BASE.replace(b"\n", b"\r\n"), NEW, "template", (MERGED, NEW, None, ""),
    ),
    "more conflicts than an exit code can count": (
        b"mine\n=\n" * 200, b"base\n=\n" * 200, b"new\n=\n" * 200, "mine", (RECORDED, b"mine\n=\n" * 200, None, ""),
    ),
    "names like options": (b"--stdout\n" + BASE, BASE, NEW, "", (MERGED, b"--stdout\n" + NEW, None, "")),
}  # fmt: skip


@pytest.mark.parametrize(("mine", "base", "new", "take", "expected"), BRANCHES.values(), ids=BRANCHES)
def test_branch(mine, base, new, take, expected):
    change = decide("Makefile", mine, base, new, take, "")
    assert change.path == "Makefile"
    assert change.new == new
    assert (change.action, change.data, change.beside, change.suffix) == expected


def test_deleted_file_of_the_image_stays_deleted():
    assert decide("image/x", None, BASE, NEW, "", "") == Change("image/x", NEW, RECORDED)


def test_new_file_of_the_image_is_rendered():
    assert decide("image/x", None, None, NEW, "", "") == Change("image/x", NEW, REPLACED, NEW)


def test_hundreds_of_conflicts_are_one():
    mine, base, new = (word + b"\n=\n" for word in (b"mine", b"base", b"new"))
    count, text = merge.merge_file(mine * 200, base * 200, new * 200, "--diff3")
    assert (count, text.count(b"<<<<<<< yours\n")) == (127, 200)
    assert decide("Makefile", mine * 200, base * 200, new * 200, "", "").suffix == ".merge"


def test_git_that_fails_merges_nothing(tmp_path):
    (tmp_path / ".gitconfig").write_text("[")
    assert merge.merge_file(MINE, BASE, NEW, "--diff3") == (-1, b"")
    assert decide("Makefile", MINE, BASE, NEW, "", "") == Change("Makefile", NEW, CONFLICT, beside=NEW, suffix=".new")


def test_caller_s_git_variables_change_no_merge(monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_COUNT", "x")
    assert merge.merge_file(MINE, BASE, NEW, "--diff3") == (0, BOTH)


def headed(version, *lines):
    """A recipe with its header of a release, from the line before it on."""
    return b"\n".join([b"# A recipe", b"# By trusty-cage %s. Yours." % version, *lines])


def test_release_in_the_header_is_no_edit(monkeypatch):
    monkeypatch.setattr("cage.__version__", "2.0")
    base, new = headed(b"1.0", b"one", b"two\n"), headed(b"2.0", b"one", b"two\n")
    change = decide("Makefile", headed(b"1.0", b"ONE", b"two\n"), base, new, "", "1.0")
    assert (change.action, change.data) == (MERGED, headed(b"2.0", b"ONE", b"two\n"))
    change = decide("Makefile", b"two\n", base, new, "", "1.0")
    assert (change.action, change.data) == (RECORDED, b"two\n")


STAMP = b"# By trusty-cage 1.0. Yours."


@pytest.mark.parametrize(
    ("before", "stamp", "was", "conflict"),
    [
        (0, STAMP, "1.0", False),
        (4, STAMP, "1.0", False),
        (5, STAMP, "1.0", True),
        (0, STAMP, "0.9", True),
        (0, STAMP, "", True),
        (0, STAMP.replace(b"1.0", b""), "", True),
        (0, STAMP[2:], "1.0", True),
    ],
)
def test_release_is_looked_for_in_comments_of_the_header_alone(before, stamp, was, conflict, monkeypatch):
    monkeypatch.setattr("cage.__version__", "2.0")
    head = b"#\n" * before
    now = re.sub(rb"trusty-cage [0-9.]*\. ", b"trusty-cage 2.0. ", stamp)
    change = decide("x", head + stamp + b"\nONE\n", head + stamp + b"\none\n", head + now + b"\none\n", "", was)
    merged = head + now + b"\nONE\n"
    assert (change.action, change.data) == ((CONFLICT, None) if conflict else (MERGED, merged))


OLD = {
    "Makefile": BASE,
    "recipes/export.mk": BASE,
    "layout.sh": BASE,
    "local.mk": b"# Yours alone\n",
    "Makefile.cage": b"old\n",
    "lib/say": b"old\n",
    "lib/status": b"same\n",
    "image/edited": BASE,
    "image/removed": BASE,
    "lib/removed": BASE,
}


@pytest.fixture
def folder(tmp_path):
    """A cage's folder as it was rendered, and then edited."""
    folder = tmp_path / "web"
    edits.put_new(folder, OLD)
    (folder / "Makefile").write_bytes(MINE)
    (folder / "local.mk").write_bytes(b"mine\n")
    (folder / "lib/say").write_bytes(b"mine\n")
    (folder / "image/edited").write_bytes(MINE)
    (folder / "layout.sh").unlink()
    return folder


def test_plan_has_the_tool_s_files_first_and_the_makefile_last(folder):
    new = {
        "Makefile": NEW,
        "recipes/export.mk": NEW,
        "layout.sh": NEW,
        "local.mk": b"# Yours\n",
        "lib/say": b"new\n",
        "lib/status": b"same\n",
        "Makefile.cage": b"new\n",
        "guard/new": b"x\n",
    }
    before = everything(folder)
    assert merge.plan(folder, new, "") == [
        Change("local.mk", b"# Yours alone\n", KEPT, mine=b"mine\n", base=b"# Yours alone\n"),
        Change("lib/say", b"new\n", REPLACED, b"new\n", mine=b"mine\n", base=b"old\n"),
        Change("lib/status", b"same\n", KEPT, mine=b"same\n", base=b"same\n"),
        Change("Makefile.cage", b"new\n", REPLACED, b"new\n", mine=b"old\n", base=b"old\n"),
        Change("lib/removed", None, REMOVED, mine=BASE, base=BASE),
        Change("recipes/export.mk", NEW, REPLACED, NEW, mine=BASE, base=BASE),
        Change("layout.sh", NEW, REPLACED, NEW, mine=None, base=BASE),
        Change("guard/new", b"x\n", REPLACED, b"x\n"),
        Change("image/edited", None, LEFT, mine=MINE, base=BASE),
        Change("image/removed", None, REMOVED, mine=BASE, base=BASE),
        Change("Makefile", NEW, MERGED, BOTH, mine=MINE, base=BASE),
    ]
    assert everything(folder) == before


def test_plan_without_local_mk_in_the_templates_keeps_it(folder):
    files = {path: data for path, data in OLD.items() if path != "local.mk"}
    plan = {change.path: change for change in merge.plan(folder, files, "")}
    assert plan["local.mk"] == Change("local.mk", OLD["local.mk"], KEPT, mine=b"mine\n", base=OLD["local.mk"])


def test_plan_renders_local_mk_where_there_is_none(folder):
    (folder / "local.mk").unlink()
    plan = {change.path: change for change in merge.plan(folder, OLD, "")}
    assert plan["local.mk"] == Change("local.mk", OLD["local.mk"], REPLACED, OLD["local.mk"], base=OLD["local.mk"])


def test_plan_of_what_is_there_already_is_only_recorded(folder):
    (folder / "lib/say").write_bytes(b"new\n")
    (folder / "image/removed").unlink()
    plan = {change.path: change for change in merge.plan(folder, {**OLD, "lib/say": b"new\n"}, "")}
    assert plan["lib/say"] == Change("lib/say", b"new\n", RECORDED, mine=b"new\n", base=b"old\n")
    assert plan["image/removed"] == Change("image/removed", BASE, RECORDED, base=BASE)
    files = {path: data for path, data in OLD.items() if path != "image/removed"}
    plan = {change.path: change for change in merge.plan(folder, files, "")}
    assert plan["image/removed"] == Change("image/removed", None, RECORDED, base=BASE)


def test_plan_takes_the_side_that_is_asked_for(folder):
    for take, data in (("mine", MINE), ("template", CLASH)):
        plan = {change.path: change for change in merge.plan(folder, {**OLD, "Makefile": CLASH}, take)}
        assert plan["Makefile"].data == data


def test_plan_knows_the_release_that_was_rendered(folder, monkeypatch):
    monkeypatch.setattr("cage.__version__", "2.0")
    edits.put(folder, f"{edits.COPIES}/{edits.VERSION}", b"1.0")
    edits.put(folder, f"{edits.COPIES}/Makefile", headed(b"1.0", b"one\n"))
    edits.put(folder, "Makefile", headed(b"1.0", b"ONE\n"))
    assert merge.plan(folder, {"Makefile": headed(b"2.0", b"one\n")}, "")[-1].data == headed(b"2.0", b"ONE\n")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change("x", NEW, KEPT, mine=BASE, base=BASE), (False, False, False)),
        (Change("x", NEW, RECORDED, mine=MINE, base=BASE), (False, False, False)),
        (Change("x", NEW, CONFLICT, mine=MINE, base=BASE), (True, False, False)),
        (Change("x", None, REMOVED, mine=BASE, base=BASE), (True, False, False)),
        (Change("x", NEW, REPLACED, NEW, mine=BASE, base=BASE), (True, True, False)),
        (Change("x", NEW, REPLACED, NEW, mine=None, base=BASE), (True, True, False)),
        (Change("x", NEW, REPLACED, NEW, mine=MINE, base=BASE), (True, True, True)),
        (Change("x", NEW, MERGED, MINE, mine=MINE, base=BASE), (True, True, False)),
        (Change("x", NEW, MERGED, b"", mine=MINE, base=BASE), (True, True, True)),
    ],
)
def test_change_knows_what_it_does(change, expected):
    assert (change.is_one, change.is_written, change.drops_an_edit) == expected


def test_trial_reads_the_changed_files_beside_those_that_stay(folder, monkeypatch):
    (folder / "Makefile").write_text("include local.mk lib/status\nall:\n")
    (folder / "lib/status").write_text("$(info read)\n")
    (folder / "local.mk").write_text("\n")
    before = everything(folder)
    monkeypatch.setattr(os, "fsync", lambda handle: pytest.fail("a trial waits for no disk"))
    assert merge.trial(folder, {}) == ""
    assert merge.trial(folder, {"local.mk": b"# fine\n", "lib/status": b"broken\n"}) == ""
    assert merge.trial(folder, {"local.mk": b"\nbroken\n"}) == "local.mk:2: *** missing separator.  Stop."
    assert merge.trial(folder, {"Makefile": b"broken\n"}) == "Makefile:1: *** missing separator.  Stop."
    assert everything(folder) == before


def test_trial_of_a_folder_lies_in_one_that_tells_whose_it_is(folder):
    said = merge.trial(folder, {"Makefile": b"$(error $(CURDIR))\n"})
    assert re.fullmatch(r"Makefile:1: \*\*\* /.*/tc-[^/]+\.  Stop\.", said)
