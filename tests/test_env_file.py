"""The file env of a cage's folder: what is let through, and the flags of a session."""

import os
import subprocess

import pytest
from conftest import ROOT

SETTINGS = {
    "CAGE_NAME": "web",
    "CAGE_AGENTS": "claude,codex",
    "CAGE_API_KEY_ENV": "ANTHROPIC_API_KEY",
    "CAGE_KEY": "ANTHROPIC_API_KEY",
    "CAGE_KEYS": "inside",
    "CAGE_SESSION_ENV": "TERM COLORTERM CAGE_AGENT THEME A=b 1",
    "CAGE_TIMEZONE": "Europe/Berlin",
    "LC_ALL": "C",
}
KEYS = ["--env", "TZ=Europe/Berlin", "--env", "ANTHROPIC_API_KEY", "--env", "OPENAI_API_KEY"]


@pytest.fixture
def flags(tmp_path):
    """The exit code, output and error of session-env, for the bytes of a file env."""
    for folder in ("lib", "gate"):
        (tmp_path / folder).symlink_to(ROOT / "templates" / folder)

    def run(env=None, *words, **more):
        if env is not None:
            (tmp_path / "env").write_bytes(env)
        words = ["bash", "lib/session-env", *words]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, env={**os.environ, **SETTINGS, **more})
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return run


def test_without_the_file_the_flags_are_zone_and_keys(flags):
    assert flags() == (0, " ".join(KEYS) + "\n", "")
    assert flags(CAGE_KEY="") == (0, "--env TZ=Europe/Berlin\n", "")


@pytest.mark.parametrize("text", [b"", b"\n# note\n  # note\n", (ROOT / "templates/env").read_bytes()])
def test_a_file_of_comments_adds_nothing(text, flags):
    assert flags(text) == (0, " ".join(KEYS) + "\n", "")


GOOD = [
    b"A=b", b"A=", b"A_1=x y  # z", b"_=1", b"a=b=c", b"  A=b\r\n", b"A=\xc3\xa9\t", b"A='", b"A=it's", b'A="a" b',
    b"A=\x1b[2J", b"HTTP_PROXY=x", b"EDITOR=vi", b"A=1\nB=2", b"A=" + b"x" * 32766, b"CAGES=1", b"LDX=1",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_a_good_line_adds_the_file(text, flags):
    assert flags(text) == (0, " ".join([*KEYS, "--env-file", "env"]) + "\n", "")


BAD = [
    (b"SECRET", "no '=' in it; for the value that your shell has, put the name into SESSION_ENV"),
    (b"export A=SECRET", "letters, digits and _ make a name, up to the '='"),
    (b"=SECRET", "letters, digits and _ make a name, up to the '='"),
    (b"1A=SECRET", "letters, digits and _ make a name, up to the '='"),
    (b"\xc3\x89=SECRET", "letters, digits and _ make a name, up to the '='"),
    (b"A =SECRET", "letters, digits and _ make a name, up to the '='"),
    (b"\xef\xbb\xbfA=SECRET", "letters, digits and _ make a name, up to the '='"),
    (b'A="SECRET"', "the quotes would be part of the value: leave them out"),
    (b"A='SECRET'\r", "the quotes would be part of the value: leave them out"),
    (b"A=SECRET\xff", "no UTF-8"),
    (b"A=" + b"SECRET" * 6000, "more than 32,768 bytes"),
    (b"ANTHROPIC_API_KEY=SECRET", "ANTHROPIC_API_KEY is a key: no file holds it, export it"),
    (b"OPENAI_API_KEY=SECRET", "OPENAI_API_KEY is a key: no file holds it, export it"),
    *(
        (f"{name}=SECRET".encode(), f"{name} decides how a session starts: try SESSION_ENV, a setting or ~/.profile")
        for name in ("PATH", "LD_PRELOAD", "CAGE_CALL", "TRUSTY_CAGE", "TMUX_TMPDIR", "ENV", "BASH_ENV", "HOME", "TZ")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("line", "problem"), BAD)
def test_a_bad_line_is_named_by_its_number_and_never_shown(line, problem, flags, tmp_path):
    code, out, err = flags(b"# first\nFINE=1\n" + line + b"\nLAST=1", "echo", "ran", "--")
    assert (code, out) == (1, "")
    assert err == f"error: the file {tmp_path / 'env'} can't be used\nline 3: {problem}\n"
    assert "SECRET" not in err


def test_each_bad_line_is_named(flags):
    _, _, err = flags(b"A=1\nB\nA=2\n PATH=/\n")
    assert [line.split(":")[0] for line in err.splitlines()[1:]] == ["line 2", "line 3", "line 4"]
    assert "line 3: A is in a line above\n" in err


def test_a_fifo_in_its_place_keeps_nobody_waiting(flags, tmp_path):
    os.mkfifo(tmp_path / "env")
    code, _, err = flags()
    assert code == 1
    assert err.endswith("can't be used\nit is no file\n")


def test_a_command_gets_the_flags_before_its_first_two_dashes_and_the_names_for_tmux(flags):
    words = "sh", "-c", 'echo "$CAGE_VARIABLES"; printf "%s\n" "$@"', "x", "--", "c d", "--"
    code, out, _ = flags(b"A=1\nB=2\n", *words)
    assert code == 0
    assert out.splitlines() == [" THEME A B", *KEYS, "--env-file", "env", "--", "c d", "--"]


@pytest.fixture
def outside(flags, tmp_path):
    """The same for keys=outside, of a cage whose gate has the key of Claude Code: the flags, and the environment."""
    (tmp_path / ".state/keys").mkdir(parents=True)
    given = "ANTHROPIC_BASE_URL=http://127.0.0.1:4101 _CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL=1"
    (tmp_path / ".state/keys/given").write_text(f"ANTHROPIC_API_KEY PLACE {given}\n")

    def run(**more):
        code, out, err = flags(None, "sh", "-c", 'echo "$@"; env', "x", "--", CAGE_KEYS="outside", **more)
        assert (code, err) == (0, "")
        first, *rest = out.splitlines()
        return first.split(), dict(line.split("=", 1) for line in rest if "=" in line)

    return run


def test_a_session_has_placeholders_and_the_address_of_the_gate(outside):
    given, found = outside(ANTHROPIC_API_KEY="SECRET")
    names = ["ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "_CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL"]
    assert given == ["--env", "TZ=Europe/Berlin", *(word for name in names for word in ("--env", name)), "--"]
    assert [found[name] for name in names] == ["PLACE", "http://127.0.0.1:4101", "1"]
    assert found["CAGE_VARIABLES"].split() == ["THEME", *names]
    assert "SECRET" not in str(found)


def test_an_address_of_the_shell_does_not_come_in(outside):
    _, found = outside(ANTHROPIC_BASE_URL="https://ai.example/x", CAGE_SESSION_ENV="ANTHROPIC_BASE_URL")
    assert found["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:4101"


def test_no_name_in_session_env_brings_a_key_in(outside):
    keys = {"ANTHROPIC_API_KEY": "SECRET", "OPENAI_API_KEY": "OTHER-SECRET"}
    copies = {"MINE": "SECRET", "OTHER": "OTHER-SECRET", "THEME": "dark"}
    _, found = outside(**keys, **copies, CAGE_SESSION_ENV="OPENAI_API_KEY ANTHROPIC_API_KEY MINE OTHER THEME")
    assert {name: found.get(name) for name in (*keys, *copies)} == {
        "ANTHROPIC_API_KEY": "PLACE",
        "MINE": "PLACE",
        "OPENAI_API_KEY": None,
        "OTHER": None,
        "THEME": "dark",
    }


def test_a_value_with_a_key_in_it_is_not_handed_in(outside):
    key = "SECRET-of-some-length"
    values = {"HEADER": f"Bearer {key}", "SETTINGS": f'{{"key": "{key}"}}', "THEME": "SECRET-of"}
    _, found = outside(ANTHROPIC_API_KEY=key, **values, CAGE_SESSION_ENV=" ".join(values))
    assert {name: found.get(name) for name in values} == {"HEADER": None, "SETTINGS": None, "THEME": "SECRET-of"}
    assert found["ANTHROPIC_API_KEY"] == "PLACE"


@pytest.mark.parametrize("name", ["changed", "flags", "keys", "value", "PATHS"])
def test_a_key_in_a_variable_of_any_name(name, flags, outside, tmp_path):
    (tmp_path / ".state/keys/given").write_text(f"{name} PLACE\n")
    given, found = outside(CAGE_KEY=name, CAGE_API_KEY_ENV=name, **{name: "SECRET"})
    assert given[2:4] == ["--env", name]
    assert found[name] == "PLACE"
    assert "SECRET" not in str(found)
