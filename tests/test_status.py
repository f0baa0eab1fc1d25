"""tc status: the output of lib/status for the state that the steps before it have left."""

import json
import os
import subprocess

import pytest
from conftest import CONTAINER, LIMITS, edit

from cage import settings
from cage.menu import VERBS

COUNT = "1 added, 0 changed, 0 deleted, 0 refused, 0 held back, 2 commits inside\nbeside: a stash\nbytes: 1536\n"
SEEN = "guard running\ncage running\nhelper missing\n"


@pytest.fixture
def status(tc, repo, home):
    """Run lib/status in the folder of a cage that runs, is made from another image and has other limits than set."""
    assert tc("create", repo, "--render-only", "--memory", "2g").code == 0
    folder = home / "envs/web"
    for name, text in {
        ".state/engine/seen": SEEN,
        ".state/engine/containers": CONTAINER.format(
            name="web",
            status="running",
            image="old",
            home="id",
            limits=LIMITS.format(1073741824, 1500000000, 4096),
        ),
        ".state/export/count": COUNT,
        ".state/engine/volumes": "isolated-dev-web\nisolated-dev-web.home\n",
        ".state/engine/home-size": "2048\t/sized\n",
        ".state/image/tag-image": "new\n",
        ".state/image/tag-guard-image": "guard\n",
        ".history/guard": "isolated-dev-0123456789ab.guard\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    def run(*words, **environment):
        made = {f"CAGE_{setting.key.upper()}": setting.default for setting in settings.SETTINGS}
        named = {
            "CAGE_NAME": "web",
            "CAGE_CONTAINER": "isolated-dev-web",
            "CAGE_REPO_URL": str(repo),
            "CAGE_MEMORY": "2g",
            "CAGE_PUBLISHED": "",
        }
        created = json.loads((folder / "meta.json").read_text())["created_at"]
        named |= {"CAGE_CREATED_AT": created, "CAGE_VIA": "tc", "CAGE_VERBS": VERBS, "CAGE_BRANCH": ""}
        return subprocess.run(
            ["bash", "lib/status"],
            cwd=folder,
            env={"PATH": os.environ["PATH"], **made, **named, **environment},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    run.folder = folder
    return run


@pytest.mark.parametrize(
    ("counter", "number", "words"),
    [
        ("oom 7\noom_kill 3\nexit 1\n", "3", "ended 3 of its programs since the start"),
        ("exit 137\n", "all", "ends each program that starts in it"),
        ("oom_kill 0\n", "", ""),
    ],
)
def test_programs_that_the_kernel_ended_for_want_of_memory(counter, number, words, status):
    (status.folder / ".state/engine/kills").write_text(counter)
    line = f"out of memory the kernel {words} (limit 1.0 GiB; more: tc set web memory=2g)\n"
    assert (line in status()) == bool(number)
    assert ("out of memory" in status()) == bool(number)
    assert json.loads(status(CAGE_JSON="1"))["memory_kills"] == number


def test_status_shows_agent_network_limits_bytes_and_how_to_mend_what_is_stale(status, repo):
    shown = status()
    created = json.loads((status.folder / "meta.json").read_text())["created_at"]
    assert shown == (
        "cage          web\n"
        "status        running\n"
        "guard         running\n"
        "agent         claude\n"
        "network       open\n"
        "ports         -\n"
        "limits        memory 1.0 GiB, cpus 1.5, pids 4096\n"
        f"repository    {repo}\n"
        f"host clone    {status.folder}/repo\n"
        f"created       {created}\n"
        "auth          api_key\n"
        "keys          outside: there is no gate, since no key was given yet\n"
        "image         old\n"
        "volumes       isolated-dev-web isolated-dev-web.home\n"
        "project       1.5 KiB\n"
        "un-exported   1 added, 0 changed, 0 deleted, 0 refused, 0 held back, 2 commits inside\n"
        "              a stash\n"
        "edited        -\n"
        "not in meta   -\n"
        "stale         image: tc recreate web\n"
        "              limits: tc make web limits\n"
    )


def test_status_as_json_has_all_of_it(status):
    said = json.loads(status(CAGE_JSON="1", CAGE_SIZE="1"))
    assert {
        key: said[key] for key in ("agent", "network", "memory", "cpus", "pids", "project_bytes", "home_bytes")
    } == {
        "agent": "claude",
        "network": "open",
        "memory": "1073741824",
        "cpus": "1.5",
        "pids": "4096",
        "project_bytes": "1536",
        "home_bytes": "2097152",
    }
    assert (said["stale"], said["remedies"]) == ("image limits", "tc recreate web; tc make web limits")
    assert said["unexported"].endswith("2 commits inside; beside that a stash")


def test_remedy_of_two_stale_parts_is_told_once(status):
    (status.folder / ".history/flags").write_text("those of another recipe\n")
    said = json.loads(status(CAGE_JSON="1"))
    assert said["stale"] == "image limits container"
    assert said["remedies"] == "tc recreate web; tc make web limits"


def test_ports_are_shown_with_the_address_to_open(status):
    ports, at = "3000 8080:80", ("http://web.localhost:3000", "http://web.localhost:8080")
    shown = f"\nports         {at[0]} (port 3000 inside)\n              {at[1]} (port 80 inside)\n"
    assert shown in status(CAGE_PUBLISHED=ports)
    assert json.loads(status(CAGE_JSON="1", CAGE_PUBLISHED=ports))["ports"] == " ".join(at)


def test_size_is_shown_where_it_is_asked_for(status):
    assert "\nhome " not in status()
    assert "\nhome          2.0 MiB\n" in status(CAGE_SIZE="1")


def test_cage_without_a_container_shows_the_limits_that_are_set(status):
    (status.folder / ".state/engine/containers").write_text("")
    assert "\nlimits        memory 2g, cpus -, pids 4096\n" in status()
    (status.folder / ".state/export/count").unlink()
    assert "\nproject       -\nun-exported   unknown\n" in status()


def test_setting_that_the_makefile_has_otherwise_is_named(status):
    edit(status.folder / "meta.json", '"pids": "4096"', '"pids": "17"')
    edit(status.folder / "meta.json", '"auth_mode": "api_key"', '"auth_mode": "subscription"')
    assert "\nnot in meta   auth_mode pids\n" in status()
    assert "\nnot in meta   repo_url auth_mode pids\n" in status(CAGE_REPO_URL="elsewhere")
