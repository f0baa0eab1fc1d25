"""The one network of all cages, made while others make it too."""

import os
import subprocess

import pytest

# Inspects and creates by turns, each with an exit code of its own.
ENGINE = """#!/bin/sh
echo "$1 $2" >>"$0.asked"
code=$(sed -n "$(grep -c "$2" "$0.asked")p" "$0.$2")
[ "$code" = 0 ] || echo "Error response from daemon: \033]0;no" >&2
exit "$code"
"""


@pytest.fixture
def made(tc, repo, home, tmp_path):
    """A function that makes the network with an engine whose answers are given; make's end, and the calls."""
    assert tc("create", repo, "--render-only").code == 0
    folder = home / "envs" / "web"
    (folder / ".state/engine").mkdir(parents=True)
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(ENGINE)
    docker.chmod(0o755)

    def make(inspect, create):
        docker.with_name("docker.inspect").write_text("\n".join(map(str, inspect)))
        docker.with_name("docker.create").write_text("\n".join(map(str, create)))
        path = f"{docker.parent}:{os.environ['PATH']}"
        words = ["make", "-C", folder, "network-there"]
        done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "PATH": path})
        return done, docker.with_name("docker.asked").read_text().splitlines()

    return make


def test_network_that_is_there_is_not_made(made):
    done, asked = made([0], [])
    assert (done.returncode, asked) == (0, ["network inspect"])


def test_network_that_is_missing_is_made(made):
    done, asked = made([1], [0])
    assert (done.returncode, asked) == (0, ["network inspect", "network create"])


def test_network_that_another_home_made_meanwhile_serves(made):
    done, asked = made([1, 0], [1])
    assert (done.returncode, asked) == (0, ["network inspect", "network create", "network inspect"])
    assert "Error response" not in done.stderr


def test_network_that_cannot_be_made_is_one_error_with_the_engine_s_words(made):
    done, _ = made([1, 1], [1])
    assert done.returncode == 2
    assert "  Error response from daemon: ?]0;no\n" in done.stderr
    assert "error: the engine could not make the network 'trusty-cage'\nTry again: make -C " in done.stderr
