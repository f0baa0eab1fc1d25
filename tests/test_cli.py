"""The command line: its help, and the error for a word that it doesn't know."""

import re

import pytest
from conftest import ROOT

from cage import cli
from cage.commands.meant import OTHER_WORDS
from cage.menu import GROUPS

VERBS = cli.parser().said


def test_tc_alone_prints_the_help_and_ends_with_2(tc):
    shown = tc("--help")
    assert shown.code == 0
    assert tc() == (2, shown.out, "")


def test_help_has_every_verb_in_one_group(tc):
    said = tc("--help").out
    groups = re.findall(r"(?m)^([a-z ]+):\n((?:  \S+ +\S.*\n)+)", said)
    assert [title for title, _ in groups] == [*GROUPS, "examples"]
    listed = [line.split()[0] for _, lines in groups[:-1] for line in lines.splitlines()]
    assert sorted(listed) == sorted(VERBS)
    assert max(map(len, said.splitlines())) < 100


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("ls", "list"),
        ("ps", "list"),
        ("rm", "destroy"),
        ("delete", "destroy"),
        ("restart", "stop, then: tc start"),
        ("enter", "attach"),
        ("up", "start"),
        ("down", "stop"),
        ("build", "rebuild-image"),
        ("logs", "status"),
        ("diff", "export --dry-run --diff"),
        ("help", "--help"),
        ("exprot", "export"),
        ("Attach", "attach"),
        ("recreat", "recreate"),
    ],
)
def test_word_of_another_tool_and_typo_name_the_verb_that_is_meant(word, meant, tc):
    assert tc(word, "web") == (2, "", f"error: '{word}' is no command; you mean: tc {meant}\nSee: tc --help\n")


def test_word_that_means_nothing_leads_to_the_help(tc):
    assert tc("xyzzy") == (2, "", "error: 'xyzzy' is no command\nSee: tc --help\n")
    assert tc("\x1b[2J").err.startswith("error: '?[2J' is no command\n")


def test_each_other_word_leads_to_one_verb_and_is_none():
    words = " ".join(OTHER_WORDS.values()).split()
    assert sorted(words) == sorted(set(words))
    assert not set(words) & set(VERBS)
    for verb in OTHER_WORDS:
        assert verb.startswith("--") or verb.replace(",", "").split()[0] in VERBS


def test_exec_names_the_dashes_that_are_missing(tc):
    problem = "error: a command with options needs '--' before it\n"
    assert tc("exec", "web", "ls", "-la") == (2, "", f"{problem}Write: tc exec web -- ls -la\n")
    assert tc("exec", "web", "ls", "-h", "--", "a b") == (2, "", f"{problem}Write: tc exec web -- ls -h 'a b'\n")


def test_every_verb_that_a_text_names_is_there():
    """As a command to type, in quotes or after a colon. A mere target is 'tc make NAME TARGET'."""
    texts = [*(ROOT / "cage").rglob("*.py"), ROOT / "README.md", *(ROOT / "templates").rglob("*")]
    for path in filter(lambda path: path.is_file() and path.suffix not in (".tsv", ".pyc"), texts):
        text = re.sub("(?m)^ *# .*$", "", path.read_text())
        for verb in re.findall(r"""(?:['"`]|: +|&& )tc ([a-z][a-z-]+)(?![\w.])""", text):
            assert verb in VERBS, f"{path}: tc {verb}"
