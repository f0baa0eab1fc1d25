"""The pages for people: they can be read on any screen, and name what there is."""

import re
from pathlib import Path

import pytest
from conftest import ROOT

from cage import cli, settings

README = (ROOT / "README.md").read_text()
PAGES = ["README.md", "CONTRIBUTING.md", "dev/bench.md"]
# In this order a reader meets them.
ORDER = [
    "# trusty-cage", "](dev/still.svg)", "- The agent can't", "## Install", "## A day", "## How it works",
    "## Three ways to use it", "# Reference", "## Commands", "## Export", "## Settings", "## The image",
    "## The security model", "### Network", "## Speed", "## Machines", "**macOS**",
]  # fmt: skip


def prose(text):
    """Its sentences, without blocks of code."""
    text = re.sub(r"(?ms)^```.*?^```$", "", text)
    return re.split(r"(?<=[.!?:;])\s+|^[#>|*-]+ |\n\n|\| ", text, flags=re.M)


def test_readme_keeps_its_order():
    places = [README.index(f"\n{part}" if part[0] in "#-*" else part) for part in ORDER[1:]]
    assert README.startswith(ORDER[0])
    assert places == sorted(places)


def test_two_commands_of_a_fresh_machine_stand_in_the_first_screen():
    first = README.splitlines()[:30]
    assert any(line.startswith("make demo ") for line in first)
    assert any(line.startswith("make test ") for line in first)


@pytest.mark.parametrize("page", PAGES)
def test_no_line_is_longer_than_120(page):
    assert [line for line in (ROOT / page).read_text().splitlines() if len(line) > 120] == []


@pytest.mark.parametrize("page", PAGES)
def test_each_path_that_is_named_is_there(page):
    text = (ROOT / page).read_text()
    spans = re.findall(r"`((?:bats|cage|dev|templates|tests|recipes|lib|guard|image)/[\w./-]+)", text)
    places = [[ROOT / span, ROOT / "templates" / span, ROOT / "templates" / f"{span}.j2"] for span in spans]
    assert [span for span, tried in zip(spans, places, strict=True) if not any(path.exists() for path in tried)] == []


@pytest.mark.parametrize("page", PAGES)
def test_no_sentence_begins_with_what(page):
    text = (ROOT / page).read_text()
    assert [sentence for sentence in prose(text) if re.match(r"\W*What\b", sentence)] == []


@pytest.mark.parametrize("page", PAGES)
def test_no_machine_is_named(page):
    text = (ROOT / page).read_text()
    assert not re.search(r"(?<![\w.])/(?:work|root|tmp|home/(?!trustycage))\b", text)
    assert not re.search(r"pypi\.org|registry\.npmjs|deb\.debian\.org|archive\.ubuntu", text)


def test_each_verb_and_setting_is_in_its_table():
    commands = README.partition("\n## Commands\n")[2].partition("\n## Export\n")[0]
    (verbs,) = (it for it in cli.parser()._actions if it.dest == "verb")
    assert [verb for verb in verbs.choices if not re.search(rf"`(?:tc )?{verb}\b", commands)] == []
    table = README.partition("\n## Settings\n")[2].partition("\n## The image\n")[0]
    assert [it.key for it in settings.SETTINGS if f"`{it.key}`" not in table] == []


@pytest.mark.parametrize("page", ["README.md"])
def test_files_that_are_named_exist(page):
    named = re.findall(r"`((?:bats|cage|dev|templates|tests)/[\w./-]+)`", (ROOT / page).read_text())
    assert named
    assert [it for it in named if not Path(ROOT / it).exists()] == []


def test_map_of_the_folder_names_all_that_is_in_it():
    tree = README.partition("~/.trusty-cage/envs/web/\n")[2].partition("```")[0]
    rendered = {path.name for path in (ROOT / "tests/rendered/minimal").iterdir()} - {"meta.json", "seccomp.json"}
    assert {name for name in rendered if not re.search(rf"\b{re.escape(name)}\b", tree)} == set()
