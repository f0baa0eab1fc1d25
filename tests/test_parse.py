"""A hand edit that can't be read: every verb names file and line, and none runs half."""

import subprocess
import tempfile
from pathlib import Path

import pytest
from conftest import everything

from cage.recipes import syntax

VERBS = [
    *([verb, "web"] for verb in ("attach", "start", "stop", "status", "shell", "export", "destroy")),
    *([verb, "web"] for verb in ("rebuild-image", "auth")),
    ["exec", "web", "--", "ls"],
    ["make", "web", "stop"],
    ["set", "web", "memory=2g"],
    ["auth", "web", "--auth-mode", "subscription"],
    ["render", "web"],
    ["render", "--all"],
    ["diff-recipes", "web"],
    ["list"],
]


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
@pytest.mark.parametrize("path", ["Makefile", "local.mk"])
def test_every_verb_names_file_and_line_and_runs_nothing(path, words, web, tc, engine):
    with (web / path).open("a") as file:
        file.write("what is this\n")
    number = len((web / path).read_text().splitlines())
    before = everything(web)
    done = tc(*words)
    assert f"{path}:{number}: *** missing separator.  Stop.\n" in done.err
    assert "Traceback" not in done.err
    if words[0] == "diff-recipes":
        assert (done.code, "+what is this\n" in done.out) == (0, True)
    else:
        assert done.code == 1
        assert "See what was changed in them: tc diff-recipes web\n" in done.err
    assert words[0] in ("list", "diff-recipes") or done.out == ""
    assert everything(web) == before


def test_list_goes_on_past_recipes_that_cannot_be_read(web, tc, engine, repo, home):
    (engine / "answer").write_text("".join(f"{cage}\tisolated-dev-{cage}\texited\n" for cage in ("web", "zoo")))
    assert tc("create", repo, "--name", "zoo").code == 0
    with (web / "Makefile").open("a") as file:
        file.write("endif\n")
    done = tc("list")
    assert done.code == 1
    assert [row.split()[:2] for row in done.out.splitlines()[1:]] == [["web", "stopped"], ["zoo", "stopped"]]
    assert done.err.startswith("error: the recipes of cage 'web' can't be read: Makefile:")


@pytest.mark.parametrize(("path", "stops"), [("lib/say", "stop"), ("layout.sh", "attach"), ("guard/policy", "")])
def test_script_that_its_shell_cannot_read_stops_the_verbs_that_run_it(path, stops, web, tc):
    (web / path).write_text("#!/bin/sh\nif true\n")
    for verb in ("stop", "attach"):
        done = tc(verb, "web")
        refused = verb == stops or path.startswith("lib/")
        assert (done.code, done.out == "") == ((1, True) if refused else (0, False))
        kind = "error" if refused else "warning"
        assert done.err.startswith(f"{kind}: the recipes of cage 'web' can't be read: {path}:3: ")
        assert done.err.endswith("\nSee what was changed in them: tc diff-recipes web\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"#!/bin/sh\necho 1\n", ""),
        (b"#!/usr/bin/env bash\n[[ a =~ b ]]\n", ""),
        (b"#!/bin/bash\necho 1\nfi\n", "x:3: "),
        (b"#!/usr/bin/env python3\nx = 1\n", ""),
        (b"#!/usr/bin/python3 -u\nx = (\n", "x:2: '(' was never closed"),
        (b"#!/usr/bin/awk -f\nif if\n", ""),
        (b"FROM debian\nfi\n", ""),
        (b"\0\n", ""),
    ],
)
def test_scripts_are_read_by_what_runs_them(text, said, tmp_path):
    assert syntax.script("x", text).startswith(said)
    assert bool(syntax.script("x", text)) == bool(said)


def test_templates_can_be_read(tmp_path):
    """Or no merge of them could land."""
    from cage import meta
    from cage.recipes import templates

    found = templates.files(meta.read(Path(__file__).parent / "rendered" / "minimal"), "0")
    assert len(found) > 30
    for path, data in found.items():
        assert syntax.script(path, data) == ""


def test_reading_runs_no_recipe(web):
    with (web / "local.mk").open("a") as file:
        file.write("Makefile local.mk: ; @touch ran\n.DEFAULT: ; @touch ran\n")
    assert syntax.makefiles(web) == ""
    assert not list(web.rglob("ran"))


def test_reading_leaves_no_file_behind(web, tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (web / "local.mk").write_text("what is this\n")
    assert syntax.makefiles(web)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_warnings_of_make_are_no_error(web):
    (web / "local.mk").write_text("stop:\n\t@echo mine\nwhat is this\n")
    assert syntax.makefiles(web) == "local.mk:3: *** missing separator.  Stop."
    assert subprocess.run(["make", "-C", web, "-n", "stop"], capture_output=True).returncode == 2
