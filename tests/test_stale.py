"""Edited recipes, as lib/ names them: without Python, by make and the shell alone."""

import os
import subprocess

import pytest
from conftest import CONTAINER, LIMITS, edit, edit_recipe

from cage import settings

GUARD = "0123456789ab.guard"


def made_of(image, name="web", limits=""):
    """The engine's words about a container that was made of IMAGE."""
    return CONTAINER.format(name=name, status="running", image=image, home="id", limits=limits)


@pytest.fixture
def cage(tc, repo, home):
    """The folder of a cage rendered from the real templates, and its scripts as recipes run them."""
    assert tc("create", repo, "--render-only").code == 0
    folder = home / "envs" / "web"
    (folder / ".state/engine").mkdir(parents=True)
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

    def inspected(tag="new", limits=(0, 0, 4096)):
        limits = LIMITS.format(*limits) if limits else ""
        answer = made_of("guard", GUARD) + made_of(tag, limits=limits)
        (folder / ".state/engine/containers").write_text(answer)
        (folder / ".state/engine/containers.err").write_text("")

    def made(state="missing"):
        (folder / ".state/engine/seen").write_text(f"guard {state}\ncage {state}\nhelper missing\n")
        subprocess.run(["make", "-C", folder, "-o", "seen", "flags"], check=True, capture_output=True)

    run.folder, run.inspected, run.made = folder, inspected, made
    made()
    inspected()
    return run


def test_nothing_is_stale_while_nothing_changed(cage):
    assert cage("engine/stale", "new", "guard") == ""


def test_image_of_another_recipe_is_stale(cage):
    assert cage("engine/stale", "newer", "guard") == "image\n"


def test_guard_of_another_recipe_is_stale(cage):
    assert cage("engine/stale", "new", "other") == "guard\n"
    (cage.folder / ".state/engine/containers").write_text("")
    assert cage("engine/stale", "new", "other") == ""


def asked(folder, line):
    """The output of a recipe of this LINE in the cage's FOLDER."""
    (folder / "asking.mk").write_text(f"include Makefile\nasked: ; {line}\n")
    words = ["make", "--no-print-directory", "-f", "asking.mk", "-C", folder, "asked"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    (folder / "asking.mk").unlink()
    return done.stdout


def tag_of_guard(folder):
    """The name that the recipes of now give the guard's image."""
    subprocess.run(["make", "-s", "-C", folder, "tag-guard-image"], check=True)
    return (folder / ".state/image/tag-guard-image").read_text().strip()


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("guard/rules.py", "LINES = 200", "LINES = 300"),
        ("guard/policy", "        accept\n", "        ip daddr 192.0.2.0/24 reject\n        accept\n"),
        ("guard/judge", "import json\n", "import json\n# more\n"),
        ("guard/runs_later.tsv", "[git", "[mine]\nmine.yml\thttps://example.com\n\n[git"),
        ("guard/Dockerfile", "nftables python3", "nftables strace python3"),
        ("guard/more.py", None, "MORE = 1\n"),
    ],
)
def test_edit_of_the_guard_s_is_said_at_attach_start_and_by_status_until_it_is_made_anew(path, old, new, cage, capfd):
    def said(guard):
        (cage.folder / ".state/engine/containers").write_text(made_of(guard, GUARD) + made_of("x"))
        words = ["make", "--no-print-directory", "-C", cage.folder, "-o", "seen", "notice"]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        status = asked(cage.folder, "@bash lib/status")
        stale = next(line for line in status.splitlines() if line.startswith("stale"))
        told = "The guard's recipe changed since this cage was made. Apply it: make -C" in done.stderr
        assert told == (" guard" in stale), (done.stderr, stale)
        assert not told or " recreate (exports use it already)\n" in done.stderr
        return told

    before = tag_of_guard(cage.folder)
    assert before.startswith("trusty-cage-guard:") and len(before) == 34
    assert not said(before)
    if old is None:
        (cage.folder / path).write_text(new)
    else:
        edit(cage.folder / path, old, new)
    assert said(before)
    assert not said(tag_of_guard(cage.folder))


def test_name_of_its_cage_and_release_makes_no_guard_stale(cage):
    before = tag_of_guard(cage.folder)
    edit(cage.folder / "guard/Dockerfile", "# The guard and helper image of", "# The guard and helper image of another")
    assert tag_of_guard(cage.folder) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("--ulimit core=0 \\\n\t\t--user 1000", "--ulimit core=1 \\\n\t\t--user 1000"),
        ("FOR_APT := ", "FOR_APT := SYS_PTRACE "),
        ("--pids-limit 64", "--pids-limit 65"),
        ("DISK :=", "DISK := 20g"),
        ("SHM := 1g", "SHM := 2g"),
        ("CONTAINER_FLAGS :=\n", "CONTAINER_FLAGS := --ulimit nofile=65536\n"),
        ("\nPORTS = $(subst", "\nPORTS = 8000 $(subst"),
        ("--network-alias ,$(DOCKER_HUB)", "--network-alias ,$(DOCKER_HUB) mine"),
        ("export CAGE_HARDENED := no", "export CAGE_HARDENED := yes"),
        ("include local.mk", "FOR_APT += SYS_PTRACE\ninclude local.mk"),
    ],
)
def test_container_of_other_flags_is_stale_until_it_is_made_anew(old, new, cage):
    edit_recipe(cage.folder, old, new)
    assert cage("engine/stale", "new", "guard") == "container\n"
    (cage.folder / ".state/engine/containers").write_text("")
    assert cage("engine/stale", "new", "guard") == ""
    cage.made("running")
    cage.inspected()
    assert cage("engine/stale", "new", "guard") == "container\n"
    cage.made()
    assert cage("engine/stale", "new", "guard") == ""


def test_container_of_another_profile_is_stale_until_it_is_made_anew(cage):
    edit(cage.folder / "seccomp.json", '"vmsplice", ', "")
    assert cage("engine/stale", "new", "guard") == "container\n"
    cage.made()
    assert cage("engine/stale", "new", "guard") == ""


@pytest.mark.parametrize("line", ["export CAGE_TMUX_PREFIX := C-b", "stop: ; @true", "# words"])
def test_edits_that_no_container_is_made_with_leave_it_fresh(line, cage):
    with (cage.folder / "local.mk").open("a") as file:
        file.write(line + "\n")
    assert cage("engine/stale", "new", "guard") == ""


@pytest.mark.parametrize(
    ("limits", "values", "stale"),
    [
        ((), {"CAGE_PIDS": "7"}, ""),
        ((0, 0, 7), {}, "limits\n"),
        ((536870912, 0, 4096), {"CAGE_MEMORY": "512m"}, ""),
        ((4294967296, 1500000000, 4096), {"CAGE_MEMORY": "4G", "CAGE_CPUS": "1.5"}, ""),
        ((536870912, 290000000, 4096), {"CAGE_MEMORY": "536870912", "CAGE_CPUS": "0.29"}, ""),
        ((536870912, 0, 4096), {"CAGE_MEMORY": "1g"}, "limits\n"),
        ((0, 2000000000, 4096), {"CAGE_CPUS": "1"}, "limits\n"),
    ],
)
def test_container_with_other_limits_than_the_settings_is_stale(limits, values, stale, cage):
    cage.inspected(limits=limits)
    assert cage("engine/stale", "new", "guard", **values) == stale


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
    cage.inspected(limits=(0, 0, 0))
    (cage.folder / ".history/lacks").write_text(lacks.replace(" ", "\n") + "\n")
    assert cage("engine/stale", "new", "guard", CAGE_MEMORY="1g", CAGE_CPUS="1") == stale


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
