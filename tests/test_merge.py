"""The three-way merge: every branch, and chains of releases over hand edits."""

import pytest
from hypothesis import given
from hypothesis import settings as options
from hypothesis import strategies as st

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
    "no last line break": (MINE[:-1], BASE, b"one\nTWO\nthree\nfour\n", "", None),
    "binary": (b"\0a", b"\0b", b"\0c", "", (CONFLICT, None, b"\0c", ".new")),
    "names like options": (b"--stdout\n" + BASE, BASE, NEW, "", (MERGED, b"--stdout\n" + NEW, None, "")),
}  # fmt: skip


@pytest.mark.parametrize(("mine", "base", "new", "take", "expected"), BRANCHES.values(), ids=BRANCHES)
def test_branch(mine, base, new, take, expected):
    change = decide("Makefile", mine, base, new, take)
    if expected is None:
        assert change.action == CONFLICT
        return
    assert (change.action, change.data, change.beside, change.suffix) == expected


def test_deleted_file_of_the_image_stays_deleted():
    assert decide("image/x", None, BASE, NEW, "").data is None


# An edit of a list of lines: where, and whether it inserts, replaces or deletes there.
EDIT = st.tuples(st.integers(0, 30), st.sampled_from(["insert", "replace", "delete"]))
EDITS = st.lists(EDIT, max_size=4)


def edited(lines, edits, tag):
    """The lines after edits, and the ones that were written: each is unlike any other."""
    lines, written = list(lines), []
    for number, (place, kind) in enumerate(edits):
        place %= len(lines) + 1
        line = f"{tag}-{number}:"
        if kind != "insert":
            gone = lines[place : place + 1]
            written = [kept for kept in written if kept not in gone]
            lines[place : place + 1] = []
        if kind != "delete":
            lines.insert(place, line)
            written.append(line)
    return lines, written


@options(max_examples=60, deadline=None)
@given(st.lists(st.tuples(EDITS, EDITS), min_size=10, max_size=10))
def test_no_edit_is_lost_over_ten_releases(releases):
    template = [f"line-{number}:" for number in range(20)]
    mine = base = "\n".join([*template, ""]).encode()
    own = []
    for number, (by_user, by_us) in enumerate(releases):
        lines, written = edited(mine.decode().splitlines(), by_user, f"mine{number}")
        mine = "\n".join([*lines, ""]).encode()
        own = [line for line in own if line in lines] + written
        template, ours = edited(template, by_us, f"new{number}")
        new = "\n".join([*template, ""]).encode()
        change = decide("Makefile", mine, base, new, "")
        if change.action == CONFLICT:
            assert change.data is None
            change = decide("Makefile", mine, base, new, "mine")
        else:
            after = (change.data or mine).decode().splitlines()
            assert set(ours) <= set(after)
        mine, base = change.data or mine, new
        assert set(own) <= set(mine.decode().splitlines())
        assert b"<<<<" not in mine
