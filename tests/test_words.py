"""How a cage speaks: the words of lib/say, and where they come on the screen."""

import os
import re
import subprocess

import pytest
from conftest import ROOT, edit

from cage import cli
from cage.menu import VERBS

# The word between two @ in a text: a verb or a target, an option, or the cage's name.
MARK = re.compile(r"@(--[a-z-]+(?: [A-Z]+)?|[a-z][a-z-]*)@")


@pytest.fixture
def folder(tmp_path):
    """A cage's folder with lib and a Makefile of two targets."""
    folder = tmp_path / "cage"
    folder.mkdir()
    (folder / "lib").symlink_to(ROOT / "templates/lib")
    (folder / "Makefile").write_text("attach: ## Open\nbase-image: | x ## Make\nexport:\n")
    return folder


@pytest.fixture
def say(folder):
    """Run lib/say there; returns its exit code, its output and its errors."""

    def run(*words, **environment):
        done = subprocess.run(
            ["bash", "lib/say", *words],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "CAGE_NAME": "web", "CAGE_REPO_URL": "u", **environment},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def of_tc(tmp_path):
    """The environment that tc gives, and the file that words are left in."""
    (tmp_path / "last").mkdir()
    code = tmp_path / "last/code"
    return {"CAGE_VIA": "tc", "CAGE_TC": str(os.getpid()), "CAGE_VERBS": VERBS, "CAGE_EXIT_FILE": str(code)}


@pytest.mark.parametrize(
    ("text", "by_tc", "by_make"),
    [
        ("Open: @attach@", "Open: tc attach web", "Open: make -C {} attach"),
        ("@base-image@@attach@", "tc make web base-imagetc attach web", "make -C {0} base-imagemake -C {0} attach"),
        ("@export@ @--as NAME@", "tc export web --as NAME", "make -C {} export CAGE_AS=NAME"),
        ("@export@ @--dry-run@", "tc export web --dry-run", "make -C {} export CAGE_DRY_RUN=1"),
        ("@name@: @nothing@attach@", "web: @nothingtc attach web", "web: @nothingmake -C {} attach"),
        ("logo@two@x.png a@b", "logo@two@x.png a@b", "logo@two@x.png a@b"),
    ],
)  # fmt: skip
def test_verb_in_a_text_is_the_command_the_way_one_came(text, by_tc, by_make, say, of_tc, folder):
    assert say("tell", text, **of_tc) == (0, f"{by_tc}\n", "")
    assert say("tell", text) == (0, f"{by_make.format(folder)}\n", "")


def test_every_verb_in_a_text_is_a_target_and_every_option_one_of_tc():
    targets, options = set(VERBS.split()), set()
    makefiles = [ROOT / "templates/Makefile.j2", ROOT / "Makefile.cage", *(ROOT / "templates/recipes").glob("*.mk")]
    for path in makefiles:
        targets |= set(re.findall(r"(?m)^([a-z][a-z-]*):", path.read_text()))
    for verb in cli.parser().verbs.choices.values():
        options |= {option for action in verb._actions for option in action.option_strings}
    for path in [*makefiles, *(file for file in (ROOT / "templates/lib").rglob("*") if file.is_file())]:
        lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
        for word in MARK.findall("\n".join(lines)):
            assert word == "name" or word in targets or word.split()[0] in options, f"{path}: @{word}@"


def test_words_of_a_failure_wait_for_tc(say, of_tc, tmp_path):
    assert say("die", "3", "no\x1b[2J", "Try: @attach@", **of_tc) == (3, "", "")
    (words,) = (tmp_path / "last").glob("words.*")
    assert words.read_text() == "error: no[2J\nTry: tc attach web\n"
    assert (tmp_path / "last/code").read_text() == "3\n"


@pytest.mark.parametrize("lost", [{"CAGE_TC": "999999999"}, {"CAGE_TC": ""}, {"CAGE_EXIT_FILE": "/none/code"}])
def test_words_of_a_failure_are_printed_where_tc_can_print_none(lost, say, of_tc, tmp_path):
    assert say("die", "3", "no", **of_tc | lost) == (3, "", "error: no\n")
    assert not list((tmp_path / "last").glob("words.*"))


def test_words_that_fit_on_no_disk_are_printed_once(say, of_tc, folder):
    (folder / "full").mkdir()
    code = f"{folder}/full/code"
    (folder / "dies").write_text("set -eu; . lib/terminal.bash; ln -s /dev/full full/words.$$; die 1 no")
    environment = {"PATH": os.environ["PATH"], "CAGE_NAME": "x", **of_tc, "CAGE_EXIT_FILE": code}
    done = subprocess.run(["bash", "dies"], cwd=folder, env=environment, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"error: no\n")


def test_make_by_hand_prints_them_at_once(say):
    assert say("die", "3", "no", "Try: @attach@")[::2][0] == 3
    assert say("die", "3", "no")[2] == "error: no\n"


def test_remedy_is_the_last_on_the_screen_and_stands_there_once(web, tc):
    (web / "lib/say").write_bytes((ROOT / "templates/lib/say").read_bytes())
    edit(web / "Makefile", "fails:\n\t@exit 3\n", "fails:\n\t@bash lib/say die 3 'no\x07' 'Try: @stop@'\n")
    done = tc("make", "web", "fails")
    assert (done.code, done.out) == (3, "")
    assert re.fullmatch(r"make: \*\*\* \[Makefile:\d+: fails\] Error 3\nerror: no\nTry: tc stop web\n", done.err)
    by_hand = subprocess.run(["make", "-C", web, "fails"], capture_output=True, text=True)
    assert by_hand.stderr.startswith(f"error: no\nTry: make -C '{web}' stop\n")


def test_two_steps_that_die_are_both_heard(web, tc):
    (web / "lib/say").write_bytes((ROOT / "templates/lib/say").read_bytes())
    (web / "Makefile").write_text("both:\n\t@bash lib/say die 3 one; bash lib/say die 4 two\n")
    done = tc("make", "web", "both")
    assert (done.code, done.err.split("\n", 1)[1]) == (4, "error: one\nerror: two\n")


def test_sentences_of_make_help_stand_by_themselves():
    """'above' means nothing in a list."""
    for path in [ROOT / "templates/Makefile.j2", *(ROOT / "templates/recipes").glob("*.mk")]:
        for sentence in re.findall(r"(?m)^[a-z][a-z-]*:.*## (.*)$", path.read_text()):
            assert not re.search(r"\b(above|below)\b", sentence), f"{path}: {sentence}"
