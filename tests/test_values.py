"""Any string reaches the program unchanged, or is refused in one line: tc, the real recipes, a stand-in engine."""

import ast
import json
import os
import shlex
import shutil
import subprocess
import sys

import pytest
from conftest import CONTAINER, edit

from cage.settings import SETTINGS, yes_or_no

HOSTILE = [
    "$(shell touch pwned)",
    "$(touch pwned)",
    "`touch pwned`",
    "$HOME",
    "$$",
    "${IFS}",
    "'",
    '"',
    "a'b\"c",
    "#x",
    "%s",
    "back\\",
    "two\nlines",
    "tab\t",
    " leading",
    "trailing ",
    "-x",
    "--privileged",
    "{{7*7}}",
    "{% raw %}",
    ";touch pwned",
    "|cat",
    "&",
    "\x1b]0;title\x07",
    "\u202eabc",
    "é ü",
    "*",
    "~",
    "!x",
    "x" * 65536,
]
IDS = [ascii(text[:20]) for text in HOSTILE]

ENGINE = f"""#!{sys.executable}
import os, pathlib, sys
here = pathlib.Path(__file__).parent
with (here / "asked").open("a") as file:
    file.write(repr(sys.argv[1:]) + "\\n")
    kept = {{key: value for key, value in os.environ.items() if key.startswith(("GIT_", "BASH_ENV", "CDPATH", "ENV="))}}
with (here / "environment").open("a") as file:
    file.write(repr(dict(sorted(kept.items()))) + "\\n")
if "policy" in sys.argv:
    sys.stdin.read()
if sys.argv[1:3] == ["container", "inspect"]:
    label = (here / "id").read_text().strip()
    for name in ("0123456789ab.guard", "web"):
        print({CONTAINER!r}.format(name=name, status="running", image="image", home=label, limits=""), end="")
"""


@pytest.fixture
def docker(tmp_path, monkeypatch, home):
    """A stand-in that says that the cage's two containers run; every argv is in the file `asked`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text(ENGINE)
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.fixture
def cage(tc, repo, home, docker, request):
    """The folder of a cage with the real recipes, as if it had been created."""
    assert tc("create", repo, "--render-only", "--auth-mode", "api_key").code == 0
    folder = home / "envs" / "web"
    (folder / ".history").mkdir()
    (folder / ".history" / "created").touch()
    (folder / ".history" / "guard").write_text("isolated-dev-0123456789ab.guard\n")
    (folder / ".state/engine").mkdir(parents=True)
    (folder / ".state/engine/machine").write_text("closed 192.0.2.1/32\nend\n")
    (docker / "id").write_text((home / "id").read_text())
    (folder / "local.mk").write_text("show:\n\t@printenv $$WANTED >shown || true\n")
    return folder


def shown(folder, variable, **environment):
    """The value that a recipe finds in variable, by make itself."""
    subprocess.run(["make", "-C", folder, "show"], env={**os.environ, "WANTED": variable, **environment}, check=True)
    return (folder / "shown").read_bytes().removesuffix(b"\n").decode(errors="surrogateescape")


def asked(docker):
    return [ast.literal_eval(line) for line in (docker / "asked").read_text().splitlines()]


def refused(done):
    """Exit 2 and an error that is short and has nothing in it that steers a terminal."""
    assert done.code == 2, done
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert len(done.err) < 2000 and len(done.err.splitlines()) <= 4
    assert not set(done.err) & set("\x1b\x07\u202e")


@pytest.mark.parametrize("value", HOSTILE, ids=IDS)
def test_setting_by_flag_arrives_or_is_refused(tc, repo, home, tmp_path, value):
    for setting in SETTINGS:
        if setting.check is yes_or_no:
            continue
        folder = home / "envs" / f"x-{setting.key.replace('_', '-')}"
        done = tc("create", repo, "--render-only", "--name", folder.name, f"{setting.flag}={value}")
        if done.code:
            refused(done)
            assert not folder.exists()
        else:
            fields = json.loads((folder / "meta.json").read_text())
            assert {**fields["settings"], **fields}[setting.key] == value
            (folder / "local.mk").write_text("show:\n\t@printenv $$WANTED >shown\n")
            assert shown(folder, f"CAGE_{setting.key.upper()}") == value
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("value", HOSTILE, ids=IDS)
def test_setting_by_set_arrives_or_is_refused(cage, tc, tmp_path, value):
    for setting in SETTINGS:
        before = (cage / "Makefile").read_bytes(), (cage / "meta.json").read_bytes()
        done = tc("set", "web", f"{setting.key}={value}")
        if done.code:
            refused(done)
            assert ((cage / "Makefile").read_bytes(), (cage / "meta.json").read_bytes()) == before
        else:
            assert shown(cage, f"CAGE_{setting.key.upper()}") == value
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("value", HOSTILE, ids=IDS)
def test_setting_by_environment_is_judged_like_a_flag(tc, repo, home, monkeypatch, value):
    for setting in SETTINGS:
        if setting.variable and setting.key != "dotfiles_repo":
            monkeypatch.setenv(setting.variable, value)
            refused(tc("create", repo, "--render-only"))
            monkeypatch.delenv(setting.variable)
    assert not (home / "envs").exists()


@pytest.mark.parametrize("name", [text for text in HOSTILE if "\n" not in text], ids=ascii)
def test_path_of_a_file_or_a_repository_may_be_any(cage, tc, tmp_path, name):
    if len(name) > 200:
        pytest.skip("no file system has such names")
    (tmp_path / "odd" / name).mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", tmp_path / "odd" / name], check=True)
    bundle = tmp_path / "odd" / f"{name}.pem"
    bundle.touch()
    for key, value in (("dotfiles_repo", tmp_path / "odd" / name), ("ca_bundle", bundle)):
        done = tc("set", "web", f"{key}={value}")
        if done.code:
            refused(done)
        else:
            assert shown(cage, f"CAGE_{key.upper()}") == str(value)
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("value", HOSTILE, ids=IDS)
def test_word_of_exec_arrives(cage, tc, docker, tmp_path, value):
    done = tc("exec", "web", "--", "printf", "%s", value)
    assert done.code == 0, done.err
    ran = asked(docker)[-1]
    assert ran[0] == "exec"
    assert ran[-3:-1] == ["zsh", "-lc"]
    assert shlex.split(ran[-1]) == ["printf", "%s", value]
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("value", HOSTILE, ids=IDS)
def test_command_of_exec_arrives_by_make(cage, docker, tmp_path, value):
    subprocess.run(["make", "-C", cage, "exec"], env={**os.environ, "CAGE_CMD": value}, check=True, capture_output=True)
    assert asked(docker)[-1][-1] == value
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("value", [*HOSTILE, "", "..", "../..", ".", "/", "a/b", "A", "x" * 64, "x.guard"], ids=ascii)
def test_name_that_is_none_touches_nothing(cage, tc, repo, home, tmp_path, value):
    before = sorted(tmp_path.rglob("*"))
    for words in (
        ["create", repo, f"--name={value}", "--render-only"],
        *([verb, "--", value] for verb in ("start", "stop", "status", "export", "destroy", "attach", "render")),
        ["make", "--", value, "stop"],
        ["set", "--", value, "pids=1"],
    ):
        done = tc(*words)
        if not (words[0] == "render" and value == ""):
            refused(done)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("value", HOSTILE, ids=IDS)
def test_branch_arrives_or_git_refuses_it(tc, repo, home, value):
    done = tc("create", repo, "--render-only", f"--branch={value}")
    folder = home / "envs" / "web"
    if done.code:
        refused(done)
    else:
        (folder / "local.mk").write_text("show:\n\t@printenv $$WANTED >shown\n")
        assert shown(folder, "CAGE_BRANCH") == value


def test_hostile_environment_decides_nothing(cage, tc, docker, tmp_path, monkeypatch):
    (tmp_path / "evil").write_text("touch pwned\n")
    (tmp_path / "evil.mk").write_text("$(shell touch pwned)\nexec:\n\ttouch pwned\n")
    hooks = tmp_path / "template" / "hooks"
    hooks.mkdir(parents=True)
    hostile = {
        "MAKEFLAGS": "n -f evil.mk",
        "GNUMAKEFLAGS": "--eval=$(shell\\ touch\\ pwned)",
        "MFLAGS": "-n",
        "MAKELEVEL": "7",
        "MAKEFILES": str(tmp_path / "evil.mk"),
        "GIT_DIR": str(tmp_path / "nowhere"),
        "GIT_WORK_TREE": str(tmp_path),
        "GIT_TEMPLATE_DIR": str(tmp_path / "template"),
        "GIT_EXTERNAL_DIFF": "touch pwned",
        "GIT_SSH_COMMAND": "touch pwned",
        "BASH_ENV": str(tmp_path / "evil"),
        "ENV": str(tmp_path / "evil"),
        "CDPATH": str(tmp_path),
        "SHELL": "/bin/false",
        "CAGE_ENGINE": "false",
        "CAGE_NAME": "other",
        "CAGE_CMD": "touch pwned",
        "CAGE_YES": "1",
        "V": "0",
        "S": "elsewhere",
        "Q": "touch pwned;",
        "GIT": "false",
    }
    for key, value in hostile.items():
        monkeypatch.setenv(key, value)
    assert tc("exec", "web", "--", "true").code == 0
    assert asked(docker)[-1][-1] == "true"
    ours = str({"GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh", "GIT_NO_LAZY_FETCH": "1"})
    assert set(environments(docker)) == {ours}
    assert tc("destroy", "web").code == 3
    assert not list(tmp_path.rglob("pwned"))


def environments(docker):
    return (docker / "environment").read_text().splitlines()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"volume_name": "somebody-elses"},
        {"container_name": "--privileged"},
        {"host_clone_path": "/etc"},
        {"host_clone_path": "/x/envs/web/../../envs/web/repo"},
        {"repo_url": 7},
        {"auth_mode": None},
        {"settings": []},
        {"settings": {"memory": 4}},
        {"schema": "1"},
        {"schema": True},
        {"schema": 99},
        {"branch": {}},
    ],
    ids=str,
)
def test_meta_of_another_kind_stops_every_verb(cage, tc, docker, change):
    fields = json.loads((cage / "meta.json").read_text()) | change
    (cage / "meta.json").write_text(json.dumps(fields))
    before = {path: path.read_bytes() for path in cage.rglob("*") if path.is_file()}
    (docker / "asked").write_text("")
    for words in (
        *([verb, "web"] for verb in ("start", "stop", "attach", "status", "export", "sync", "render", "auth")),
        ["exec", "web", "--", "true"],
        ["destroy", "web", "-y"],
        ["set", "web", "pids=1"],
        ["make", "web", "stop"],
    ):
        done = tc(*words)
        assert (done.code, done.out) == (1, ""), words
        assert done.err.startswith(f"error: '{cage}/meta.json' ")
    assert {path: path.read_bytes() for path in cage.rglob("*") if path.is_file()} == before
    assert asked(docker) == []
    assert "web   bad" in tc("list").out


AS_TEXT = "$(shell touch pwned)"


def by_make(cage, *words, **environment):
    """Make by itself in the cage's folder, with these variables in the environment."""
    command = ["make", "-C", cage, *words]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "name", ["V", "TRUSTY_CAGE_TRACE", "CAGE_TO", "CAGE_UNDO", "CAGE_JSON", "CAGE_DRY_RUN", "CHECK", "CACHE"]
)
def test_variable_of_the_environment_is_no_text_of_make(cage, tc, docker, tmp_path, monkeypatch, name):
    assert by_make(cage, "help", **{name: AS_TEXT}).returncode == 0
    for target in ("start", "export", "sync", "build-image", "build-guard-image"):
        by_make(cage, target, **{name: AS_TEXT})
    monkeypatch.setenv(name, AS_TEXT)
    assert tc("start", "web").code == 0
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("words", [["help"], ["-p", "help"], ["start"]], ids=" ".join)
@pytest.mark.parametrize(
    "evil",
    [{"BASH_ENV": "evil"}, {"BASH_FUNC_rm%%": "() { touch pwned; }"}],
    ids=lambda evil: next(iter(evil)),
)
def test_shell_of_a_recipe_takes_nothing_from_its_caller(cage, docker, tmp_path, words, evil):
    (tmp_path / "evil").write_text("touch pwned\n")
    given = {key: str(tmp_path / "evil") if value == "evil" else value for key, value in evil.items()}
    assert by_make(cage, *words, **given).returncode == 0
    assert not list(tmp_path.rglob("pwned"))


def test_options_of_the_shell_stay_outside(cage, docker):
    done = by_make(cage, "start", SHELLOPTS="braceexpand:hashall:interactive-comments:xtrace")
    assert (done.returncode, [row for row in done.stderr.splitlines() if row.startswith("+")]) == (0, [])


def test_options_of_tar_stay_outside(cage, docker, tmp_path):
    assert by_make(cage, "repo").returncode == 0
    (cage / ".history" / "base").touch()
    done = by_make(cage, "export", TAR_OPTIONS="--checkpoint=1 --checkpoint-action=exec=touch${IFS}pwned")
    assert "STAGE" in done.stderr
    assert not list(tmp_path.rglob("pwned"))


def test_key_of_more_than_one_line_arrives_as_it_is(cage):
    for key in ("l1\nl2 ", f" {AS_TEXT}", "$$a#b"):
        assert shown(cage, "ANTHROPIC_API_KEY", ANTHROPIC_API_KEY=key) == key


@pytest.mark.parametrize("words", [["-p"], ["-p", "help"], ["-e", "-p", "help"], ["-pn", "start"]], ids=" ".join)
@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "GEMINI_API_KEY", "https_proxy", "HTTP_PROXY"])
def test_what_make_knows_holds_no_secret(cage, docker, words, name):
    done = by_make(cage, *words, **{name: "http://me:canary-0123@127.0.0.1:9/"})
    assert "CAGE_NAME := web" in done.stdout
    assert "canary" not in done.stdout + done.stderr


def test_dry_run_of_create_shows_the_builds_and_changes_nothing(cage, docker):
    (cage / ".history" / "created").unlink()
    before = {path: path.read_bytes() for path in cage.rglob("*") if path.is_file()}
    done = by_make(cage, "-n", "create")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"$CAGE_ENGINE" build \\\n') == 2
    assert "--network host --add-host host-gateway:host-gateway" in done.stdout
    assert {path: path.read_bytes() for path in cage.rglob("*") if path.is_file()} == before
    assert not (docker / "asked").exists()


def test_command_longer_than_a_system_takes_is_refused(cage, tc):
    assert tc("exec", "web", "--", "x" * 131000) == (
        2,
        "",
        "error: what is asked for is longer than 130 kB\n"
        "Put a command into a file; name folders in the place of files.\n",
    )


def test_word_that_is_not_utf_8_is_refused(cage, tc, docker):
    done = tc("exec", "web", "--", "echo", "caf\udce9")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: 'caf?' is not UTF-8\nPut it into a file, and run that.\n"


def test_engine_that_says_nothing_is_not_waited_for(cage, tc, docker):
    (docker / "docker").write_text('#!/bin/sh\n[ "$1 $2" != "container inspect" ] || exec sleep 20\n')
    for recipes in ("network", "container"):  # which containers there are, and how they are
        edit(cage / f"recipes/{recipes}.mk", "lib/engine/answer 30 ", "lib/engine/answer 1 ")
    done = tc("start", "web")
    assert (done.code, done.out) == (4, "")
    assert done.err.endswith(
        "error: the engine doesn't answer about this cage's containers\nRestart the engine, then: tc recreate web\n"
    )


@pytest.fixture
def dotfiles(tmp_path):
    """A dotfiles repository."""
    folder = tmp_path / "dots"
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    who = ["-c", "user.name=x", "-c", "user.email=x@x"]
    subprocess.run(["git", "-C", folder, *who, "commit", "--quiet", "--allow-empty", "-m", "x"], check=True)
    return folder


def test_output_of_an_install_script_is_kept_only_in_part(cage, tc, docker, dotfiles):
    assert tc("set", "web", f"dotfiles_repo={dotfiles}").code == 0
    with (docker / "docker").open("a") as file:
        file.write('if "install.sh" in sys.argv[-3]:\n    print("loud\\n" * 1000000)\n')
    assert by_make(cage, "dotfiled").returncode == 0
    assert (cage / ".state/clone/dotfiles.out").stat().st_size == 65536


def test_auth_leaves_the_dotfiles_alone(cage, tc, docker, dotfiles):
    assert tc("set", "web", f"dotfiles_repo={dotfiles}").code == 0
    done = tc("auth", "web")
    assert (done.code, "DOTFILES" in done.err) == (0, False)
    assert not any("install.sh" in word for words in asked(docker) for word in words)


@pytest.fixture
def dirty(repo, tmp_path):
    """The repository web: its own settings name a program for each of its files, and two are not committed."""
    (repo / ".gitattributes").write_text("* filter=evil\n")
    for name in ("one", "two"):
        (repo / name).write_text("x")
    who = ["-c", "user.name=x", "-c", "user.email=x@x"]
    subprocess.run(["git", "-C", repo, "add", "--all"], check=True)
    subprocess.run(["git", "-C", repo, *who, "commit", "--quiet", "-m", "x"], check=True)
    for key, value in (("filter.evil.clean", "touch pwned; cat"), ("core.fsmonitor", "touch pwned")):
        subprocess.run(["git", "-C", repo, "config", key, value], check=True)
    (repo / ".git" / "info").mkdir(exist_ok=True)
    (repo / ".git" / "info" / "exclude").write_text("mine\n")
    (repo / "one").write_text("y")
    (repo / "three").write_text("new")
    (repo / "mine").write_text("not counted")
    return repo


def test_settings_of_a_local_repository_run_nothing_and_its_files_are_counted(cage, dirty, tmp_path):
    done = by_make(cage, "repo", "uncommitted")
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith(f"2 uncommitted files of {dirty} are not taken: the cage gets HEAD.\n")
    assert not list(tmp_path.rglob("pwned"))


def test_settings_that_tell_what_a_change_is_count(cage, dirty):
    subprocess.run(["git", "-C", dirty, "config", "core.fileMode", "false"], check=True)
    (dirty / "two").chmod(0o755)
    done = by_make(cage, "repo", "uncommitted")
    assert done.stderr.endswith(f"2 uncommitted files of {dirty} are not taken: the cage gets HEAD.\n")


def test_name_of_a_variable_is_no_text_of_make(cage, tmp_path):
    done = by_make(cage, "-p", "help", **{"A$(X)KEY": "1", "X": AS_TEXT})
    assert done.returncode == 0
    assert not list(tmp_path.rglob("pwned"))


def test_files_of_a_local_repository_without_a_commit_are_counted(cage, repo):
    (repo / "new").write_text("x")
    done = by_make(cage, "repo", "uncommitted")
    assert done.stderr.endswith(f"1 uncommitted file of {repo} is not taken: the cage gets HEAD.\n")


def test_files_of_a_local_repository_with_a_split_index_are_counted(cage, dirty):
    harmless = ["-c", "core.fsmonitor=false", "-c", "filter.evil.clean=cat"]
    subprocess.run(["git", "-C", dirty, *harmless, "update-index", "--split-index"], check=True)
    done = by_make(cage, "repo", "uncommitted")
    assert done.stderr.endswith(f"2 uncommitted files of {dirty} are not taken: the cage gets HEAD.\n")


def test_password_of_a_local_repositorys_origin_stays_there(cage, dirty, docker):
    origin = "https://me:hunter2@example.com/x.git"
    subprocess.run(["git", "-C", dirty, "config", "remote.origin.url", origin], check=True)
    git = shutil.which("git")
    (docker / "git").write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>"{docker}/git-asked"\nexec {git} "$@"\n')
    (docker / "git").chmod(0o755)
    done = by_make(cage, "origin")
    assert done.returncode == 0
    assert "The origin is taken over without user, password and query: https://example.com/x.git\n" in done.stderr
    assert "url = https://example.com/x.git\n" in (cage / "repo/.git/config").read_text()
    assert "https://example.com/x.git" in (docker / "git-asked").read_text()
    assert "hunter2" not in (docker / "git-asked").read_text() + done.stdout + done.stderr
