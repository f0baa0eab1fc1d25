"""What lib/ tells of edited recipes: without Python, by make and the shell alone."""

import os
import subprocess

import pytest
from conftest import edit, edit_recipe

from cage import settings

INSPECT = "/isolated-dev-{name}|running|2030-01-01T00:00:00Z|{tag}|sha256:1|web|id"


@pytest.fixture
def cage(tc, repo, home):
    """The folder of a cage rendered from the real templates, and its scripts as recipes run them."""
    assert tc("create", repo, "--render-only").code == 0
    folder = home / "envs" / "web"
    (folder / ".state").mkdir()
    (folder / ".history").mkdir()
    (folder / ".history/guard").write_text("isolated-dev-0123456789ab.guard\n")

    def run(script, *words, **values):
        defaults = {f"CAGE_{setting.key.upper()}": setting.default for setting in settings.SETTINGS}
        names = {"CAGE_NAME": "web", "CAGE_CONTAINER": "isolated-dev-web"}
        named = {"CAGE_HELPER": "isolated-dev-web.helper", "CAGE_HOME_ID": "id", "CAGE_MISSING": "ok"}
        command = ["bash", f"lib/{script}", *words]
        environment = {**os.environ, **defaults, **names, **named, **values}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    def inspected(tag="new", limits="|0|0|4096"):
        rows = [INSPECT.format(name="0123456789ab.guard", tag="guard"), INSPECT.format(name="web", tag=tag) + limits]
        (folder / ".state/inspect").write_text("\n".join(rows) + "\n")
        (folder / ".state/inspect.err").write_text("")

    def made(state="missing"):
        (folder / ".state/seen").write_text(f"guard {state}\ncage {state}\nhelper missing\n")
        subprocess.run(["make", "-C", folder, "-o", "seen", "flags"], check=True, capture_output=True)

    run.folder, run.inspected, run.made = folder, inspected, made
    made()
    inspected()
    return run


def test_nothing_is_stale_while_nothing_changed(cage):
    assert cage("engine/stale", "new") == ""


def test_image_of_another_recipe_is_stale(cage):
    assert cage("engine/stale", "newer") == "image\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("--ulimit core=0", "--ulimit core=1"),
        ("FOR_APT := ", "FOR_APT := SYS_PTRACE "),
        ("--pids-limit 64", "--pids-limit 65"),
        ("DISK :=", "DISK := 20g"),
        ("export CAGE_HARDENED := no", "export CAGE_HARDENED := yes"),
        ("include local.mk", "FOR_APT += SYS_PTRACE\ninclude local.mk"),
    ],
)
def test_container_of_other_flags_is_stale_until_it_is_made_anew(old, new, cage):
    edit_recipe(cage.folder, old, new)
    assert cage("engine/stale", "new") == "container\n"
    (cage.folder / ".state/inspect").write_text("")
    assert cage("engine/stale", "new") == ""
    cage.made("running")
    cage.inspected()
    assert cage("engine/stale", "new") == "container\n"
    cage.made()
    assert cage("engine/stale", "new") == ""


def test_container_of_another_profile_is_stale_until_it_is_made_anew(cage):
    edit(cage.folder / "seccomp.json", '"vmsplice", ', "")
    assert cage("engine/stale", "new") == "container\n"
    cage.made()
    assert cage("engine/stale", "new") == ""


@pytest.mark.parametrize("line", ["export CAGE_TMUX_PREFIX := C-b", "stop: ; @true", "# words"])
def test_edits_that_no_container_is_made_with_leave_it_fresh(line, cage):
    with (cage.folder / "local.mk").open("a") as file:
        file.write(line + "\n")
    assert cage("engine/stale", "new") == ""


@pytest.mark.parametrize(
    ("limits", "values", "stale"),
    [
        ("", {"CAGE_PIDS": "7"}, ""),
        ("|0|0|7", {}, "limits\n"),
        ("|536870912|0|4096", {"CAGE_MEMORY": "512m"}, ""),
        ("|4294967296|1500000000|4096", {"CAGE_MEMORY": "4G", "CAGE_CPUS": "1.5"}, ""),
        ("|536870912|290000000|4096", {"CAGE_MEMORY": "536870912", "CAGE_CPUS": "0.29"}, ""),
        ("|536870912|0|4096", {"CAGE_MEMORY": "1g"}, "limits\n"),
        ("|0|2000000000|4096", {"CAGE_CPUS": "1"}, "limits\n"),
    ],
)
def test_container_with_other_limits_than_the_settings_is_stale(limits, values, stale, cage):
    cage.inspected(limits=limits)
    assert cage("engine/stale", "new", **values) == stale


@pytest.mark.parametrize(
    ("lacks", "stale"),
    [
        ("memory swap pids cpus pause", ""),
        ("memory pids", "limits\n"),
        ("pids cpus", "limits\n"),
        ("memory cpus swap pause", "limits\n"),
    ],
)
def test_limit_that_the_engine_lacks_is_never_stale(lacks, stale, cage):
    cage.inspected(limits="|0|0|0")
    (cage.folder / ".history/lacks").write_text(lacks.replace(" ", "\n") + "\n")
    assert cage("engine/stale", "new", CAGE_MEMORY="1g", CAGE_CPUS="1") == stale


def test_diff_by_hand_is_the_diff_of_tc(cage, tc):
    edit(cage.folder / "layout.sh", "session=dev", "session=mine\t# \u00fc")
    (cage.folder / "image/tmux.conf").unlink()
    with (cage.folder / "local.mk").open("a") as file:
        file.write("X := 1")
    done = subprocess.run(
        ["make", "--no-print-directory", "-C", cage.folder, "diff-recipes"], capture_output=True, text=True, check=True
    )
    by_hand, by_tc = (
        sorted(("\n" + out).split("\n--- "))
        for out in (done.stdout.rstrip("\n"), tc("diff-recipes", "web").out.rstrip("\n"))
    )
    assert [part.rstrip("\n") for part in by_hand] == [part.rstrip("\n") for part in by_tc]


def test_help_lists_targets_of_ones_own(cage):
    with (cage.folder / "local.mk").open("a") as file:
        file.write("my.Target_2: ## Do it\n\t@true\npost-stop:: ## After it\n\t@true\n")
    done = subprocess.run(["make", "-C", cage.folder, "help"], capture_output=True, text=True, check=True)
    assert "\nYours\n  my.Target_2    Do it\n  post-stop      After it\n" in done.stdout
