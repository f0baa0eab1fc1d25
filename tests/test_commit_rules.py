"""The judge of commits on objects in memory: no git, no files."""

import hashlib

import pytest
from test_verdict import GUARD  # noqa: F401 (it puts the guard's modules on the path)

import commit_rules  # isort: skip
import objects  # isort: skip
import question  # isort: skip
import rules  # isort: skip
import tree  # isort: skip

WHO = b"A <a@b> 5 +0000"
FILE, PROGRAM, LINK, FOLDER, SUBMODULE = b"100644", b"100755", b"120000", b"40000", b"160000"
MADE = {"README": "hello", "lib/code": "code", "lib/link": ("l", "code"), "run": "run"}


class Memory:
    """Objects as the judge asks for them, and the ways to make them."""

    def __init__(self):
        self.known, self.read_whole = {}, set()

    def put(self, kind, value, size=0):
        oid = hashlib.sha1(repr((kind, value)).encode()).hexdigest()
        self.known[oid] = (kind, value, size)
        return oid

    def make_blob(self, content, size=None):
        return self.put("blob", content.encode(), len(content.encode()) if size is None else size)

    def make_tree(self, files):
        """A tree of FILES: path -> text, ("l", target), ("x", text), ("m", object), or an object that is a tree."""
        items, folders = [], {}
        for path, content in files.items():
            name, _, rest = path.partition("/")
            if rest:
                folders.setdefault(name, {})[rest] = content
            else:
                items.append(self.item(name, content))
        items += [self.item(name, ("t", self.make_tree(inside))) for name, inside in folders.items()]
        return self.put("tree", tuple(sorted(items, key=lambda item: item.name)))

    def item(self, name, content):
        kind, value = content if isinstance(content, tuple) else ("f", content)
        mode = {"f": FILE, "x": PROGRAM, "l": LINK, "t": FOLDER, "m": SUBMODULE, "o": FILE}[kind]
        return objects.Item(mode, name.encode(), value if kind in "tmo" else self.make_blob(value))

    def make_commit(self, files, *parents):
        root = files if isinstance(files, str) else self.make_tree(files)
        return self.put("commit", objects.Commit(root, parents, WHO, WHO, "utf-8", b"message"))

    def look(self, oid):
        kind, _, size = self.known[oid]
        return kind, size

    def chunks(self, oid, kind, most):
        yield self.read(oid, kind, most)

    def read(self, oid, kind, most):
        found, value, size = self.known[oid]
        assert (found, size <= most) == (kind, True)
        self.read_whole.add(oid)
        return value

    def tree(self, oid):
        return self.known[oid][1]

    def commit(self, oid):
        if oid not in self.known:
            raise SystemExit("error: it is gone")
        return self.known[oid][1]


class Case:
    """A host that was seeded with MADE, or FILES, and the agent's commits on it."""

    def __init__(self, files=None):
        self.files, self.objects = MADE if files is None else files, Memory()
        self.first = self.objects.make_commit(self.files)
        self.base = {path.encode(): self.entry(content) for path, content in self.files.items()}

    def entry(self, content):
        kind, text = content if isinstance(content, tuple) else ("f", content)
        if kind == "l":
            return tree.link_entry(text.encode())
        digest = hashlib.sha256(text.encode()).hexdigest()
        return tree.Entry("100755" if kind == "x" else "100644", len(text), digest)

    def commit(self, change, *parents):
        """A commit of the first files with CHANGE, None for a file that goes."""
        files = {path: content for path, content in {**self.files, **change}.items() if content is not None}
        return self.objects.make_commit(files, *(parents or [self.first]))

    def judge(self, tip, beside=(), head=(), links=(), folders=(), hooks=b".", seeded=()):
        """The judged Commits up to TIP; BESIDE are files of the host's own, LINKS its links, HEAD path -> mode, SEEDED
        path -> (mode, object)."""
        beside = {path.encode(): tree.Entry("100644", 1, "x") for path in beside}
        links = {path.encode(): target.encode() for path, target in dict(links).items()}
        entries = self.base | beside | {path: tree.link_entry(target) for path, target in links.items()}
        head = {path.encode(): mode for path, mode in dict(head).items()}
        folders = {path.encode() for path in folders}
        host = question.Host(entries, folders, {}, set(), hooks=hooks, links=links, head=head)
        host = host._replace(seeded={path.encode(): row for path, row in dict(seeded).items()})
        host = host._replace(submodules=frozenset(p for p, (mode, _) in host.seeded.items() if mode == SUBMODULE))
        judged = commit_rules.Commits(self.objects, self.base, host, self.first, "5eed")
        self.order = judged.order(tip)
        judged.judge(self.order)
        return judged

    def refused(self, tip, **more):
        """The refused entries up to TIP: path -> reason."""
        return {path.decode(): why for (path, _, _), why in self.judge(tip, **more).refused.items()}


@pytest.fixture
def case():
    return Case()


def error(function, *given, **more):
    with pytest.raises(SystemExit) as ended:
        function(*given, **more)
    return ended.value.code


# -- order ---------------------------------------------------------------------


def test_parents_come_before_their_children(case):
    one, two = case.commit({"a": "1"}), case.commit({"b": "2"})
    both = case.commit({"a": "1", "b": "2"}, one, two)
    tip = case.commit({"c": "3"}, both)
    case.judge(tip)
    assert list(case.order) == [one, two, both, tip]
    assert case.order[both].parents == (one, two)
    assert {commit.message for commit in case.order.values()} == {b""}


def test_imported_commit_is_left_out(case):
    case.judge(case.first)
    assert case.order == {}


def test_commits_have_a_bound(case, monkeypatch):
    monkeypatch.setattr(commit_rules, "ENTRIES", 5)
    tip = case.commit({})
    for number in range(4):
        tip = case.commit({"README": str(number)}, tip)
    case.judge(tip)
    assert error(case.judge, case.commit({"README": "x"}, tip)) == "error: the cage has more than 5 commits"


# -- entries -------------------------------------------------------------------


def test_what_is_ordinary_is_taken(case):
    tip = case.commit({"new": "x", "dir/program": ("x", "x"), "README": "changed", "run": None, "l": ("l", "README")})
    assert case.refused(tip) == {}


DEEP = "/".join("d" * 101)


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"lib/.Git/config": "x"}, {"lib/.Git": rules.DOTGIT}),
        ({".git": "gitdir: x"}, {".git": rules.DOTGIT}),
        ({"sub": ("m", "1" * 40)}, {"sub": "is a git repository within"}),
        ({"git~1": ("m", "1" * 40)}, {"git~1": rules.DOTGIT}),
        ({"a\x1bb": "x"}, {"a\x1bb": "has invisible or control characters in its name"}),
        ({"a\x1bb/c": "x"}, {"a\x1bb/c": "has invisible or control characters in its name"}),
        ({"l": ("l", "/etc")}, {"l": "is a link that leaves the project"}),
        ({"d/l": ("l", "../../x")}, {"d/l": "is a link that leaves the project"}),
        ({"d/l": ("l", "../x")}, {}),
        ({"l": ("l", "x" * 4095)}, {}),
        ({"l": ("l", "x" * 4096)}, {"l": "is a link to nowhere"}),
        ({f"{DEEP}": "x"}, {}),
        ({f"{DEEP}/f": "x"}, {DEEP: rules.TOO_DEEP}),
        ({f"{DEEP}/f/g": "x"}, {DEEP: rules.TOO_DEEP}),
    ],
)
def test_entry_that_may_not_leave_is_refused(change, refused, case):
    found = case.refused(case.commit(change))
    assert found == refused


def test_large_file_is_refused_unless_it_was_as_large(monkeypatch):
    case = Case({"same": "x" * 12, "grown": "x" * 12})
    monkeypatch.setattr(rules, "FILE_BYTES", 10)
    tip = case.commit({"same": "y" * 12, "grown": "y" * 13, "at": "z" * 10, "over": "z" * 11})
    assert case.refused(tip) == dict.fromkeys(["grown", "over"], "is larger than 0 MiB")


def test_file_is_not_read_to_be_judged(case):
    case.judge(case.commit({"new": "content", "l": ("l", "x")}))
    assert case.objects.make_blob("content") not in case.objects.read_whole


def test_file_of_the_base_may_change_whatever_its_name():
    case = Case({"a\x1bb": "x", "lib/GIT~1": "x"})
    assert case.refused(case.commit({"a\x1bb": "y"})) == {}


def test_object_that_is_no_file_is_an_error(case):
    odd = case.objects.make_tree({"x": "x"})
    assert error(case.judge, case.commit({"new": ("o", odd)})) == (
        f"error: object {odd[:12]} of the cage's commits is a tree, where a file is named"
    )


def test_link_of_the_base_that_leaves_may_stay_and_come_back(case):
    case = Case({**MADE, "out": ("l", "/etc")})
    away = case.commit({"out": "a file"})
    assert case.refused(away) == {}
    back = case.commit({}, away)
    assert case.refused(back) == {}
    other = case.commit({"out": ("l", "/opt")}, away)
    assert case.refused(other) == {"out": "is a link that leaves the project"}


def test_new_entries_have_a_bound(monkeypatch):
    case = Case({})
    monkeypatch.setattr(commit_rules, "ENTRIES", 5)
    tips = [case.first]
    for number in range(5):
        tips.append(case.commit({f"f{name}": f"{number}" for name in range(5)}, tips[-1]))
    assert case.refused(tips[4]) == {}
    assert error(case.judge, tips[5]) == "error: the cage's commits bring more than 20 entries"


def test_tree_has_a_bound_with_what_lies_beside_it(case, monkeypatch):
    for module in (rules, commit_rules):
        monkeypatch.setattr(module, "ENTRIES", 8)
    tip = case.commit({"a": "x", "d/b": "x"})  # a, d, d/b, and the four files of the base
    assert case.refused(tip, beside=["own"]) == {}
    assert error(case.judge, tip, beside=["own", "other"]) == (
        "error: a commit of the cage brings the host clone over 8 entries"
    )


# -- trees that result ---------------------------------------------------------


def test_bare_repository_is_seen_over_all_commits(case):
    one = case.commit({"x/HEAD": "ref"})
    two = case.commit({"x/objects/a": ""}, one)
    three = case.commit({"x/refs/a": ""}, two)
    assert case.refused(two) == {}
    found = case.refused(three)
    assert found and set(found.values()) == {rules.BARE}
    assert {"x/HEAD", "x/objects", "x/refs"} <= found.keys()


@pytest.mark.parametrize(
    "more",
    [
        {"beside": ["x/objects/a", "x/refs/a"]},
        {"head": {"x/objects/a": FILE, "x/refs/a": FILE}},
        {"folders": ["x/objects", "x/refs"]},
    ],
)
def test_bare_repository_with_what_the_host_has_is_refused(more, case):
    tip = case.commit({"x/HEAD": "ref"})
    assert case.refused(tip) == {}
    assert case.refused(tip, **more)["x/HEAD"] == rules.BARE


def test_bare_repository_with_the_base_is_refused():
    case = Case({"x/objects/a": "", "x/refs/a": ""})
    assert case.refused(case.commit({"x/HEAD": "ref"}))["x/HEAD"] == rules.BARE


def spelled(other):
    return f"is {other} on file systems that fold case or Unicode"


@pytest.mark.parametrize(
    ("change", "more", "refused"),
    [
        ({"readme": "x"}, {}, {"readme": spelled("README")}),
        ({"LIB/x": "x"}, {}, {"LIB": spelled("lib")}),
        ({"lib/CODE": "x"}, {}, {"lib/CODE": spelled("lib/code")}),
        ({"README\\x": "x"}, {}, {"README\\x": spelled("README")}),
        ({"readme\\x": "x"}, {}, {"readme\\x": spelled("README")}),
        ({"a": "1", "A": "2"}, {}, {"a": spelled("A")}),
        ({"notes": "x"}, {"beside": ["Notes"]}, {"notes": spelled("Notes")}),
        ({"notes": "x"}, {"head": {"Notes/x": FILE}}, {"notes": spelled("Notes")}),
        ({"lib/notes": "x"}, {"beside": ["lib/Notes"]}, {"lib/notes": spelled("lib/Notes")}),
        ({"README": None, "readme": "x"}, {}, {}),
        ({"notes": "x"}, {"beside": ["lib/Notes"]}, {}),
    ],
)
def test_new_spelling_of_what_is_there_is_refused(change, more, refused, case):
    assert case.refused(case.commit(change), **more) == refused


def test_spellings_of_the_base_may_stay():
    case = Case({"A": "1", "a": "2", "lib/A": "1", "lib/a": "2"})
    assert case.refused(case.commit({"a": "3", "lib/a": "3", "b": "x"})) == {}


def test_links_of_the_base_may_stay_where_its_commit_is_gone():
    case = Case({**MADE, "out": ("l", "/etc")})
    tip = case.commit({"README": "changed"})
    del case.objects.known[case.first]
    assert case.refused(tip) == {}


@pytest.mark.parametrize(
    ("change", "more", "refused"),
    [
        ({"l": ("l", "vendor/x")}, {"links": {"vendor": "/opt"}}, {"l": rules.THROUGH}),
        ({"l": ("l", "vendor/x")}, {"links": {"vendor": "lib"}}, {}),
        ({"l": ("l", "vendor/x")}, {"head": {"vendor": LINK}}, {"l": rules.THROUGH}),
        ({"l": ("l", "vendor/x")}, {"head": {"vendor": FILE}}, {}),
        ({"l": ("l", "vendor/x")}, {"head": {"vendor": LINK}, "links": {"vendor": "lib"}}, {}),
        ({"p/a": ("l", "../lib")}, {"links": {"p/own": "a/../../y"}}, {"p/a": "leads p/own out of the project"}),
        ({"a": ("l", "b/x"), "b": ("l", "/")}, {}, {"a": rules.THROUGH, "b": "is a link that leaves the project"}),
        ({"lib/link": ("l", "../run")}, {}, {}),
        ({"lib/link": ("l", "../../run")}, {}, {"lib/link": "is a link that leaves the project"}),
    ],
)
def test_links_are_walked_through_what_results(change, more, refused, case):
    assert case.refused(case.commit(change), **more) == refused


def test_new_link_is_walked_through_the_base_s(case):
    case = Case({**MADE, "out": ("l", "/etc"), "in": ("l", "lib")})
    tip = case.commit({"a": ("l", "out/x"), "b": ("l", "in/x")})
    assert case.refused(tip) == {"a": rules.THROUGH}


def test_link_through_one_that_a_commit_before_removed_is_taken(case):
    case = Case({**MADE, "out": ("l", "/etc")})
    one = case.commit({"out": None})
    two = case.commit({"out": None, "out/x": "x", "a": ("l", "out/x")}, one)
    assert case.refused(two) == {}


def test_base_whose_commit_is_gone_leads_nowhere():
    case = Case({**MADE, "in": ("l", "lib")})
    tip = case.commit({"a": ("l", "in/x")})
    assert case.refused(tip) == {}
    del case.objects.known[case.first]
    judged = case.judge(tip)
    assert judged.root is None
    assert judged.base_links == {b"in": b"/", b"lib/link": b"/"}


def test_links_of_the_base_are_found_in_its_commit(case):
    case = Case({**MADE, "deep/er/l": ("l", "x")})
    assert case.judge(case.first).base_links == {b"lib/link": b"code", b"deep/er/l": b"x"}


# -- writing -------------------------------------------------------------------


def changes(case, tip, before=None):
    """The tip's changes, in order, with the text of files."""
    judged = case.judge(tip)
    found = judged.changes(case.objects.commit(before or case.first).tree, case.objects.commit(tip).tree)
    return [(path.decode(), mode, oid and case.objects.known[oid][1].decode()) for path, mode, oid in found]


def test_changes_begin_with_what_goes(case):
    tip = case.commit({"README": None, "README/x": "1", "lib/code": "2", "run": None, "new": ("x", "3")})
    assert changes(case, tip) == [
        ("README", b"", ""),
        ("run", b"", ""),
        ("README/x", FILE, "1"),
        ("lib/code", FILE, "2"),
        ("new", PROGRAM, "3"),
    ]


def test_file_takes_a_folder_s_place(case):
    tip = case.commit({"lib/code": None, "lib/link": None, "lib": "x"})
    assert changes(case, tip) == [("lib", b"", ""), ("lib", FILE, "x")]


def test_mode_alone_is_a_change(case):
    assert changes(case, case.commit({"run": ("x", "run")})) == [("run", PROGRAM, "run")]


def test_history_of_its_own_comes_whole(case):
    tip = case.objects.make_commit({"a/b": "1"})
    judged = case.judge(tip)
    found = judged.changes(None, case.objects.commit(tip).tree)
    assert [(path, mode) for path, mode, _ in found] == [(b"a/b", FILE)]
    assert judged.changes(case.objects.commit(tip).tree, None) == [(b"a", b"", "")]


# A commit that was imported has other objects than the host's: there git may have stored CRLF, or large files apart.
SEEDED = {"README": (FILE, "host1"), "lib/code": (FILE, "host2"), "lib/link": (LINK, "host3"), "lost": (FILE, "host4")}


@pytest.mark.parametrize(
    ("path", "mode", "text", "found"),
    [
        ("README", FILE, "hello", "host1"),
        ("README", PROGRAM, "hello", "host1"),
        ("README", FILE, "changed", ""),
        ("README", LINK, "hello", ""),
        ("lib/code", FILE, "code", "host2"),
        ("lib/link", LINK, "code", "host3"),
        ("lib/link", FILE, "code", ""),
        ("run", FILE, "run", ""),
        ("lost", FILE, "hello", ""),
        ("README/x", FILE, "hello", ""),
        ("lib", FOLDER, "code", ""),
    ],
)
def test_object_of_the_host_stands_for_what_is_as_it_was_imported(path, mode, text, found, case):
    judged = case.judge(case.first, seeded=SEEDED)
    assert judged.seeded_as(path.encode(), mode, case.objects.make_blob(text)) == found


def test_object_of_another_size_than_the_file_was_normalised():
    case = Case({"crlf": "a\nb\n", "lf": "a\nb\n", "grown": "a\nb\n"})
    for path, size in (("crlf", 6), ("grown", 3)):
        case.base[path.encode()] = case.base[path.encode()]._replace(size=size)
    judged = case.judge(case.first, beside=["other"])
    assert [judged.normalised(path) for path in (b"crlf", b"lf", b"grown", b"other", b"gone")] == [
        True,
        False,
        False,
        False,
        False,
    ]
    case.base[b"new"] = case.base[b"lf"]
    assert not case.judge(case.first).normalised(b"new")
    del case.base[b"lf"]
    assert not case.judge(case.first).normalised(b"lf")


def test_seeded_commit_stands_for_the_imported_one(case):
    class Stream:
        marks = {"one": b":1"}  # noqa: RUF012 (nobody writes to it)

    judged = case.judge(case.first)
    stands = [judged.stands(oid, Stream) for oid in (case.first, "one", "two")]
    assert stands == [b"5eed", b":1", b""]


# Submodules are the host's alone: the cage has their files at most.
GITLINKS = {"sub/one": (SUBMODULE, "1" * 40), "two": (SUBMODULE, "2" * 40), "README": (FILE, "3")}


def submodules(case, before, after):
    found = case.judge(after, seeded=GITLINKS).changes(
        before and case.objects.commit(before).tree, case.objects.commit(after).tree
    )
    return [(path.decode(), mode) for path, mode, _ in found]


def test_submodules_come_back_in_a_history_of_its_own():
    case = Case({"sub/a": "1", "b": "2"})
    one, two = ("sub/one", SUBMODULE), ("two", SUBMODULE)
    assert submodules(case, None, case.commit({})) == [("b", FILE), ("sub/a", FILE), one, two]


def test_submodules_come_back_where_their_folder_goes():
    case = Case({"sub/a": "1", "b": "2"})
    assert submodules(case, case.first, case.commit({"sub/a": None})) == [("sub", b""), ("sub/one", SUBMODULE)]
    assert submodules(case, case.first, case.commit({"b": "3"})) == [("b", FILE)]


def test_new_entry_that_is_refused_stays_out(case):
    assert changes(case, case.commit({"bad": ("l", "/etc"), "lib/.git/x": "x", "good": "1"})) == [("good", FILE, "1")]


def test_what_goes_below_a_folder_is_named_by_its_path(case):
    assert changes(case, case.commit({"lib/code": None})) == [("lib/code", b"", "")]


def test_what_was_imported_stands_for_what_is_refused(case):
    one = case.commit({"README": ("l", "/x"), "lib/code": ("l", "/x"), "new": "1"})
    assert changes(case, one) == [("new", FILE, "1")]
    two = case.commit({"README": "back", "lib/code": None, "new": "1"}, one)
    assert changes(case, two, before=one) == [("lib/code", b"", ""), ("README", FILE, "back")]


def test_entry_that_stays_refused_is_no_change(case):
    one = case.commit({"lib/bad": ("l", "/etc")})
    two = case.commit({"lib/bad": ("l", "/etc"), "lib/new": "1"}, one)
    assert changes(case, two, before=one) == [("lib/new", FILE, "1")]


# -- reports --------------------------------------------------------------------


def test_what_the_host_runs_later_is_named(case):
    tip = case.commit(
        {"Makefile": "x", "tool": ("x", "x"), "run": ("x", "run"), "h/x": "x", "README": "y", "bad\x1b": "x"}
    )
    judged = case.judge(tip, hooks=b"h")
    later = judged.runs_later(case.order[tip])
    assert {path: [why.row.group for why in reasons] for path, reasons in later.items()} == {
        b"Makefile": ["make and its like"],
        b"h/x": ["git, as hooks"],
        b"run": ["new executables"],
        b"tool": ["new executables"],
    }


def test_program_of_the_base_is_no_new_one():
    case = Case({"run": ("x", "run")})
    tip = case.commit({"run": ("x", "other")})
    assert case.judge(tip).runs_later(case.order[tip]) == {}


def test_report_names_each_path_once(case):
    one = case.commit({"z\x1b": "1", "l": ("l", "/etc")})
    two = case.commit({"z\x1b": "2", "l": ("l", "/opt")}, one)
    assert case.judge(two).report() == [
        "  l: is a link that leaves the project",
        "  z\\x1b: has invisible or control characters in its name",
    ]


def test_path_of_a_name():
    assert commit_rules.below(b"", b"a") == b"a"
    assert commit_rules.below(b"d/e", b"a") == b"d/e/a"


def test_spelling_in_a_folder_that_has_a_twin_is_refused_as_in_an_export():
    case = Case({"Lib/a": "1", "lib/b": "2"})
    assert case.refused(case.commit({"Lib/c": "x", "lib/a": "x"})) == {"lib/a": spelled("Lib/a")}
    assert case.refused(case.commit({"Lib/c": "x"}), beside=["LIB/C"]) == {"Lib/c": spelled("LIB/C")}


@pytest.mark.parametrize(
    "change",
    [
        {"README": None, "readme": "hello"},
        {"lib/code": None, "lib/CODE": "code"},
        {"lib/code": None, "lib/link": None, "LIB/code": "code", "LIB/link": ("l", "code")},
    ],
)
def test_rename_of_case_alone_is_taken(change, case):
    tip = case.commit(change)
    assert case.refused(tip) == {}
    assert {path for path, mode, _ in changes(case, tip) if mode} == {path for path, text in change.items() if text}


def test_rename_to_a_spelling_that_is_refused_stays(monkeypatch):
    case = Case({"key.pem": "1", "Docs/a.pem": "1", "Docs/b/c": "1", "gone": "1"})
    monkeypatch.setattr(rules, "REFUSED", [("*.PEM", "is private")])
    tip = case.objects.make_commit({"KEY.pem": "1", "docs/a.pem": "1", "docs/b/c": "2", "new": "1"}, case.first)
    assert case.refused(tip) == {
        "KEY.pem": "is private",
        "docs": spelled("Docs"),
        "docs/a.pem": "is private",
    }
    assert changes(case, tip) == [("gone", b"", ""), ("new", FILE, "1")]


def test_rename_that_is_refused_in_a_commit_before_stays_in_all(case):
    """Beside README first, readme is in its place afterwards: it is one entry, which never lands."""
    one = case.commit({"readme": "x"})
    two = case.commit({"README": None, "readme": "x"}, one)
    assert case.refused(two) == {"readme": spelled("README")}
    assert changes(case, one) == changes(case, two) == []


def test_file_that_moves_to_a_folder_of_another_spelling_stays_where_it_was():
    case = Case({"Lib/code": "1", "Lib/keep": "2", "Lib/out": ("l", "/etc")})
    move = {"Lib/code": None, "Lib/out": None, "LIB/code": "1", "in": ("l", "Lib/out/x")}
    one = case.commit(move)
    two = case.commit({**move, "Lib/keep": None, "LIB/keep": "2", "in": None}, one)
    assert case.refused(two) == {"LIB": spelled("Lib"), "in": rules.THROUGH}
    assert changes(case, one) == []
    assert sorted(changes(case, two)) == [("LIB/code", FILE, "1"), ("LIB/keep", FILE, "2"), ("Lib", b"", "")]


def test_third_spelling_stays_with_the_one_that_is_refused(case):
    tip = case.commit({"README": None, "ReadMe": "1", "readme": "2"})
    assert case.refused(tip) == {"ReadMe": spelled("README"), "readme": spelled("ReadMe")}
    assert changes(case, tip) == []


def test_link_that_stays_is_walked_through(case):
    case = Case({**MADE, "out": ("l", "/etc")})
    tip = case.commit({"out": None, "OUT": ("l", "/opt"), "in": ("l", "out/x")})
    assert case.refused(tip) == {"OUT": "is a link that leaves the project", "in": rules.THROUGH}


def test_new_name_in_a_folder_that_the_base_spells_twice_is_taken():
    case = Case({"Lib/a": "1", "lib/b": "1", "keep": "1"})
    assert case.refused(case.commit({"Lib/a": None, "Lib/c": "1"})) == {}


def test_row_of_refused_names_holds_for_commits(monkeypatch):
    case = Case({"old.pem": "1", "same.pem": "1", "keys/old": "1"})
    change = {"new.PEM": "x", "lib/k.pem": ("l", "x"), "old.pem": "2", "keys/old": None, "keys/new": "x", "pem": "x"}
    tip = case.commit(change)
    assert case.refused(tip) == {}
    monkeypatch.setattr(rules, "REFUSED", [("*.pem", "may be a key"), ("/keys", "is private")])
    why = dict.fromkeys(["new.PEM", "lib/k.pem", "old.pem"], "may be a key")
    assert case.refused(tip) == {**why, "keys/new": "is private"}


def test_row_of_refused_names_spares_what_is_as_it_was_where_the_imported_commit_is_gone(monkeypatch):
    case = Case({"old.pem": "1", "same.pem": "1", "l.pem": ("l", "x"), "run.pem": ("x", "1")})
    tip = case.commit({"old.pem": "2"})
    del case.objects.known[case.first]
    monkeypatch.setattr(rules, "REFUSED", [("*.pem", "may be a key")])
    assert case.refused(tip) == {"old.pem": "may be a key"}


@pytest.mark.parametrize("entry", [("x", "1"), "2", "11"])
def test_file_that_is_not_as_it_was_is_refused_where_the_imported_commit_is_gone(entry, monkeypatch):
    case = Case({"old.pem": "1"})
    tip = case.commit({"old.pem": entry, "new.pem": "1", "sub.pem": ("m", "1" * 40)})
    del case.objects.known[case.first]
    monkeypatch.setattr(rules, "REFUSED", [("*.pem", "may be a key")])
    assert list(case.refused(tip)) == ["new.pem", "old.pem", "sub.pem"]


def test_row_of_refused_names_refuses_folder_by_folder_what_is_new(monkeypatch):
    case = Case({"keys/a": "1", "keys/b": "1"})
    monkeypatch.setattr(rules, "REFUSED", [("keys", "is private")])
    assert case.refused(case.commit({"keys/a": "2"})) == {"keys/a": "is private"}
