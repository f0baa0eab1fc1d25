"""dev/setup and dev/engine: the packages that they ask for, and their words."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

# Programs that dev/setup and dev/engine call, but for the engine and the package tools.
PROGRAMS = ("bash", "cat", "dirname", "env", "grep", "id", "python3", "sh", "uname")


APPARMOR = Path("/sys/module/apparmor/parameters/enabled")
ENGINE = " docker.io iptables" + (" apparmor" if APPARMOR.exists() and APPARMOR.read_text()[:1] == "Y" else "")


def put(folder, name, text):
    """Make a program of folder."""
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def machine(tmp_path):
    """A PATH with stand-ins for apt-cache, and for apt-get, which prints the packages to install and fails."""
    folder = tmp_path / "machine"
    folder.mkdir()

    for name in PROGRAMS:
        found = next(path for at in os.defpath.split(":") if (path := Path(at, name)).exists())
        (folder / name).symlink_to(found)
    for name in ("make", "git", "ps", "ip", "debootstrap", "sg"):
        put(folder, name, "exit 0")
    put(folder, "sudo", 'exec "$@"')
    put(folder, "apt-get", '[ "$1" = update ] || { echo "$@" >&2; exit 9; }')
    # Elsewhere than here the scripts look for it in sbin, too.
    for name in ("dev/setup", "dev/engine", "dev/words"):
        text = (ROOT / name).read_text().replace("PATH=$PATH:/usr/sbin:/sbin\n", "")
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return folder


def setup(machine, script, *words):
    done = subprocess.run(
        ["bash", machine.parent / script, *words], env={"PATH": str(machine)}, capture_output=True, text=True
    )
    return done.returncode, done.stderr.splitlines()


def test_engine_of_debian_12_has_its_client(machine):
    put(machine, "apt-cache", "exit 100")
    code, said = setup(machine, "dev/setup", "demo")
    assert code == 9
    assert said[-1].endswith(f"--no-install-recommends{ENGINE}")


def test_bench_has_what_older_releases_need(machine):
    put(machine, "apt-cache", "exit 100")
    assert "rsync" in setup(machine, "dev/setup", "bench")[1][0].split()
    assert "rsync" not in setup(machine, "dev/setup", "test")[1][0].split()


@pytest.mark.parametrize("engine", [False, True])
def test_client_of_debian_13_is_installed(machine, engine):
    put(machine, "apt-cache", 'case $2 in docker-cli | docker-buildx) echo "Package: $2" ;; *) exit 100 ;; esac')
    if engine:
        put(machine, "dockerd", "exit 1")
    code, said = setup(machine, "dev/setup", "demo")
    rest = "" if engine else ENGINE
    assert said[0] == f"  INSTALL  docker-cli docker-buildx{rest}"
    assert said[-1].endswith(f"--no-install-recommends docker-cli docker-buildx{rest}")
    assert code == 9


@pytest.mark.parametrize(("user", "more"), [(0, ""), (1000, " util-linux-extra")])
def test_user_who_joins_the_engines_group_gets_sg(machine, user, more):
    (machine / "sg").unlink()
    (machine / "id").unlink()
    put(machine, "id", f"echo {user}")
    put(machine, "apt-cache", 'echo "Package: $2"')
    put(machine, "docker", "exit 1")
    assert setup(machine, "dev/setup", "demo")[1][0] == f"  INSTALL {more}{ENGINE}"


def test_client_that_is_missing_is_said(machine):
    assert setup(machine, "dev/engine") == (
        1,
        [
            "error: the engine's client 'docker' is not installed",
            "Install it, then run this again. On Debian 13 it is the package docker-cli.",
        ],
    )


# A cage's name or an object's that begins with no variable, in a test of bats'.
OBJECT = r"""(?:isolated-dev-|--name[ =]|trusty-cage\.env=)["']?(?!(?:a|b|helper|machine)\b|isolated-dev-)[a-z]"""
FIXED = re.compile(OBJECT + r"""|tc create "[^"]*/[a-z][a-z.-]*" (?!.*--name)""")


def test_cages_of_bats_have_names_of_the_run():
    found = [
        f"{path.name}: {line.strip()}"
        for path in sorted((ROOT / "bats").glob("*.bats"))
        for line in path.read_text().splitlines()
        if FIXED.search(line)
    ]
    assert found == []
