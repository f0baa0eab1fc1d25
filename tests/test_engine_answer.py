"""Answers of the engine: lines of name=value, read by their names (lib/engine/objects.bash)."""

import re
import subprocess

import pytest
from conftest import ROOT

READ = (
    "set -eu; . lib/engine/objects.bash; "
    'while next_object container status; do printf \'%s|%s;\' "$its_container" "$its_status"; done'
)


def read(answer):
    """The names and states of the containers in ANSWER, as a script reads them."""
    done = subprocess.run(
        ["bash", "-c", READ], cwd=ROOT / "templates", input=answer, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return [tuple(row.split("|")) for row in done.stdout.split(";")[:-1]]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("", []),
        ("\n", []),
        ("container=/a\nstatus=running\n", [("/a", "running")]),
        ("status=running\ncontainer=/a\n\n", [("/a", "running")]),
        ("container=/a\nstatus=exited\n\ncontainer=/b\n\n", [("/a", "exited"), ("/b", "")]),
        ("\n\ncontainer=/a\n\n\n\nstatus=x\n", [("/a", ""), ("", "x")]),
        ("container=a=b=\nstatus= x \n", [("a=b=", " x ")]),
    ],
)
def test_values_are_read_by_their_names_object_by_object(answer, found):
    assert read(answer) == found


@pytest.mark.parametrize(
    "line",
    [
        "",
        "status",
        "PATH=/x",
        "other=x",
        "container status=x",
        "status[$(touch pwned)]=x",
        "$(touch pwned)=x",
        "=x",
        "-v=x",
    ],
)
def test_line_of_another_name_is_dropped(line):
    assert read(f"container=/a\nstatus=running{chr(10) if line else ''}{line}\n") == [("/a", "running")]
    assert not (ROOT / "templates/pwned").exists()


def test_readers_name_what_the_formats_have():
    """A name that only one side knows would be read as empty."""
    formats = (ROOT / "templates/recipes/docker.mk").read_text()
    asked = set(re.findall(r"(?m)(?:^\t|:= )([a-z_]+)=", formats))
    read = set()
    for path in (path for path in (ROOT / "templates/lib").rglob("*") if path.is_file() and path.suffix != ".bash"):
        for names in re.findall(r"(?m)(?:^|while |\n)\s*next_object ((?:[a-z_]+ ?)+)", path.read_text()):
            read |= set(names.split())
    assert read == asked
