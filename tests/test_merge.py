"""The three-way merge: every branch."""

import pytest

from cage.merge import CONFLICT, KEPT, MERGED, RECORDED, REPLACED, decide

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
    "names like options": (b"--stdout\n" + BASE, BASE, NEW, "", (MERGED, b"--stdout\n" + NEW, None, "")),
}  # fmt: skip


@pytest.mark.parametrize(("mine", "base", "new", "take", "expected"), BRANCHES.values(), ids=BRANCHES)
def test_branch(mine, base, new, take, expected):
    change = decide("Makefile", mine, base, new, take)
    assert (change.action, change.data, change.beside, change.suffix) == expected


def test_deleted_file_of_the_image_stays_deleted():
    assert decide("image/x", None, BASE, NEW, "").data is None


def test_release_in_the_header_is_no_edit(monkeypatch):
    monkeypatch.setattr("cage.__version__", "2.0")
    base, new = (b"# By trusty-cage %s. Yours.\none\ntwo\n" % version for version in (b"1.0", b"2.0"))
    mine = base.replace(b"one", b"ONE")
    change = decide("Makefile", mine, base, new, "", "1.0")
    assert (change.action, change.data) == (MERGED, new.replace(b"one", b"ONE"))
    change = decide("Makefile", b"two\n", base, new, "", "1.0")
    assert (change.action, change.data) == (RECORDED, b"two\n")
