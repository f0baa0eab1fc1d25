"""agent_home: the parts of an agent's own settings that go into a cage."""

import io
import json
import os
import subprocess
import sys
import tarfile

import pytest
from conftest import ROOT

LIB = ROOT / "templates" / "lib"
FILTER = [sys.executable, "-I", "-c", (LIB / "create/agent-home.py").read_text()]


@pytest.fixture
def laid(tmp_path):
    """The files, by name, that go into a cage from the home in tmp_path, and the words."""
    cage = tmp_path / "cage"
    (cage / ".state/clone").mkdir(parents=True)
    (cage / "lib").symlink_to(LIB)

    def run(agents="claude"):
        env = {**os.environ, "CAGE_AGENTS": agents, "CAGE_NAME": "web", "LC_ALL": "C", "HOME": str(tmp_path)}
        words = ["bash", "lib/create/agent-home"]
        one = subprocess.run(words, cwd=cage, env=env, capture_output=True, timeout=20)
        if one.returncode:
            return None, one.stderr.decode()
        two = subprocess.run(FILTER, input=one.stdout, capture_output=True, timeout=20)
        assert two.returncode == 0, two.stderr
        with tarfile.open(fileobj=io.BytesIO(two.stdout)) as tar:
            found = {entry.name: (tar.extractfile(entry).read().decode(), oct(entry.mode)) for entry in tar}
        return found, (one.stderr + two.stderr).decode()

    return run


def write(path, text="x", mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def test_listed_parts_come_and_nothing_else(laid, tmp_path):
    claude = tmp_path / ".claude"
    write(claude / "CLAUDE.md", "remember")
    write(claude / "skills/one/SKILL.md", "skill")
    write(claude / "skills/one/run.sh", "#!/bin/sh", 0o700)
    for other in (".credentials.json", "history.jsonl", "projects/a/b.jsonl", "plugins/x", "settings.local.json"):
        write(claude / other, "canary")
    write(tmp_path / ".codex/AGENTS.md", "other agent's")
    assert laid() == (
        {
            ".claude/CLAUDE.md": ("remember", "0o644"),
            ".claude/skills/one/SKILL.md": ("skill", "0o644"),
            ".claude/skills/one/run.sh": ("#!/bin/sh", "0o755"),
        },
        "",
    )
    assert ".codex/AGENTS.md" in laid("claude,codex")[0]


def test_without_any_settings_nothing_comes(laid):
    assert laid("claude,codex,gemini,opencode") == ({}, "")


def test_keys_that_are_listed_come_and_hooks_and_servers_are_named(laid, tmp_path):
    settings = {
        "model": "opus",
        "theme": {"nested": "canary"},
        "language": "sk-ant-canary-0123456789abcdef",
        "apiKeyHelper": "canary",
        "env": {"TOKEN": "canary"},
        "hooks": {"PreToolUse": [{"command": "canary"}]},
    }
    write(tmp_path / ".claude/settings.json", json.dumps(settings))
    write(tmp_path / ".claude.json", json.dumps({"oauth": "canary", "mcpServers": {"gh\x1b[2J": {"env": "canary"}}}))
    found, said = laid()
    assert found == {".claude/settings.json": ('{\n  "model": "opus"\n}\n', "0o644")}
    assert "not in the cage: hooks 'PreToolUse' of .claude/settings.json" in said
    assert "not in the cage: mcpServers 'gh?[2J' of .claude.json" in said
    assert "canary" not in said


@pytest.mark.parametrize("text", ["[1", "[" * 100000, "\x00", "[]", "1", '"x"', "// note\n{}"])
def test_settings_that_are_no_object_are_left_out(text, laid, tmp_path):
    write(tmp_path / ".claude/settings.json", text)
    assert laid()[0] == {}


@pytest.mark.parametrize(
    "secret", ["sk-ant-api03-0123456789abcdef", "ghp_" + "a" * 36, "AKIA" + "A" * 16, "-----BEGIN RSA PRIVATE KEY"]
)
def test_files_with_a_key_in_them_stay_out(secret, laid, tmp_path):
    write(tmp_path / ".claude/skills/a/notes.md", f"use {secret} for it")
    write(tmp_path / ".claude/skills/a/.env", "PASSWORD=canary")
    write(tmp_path / ".claude/skills/a/Server.PEM")
    write(tmp_path / ".claude/skills/.ssh/config")
    write(tmp_path / ".claude/skills/a/keys.md", "fine")
    found, said = laid()
    assert list(found) == [".claude/skills/a/keys.md"]
    assert said.count("left out of the agent's settings: .claude/skills/") == 4
    assert secret not in said


def test_links_are_not_followed_and_a_fifo_keeps_nobody_waiting(laid, tmp_path):
    write(tmp_path / "secret", "canary")
    write(tmp_path / "elsewhere/prompts/p.md", "canary")
    claude = tmp_path / ".claude"
    write(claude / "commands/fine.md", "fine")
    (claude / "commands/link.md").symlink_to(tmp_path / "secret")
    (claude / "skills").symlink_to(tmp_path / "elsewhere")
    (tmp_path / ".codex").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(claude / "commands/fifo.md")
    os.mkfifo(claude / "CLAUDE.md")
    found, said = laid("claude,codex")
    assert found == {".claude/commands/fine.md": ("fine", "0o644")}
    assert "left out of the agent's settings: .claude/skills (.claude/skills is a link)" in said
    assert "left out of the agent's settings: .codex/prompts (.codex is a link)" in said
    assert "left out of the agent's settings, a link: .claude/commands/link.md" in said


def test_too_many_files_are_an_error_and_too_large_or_deep_ones_stay_out(laid, tmp_path):
    write(tmp_path / ".claude/skills/large", "x" * (2 << 20))
    write(tmp_path / f".claude/skills/{'d/' * 20}deep")
    assert laid()[0] == {}
    for number in range(2001):
        write(tmp_path / f".claude/skills/{number}")
    found, said = laid()
    assert found is None
    assert said.startswith("error: the agent's settings are 2002 files: more than 2,000 don't go into a cage\n")
