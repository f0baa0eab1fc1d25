"""tc init: a commented .env, and the old one kept."""

import stat

import pytest
from conftest import in_terminal
from dotenv import dotenv_values


def test_init_writes_a_commented_file(tc, home):
    done = tc("init")
    assert done == (0, f"Wrote {home}/.env\nMake a cage:  tc create <git-url>\n", "")
    assert stat.S_IMODE((home / ".env").stat().st_mode) == 0o600
    assert dotenv_values(home / ".env", interpolate=False) == {}
    assert "\n# limit of processes\n#TRUSTY_CAGE_PIDS=4096\n" in (home / ".env").read_text()


def test_uncommented_file_sets_the_defaults(tc, home, toy, repo):
    tc("init")
    text = (home / ".env").read_text()
    (home / ".env").write_text(text.replace("#TRUSTY", "TRUSTY"))
    assert tc("create", repo).code == 0


def test_init_without_terminal_names_the_flag(tc, home):
    tc("init")
    (home / ".env").write_text("mine")
    assert tc("init") == (3, "", f"error: '{home}/.env' exists: replace it?\nAnswer with --force.\n")
    assert (home / ".env").read_text() == "mine"


def test_force_keeps_the_old_file(tc, home):
    tc("init")
    (home / ".env").write_text("mine")
    done = tc("init", "--force")
    (kept,) = home.glob(".env-*")
    assert kept.read_text() == "mine"
    assert done.out.splitlines()[0] == f"Moved the old one to {kept}"


@pytest.mark.parametrize(("typed", "replaced"), [("\n", False), ("no\n", False), ("y\n", True), ("YES\n", True)])
def test_question_shows_its_default(typed, replaced, tc, home):
    tc("init")
    (home / ".env").write_text("# mine\n")
    code, shown = in_terminal("init", typed=typed)
    assert (code, f"'{home}/.env' exists: replace it? [y/N] " in shown) == (0, True)
    assert ((home / ".env").read_text() != "# mine\n") == replaced
