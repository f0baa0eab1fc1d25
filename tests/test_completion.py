"""tc completion: made from the command line, with the names of cages and without an engine."""

import shutil
import subprocess

import pytest

from cage import cli
from cage.commands import completion

hatch_build = pytest.importorskip("hatch_build", exc_type=ImportError)

BASH = 'source "$1"; COMP_WORDS=(tc "${@:2}"); COMP_CWORD=$(($# - 1)); _shtab_tc; printf "%s\\n" "${COMPREPLY[@]}"'
FISH = 'source $argv[1]; complete -C "tc $argv[2..]"'
ZSH = 'autoload -U compinit; compinit -u -D; eval "$(<$1)"; compadd() { print -l $found }; _tc_cages'


@pytest.fixture
def made(tmp_path):
    """The generated files."""
    hatch_build.write(cli.parser(), tmp_path / "generated")
    return tmp_path / "generated"


@pytest.fixture
def names(home, engine):
    for name in ("web", "web-2", "api"):
        (home / "envs" / name).mkdir(parents=True)
        (home / "envs" / name / "meta.json").touch()
    (home / "envs" / "only-clone").mkdir()
    return engine


def ask(shell, script, *words):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    name = ["-"] if shell != "fish" else []
    done = subprocess.run([shell, "-c", script, *name, *map(str, words)], capture_output=True, text=True, check=True)
    return {line.split("\t")[0] for line in done.stdout.splitlines()}, done.stderr


def test_bash_completes_verbs_options_and_cages(made, names):
    assert {"create", "attach", "export", "doctor"} <= ask("bash", BASH, made / "tc.bash", "")[0]
    assert ask("bash", BASH, made / "tc.bash", "export", "w") == ({"web", "web-2"}, "")
    assert ask("bash", BASH, made / "tc.bash", "export", "web", "--comm") == ({"--commits"}, "")
    assert ask("bash", BASH, made / "tc.bash", "completion", "f")[0] == {"fish"}
    assert not (names / "asked").exists()


def test_fish_completes_verbs_options_and_cages(made, names):
    assert ask("fish", FISH, made / "tc.fish", "exp")[0] == {"export"}
    assert ask("fish", FISH, made / "tc.fish", "export", "w")[0] == {"web", "web-2"}
    assert ask("fish", FISH, made / "tc.fish", "export", "web", "--comm")[0] == {"--commits"}
    assert not (names / "asked").exists()


def test_zsh_reads_it_and_finds_cages(made, names):
    assert ask("zsh", ZSH, made / "tc.zsh") == ({"api", "web", "web-2"}, "")
    assert "#compdef tc trusty-cage" in (made / "tc.zsh").read_text()


@pytest.mark.parametrize(("shell", "script"), [("bash", BASH), ("fish", FISH)])
def test_name_of_a_folder_is_never_run(made, home, tmp_path, shell, script):
    for name in ("$(touch pwned)", "`touch pwned`", "a;touch pwned"):
        (home / "envs" / name).mkdir(parents=True)
        (home / "envs" / name / "meta.json").touch()
    ask(shell, script, made / f"tc.{shell}", "export", "")
    assert not (tmp_path / "pwned").exists()


def test_completion_prints_the_file(tc, made, monkeypatch):
    monkeypatch.setattr(completion, "__file__", str(made.parent / "commands" / "completion.py"))
    for shell in ("bash", "zsh", "fish"):
        assert tc("completion", shell) == (0, (made / f"tc.{shell}").read_text(), "")


def test_completion_of_a_package_that_was_not_built(tc, tmp_path, monkeypatch):
    monkeypatch.setattr(completion, "__file__", str(tmp_path / "commands" / "completion.py"))
    done = tc("completion", "bash")
    assert done.code == 1
    assert done.err.startswith("error: the completions were not made")


def test_man_page_names_every_verb(made):
    page = (made / "tc.1").read_text().replace("\\-", "-")
    for verb in ("create", "attach", "rebuild-image", "doctor", "completion"):
        assert f"'tc {verb}'" in page
