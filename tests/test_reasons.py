"""The rules for files that leave, one by one: whole reasons, both sides of each bound."""

import sys
from importlib import import_module

import pytest
from test_verdict import GUARD, rules, tree

OUT = "is a link that leaves the project"
GIT = "is a link into a git folder"

# -- limits --------------------------------------------------------------------


@pytest.mark.parametrize(("said", "found"), [(None, 7), ("", 7), ("0", 0), ("5", 5), ("9" * 18, int("9" * 18))])
def test_limit_is_what_is_said_or_the_default(said, found, monkeypatch):
    if said is not None:
        monkeypatch.setenv("CAGE_LIMIT_FILE", said)
    assert rules.limit("FILE", 7) == found


def test_limit_that_is_no_number_is_shown_in_part(monkeypatch):
    monkeypatch.setenv("CAGE_LIMIT_FILE", "x" * 41)
    with pytest.raises(SystemExit) as ended:
        rules.limit("FILE", 1)
    assert ended.value.code == f"error: CAGE_LIMIT_FILE is no number: '{'x' * 40}'"


@pytest.fixture
def limited(monkeypatch):
    """The rules with limits of the test's own: they are read once, when a program begins."""

    def begin(**limits):
        for name, value in limits.items():
            monkeypatch.setenv(f"CAGE_LIMIT_{name}", str(value))
        for path in GUARD.glob("*.py"):
            monkeypatch.delitem(sys.modules, path.stem, raising=False)
        return import_module("rules")

    return begin


# -- names ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "readings"),
    [
        ("Makefile", {"makefile"}),
        ("a. .", {"a"}),
        (" .a", {" .a"}),
        ("A\\B.:C ", {"a", "b", "c"}),
        ("\u24bcIT\u0301", {"git"}),
        ("o\u0301bject\u017f.", {"objects"}),
        (".g\u200ci\ufeffT\u2065", {".git"}),
        ("\uff0eENV", {".env"}),
        ("stra\u00dfe", {"strasse"}),
        ("X\u3164Y", {"xy"}),
    ],
)
def test_name_is_read_in_every_way_that_a_file_system_does(name, readings):
    assert rules.readings(name.encode()) == readings


def test_name_that_is_no_utf_8_is_read_too():
    assert rules.readings(b"A\xff") == {"a\ufffd"}


@pytest.mark.parametrize(
    ("name", "wanted", "called"),
    [
        (".Envrc", ".envrc", True),
        ("x\\.envrc", ".envrc", True),
        (".envrc2", ".envrc", False),
        ("ENVRC~1", ".envrc", True),
        ("ENV~1", ".envrc", False),
        ("ENX~1", ".envrc", False),
        ("EN0A1F~1", ".envrc", True),
        ("E0A1F~2", ".envrc", True),
        ("XX0A1F~1", ".envrc", False),
        ("EN0A1G~1", ".envrc", False),
        ("ENV0A1F~1", ".envrc", False),
        ("ENVRC~1.TXT", ".envrc", False),
        ("PACKAG~1.JSO", "package.json", True),
        ("PACKAGE~1.JSO", "package.json", False),
        ("PACKAG~1", "package.json", False),
        ("PACKAG~1.JSON", "package.json", False),
        ("PA12EF~1.JSO", "package.json", True),
        ("PACKAG~X.JSO", "package.json", False),
        ("PACKAG~1.J.SO", "package.json", False),
        ("COMPOS~1.YML", "compose.prod.yml", True),
        ("DOCKER~1", "dockerfile", True),
        ("MAKEFI~1", "makefile", False),
        ("MAKEFI~1", "makefiles", True),
        ("REFS~1", "refs", False),
        ("SETUP~1.PY", "setup.py", True),
        ("MYMAKE~1", "my makes.gh", False),
        ("MYMAKE~1.GH", "my makes.gh", True),
        ("XYZOPQ~1.YML", "xyz.opqr.yml", True),
    ],
)
def test_name_is_called_by_its_spellings_and_its_short_names(name, wanted, called):
    assert rules.is_called(name.encode(), wanted) is called


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("HEAD", {"head"}),
        ("Head.", {"head"}),
        ("objects", {"objects"}),
        ("object\u017f", {"objects"}),
        ("OBJECT~1", set()),
        ("refs", {"refs"}),
        ("commondir", {"commondir"}),
        ("COMMON~1", {"commondir"}),
        ("head:refs", {"head", "refs"}),
        ("heads", set()),
        ("config", set()),
    ],
)
def test_parts_of_a_repository_are_known_in_every_spelling(name, parts):
    assert rules.git_parts(name.encode()) == parts


@pytest.mark.parametrize(
    ("parts", "bare"),
    [
        ({"head", "objects", "refs"}, True),
        ({"head", "commondir"}, True),
        ({"head", "objects"}, False),
        ({"head", "refs"}, False),
        ({"objects", "refs", "commondir"}, False),
        (set(), False),
    ],
)
def test_bare_repository_has_a_head_and_objects_and_refs_or_names_them(parts, bare):
    assert rules.looks_bare(frozenset(parts)) is bare


ACTS = "has invisible or control characters in its name"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (b"x" * 1000, ""),
        (b"x" * 1001, "has a path longer than 1000 bytes"),
        (b"a\xff", "has a name that is not UTF-8"),
        (b"a\x1bb/c", ACTS),
        (b"a\nb", ACTS),
        ("a\u202eb".encode(), ACTS),
        ("a\u2028b".encode(), ACTS),
        ("a\u2029b".encode(), ACTS),
        ("a\u3164b".encode(), ACTS),
        ("a\u2764\ufe0f b \u00fc".encode(), ""),
    ],
)
def test_name_that_no_reader_can_see_is_refused(path, why):
    assert rules.name_reason(path) == why


@pytest.mark.parametrize(
    ("size", "before", "why"),
    [
        (100 << 20, None, ""),
        ((100 << 20) + 1, None, "is larger than 100 MiB"),
        ((100 << 20) + 1, (100 << 20) + 1, ""),
        ((100 << 20) + 2, (100 << 20) + 1, "is larger than 100 MiB"),
    ],
)
def test_large_file_is_refused_unless_it_was_as_large(size, before, why):
    assert rules.size_reason(size, before) == why


# -- links ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "target", "links", "why"),
    [
        ("l", "file", {}, ""),
        ("l", ".", {}, ""),
        ("l", "./dir//./file/", {}, ""),
        ("l", "", {}, OUT),
        ("l", "/", {}, OUT),
        ("l", "..", {}, OUT),
        ("d/l", "..", {}, ""),
        ("d/l", "../file", {}, ""),
        ("d/l", "../..", {}, OUT),
        ("d/e/l", "../../file", {}, ""),
        ("d/e/l", "../../../file", {}, OUT),
        ("l", "a/..", {}, "is a link that goes down and up again"),
        ("l", "..\0x", {}, "is a link with a NUL in its target"),
        ("l", "d/..\0", {}, "is a link with a NUL in its target"),
        ("d/l", "../a/../b", {}, "is a link that goes down and up again"),
        ("l", ".git", {}, GIT),
        ("l", "a/.GIT/config", {}, GIT),
        ("d/l", "../GIT~1", {}, GIT),
        ("l", "hop/x", {"hop": "dir"}, ""),
        ("l", "hop/x", {"hop": "/dir"}, rules.THROUGH),
        ("l", "hop", {"hop": "dir/.git"}, GIT),
        ("l", "hop/x", {"hop": "d/up", "d/up": ".."}, ""),
        ("l", "hop/x", {"hop": "d/up", "d/up": "../.."}, rules.THROUGH),
        ("l", "hop/x", {"hop": "e//../../y"}, rules.THROUGH),
        ("d/l", "hop/x", {"d/hop": "../e", "e/x": "../../y"}, rules.THROUGH),
        ("d/l", "hop/x", {"hop": "/"}, ""),
        ("l", "l", {"l": "l"}, rules.THROUGH),
    ],
)
def test_link_stays_inside_read_as_text_and_walked(path, target, links, why):
    onward = {name.encode(): to.encode() for name, to in links.items()}
    assert rules.link_reason(path.encode(), target.encode(), onward.get) == why


@pytest.mark.parametrize(("hops", "why"), [(40, ""), (41, rules.THROUGH)])
def test_link_may_lead_on_forty_times(hops, why):
    links = {b"%d" % i: b"%d" % (i + 1) for i in range(hops)}
    assert rules.link_reason(b"l", b"0", links.get) == why


def test_walk_tells_what_it_passed():
    links = {b"d/hop": b"../e/f"}
    assert rules.walk(b"d/l", b"./hop/x", links.get) == ("", [b"d/hop", b"e", b"e/f", b"e/f/x"])
    assert rules.walk(b"d/l", b"hop/.git", links.get) == (GIT, [b"d/hop", b"e", b"e/f"])
    assert rules.walk(b"d/l", b"a/../../../x", links.get) == (rules.THROUGH, [b"d/a"])
    assert rules.walk(b"d/l", b"/x", links.get) == (rules.THROUGH, [])
    assert rules.walk(b"l", b"a/" * 1000, links.get)[0] == ""
    assert rules.walk(b"l", b"a/" * 1001, links.get)[0] == rules.THROUGH
    assert rules.walk(b"d/l", b"hop", {b"d/hop": b"/x"}.get) == (rules.THROUGH, [b"d/hop"])


def test_what_leads_a_link_of_the_host_out_is_named():
    before = {b"p/own": b"a/../../y", b"other": b"b", b"out": b"/etc"}
    links = {**before, b"p/a": b"../lib", b"b": b"c"}
    assert rules.misled(links, {b"p/a", b"b"}, before) == {b"p/a": "leads p/own out of the project"}
    assert rules.misled(links, {b"b"}, {**before, b"p/a": b"../lib"}) == {}
    assert rules.misled(before, {b"p/a"}, before) == {}


def test_all_that_leads_links_of_the_host_out_is_named():
    before = {b"p/own": b"a/../../y", b"q/own": b"b/../../y"}
    links = {b"p/a": b"../lib", b"q/b": b"../lib", **before}
    assert rules.misled(links, {b"p/a", b"q/b"}, before) == {
        b"p/a": "leads p/own out of the project",
        b"q/b": "leads q/own out of the project",
    }


def test_link_that_led_out_before_is_not_misled():
    before = {b"own": b"a/x", b"a": b"/etc"}
    assert rules.misled({b"own": b"a/x", b"a": b"/opt"}, {b"a"}, before) == {}


# -- trees that result ---------------------------------------------------------


@pytest.mark.parametrize(
    ("noted", "path", "bare"),
    [
        (["x/HEAD", "x/objects/a", "x/refs/heads/b"], "x/HEAD", True),
        (["x/HEAD", "x/objects/a", "x/refs/heads/b"], "x/deep/file", True),
        (["x/HEAD", "x/objects/a", "x/refs/heads/b"], "x/refs/heads/b", True),
        (["x/HEAD", "x/objects/a", "x/refs/heads/b"], "x", False),
        (["x/HEAD", "x/objects/a", "x/refs/heads/b"], "y/file", False),
        (["x/HEAD", "x/commondir"], "x/commondir", True),
        (["x/HEAD", "y/objects", "z/refs"], "x/HEAD", False),
        (["x/y/HEAD", "x/objects", "x/y/refs"], "x/y/HEAD", False),
        (["HEAD", "objects/a", "refs/b"], "HEAD", True),
        (["HEAD", "objects/a", "refs/b"], "objects/a", True),
        (["HEAD", "objects/a", "refs/b"], "free/file", False),
    ],
)
def test_bare_repository_is_seen_by_all_its_parts(noted, path, bare):
    found = rules.Bare()
    for name in noted:
        found.note(name.encode())
    assert found.reason(path.encode()) == (rules.BARE if bare else "")


@pytest.mark.parametrize(
    ("path", "folded"),
    [
        ("Dir/README", "dir/readme"),
        ("a. ./b.", "a/b"),
        ("a:b/c:d", "a/c"),
        ("a\\b", "a/b"),
        ("x.y", "x.y"),
        ("\u00c9", "e\u0301"),
        ("\u2764\ufe0f", "\u2764"),
        ("a\u200db", "ab"),
        ("a\u3164b", "ab"),
        ("\uff21\u017f", "as"),
        ("e\u0301", "e\u0301"),
    ],
)
def test_path_is_folded_as_the_most_forgetful_file_system_does(path, folded):
    assert rules.folded(path.encode()) == folded


def test_path_that_is_no_utf_8_folds_by_itself():
    assert rules.folded(b"A\xff") == "a\udcff"
    assert rules.folded(b"A\xfe") != rules.folded(b"A\xff")


def same_as(other):
    return f"is {other} on file systems that fold case or Unicode"


def test_spelling_joins_the_others_unless_it_collides():
    known = rules.Spellings([b"Docs/x"])
    assert known.collision(b"docs/y") == same_as("Docs")
    assert known.collision(b"Docs/X") == same_as("Docs/x")
    assert known.collision(b"Docs/y") == ""
    assert known.collision(b"Docs/Y") == same_as("Docs/y")
    assert known.collision(b"new/a") == ""
    assert known.collision(b"NEW") == same_as("new")


def reasons(arrivals, stay=(), folders=(), links=(), before=None, ever=(), of=rules):
    """The reasons against ARRIVALS, with everything as text."""
    arrivals = {path.encode(): None if to is None else to.encode() for path, to in arrivals.items()}
    links = {path.encode(): to.encode() for path, to in dict(links).items()}
    before = links if before is None else {path.encode(): to.encode() for path, to in before.items()}
    stay, folders, ever = ({path.encode() for path in paths} for paths in (stay, folders, ever))
    found = of.result_reasons(arrivals, stay, folders, links, before, ever)
    return {path.decode(): why for path, why in found.items()}


def test_nothing_that_arrives_breaks_no_rule():
    assert reasons({}, ["x/HEAD", "x/objects/a", "x/refs/a"]) == {}


@pytest.mark.parametrize("where", ["stay", "folders", "ever"])
def test_bare_repository_is_refused_whatever_of_it_is_there(where):
    there = ["x/objects", "x/refs"]
    assert reasons({"x/HEAD": None, "free": None}, **{where: there}) == {"x/HEAD": rules.BARE}
    assert reasons({"x/HEAD": None}, **{where: there[:1]}) == {}


def test_bare_repository_that_arrives_whole_is_refused_whole():
    arrivals = dict.fromkeys(["x/HEAD", "x/objects/a", "x/refs/a"])
    assert reasons(arrivals) == dict.fromkeys(arrivals, rules.BARE)


@pytest.mark.parametrize("where", ["stay", "folders"])
def test_new_spelling_of_what_is_there_is_refused(where):
    assert reasons({"Notes": None, "free": None}, **{where: ["notes"]}) == {"Notes": same_as("notes")}


def test_what_is_changed_may_be_spelled_as_it_was():
    assert reasons({"Notes": None}, ["notes", "Notes"]) == {}


def test_of_two_new_spellings_the_first_may_arrive():
    assert reasons({"a": None, "A": None}) == {"a": same_as("A")}


def test_tree_that_results_has_a_bound(limited):
    few = limited(ENTRIES=4)
    over = "brings the host clone over 4 entries"
    assert reasons({"c": None, "d": None}, ["a"], ["b"], of=few) == {}
    assert reasons({"c": None, "d": None, "e": None}, ["a"], ["b"], of=few) == {"e": over}
    assert reasons({"a": None, "c": None, "d": None}, ["a"], ["b"], of=few) == {}


def test_link_that_arrives_is_walked_through_what_results():
    assert reasons({"l": "hop/x"}, links={"hop": "dir"}) == {}
    assert reasons({"l": "hop/x"}, links={"hop": "/"}) == {"l": rules.THROUGH}
    assert reasons({"l": "hop/x", "hop": "dir"}, links={"hop": "/"}) == {}
    assert reasons({"l": "hop/x", "hop": "/"}) == {"l": rules.THROUGH, "hop": OUT}


def test_link_that_misleads_one_of_the_host_is_refused():
    own = {"p/own": "a/../../y"}
    assert reasons({"p/a": "../lib"}, ["p/own"], links=own) == {"p/a": "leads p/own out of the project"}
    assert reasons({"p/a": None}, ["p/own"], links=own) == {}


def test_first_reason_is_the_one_that_is_given():
    assert reasons({"x/HEAD": "/", "X": "/"}, ["x/objects", "x/refs"]) == {"x/HEAD": rules.BARE, "X": same_as("x")}


# -- one entry, and how much in all ---------------------------------------------

HIDDEN = "has invisible or control characters in its name"


@pytest.mark.parametrize(
    ("leaf", "was", "why"),
    [
        (rules.Leaf(b"a", 10), None, ""),
        (rules.Leaf(b"a", 11), None, "is larger than 0 MiB"),
        (rules.Leaf(b"a", 11), 11, ""),
        (rules.Leaf(b"a", 11), 12, "is larger than 0 MiB"),
        (rules.Leaf(b"a", 11, b"/", "is a FIFO"), None, "is larger than 0 MiB"),
        (rules.Leaf(b"a", 1, None, "is a FIFO"), None, "is a FIFO"),
        (rules.Leaf(b"a.pem", 1, None, "is a FIFO"), None, "is a FIFO"),
        (rules.Leaf(b"a", 1, b"/", "is a FIFO"), 1, "is a FIFO"),
        (rules.Leaf(b"d/a", 1, b"../b"), None, ""),
        (rules.Leaf(b"d/a", 1, b"../../b"), 1, OUT),
        (rules.Leaf(b"a.pem", 1, b"/"), None, OUT),
        (rules.Leaf(b"a", 1, b"hop/x"), None, rules.THROUGH),
        (rules.Leaf(b"a", 1, b""), None, OUT),
        (rules.Leaf(b"a.pem"), None, "may hold a key"),
        (rules.Leaf(b"a.pem"), 0, "may hold a key"),
        (rules.Leaf(b"a\n.pem"), None, "may hold a key"),
        (rules.Leaf(b"a\n"), None, HIDDEN),
        (rules.Leaf(b"a\n"), 0, ""),
    ],
)
def test_leaf_is_judged_by_size_kind_way_and_name_in_this_order(leaf, was, why, monkeypatch):
    monkeypatch.setattr(rules, "FILE_BYTES", 10)
    monkeypatch.setattr(rules, "REFUSED", [("*.pem", "may hold a key")])
    before = None if was is None else tree.Entry("100644", was, "0" * 64)
    assert rules.leaf_reason(leaf, before, {b"hop": b"/"}.get) == why


def test_leaf_is_a_file_of_nothing_unless_it_is_said():
    assert rules.Leaf(b"a") == (b"a", 0, None, "")


@pytest.mark.parametrize(
    ("gone", "base", "why"),
    [
        (21, 83, "21 of 83 files would be deleted"),
        (21, 84, ""),
        (20, 20, ""),
        (26, 100, "26 of 100 files would be deleted"),
        (25, 100, ""),
    ],
)
def test_more_than_twenty_files_and_a_quarter_gone_are_many(gone, base, why):
    assert rules.many_gone(gone, range(base)) == why


def test_more_than_there_is_room_for_is_too_much_in_all(monkeypatch):
    monkeypatch.setattr(rules, "TOTAL_BYTES", 5 << 20)
    assert rules.total_reason(3, 3) == ""
    assert rules.total_reason(4, 3) == "brings the export over 5 MiB in all"


# -- submodules ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a", "takes the place of the submodule 'a/b/sub'"),
        ("a/b", "takes the place of the submodule 'a/b/sub'"),
        ("a/b/sub", "takes the place of the submodule 'a/b/sub'"),
        ("a/b/sub/x/y", "lies in the submodule 'a/b/sub'"),
        ("a/c", ""),
        ("a/b/sub2", ""),
        ("sub", ""),
        ("t\x1b", "takes the place of the submodule 't\\x1b'"),
        ("t\x1b/x", "lies in the submodule 't\\x1b'"),
    ],
)
def test_nothing_comes_to_a_submodule_into_one_or_in_the_place_of_one(path, why):
    assert rules.Submodules([b"a/b/sub", b"t\x1b"]).reason(path.encode()) == why
    assert rules.Submodules([]).reason(path.encode()) == ""


def test_submodules_below_folders_are_found():
    there = rules.Submodules([b"a/b/one", b"a/two", b"three"])
    assert there.below([b"a"]) == {b"a/b/one", b"a/two"}
    assert there.below([b"a/b", b"x"]) == {b"a/b/one"}
    assert there.below([b"a/two", b"three", b"x"]) == there.below([]) == set()


# -- words ---------------------------------------------------------------------


def test_folders_above_a_path_begin_with_the_outermost():
    assert rules.parents(b"a/b/c") == [b"a", b"a/b"]
    assert rules.parents(b"a") == []


def test_things_are_counted_with_their_noun():
    assert [rules.counted(range(n), "file") for n in (0, 1, 2)] == ["0 files", "1 file", "2 files"]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (b"plain \xc3\xbc", "plain ü"),
        (b"\x1b]0;x\x07\n", "\\x1b]0;x\\x07\\n"),
        ("a\u202eb".encode(), "a\\u202eb"),
        (b"\xff", "\\xff"),
        (b"x" * 300, "x" * 300),
        (b"a" * 150 + b"m" + b"z" * 150, "a" * 140 + "…" + "z" * 140),
    ],
)
def test_path_is_shown_in_a_line_that_acts_on_nothing(path, shown):
    assert rules.show(path) == shown


def test_lists_are_cut_where_nobody_would_read_on():
    lines = [str(number) for number in range(202)]
    assert rules.bounded(lines[:200]) == lines[:200]
    assert rules.bounded(lines) == [*lines[:200], "  and 2 more"]


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (
            "*.pem",
            ["a.pem", "d/a.pem", "A.PEM", "a.pem.", "a.pem::$DATA", "x.pem/y", "d\\a.pem"],
            ["a.pem2", "apem", "pem"],
        ),
        ("Secret.txt", ["secret.TXT", "d/Secret.txt", "\u017fecret.txt"], ["secret.txt2", "asecret.txt"]),
        ("credentials.json", ["d/credentials.json", "CREDEN~1.JSO"], ["credentials.jso"]),
        ("keys", ["keys", "keys/a", "d/KEYS/a/b"], ["keys2", "d/mykeys"]),
        ("keys/", ["keys/a", "d/KEYS/a/b"], ["keys", "d/keys", "keys2/a"]),
        ("a/keys/", ["a/keys/b"], ["a/keys", "keys/b", "d/a/keys/b"]),
        ("/keys", ["keys", "keys/a"], ["d/keys", "d/keys/a"]),
        (
            ".github/workflows",
            [".github/workflows", ".GitHub/Workflows/ci.yml"],
            ["d/.github/workflows/a", ".github/x"],
        ),
        ("a/*/c", ["a/b/c", "a/x/C/d"], ["a/c", "a/b/d/c", "d/a/b/c"]),
    ],
)
def test_row_of_refused_names(pattern, yes, no, monkeypatch):
    assert [path for path in yes + no if rules.refused_reason(path.encode())] == []
    monkeypatch.setattr(rules, "REFUSED", [("other", "no"), (pattern, "why")])
    assert {path: rules.refused_reason(path.encode()) for path in yes + no} == {
        **dict.fromkeys(yes, "why"),
        **dict.fromkeys(no, ""),
    }


def test_name_that_is_not_utf_8_fits_a_row_too(monkeypatch):
    monkeypatch.setattr(rules, "REFUSED", [("*.pem", "why")])
    assert rules.refused_reason(b"\xff.pem") == "why"


def test_rows_are_shown_at_the_head_of_the_rules_and_work_when_uncommented():
    text = (GUARD / "rules.py").read_text()
    head = text[: text.index("# Characters that Unicode calls")]
    assert "REFUSED = [\n    # (" in head and "It is in force at the next export" in head
    names = {"__name__": "edited"}
    exec(compile(text.replace('    # ("*.pem"', '    ("*.pem"'), "rules.py", "exec"), names)
    assert names["refused_reason"](b"a/key.pem") == "may hold a private key"


@pytest.mark.parametrize(
    ("path", "is_folder", "why"),
    [
        ("a/.GIT", False, rules.DOTGIT),
        ("a/git~1", True, rules.DOTGIT),
        (".git/a", False, ""),
        ("/".join("d" * 100), True, ""),
        ("/".join("d" * 101), True, rules.TOO_DEEP),
        ("/".join("d" * 101), False, ""),
        ("/".join("d" * 102), False, rules.TOO_DEEP),
        ("x" * 1000, True, ""),
        ("x" * 1001, True, rules.TOO_DEEP),
        ("x" * 1001, False, ""),
    ],
)
def test_place_is_judged_by_its_own_name_and_depth(path, is_folder, why):
    assert rules.place_reason(path.encode(), is_folder) == why


def test_link_that_is_longer_than_any_is_one_to_nowhere():
    assert rules.link_reason(b"l", b"x" * 4095, {}.get) == ""
    assert rules.link_reason(b"l", b"x" * 4096, {}.get) == "is a link to nowhere"


@pytest.mark.parametrize(
    ("path", "spellings"),
    [
        ("A", [("a", "A")]),
        ("Lib/X.", [("lib", "Lib"), ("lib/x", "Lib/X.")]),
        ("d/A\\B", [("d", "d"), ("d/a", "d/A\\B"), ("d/a/b", "d/A\\B")]),
    ],
)
def test_spellings_of_a_path(path, spellings):
    assert rules.spellings(path.encode()) == [(seen_as, part.encode()) for seen_as, part in spellings]
    assert rules.spelled(path.encode()) == spellings[-1][0]


@pytest.mark.parametrize(
    ("there", "new", "other"),
    [
        (["a/b"], "a\\b", "a"),
        (["a/c"], "A\\b", "a"),
        (["a\\b"], "a\\c", "a\\b"),
        (["Lib/x", "lib/y"], "lib/X", "Lib/x"),
        (["Lib/x", "lib/y"], "lib/z", ""),
    ],
)
def test_spelling_that_another_name_has(there, new, other):
    why = f"is {other} on file systems that fold case or Unicode" if other else ""
    assert rules.Spellings([path.encode() for path in there]).collision(new.encode()) == why


def test_limits_stand_in_the_rules_alone():
    makefile = (GUARD.parent / "Makefile.j2").read_text()
    for name in ("FILE", "TOTAL", "ENTRIES", "DEPTH", "PATH"):
        assert f"\nexport CAGE_LIMIT_{name} ?=\n" in makefile
