"""The host clone as its inventory tells it, read by the guard: the two ends of one question."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT
from test_verdict import question

NAMES = [
    b"plain",
    b"a\rb",
    b"a\r\nb",
    b"a\nb",
    b"back\\slash",
    b"\\n",
    b"-v",
    b" blank ",
    b"\xff\xfe",
    b"\x1b[2J",
    b"d/x\ry",
]


@pytest.fixture
def folder(tmp_path):
    """A cage's folder with an empty clone."""
    folder = tmp_path / "cage"
    shutil.copytree(ROOT / "templates/lib", folder / "lib")
    (folder / "repo/.git").mkdir(parents=True)
    into = folder / ".state/export/question"
    into.mkdir(parents=True)
    (folder / ".history").mkdir()
    for name in ("base", "hooks", "included"):
        (into / name).touch()
    return folder


@pytest.fixture(params=["sha256sum", "shasum"])
def programs(request, tmp_path):
    """A folder with this machine's programs, of those that digest only one: GNU's, or the one that macOS has."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in {path for place in ("/bin", "/usr/bin") for path in Path(place).iterdir()}:
        if program.name not in {"sha256sum", "shasum"} - {request.param} and not (folder / program.name).exists():
            (folder / program.name).symlink_to(program)
    return folder


def asked(folder, monkeypatch, path=os.defpath):
    """The Host that the guard reads from FOLDER's inventory, made with the programs of PATH."""
    environment = {"PATH": str(path), "LC_ALL": "C", "CAGE_NAME": "web"}
    subprocess.run(["bash", "lib/export/inventory"], cwd=folder, env=environment, check=True)
    told = io.BytesIO()
    with tarfile.open(fileobj=told, mode="w") as tar:
        tar.add(folder / ".state/export/question", ".")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(told.getvalue())))
    return question.read_question()[1]


def test_every_name_arrives_with_the_digest_of_its_file(folder, programs, monkeypatch):
    for name in NAMES:
        path = folder / "repo" / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"held by " + name)
    host = asked(folder, monkeypatch, programs)
    digests = {name: hashlib.sha256(b"held by " + name).hexdigest() for name in NAMES}
    assert {path: entry.digest for path, entry in host.entries.items()} == digests


def test_every_link_arrives_with_its_target(folder, monkeypatch):
    links = {b"link " + name.replace(b"/", b"_"): b"to " + name for name in NAMES}
    for path, target in links.items():
        (folder / "repo" / os.fsdecode(path)).symlink_to(os.fsdecode(target))
    assert asked(folder, monkeypatch).links == links
