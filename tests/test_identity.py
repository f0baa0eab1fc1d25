"""lib/create/identity: the name and the address for commits inside."""

import os
import subprocess

import pytest
from conftest import ROOT

NAME, MAIL = b"user.name\n", b"user.email\n"
OWN = b"trusty-cage\ntrusty-cage@localhost\n"


def identity(tmp_path, given, setting="host"):
    """Output and error of the script, for git's answer."""
    if not (tmp_path / "lib").exists():
        (tmp_path / "lib").symlink_to(ROOT / "templates" / "lib")
    environment = {**os.environ, "CAGE_GIT_IDENTITY": setting, "CAGE_NAME": "web", "LC_ALL": "C"}
    words = ["bash", "lib/create/identity"]
    done = subprocess.run(words, cwd=tmp_path, env=environment, input=given, capture_output=True)
    assert done.returncode == 0
    return done.stdout, done.stderr


@pytest.mark.parametrize(
    "name", [b"Ann", b"-x", b"%s %n", b"$(id) `id`", b"a\\b", "\u00c5sa \u6f22".encode(), b"  'Ann' \"A\"", b"\xff"]
)
def test_a_name_arrives_as_it_is(name, tmp_path):
    given = NAME + name + b"\0" + MAIL + b"a@b\0"
    assert identity(tmp_path, given) == (name + b"\na@b\n", b"")
    assert identity(tmp_path, NAME + b"Old\0" + given) == (name + b"\na@b\n", b"")


@pytest.mark.parametrize(
    "given",
    [
        b"",
        NAME + b"Ann\0",
        MAIL + b"a@b\0",
        NAME + b"\0" + MAIL + b"a@b\0",
        NAME + b"An\n[core]\0" + MAIL + b"a@b\0",
        NAME + b"Ann\0" + MAIL + b"a@b\x1b[2J\0",
        NAME + b"x" * 600 + b"\0" + MAIL + b"a@b\0",
    ],
)
def test_one_that_is_missing_or_steers_a_terminal_is_not_taken_and_never_shown(given, tmp_path):
    out, err = identity(tmp_path, given)
    assert out == b""
    assert err.startswith(b"warning: the host's git has no user.name and user.email that commits inside could carry\n")
    assert b"[core]" not in err
    assert b"\x1b" not in err


def test_without_the_setting_it_is_the_cage_s_own(tmp_path):
    assert identity(tmp_path, NAME + b"Ann\0" + MAIL + b"a@b\0", "no") == (OWN, b"")
