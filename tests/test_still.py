"""The README's picture: how dev/svg draws a screen, and that the one that is committed can be shown anywhere."""

import re
import subprocess
import sys
from xml.etree import ElementTree

from conftest import ROOT

SVG = "{http://www.w3.org/2000/svg}"
STILL = (ROOT / "dev/still.svg").read_text()


def words(picture):
    """The words of a picture, with the column that each begins in."""
    found = (it for it in ElementTree.fromstring(picture).iter(f"{SVG}text"))
    return [(round(float(it.get("x")) / 12.2), it.text) for it in found]


def draw(screen):
    return subprocess.run(
        [sys.executable, ROOT / "dev/svg"], input=screen, capture_output=True, text=True, check=True
    ).stdout


def test_each_word_stands_in_its_column():
    picture = draw("~  one\x1b[31m two\x1b[m\n   <a&b>  │\n")
    assert words(picture) == [(0, "~"), (3, "one"), (7, "two"), (3, "<a&b>"), (10, "│")]


def test_colours_are_kept():
    assert ".still-r1 { fill: #123456" in draw("\x1b[38;2;18;52;86mred\x1b[m\n")


def test_readme_shows_the_picture_first_of_all():
    assert re.findall(r"!\[[^]]+]\(([^)]+)\)", (ROOT / "README.md").read_text())[0] == "dev/still.svg"


def test_picture_holds_the_three_panes():
    said = words(STILL)
    right = min(column for column, text in said if text == "│")
    left = " ".join(text for column, text in said if column < right)
    rest = " ".join(text for column, text in said if column > right)
    assert "def greet" in left
    assert "bypass permissions on" in rest
    assert "cage ~/project % python3 -m unittest" in rest


def test_picture_loads_and_runs_nothing():
    top = ElementTree.fromstring(STILL)
    assert {it.tag.removeprefix(SVG) for it in top.iter()} <= {
        "svg", "title", "style", "defs", "clipPath", "rect", "g", "text",
    }  # fmt: skip
    assert re.findall(r"[a-z]+://[^\"' )]*", STILL) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"@import|url\((?!#)|\bon[a-z]+=|href", STILL)


def test_picture_names_no_run():
    assert "[web]" in STILL and not re.search("still-[0-9a-f]{6}", STILL)
