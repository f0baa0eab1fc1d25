"""The verbs: arguments for make, its exit codes, and errors before it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, edit

from cage import cli


def line(verb, **variables):
    keys = ("via", "yes", "dry", "skip", "json", "mode")
    given = {"via": "tc", "mode": "api_key", **variables}
    return f"{verb} web " + " ".join(f"{key}={given.get(key, '')}" for key in keys) + "\n"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["attach", "web"], line("attach")),
        (["start", "web"], line("start")),
        (["stop", "web"], line("stop")),
        (["shell", "web"], line("shell")),
        (["status", "web"], line("status")),
        (["status", "web", "--json"], line("status", json="1")),
        (["export", "web"], line("export")),
        (["export", "web", "-y", "--dry-run"], line("export", yes="1", dry="1")),
        (["export", "web", "--skip-refused"], line("export", skip="1")),
        (["destroy", "web", "--yes"], line("destroy", yes="1")),
        (["rebuild-image", "web", "-y"], line("rebuild-image", yes="1")),
        (["rebuild-image"], line("rebuild-image")),
        (["recreate", "web", "-y"], line("recreate", yes="1")),
        (["auth", "web"], line("auth")),
        (["auth", "web", "--auth-mode", "subscription"], line("auth", mode="subscription")),
        (["make", "web", "stop", "start"], line("stop") + line("start")),
        (["exec", "web", "--", "echo", "$HOME", "a  b", "--", "-y"], "$HOME a  b -- -y\n"),
        (["exec", "web", "echo", "x"], "x\n"),
    ],
)
def test_verb_makes_its_target(words, shown, web, tc):
    assert tc(*words) == (0, shown, "")


def test_exec_relays_the_exit_code(web, tc):
    done = tc("exec", "web", "--", "sh", "-c", "exit 42")
    assert done.code == 42


def test_recipe_without_a_code_of_its_own_ends_with_1(web, tc):
    assert tc("make", "web", "fails").code == 1


def test_hostile_environment_does_not_reach_make(web, tc, monkeypatch):
    hostile = {
        "MAKEFLAGS": "-n",
        "GNUMAKEFLAGS": "-n",
        "MFLAGS": "-n",
        "MAKEFILES": "/nonexistent",
        "MAKELEVEL": "7",
        "MAKEOVERRIDES": "X=1",
        "GIT_DIR": "/evil",
        "GIT_TEMPLATE_DIR": "/evil",
        "BASH_ENV": "/evil",
        "ENV": "/evil",
        "CDPATH": "/evil",
        "CAGE_YES": "1",
        "CAGE_CMD": "evil",
    }
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    done = tc("make", "web", "environment")
    shown = dict(row.split("=", 1) for row in done.out.splitlines() if "=" in row)
    assert done.code == 0
    assert set(hostile) & set(shown) == {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}
    assert (shown["MAKEFLAGS"].strip(), shown["MAKELEVEL"]) == ("", "1") or shown["MAKELEVEL"] == "1"
    assert "n" not in shown["MAKEFLAGS"].split()[:1]
    assert "/evil" not in done.out


@pytest.mark.parametrize("name", ["", "..", "../..", "/etc", "Web", "a.b", "x" * 64, "\x1b[2Jx"])
def test_every_verb_refuses_a_bad_name_before_anything(name, tc, home):
    verbs = "attach start stop status shell export destroy rebuild-image recreate auth diff-recipes render"
    for verb in [[verb, name] for verb in verbs.split()] + [
        ["exec", name, "--", "ls"],
        ["make", name, "help"],
        ["set", name, "memory=1g"],
    ]:
        if verb == ["rebuild-image", ""] or verb == ["render", ""]:
            continue
        done = tc(*verb)
        assert (done.code, done.out) == (2, "")
        assert done.err.endswith(
            "is not a name for a cage\n"
            "A name is 1 to 63 of a-z, 0-9, '-' and '_', and starts with a letter or a digit.\n"
        )
        assert "\x1b" not in done.err
    assert not home.exists()


def test_cage_that_is_not_there_is_an_error(tc):
    assert tc("attach", "web") == (1, "", "error: there is no cage 'web'\nSee which there are: tc list\n")


def test_destroyed_cage_says_how_to_make_it_anew(tc, home):
    (home / "envs" / "web" / "repo").mkdir(parents=True)
    assert tc("attach", "web") == (
        1,
        "",
        "error: of cage 'web' only the host clone is left\n"
        "Make it anew: tc create <git-url> --name web --reuse-clone\n",
    )


def test_cage_of_1_0_0_is_told_in_a_sentence(web, tc):
    (web / "recipes").rename(web / "recipes.gone")
    (web / "export.mk").touch()
    for words in (["start", "web"], ["render", "web"], ["set", "web", "pids=9"]):
        done = tc(*words)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(
            "error: cage 'web' was made by 1.0.0, whose recipes lay in other files\nMake it anew; "
        )


@pytest.mark.parametrize("gone", ["Makefile", "Makefile.cage", "local.mk", "lib"])
def test_missing_recipes_name_the_command_that_mends_it(gone, web, tc):
    path = web / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert tc("stop", "web") == (1, "", f"error: '{path}' is missing\nRender it again: tc render web\n")
    assert tc("render", "web").code == 0
    assert tc("stop", "web").code == 0


def test_makefile_that_cannot_be_read_is_reported_with_file_and_line(web, tc):
    with (web / "Makefile").open("a") as file:
        file.write("what is this\n")
    number = len((web / "Makefile").read_text().splitlines())
    done = tc("stop", "web")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"Makefile:{number}: *** missing separator.  Stop.\n"
        f"error: the recipes of cage 'web' can't be read: Makefile:{number}: *** missing separator.  Stop.\n"
        "See what was changed in them: tc diff-recipes web\n"
    )


def test_missing_make_is_said_in_words(web, tc, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tc("stop", "web") == (
        1,
        "",
        "error: 'make' is not installed\nInstall it: sudo apt-get install make, or on macOS: xcode-select --install\n",
    )


@pytest.mark.parametrize("word", ["-n", "--eval=x", "V=1"])
def test_make_takes_targets_only(word, web, tc):
    done = tc("make", "web", "--", word)
    assert done == (
        2,
        "",
        f"error: '{word}' is not a target\nOptions and variables go to make itself: make -C '{web}' …\n",
    )


def test_name_of_a_target_steers_no_terminal(web, tc):
    done = tc("make", "web", "x\x1b]0;t\a")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: 'x?]0;t?' is not a target\n")


@pytest.mark.parametrize("option", ["--as", "--ref"])
def test_value_of_an_option_is_not_empty(option, web, tc):
    said = f"error: {option} is empty\nGive it a value, or leave it out.\n"
    assert tc("export", "web", "--commits", option, "") == (2, "", said)


@pytest.mark.parametrize("words", ["sync web -y a b", "sync web a -y b", "sync web a b -y", "sync -y web a b"])
def test_paths_of_sync_stand_before_and_after_options(words):
    args = cli.parse(words.split())
    assert (args.name, args.yes, args.paths) == ("web", True, ["a", "b"])


def test_option_that_sync_does_not_know_is_wrong_usage(web, tc):
    assert tc("sync", "web", "-y", "a", "--bogus").code == 2


def test_exec_without_a_command_is_wrong_usage(web, tc):
    assert tc("exec", "web") == (2, "", "error: no command is given\nFor example: tc exec web -- ls\n")


def test_ctrl_c_waits_for_the_recipe_and_ends_with_130(web):
    process = subprocess.Popen(
        [sys.executable, "-m", "cage", "make", "web", "waits"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout.readline() == b"waiting\n"
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=10) == 130
    process.stdout.close()


def test_closed_streams_are_no_trouble(web):
    done = subprocess.run(f"exec {sys.executable} -m cage stop web <&- >&-", shell=True, capture_output=True)
    assert done.returncode in (0, 1)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["attach"], "the following arguments are required: name"),
        (["attach", "web", "--jso"], "unrecognized arguments: --jso"),
    ],
)
def test_wrong_usage_ends_with_2(words, said, tc):
    done = tc(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: {said}\nSee: tc --help\n" or done.err == (f"error: {said}\nSee: tc attach --help\n")


def test_version_stands_in_one_place(tc):
    from cage import __version__

    assert tc("--version") == (0, f"trusty-cage {__version__}\n", "")


def test_older_recipes_are_named_in_a_line_and_go_on_working(web, tc, monkeypatch):
    from cage import __version__

    monkeypatch.setattr("cage.__version__", "99.0")
    assert tc("stop", "web") == (
        0,
        line("stop"),
        f"warning: cage 'web' has the recipes of trusty-cage {__version__}, not 99.0; "
        "see what is new: tc render web --check\n",
    )


def loaded(*words):
    """The modules that Python loads with these words of its command line."""
    command = [sys.executable, "-X", "importtime", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {row.rsplit("|", 1)[-1].strip() for row in done.stderr.splitlines()}


@pytest.mark.parametrize("words", [["--help"], ["list"], ["--version"]])
def test_start_imports_nothing_heavy(words, web, engine):
    """Except for modules that argparse loads for its help: since Python 3.14 dataclasses and inspect."""
    ours = loaded("-m", "cage", *words) - loaded("-c", "import argparse; argparse.ArgumentParser().print_help()")
    assert "cage.cli" in ours
    heavy = {"jinja2", "sh", "dotenv", "inspect", "asyncio", "logging", "typing", "dataclasses"}
    assert ours & heavy == set()


def test_make_is_run_through_sh_without_its_coroutines(web):
    ours = loaded("-m", "cage", "stop", "web")
    assert "sh" in ours
    assert ours & {"asyncio", "jinja2", "dotenv"} == set()


@pytest.mark.parametrize("words", [["list"], ["stop", "web"], ["create", "."], ["render", "web"]])
def test_folder_that_was_deleted_is_named(words, web, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    script = 'mkdir "$1" && cd "$1" && rmdir "$1" && shift && exec "$@"'
    gone = tmp_path / "gone"
    done = subprocess.run(
        ["bash", "-c", script, "sh", gone, sys.executable, "-m", "cage", *words], capture_output=True, text=True
    )
    said = f"error: the current folder was deleted: '{gone}'\nGo to another: cd\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


@pytest.fixture
def unread():
    """Run tc with a standard output that nobody reads any more, and its errors, too, if those are 'both'."""

    def run(*words, both=False):
        ours, theirs = os.pipe()
        os.close(ours)
        errors = theirs if both else subprocess.PIPE
        done = subprocess.run([sys.executable, "-m", "cage", *words], stdout=theirs, stderr=errors, text=True, cwd=ROOT)
        os.close(theirs)
        return done.returncode, done.stderr or ""

    return run


@pytest.mark.parametrize(
    "words", [["--help"], ["create", "--help"], ["--version"], ["list"], ["completion", "bash"], ["render", "web"]]
)
def test_reader_that_goes_away_ends_tc_quietly(words, web, engine, unread):
    (engine / "answer").touch()
    assert unread(*words) == (141, "")


def test_reader_of_errors_that_goes_away_ends_tc_quietly(unread):
    assert unread("nope", both=True) == (141, "")
    assert unread("status", "none", both=True) == (141, "")


@pytest.mark.parametrize("words", [["make", "web", "help"], ["diff-recipes", "web"]])
def test_reader_that_goes_away_ends_a_recipe_quietly(words, repo, tc, home, unread):
    assert tc("create", repo, "--render-only").code == 0
    (home / "envs" / "web" / "layout.sh").write_text("true\n")
    assert unread(*words) == (141, "")


def test_message_that_nobody_reads_is_no_failure(web, repo, tc, home, unread):
    (web / "Makefile").write_text("stop:\n\t@bash lib/say tell done; echo $$? >told\n\t@bash lib/say die 3 no\n")
    (web / "lib/say").write_bytes((ROOT / "templates/lib/say").read_bytes())
    assert unread("stop", "web", both=True)[0] == 3
    assert (web / "told").read_text() == "0\n"


def test_full_disk_is_told_whatever_is_printed(web, engine):
    (engine / "answer").touch()
    for words in (["--help"], ["list"]):
        with open("/dev/full", "w") as full:  # noqa: PTH123 (a device)
            done = subprocess.run(
                [sys.executable, "-m", "cage", *words], stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT
            )
        assert (done.returncode, done.stderr.splitlines()[0]) == (1, "error: no space left on device")


def test_release_of_sh_that_needs_more_gets_it(tmp_path):
    (tmp_path / "sh.py").write_text("import asyncio\nloop = asyncio.get_event_loop_policy\n")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from cage.make import sh; import asyncio; print(sh.loop is asyncio.get_event_loop_policy)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "True\n"


def test_rebuild_image_of_all_goes_on_past_one_that_fails(web, tc, repo):
    assert tc("create", repo, "--name", "zoo").code == 0
    edit(web / "Makefile", "export destroy rebuild-image recreate auth:", "export destroy recreate auth:")
    with (web / "Makefile").open("a") as file:
        file.write("rebuild-image:\n\t@exit 1\n")
    done = tc("rebuild-image", "-y")
    assert done.code == 1
    assert done.out.startswith("rebuild-image zoo ")


def within(seconds, *command, **more):
    """lib/run/time-limit, as recipes run it."""
    return subprocess.run(
        ["bash", ROOT / "templates/lib/run/time-limit", seconds, *command],
        capture_output=True,
        text=True,
        timeout=10,
        **more,
    )


def test_command_with_a_time_limit_keeps_its_streams_and_its_exit_code():
    done = within("9", "sh", "-c", "cat; echo err >&2; exit 42", input="in\n")
    assert (done.returncode, done.stdout, done.stderr) == (42, "in\n", "err\n")


def test_call_of_the_engine_keeps_its_streams_and_its_exit_code_but_for_what_steers_a_terminal():
    call = ["sh", "-c", r"cat; printf 'no folder: /x\033]0;y\007\302\2331m \342\200\246\n' >&2; exit 42"]
    done = subprocess.run(
        ["bash", "lib/run/errors", *call], cwd=ROOT / "templates", input=b"in\x1b\0\n", capture_output=True, timeout=10
    )
    assert (done.returncode, done.stdout) == (42, b"in\x1b\0\n")
    assert done.stderr.decode() == "no folder: /x]0;y?1m …\n"


def test_calls_of_the_engine_that_name_what_a_cage_holds_are_heard_only():
    for path in (ROOT / "templates/Makefile.j2", *ROOT.glob("templates/recipes/*.mk")):
        for line in path.read_text().replace("\\\n", " ").splitlines():
            for call in re.findall(r"(.{0,60})\"\$\$CAGE_ENGINE\" (?:start|restart|stop|rm|volume rm|run)\b", line):
                quiet = "2>&1" in line or "start -- $(GUARD)" in line
                quiet = quiet or any(script in call for script in ("or-make", "ask-machine", "image/check"))
                assert quiet or "$(heard)" in call, line


def test_command_past_its_time_limit_is_ended_with_124():
    done = within("0.2", "sleep", "30")
    assert (done.returncode, done.stdout, done.stderr) == (124, "", "")


def test_interrupted_command_with_a_time_limit_leaves_nothing_behind():
    command = ["bash", ROOT / "templates/lib/run/time-limit", "40", "sleep", "41.5"]
    process = subprocess.Popen(
        command, start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    )
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=5) == 130
    time.sleep(0.2)
    found = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True).stdout.splitlines()
    of_group = [line.split(None, 2) for line in found if line.split()[0] == str(process.pid)]
    assert [words for words in of_group if not words[1].startswith("Z")] == []


def test_remedy_names_the_folder_whatever_is_in_its_name(tmp_path):
    folder = tmp_path / "R&D" / "web"
    shutil.copytree(ROOT / "templates/lib", folder / "lib")
    (folder / "Makefile").write_text("start:\n")
    done = subprocess.run(
        ["bash", "lib/say", "die", "3", "no", "Try: @start@"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "CAGE_NAME": "web"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (3, f"error: no\nTry: make -C '{folder}' start\n")
