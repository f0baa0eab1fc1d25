"""The program that brings commits home, on objects in memory: every byte that it prints."""

import os
import sys
from types import SimpleNamespace

import pytest
from test_commit_rules import MADE, Case, Memory, error
from test_verdict import program

SEEDED = "5" * 40
PEOPLE = b"author A <a@b> 5 +0000\ncommitter A <a@b> 5 +0000\ndata 7\nmessage\n"


class Git:
    """A git with given answers, which notes its questions."""

    def __init__(self, code, said):
        self.returncode, self.said, self.asked = code, said, None

    def communicate(self, given):
        self.asked = given
        return self.said, None


class Objects(Memory):
    """Objects in memory that can be written, too."""

    def __init__(self):
        super().__init__()
        self.answers, self.started = [], []

    def chunks(self, oid, kind, most):
        found, value, size = self.known[oid]
        assert (found, size <= most) == (kind, True)
        yield from (value[:2], value[2:])

    def git(self, *words):
        process = Git(*self.answers.pop(0))
        self.started.append((words, process))
        return process


@pytest.fixture
def commits(monkeypatch):
    """The program, in an environment of its own, on a Case: its 'export' and 'count'."""
    case = Case()
    begin(case, monkeypatch)
    return case


def begin(case, monkeypatch):
    made = Objects()
    made.known = case.objects.known
    case.objects, case.program = made, program("commits")
    monkeypatch.setenv("CAGE_SEEDED", SEEDED)
    monkeypatch.setenv("CAGE_IMPORTED", case.first)
    monkeypatch.setenv("CAGE_TREE", "7" * 40)
    monkeypatch.delenv("CAGE_SKIP_REFUSED", raising=False)
    monkeypatch.delenv("CAGE_FORCE", raising=False)


def export(case, tip):
    host = case.judge(case.first).host
    write(case, host, tip)


def write(case, host, tip):
    seeded = "" if os.environ["CAGE_TREE"] == SEEDED else SEEDED
    commits = case.program.Commits(case.objects, case.base, host, case.first, seeded)
    case.program.one(case.objects, commits, tip)


def commit(mark, *lines):
    """A commit of the stream, with the LINES after its message."""
    return b"commit refs/heads/work\nmark :%d\n%s" % (mark, PEOPLE) + b"".join(line + b"\n" for line in lines) + b"\n"


def blob(mark, content):
    return b"blob\nmark :%d\ndata %d\n%s\n" % (mark, len(content), content)


ON_SEEDED = b"from " + SEEDED.encode()


def test_commits_come_on_top_of_the_seeded_one(commits, capsysbinary):
    one = commits.commit({"new": "one", "README": None})
    two = commits.commit({"new": "two!", "README": None, "l": ("l", "new")}, one)
    export(commits, two)
    assert capsysbinary.readouterr() == (
        blob(1, b"one")
        + commit(2, ON_SEEDED, b'D "README"', b'M 100644 :1 "new"')
        + blob(3, b"new")
        + blob(4, b"two!")
        + commit(5, b"from :2", b'M 120000 :3 "l"', b'M 100644 :4 "new"')
        + b"done\n",
        b"",
    )


def test_no_commits_are_an_empty_stream(commits, capsysbinary):
    export(commits, None)
    export(commits, commits.first)
    assert capsysbinary.readouterr() == (b"done\ndone\n", b"")


def test_merge_has_all_its_parents(commits, capsysbinary):
    one, two = commits.commit({"a": "1"}), commits.commit({"b": "2"})
    export(commits, commits.commit({"a": "1", "b": "2"}, one, two))
    assert capsysbinary.readouterr().out.endswith(commit(5, b"from :2", b"merge :4", b'M 100644 :3 "b"') + b"done\n")


def test_merge_with_the_imported_commit_is_one_with_the_seeded(commits, capsysbinary):
    one = commits.commit({"a": "1"})
    export(commits, commits.commit({"a": "1"}, one, commits.first))
    assert capsysbinary.readouterr().out.endswith(commit(3, b"from :2", b"merge " + SEEDED.encode()) + b"done\n")


def test_history_of_its_own_deletes_the_seeded_files_first(commits, capsysbinary):
    export(commits, commits.objects.make_commit({"only": "x"}))
    assert capsysbinary.readouterr().out == (
        blob(1, b"x") + commit(2, ON_SEEDED, b"deleteall", b'M 100644 :1 "only"') + b"done\n"
    )


def test_repository_that_was_empty_gets_its_first_commit(monkeypatch, capsysbinary):
    case = Case({})
    begin(case, monkeypatch)
    monkeypatch.setenv("CAGE_TREE", SEEDED)
    export(case, case.commit({"a": "x"}))
    export(case, case.objects.make_commit({"a": "x"}))
    first = blob(1, b"x") + b"reset refs/heads/work\n\n" + commit(2, b'M 100644 :1 "a"') + b"done\n"
    assert capsysbinary.readouterr().out == first + first.replace(b'M 100644 :1 "a"', b'deleteall\nM 100644 :1 "a"')


def test_imported_commit_that_is_gone_leaves_a_history_of_its_own(commits, capsysbinary):
    tip = commits.commit({"new": "x", **dict.fromkeys(MADE), "lib": None})
    host = commits.judge(commits.first).host
    del commits.objects.known[commits.first]
    write(commits, host, tip)
    assert capsysbinary.readouterr().out == (
        blob(1, b"x") + commit(2, ON_SEEDED, b"deleteall", b'M 100644 :1 "new"') + b"done\n"
    )


def test_file_may_be_as_large_as_the_limit_or_as_it_was(monkeypatch, capsysbinary):
    case = Case({"was": "x" * 12})
    begin(case, monkeypatch)
    monkeypatch.setattr(case.program, "FILE_BYTES", 10)
    export(case, case.commit({"was": "y" * 12, "at": "z" * 10}))
    assert capsysbinary.readouterr().out.startswith(blob(1, b"z" * 10) + blob(2, b"y" * 12))
    with pytest.raises(AssertionError):
        export(case, case.commit({"new": "z" * 11}))


def test_what_is_refused_ends_it_or_is_left_out(commits, capsysbinary, monkeypatch):
    tip = commits.commit({"bad": ("l", "/etc"), "Makefile": "x"})
    assert error(export, commits, tip) == "error: some entries of its commits may not leave the cage"
    told = b"Read these first, the host runs them later:\n  make and its like\n    Makefile \xc3\x971: ./Makefile\n"
    told += b"Refused:\n  bad: is a link that leaves the project\n"
    assert capsysbinary.readouterr() == (b"", told)
    monkeypatch.setenv("CAGE_SKIP_REFUSED", "1")
    export(commits, tip)
    assert capsysbinary.readouterr() == (
        blob(1, b"x") + commit(2, ON_SEEDED, b'M 100644 :1 "Makefile"') + b"done\n",
        told,
    )


def test_long_list_of_what_is_refused_is_cut(commits, capsysbinary):
    error(export, commits, commits.commit({f"l{number:03}": ("l", "/etc") for number in range(201)}))
    assert capsysbinary.readouterr().err.splitlines()[-2:] == [
        b"  l199: is a link that leaves the project",
        b"  and 1 more",
    ]


# -- HEAD ----------------------------------------------------------------------


def test_head_is_a_commit_or_nothing_yet(commits, monkeypatch):
    monkeypatch.setattr(commits.program, "resolve", lambda: commits.first)
    assert commits.program.head(commits.objects) == commits.first
    monkeypatch.setattr(commits.program, "resolve", lambda: None)
    assert commits.program.head(commits.objects) is None
    odd = commits.objects.make_blob("x")
    monkeypatch.setattr(commits.program, "resolve", lambda: odd)
    assert error(commits.program.head, commits.objects) == (
        "error: the cage's HEAD names a blob, where a commit belongs"
    )


# -- the program ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "seconds", "done"),
    [
        (["export"], 600, ["head", "beside", "one"]),
        (["count"], 60, ["head", "count"]),
    ],
)
def test_verb_has_bounds_and_runs(words, seconds, done, commits, monkeypatch):
    program, called, bounds = commits.program, [], {}
    monkeypatch.setattr(program, "resource", SimpleNamespace(
        RLIMIT_DATA="data", RLIMIT_CPU="cpu", setrlimit=lambda what, most: bounds.update({what: most})
    ))  # fmt: skip
    monkeypatch.setattr(sys, "setrecursionlimit", lambda most: bounds.update(recursion=most))
    monkeypatch.setattr(program, "read_question", lambda: (commits.base, commits.judge(commits.first).host))
    monkeypatch.setattr(program, "Objects", lambda: commits.objects)
    for name in ("head", "beside", "one", "count"):
        monkeypatch.setattr(program, name, lambda *_, name=name, **more: called.append(name) or [])
    assert program.main(words) == 0
    assert called == done
    assert bounds == {"data": (2 << 30, 2 << 30), "cpu": (seconds, seconds), "recursion": 1400}
