"""Settings: flags over environment over .env over defaults, and refused values."""

import os

import pytest

from cage import config, settings
from cage.errors import CageError


@pytest.fixture
def dotenv(home):
    home.mkdir(parents=True)

    def write(text):
        (home / ".env").write_text(text)

    return write


def memory(flag=None, **environ):
    return config.resolve({"memory": flag}, environ).values["memory"]


def test_defaults_are_those_of_the_table():
    assert config.resolve({}, {}).values == {
        "dotfiles_repo": "",
        "dotfiles_limit": "300",
        "python_version": "3.12",
        "shell": "zsh",
        "auth_mode": "api_key",
        "api_key_env": "ANTHROPIC_API_KEY",
        "git_identity": "no",
        "tmux_prefix": "C-a",
        "timezone": "",
        "image": "full",
        "base_image": "ubuntu:24.04",
        "image_from": "",
        "packages": "",
        "ca_bundle": "",
        "agents": "claude",
        "agent": "claude",
        "agent_home": "no",
        "resume": "no",
        "network": "open",
        "keys": "outside",
        "memory": "",
        "cpus": "",
        "pids": "4096",
        "ports": "",
        "hardened": "no",
        "engine": "docker",
    }


def test_flag_beats_environment_beats_dotenv(dotenv):
    dotenv("TRUSTY_CAGE_MEMORY=1g\n")
    assert memory() == "1g"
    assert memory(TRUSTY_CAGE_MEMORY="2g") == "2g"
    assert memory("3g", TRUSTY_CAGE_MEMORY="2g") == "3g"
    assert memory("", TRUSTY_CAGE_MEMORY="2g") == ""
    assert memory(TRUSTY_CAGE_MEMORY="") == "1g"


def test_dotenv_is_taken_literally_and_stays_out_of_the_environment(dotenv, tmp_path):
    (tmp_path / "${HOME}$HOME").mkdir()
    (tmp_path / "${HOME}$HOME" / "ca").touch()
    dotenv("TRUSTY_CAGE_CA_BUNDLE=${HOME}$HOME/ca\n")
    assert config.resolve({}, {}).values["ca_bundle"] == f"{tmp_path}/${{HOME}}$HOME/ca"
    assert "TRUSTY_CAGE_CA_BUNDLE" not in os.environ


@pytest.mark.parametrize("line", ["ANTHROPIC_API_KEY=secret", "MY_KEY=secret", "OTHER=sk-ant-secret"])
def test_key_in_dotenv_is_warned_of_and_not_shown(line, dotenv, capsys):
    dotenv(line + "\n")
    config.resolve({"api_key_env": "MY_KEY"}, {})
    name = line.partition("=")[0]
    assert capsys.readouterr().err == (
        f"warning: the value of '{name}' stands in .env and is not used\n"
        "A key in a file ends up in backups and in other programs. Take it out, and set\n"
        f"it in your shell: export {name}=…\n"
    )


def test_dotenv_that_is_no_text_is_an_error(home, dotenv):
    dotenv("")
    (home / ".env").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CageError) as refused:
        config.resolve({}, {})
    assert refused.value.problem == f"can't read '{home}/.env': it is not UTF-8"
    assert (refused.value.remedy, refused.value.code) == ("Mend it, or move it away.", 1)


def test_dotenv_that_may_not_be_read_is_an_error(home, dotenv, monkeypatch):
    def refuse(path, interpolate):
        raise PermissionError(13, "Permission denied")

    dotenv("")
    monkeypatch.setattr("dotenv.dotenv_values", refuse)
    with pytest.raises(CageError) as refused:
        config.resolve({}, {})
    assert refused.value.problem == f"can't read '{home}/.env': Permission denied"


def test_settings_know_where_they_come_from(dotenv):
    dotenv("TRUSTY_CAGE_MEMORY=1g\nTRUSTY_CAGE_CPUS=1\n")
    found = config.resolve({"shell": "bash", "cpus": None}, {"TRUSTY_CAGE_MEMORY": "2g"})
    assert found.origins == {
        "shell": "--shell",
        "memory": "TRUSTY_CAGE_MEMORY",
        "cpus": "TRUSTY_CAGE_CPUS in .env",
    }


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, ("claude", "claude", "ANTHROPIC_API_KEY")),
        ({"agents": "codex,claude"}, ("codex,claude", "codex", "OPENAI_API_KEY")),
        ({"agent": "codex"}, ("codex", "codex", "OPENAI_API_KEY")),
        ({"agents": "codex,claude", "agent": "claude"}, ("codex,claude", "claude", "ANTHROPIC_API_KEY")),
        ({"agent": "codex", "api_key_env": "MINE"}, ("codex", "codex", "MINE")),
    ],
)
def test_agent_is_one_of_those_installed_and_has_its_own_key(flags, expected):
    values = config.resolve(flags, {}).values
    assert (values["agents"], values["agent"], values["api_key_env"]) == expected


def test_agent_that_is_not_installed_is_refused():
    with pytest.raises(CageError) as refused:
        config.resolve({"agents": "claude", "agent": "codex"}, {})
    assert refused.value.problem == "the agent 'codex' is not one of the agents 'claude'"


def test_variables_that_are_no_keys_are_no_matter(dotenv, capsys):
    dotenv("ANTHROPIC_API_KEY=\nMINE=\nOTHER=value\nNAKED\n")
    config.resolve({"api_key_env": "MINE"}, {})
    assert capsys.readouterr().err == ""


KNOWN_AGENTS = "Known: claude, codex, gemini, opencode"
A_NAME = "For example: registry.example.com/team/cage"
ONE_PORT = "For example: 3000,8080:80 (ports of this machine first)"
ANOTHER_PORT = "Give one of them another: 3000,3001:3000"
REFUSED = [
    ("image", "large", "'large' for 'image' is not a value of it", "Known: full, slim"),
    ("agents", "claude,hal", "'claude,hal' for 'agents' is not a value of it", KNOWN_AGENTS),
    ("agent", "hal", "'hal' for 'agent' is not a value of it", KNOWN_AGENTS),
    ("network", "offline", "'offline' for 'network' is not released yet", "Known: open"),
    ("engine", "podman", "'podman' for 'engine' is not released yet", "Known: docker"),
    ("shell", "fish", "'fish' for 'shell' is not a value of it", "Known: zsh, bash, sh"),
    ("auth_mode", "", "'' for 'auth_mode' is not a value of it", "Known: api_key, subscription"),
    ("api_key_env", "A B", "'A B' for 'api_key_env' is not a value of it", "For example: ANTHROPIC_API_KEY"),
    ("api_key_env", "-e", "'-e' for 'api_key_env' is not a value of it", "For example: ANTHROPIC_API_KEY"),
    ("memory", "lots", "'lots' for 'memory' is not a value of it", "For example: 4g"),
    ("cpus", "0", "'0' for 'cpus' is not a value of it", "For example: 1.5"),
    ("pids", "-1", "'-1' for 'pids' is not a value of it", "For example: 4096"),
    ("pids", "1\u0660", "'1\u0660' for 'pids' is not a value of it", "For example: 4096"),
    ("cpus", "\u0661", "'\u0661' for 'cpus' is not a value of it", "For example: 1.5"),
    ("base_image", "-v", "'-v' for 'base_image' is not a value of it", "For example: debian:12"),
    ("base_image", "a\n", "'a?' for 'base_image' is not a value of it", "For example: debian:12"),
    ("image_from", "cage", "'cage' for 'image_from' is not a value of it", A_NAME),
    ("image_from", "host/cage:tag", "'host/cage:tag' for 'image_from' is not a value of it", A_NAME),
    ("image_from", "--x/y", "'--x/y' for 'image_from' is not a value of it", A_NAME),
    ("ports", "3000,http", "'3000,http' for 'ports' is not a value of it", ONE_PORT),
    ("ports", "3000:80:9", "'3000:80:9' for 'ports' is not a value of it", ONE_PORT),
    ("ports", "65536", "'65536' for 'ports' is not a value of it", ONE_PORT),
    ("ports", "80,80:81", "'80,80:81' for 'ports' names a port of this machine twice", ANOTHER_PORT),
    ("hardened", "maybe", "'maybe' for 'hardened' is not a value of it", "Known: yes, no"),
    ("tmux_prefix", "C-\x1b", "'C-?' for 'tmux_prefix' is not a value of it", "For example: C-b"),
    ("timezone", "-05", "'-05' for 'timezone' is not a value of it", "For example: Europe/Berlin"),
    ("ca_bundle", "none", "'none' for 'ca_bundle' is not a file", "Give the path of a file with PEM certificates."),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "problem", "remedy"), REFUSED)
def test_value_that_nothing_understands_is_refused_by_name(key, value, problem, remedy):
    with pytest.raises(CageError) as refused:
        settings.check(key, value)
    assert (refused.value.problem, refused.value.remedy) == (problem, remedy)
    assert refused.value.code == 2


def test_refusal_names_where_the_value_comes_from(dotenv):
    dotenv("TRUSTY_CAGE_NETWORK=offline\n")
    with pytest.raises(CageError) as refused:
        config.resolve({}, {})
    assert refused.value.problem == ("'offline' for 'network' (from TRUSTY_CAGE_NETWORK in .env) is not released yet")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("memory", "512m"),
        ("cpus", "0.5"),
        ("tmux_prefix", "C-Space"),
        ("tmux_prefix", "M-x"),
        ("timezone", "America/Argentina/Buenos_Aires"),
        ("timezone", "Etc/GMT+5"),
        ("base_image", "registry:5000/a/b@sha256:0a"),
        ("image_from", ""),
        ("image_from", "registry.example.com/team/cage"),
        ("image_from", "127.0.0.1:5000/a__b/c-d.e"),
        ("python_version", "3.13"),
    ],
)
def test_value_is_taken(key, value):
    assert settings.check(key, value) == value


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("ripgrep", "ripgrep"),
        ("ripgrep,g++,ripgrep", "ripgrep,g++"),
        ("libc6=2.36-9+deb12u9,7zip,python3.11=1:3.11.2-6~bpo", "libc6=2.36-9+deb12u9,7zip,python3.11=1:3.11.2-6~bpo"),
    ],
)
def test_packages_are_names_by_commas_each_once(given, kept):
    assert settings.check("packages", given) == kept


@pytest.mark.parametrize(
    "given",
    [
        " ",
        "Ripgrep",
        "vim-",
        "-y",
        "aa,,bb",
        "aa bb",
        "aa, bb",
        "x=",
        "x=-1",
        "lib*",
        "jq,$(id)",
        "./x.deb",
        "jq\nzsh",
        "é",
        "q" * 4097,
    ],
)
def test_packages_with_a_word_that_is_no_name_are_refused(given):
    with pytest.raises(CageError) as refused:
        settings.check("packages", given)
    assert refused.value.problem.endswith("for 'packages' is no list of packages")


def test_hardened_may_be_said_in_other_words():
    assert settings.check("hardened", "true") == "yes"
    assert settings.check("hardened", "0") == "no"


def test_value_of_64_kilobytes_is_refused_in_a_line():
    with pytest.raises(CageError) as refused:
        settings.check("base_image", "x" * 65536)
    assert len(refused.value.problem) < 250


@pytest.mark.parametrize("key", ["memory", "cpus", "pids", "python_version"])
def test_number_of_70000_digits_is_refused_in_a_line(key):
    with pytest.raises(CageError) as refused:
        settings.check(key, ("3." if key == "python_version" else "") + "1" * 70000)
    assert len(refused.value.problem) < 250
