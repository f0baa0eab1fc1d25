"""tc set NAME agent_version=…: the registry's answers, the lines of the Dockerfile, upgrades."""

import base64
import json
import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import ROOT, edit

from cage import agents, registry
from cage.errors import CageError

NPM = """#!{python}
import json, os, sys
from pathlib import Path
here = Path(__file__).parent
(here / "asked").open("a").write(os.getcwd() + " " + " ".join(sys.argv[1:]) + "\\n")
package = sys.argv[sys.argv.index("--") + 1]
said = json.loads((here / "packages").read_text()).get(package)
if isinstance(said, str):
    print(json.dumps({{"error": {{"code": said}}}}))
    sys.exit(1)
if said:
    print(json.dumps(said))
"""
CLAUDE = "@anthropic-ai/claude-code-linux-{}@{}"
OPENCODE = "opencode-linux-{}@{}"


def digest(letter):
    """A SHA-512 of one byte again and again, as npm names it and in hex."""
    return "sha512-" + base64.b64encode(letter.encode() * 64).decode(), (letter.encode() * 64).hex()


def package(version, letter, **more):
    return {"version": version, "dist.integrity": digest(letter)[0], **more}


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """A stand-in for npm, whose registry has the packages that a test gives it."""
    folder = tmp_path / "npm"
    folder.mkdir()
    (folder / "npm").write_text(NPM.format(python=sys.executable))
    (folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    registry._view.cache_clear()

    def have(**packages):
        (folder / "packages").write_text(json.dumps(packages))

    have(
        **{
            CLAUDE.format("x64", "9.8.7"): package("9.8.7", "a"),
            CLAUDE.format("arm64", "9.8.7"): package("9.8.7", "b"),
            CLAUDE.format("x64", "latest"): package("9.9.0", "c"),
            CLAUDE.format("arm64", "latest"): package("9.9.0", "d"),
            OPENCODE.format("x64", "latest"): package("9.1.0", "e"),
            OPENCODE.format("arm64", "latest"): package("9.0.5", "f"),
            OPENCODE.format("x64", "9.1.0"): package("9.1.0", "e"),
        }
    )
    have.asked = lambda: (folder / "asked").read_text().splitlines()
    have.asks = have
    return have


@pytest.fixture
def cage(tc, repo, home):
    """The folder of a cage from the real templates."""
    assert tc("create", repo, "--render-only").code == 0
    return home / "envs/web"


def arguments(folder, path="Dockerfile"):
    lines = (folder / path).read_text().splitlines()
    return dict(line.removeprefix("ARG ").split("=", 1) for line in lines if line.startswith("ARG ") and "=" in line)


def test_version_and_hashes_of_the_registry_are_pinned_in_the_dockerfile(cage, tc, npm):
    assert tc("set", "web", "agent_version=claude@9.8.7") == (
        0,
        "Set agent_version of cage 'web' to 'claude@9.8.7'.\n"
        "It applies after: tc recreate web, which builds the agent's layer; other layers are reused\n",
        "",
    )
    for path in ("Dockerfile", ".rendered/Dockerfile"):
        found = arguments(cage, path)
        assert [found[f"CLAUDE_VERSION_{arch}"] for arch in ("AMD64", "ARM64")] == ["9.8.7", "9.8.7"]
        assert [found[f"CLAUDE_SHA512_{arch}"] for arch in ("AMD64", "ARM64")] == [digest("a")[1], digest("b")[1]]
    assert tc("render", "web") == (0, "web: up to date\n", "")
    assert tc("diff-recipes", "web").out == ""


def test_npm_is_asked_in_no_folder_of_anybody_s(cage, tc, npm):
    assert tc("set", "web", "agent_version=claude@9.8.7").code == 0
    assert {line.split()[0] for line in npm.asked()} == {"/"}


def test_pin_stays_through_an_upgrade_that_has_another_and_goes_on_request(cage, tc, npm, monkeypatch):
    tc("set", "web", "agent_version=claude@9.8.7")
    ours = agents.known()["claude"]
    newer = {**agents.known(), "claude": ours._replace(version="10.0.0", amd64="1" * 128)}
    monkeypatch.setattr(agents, "known", lambda: newer)
    assert tc("render", "web").out == "web: up to date\n"
    assert arguments(cage)["CLAUDE_VERSION_AMD64"] == "9.8.7"
    assert tc("set", "web", "agent_version=claude").code == 0
    assert (arguments(cage)["CLAUDE_VERSION_AMD64"], arguments(cage)["CLAUDE_SHA512_AMD64"]) == ("10.0.0", "1" * 128)
    assert json.loads((cage / "meta.json").read_text())["agent_versions"] == {}
    assert tc("render", "web").out == "web: up to date\n"


def test_latest_is_named_and_an_architecture_that_lags_behind_has_its_own(cage, tc, npm):
    done = tc("set", "web", "agent_version=opencode@latest,claude@latest")
    assert "The newest of opencode is 9.1.0, for arm64 9.0.5." in done.out
    assert "opencode is not among the cage's agents: add it to 'agents'." in done.out
    assert "The newest of claude is 9.9.0." in done.out
    found = arguments(cage)
    assert (found["OPENCODE_VERSION_AMD64"], found["OPENCODE_VERSION_ARM64"]) == ("9.1.0", "9.0.5")
    assert (found["OPENCODE_SHA512_ARM64"], found["CLAUDE_SHA512_AMD64"]) == (digest("f")[1], digest("c")[1])


def test_architecture_without_that_version_keeps_its_own_which_is_said(cage, tc, npm):
    before = arguments(cage)
    done = tc("set", "web", "agent_version=opencode@9.1.0")
    has = before["OPENCODE_VERSION_ARM64"]
    assert f"The registry has no opencode of it for arm64, which stays at {has}." in done.out
    after = arguments(cage)
    assert after["OPENCODE_VERSION_AMD64"] == "9.1.0"
    for name in ("OPENCODE_VERSION_ARM64", "OPENCODE_SHA512_ARM64"):
        assert after[name] == before[name]


def test_edit_by_hand_is_replaced_and_said(cage, tc, npm):
    line = f"ARG CLAUDE_VERSION_AMD64={arguments(cage)['CLAUDE_VERSION_AMD64']}\n"
    edit(cage / "Dockerfile", line, "ARG CLAUDE_VERSION_AMD64=1.0.0\n")
    edit(cage / "Dockerfile", "USER 1000:1000\n", "RUN true\nUSER 1000:1000\n")
    assert "You had changed its lines by hand." in tc("set", "web", "agent_version=claude@9.8.7").out
    assert arguments(cage)["CLAUDE_VERSION_AMD64"] == "9.8.7"
    assert "RUN true\n" in (cage / "Dockerfile").read_text()


@pytest.mark.parametrize(
    ("value", "code", "problem"),
    [
        ("claude@", 2, "'' for 'agent_version' is no version"),
        ("claude@9.8.7 9", 2, "'9.8.7 9' for 'agent_version' is no version"),
        ("claude@$(id)", 2, "'$(id)' for 'agent_version' is no version"),
        ("claude@--registry=x", 2, "'--registry=x' for 'agent_version' is no version"),
        ("clod@1.0", 2, "'clod' for 'agent_version' is no agent"),
        ("", 2, "'' for 'agent_version' is no agent"),
        ("claude@7.7.7", 1, "the registry has no version '7.7.7' of claude"),
        ("claude@9.8.7,codex@9.9.9", 1, "the registry has no version '9.9.9' of codex"),
    ],
)
def test_refused_value_changes_nothing(value, code, problem, cage, tc, npm):
    before = {path: (cage / path).read_bytes() for path in ("Dockerfile", "meta.json", "Makefile")}
    done = tc("set", "web", f"agent_version={value}")
    assert (done.code, done.err.splitlines()[0]) == (code, f"error: {problem}")
    assert before == {path: (cage / path).read_bytes() for path in before}


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("ENOTFOUND", "npm can't ask its registry for '@anthropic-ai/claude-code-linux-x64@9.8.7': ENOTFOUND"),
        ("\x1b[31mbad", "npm can't ask its registry for '@anthropic-ai/claude-code-linux-x64@9.8.7'"),
        ([], "npm can't ask its registry for"),
        ({"version": "9.8.7"}, "the registry names no SHA-512 of"),
        (package("9.8.7", "a") | {"dist.integrity": "sha1-xyz"}, "the registry names no SHA-512 of"),
        (package("9.8.7\nRUN evil", "a"), "the registry names no SHA-512 of"),
    ],
)
def test_odd_answer_is_told_in_words(said, problem, cage, tc, npm):
    before = (cage / "Dockerfile").read_bytes()
    npm.asks(**{CLAUDE.format("x64", "9.8.7"): said or [1]})
    done = tc("set", "web", "agent_version=claude@9.8.7")
    assert done.code == 1 and done.err.startswith(f"error: {problem}") and "\x1b" not in done.err
    assert (cage / "Dockerfile").read_bytes() == before


def test_dockerfile_without_the_lines_is_left_alone(cage, tc, npm):
    (cage / "Dockerfile").write_text("FROM debian:12\n")
    done = tc("set", "web", "agent_version=claude@9.8.7")
    assert done.err == (
        "error: the Dockerfile of cage 'web' has no line 'ARG CLAUDE_VERSION_AMD64='\nRender it anew: tc render web\n"
    )


@pytest.mark.parametrize("pins", [[], "x", {"claude": "1.0 a b"}, {"claude": 5}, {"claude": f"1\n {'a' * 128}"}])
def test_meta_with_another_kind_of_pin_is_damaged(pins, cage, tc):
    fields = json.loads((cage / "meta.json").read_text())
    (cage / "meta.json").write_text(json.dumps({**fields, "agent_versions": pins}))
    assert "has 'agent_versions' that are no versions with their hashes" in tc("render", "web").err


def test_missing_npm_is_named(monkeypatch):
    registry._view.cache_clear()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CageError, match="'npm' is not installed"):
        registry.look_up(agents.known()["claude"], "9.8.7")


class Registry(SimpleHTTPRequestHandler):
    """Documents of packages: scoped names come percent-encoded."""

    def log_message(self, *_):
        """Say nothing."""


@pytest.mark.skipif(not shutil.which("npm"), reason="npm is not here")
def test_real_npm_asks_the_user_s_registry_and_never_the_folder_s(cage, tmp_path):
    served = tmp_path / "registry"
    for word, letter in (("x64", "a"), ("arm64", "b")):
        dist = {"integrity": digest(letter)[0], "tarball": "http://localhost/none.tgz"}
        name = f"opencode-linux-{word}"
        one = {"name": name, "version": "9.1.0", "dist": dist}
        served.mkdir(exist_ok=True)
        document = {"name": name, "dist-tags": {"latest": "9.1.0"}, "versions": {"9.1.0": one}}
        (served / name).write_text(json.dumps(document))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Registry, directory=str(served)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    planted = tmp_path / "planted"
    planted.mkdir()
    (planted / ".npmrc").write_text("registry=http://127.0.0.1:1/\n")
    (planted / "package.json").write_text("{}")
    (tmp_path / ".npmrc").write_text(f"registry=http://127.0.0.1:{server.server_port}/\n")
    words = [sys.executable, "-m", "cage", "set", "web", "agent_version=opencode@latest"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PWD": str(planted)}
    for name in ("http_proxy", "HTTP_PROXY"):
        environment.pop(name, None)
    done = subprocess.run(words, cwd=planted, env=environment, capture_output=True, text=True)
    server.shutdown()
    assert done.stderr == ""
    assert arguments(cage)["OPENCODE_VERSION_AMD64"] == "9.1.0"
    assert arguments(cage)["OPENCODE_SHA512_ARM64"] == digest("b")[1]
    assert Path(planted / ".npmrc").exists()
