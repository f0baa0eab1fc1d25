"""Joiners in names: allowed where a script or an emoji needs them, refused where nobody would see them."""

import pytest
from test_verdict import rules

joiners = rules.joiners  # the guard's modules are on the path by then

ACTS = "has invisible or control characters in its name"


@pytest.mark.parametrize(
    "name",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian: I want
        "\u06a9\u062a\u0627\u0628\u200c\u0647\u0627",  # Persian: books
        "\u0645\u06cc\u064e\u200c\u062e\u0648\u0627\u0647\u0645.txt",  # with a mark between letter and joiner
        "\u0928\u094d\u200c\u0928",  # Hindi: a virama that stays in sight
        "\u0915\u094d\u200d\u0937",  # Hindi: a half form
        "\u0d28\u0d4d\u200d",  # Malayalam: a chillu, at the end
        "\u0dc1\u0dca\u200d\u0dbb\u0dd3",  # Sinhala: Sri
        "\u09b0\u200d\u09cd\u09af\u09be\u09ac",  # Bengali: a whole ra before a virama
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",  # a family
        "\U0001f469\U0001f3fd\u200d\U0001f680.png",  # with a colour of skin
        "\U0001f3f3\ufe0f\u200d\U0001f308",  # a flag
        "\U0001f3f4\u200d\u2620\ufe0f/x",
        "\u2764\ufe0f\u200d\U0001f525",
    ],
)
def test_joiner_that_is_needed_is_no_reason_and_is_escaped_where_it_is_shown(name):
    assert rules.name_reason(name.encode()) == ""
    shown = rules.show(name.encode())
    assert "\\u200c" in shown or "\\u200d" in shown
    plain = name.replace("\u200c", "").replace("\u200d", "")
    assert rules.Spellings([plain.encode()]).collision(name.encode())
    assert rules.Spellings([name.encode()]).collision(plain.encode())
    assert rules.readings(name.encode()) == rules.readings(plain.encode())


@pytest.mark.parametrize(
    "name",
    [
        "a\u200cb",
        "a\u200db",
        "\u200c\u0645\u06cc",  # at the beginning
        "\u0645\u06cc\u200c",  # at the end
        "\u0645\u06cc\u200c.txt",
        "\u0645\u06cc\u200c\u200c\u062e",  # twice
        "\u0645\u06cc\u200d\u062e",  # the other joiner
        "\u062f\u0627\u200c\u062f",  # after a letter that does not join the next one
        "\u0645\u06cc\u200c\u0621",  # before a letter that joins none
        "\u0645\u06cc\u200ca",
        "\u0915\u200c\u0937",  # no virama
        "\u0915\u200d\u0937",
        "\u094d\u200d\u0937",  # a virama of no letter
        "\u0915\u094d\u200d\u093e",  # before the sign of a vowel
        "\u0915\u094d\u200c",
        "\U0001f468\u200d",
        "\u200d\U0001f468",
        "\U0001f468\u200da",
        "\U0001f468\u200c\U0001f469",
        "\u25a0\u200d\u25a1",  # symbols, and no emoji
        "\u0645\u06cc\u200c\u062e\u202e",  # beside another one that is invisible
        "\u0645\u06cc\u200c\u062e\u2060",
        "\U0001f468/\u200d\U0001f469",
    ],
)
def test_joiner_that_is_not_is_refused(name):
    assert rules.name_reason(name.encode()) == ACTS


@pytest.mark.parametrize(
    ("characters", "letter"),
    [
        ("\u200c", "n"),
        ("\u200d", "z"),
        ("\ufe0f", "f"),
        ("\u0628\u0645\u06cc", "J"),  # beh, meem, yeh
        ("\u0627\u062f\u0631", "R"),  # alef, dal, reh: they join the letter before alone
        ("\u2764\U0001f468\U0001f308", "E"),
        ("\U0001f3fb\U0001f3ff", "s"),
        ("a\u0915\u0621\u0674", "L"),  # a hamza joins nothing
        ("\u094d\u0d4d\u0dca", "v"),
        ("\u064e\u0301\u0941", "m"),
        ("\u093e\u0bbe", "c"),
        ("1./ \u25a0", "o"),
    ],
)
def test_class_of_a_character(characters, letter):
    assert {joiners.class_of(character) for character in characters} == {letter}


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("plain", "plain"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u062e"),
        ("\u0915\u094d\u200d\u0937 \u0645\u06cc\u200c\u062e", "\u0915\u094d\u0937 \u0645\u06cc\u062e"),
        ("\u0645\u06cc\u200c\u062e a\u200cb", "\u0645\u06cc\u200c\u062e a\u200cb"),
        ("\u0915\u094d\u200d\u0937 a\u200db", "\u0915\u094d\u200d\u0937 a\u200db"),
    ],
)
def test_joiners_go_all_or_none(name, left):
    assert joiners.without(name) == left


def test_git_folder_with_joiners_is_one_whatever_needs_them():
    assert rules.is_dotgit(".g\u200cit".encode())
    assert rules.is_dotgit(".\u200dgit".encode())


@pytest.mark.timeout(5)
@pytest.mark.parametrize("part", ["\u0645\u200d", "\u0645\u064e\u064e", "\u0915\u093c\u094d", "\U0001f468\u200d", "a"])
def test_long_names_take_no_time(part):
    for _ in range(200):
        assert (
            rules.name_reason(f"{part * 140}a\u200db".encode()[-rules.PATH_BYTES :].decode(errors="ignore").encode())
            == ACTS
        )
