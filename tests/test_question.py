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


def test_file_that_a_sparse_check_out_leaves_out_is_hidden(folder, monkeypatch):
    """As the recipe lists them. One that lies there all the same is not hidden."""
    clone = folder / "repo"

    def git(*words):
        command = ["git", "-C", clone, "-c", "user.name=a", "-c", "user.email=a@b", *words]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout

    git("init", "--quiet")
    for path in ("top", "in/a", "out/S b", "out/there", "gone"):
        (clone / path).parent.mkdir(exist_ok=True)
        (clone / path).write_text("1")
    git("add", "--all")
    git("commit", "--quiet", "--message", "x")
    git("sparse-checkout", "set", "in")
    (clone / "out").mkdir()
    (clone / "out/there").write_text("1")
    (clone / "gone").unlink()
    recipe = (ROOT / "templates/recipes/export.mk").read_text()
    assert "ls-files -t -z >$(S)/export/question/tracked" in recipe
    (folder / ".state/export/question/tracked").write_bytes(git("ls-files", "-t", "-z"))
    (folder / ".history/applying").write_text(".history/one\n")
    (folder / ".history/one").mkdir()
    (folder / ".history/one/added").write_bytes(b"./S new\0")
    host = asked(folder, monkeypatch)
    assert host.tracked == {b"top", b"in/a", b"out/S b", b"out/there", b"gone", b"S new"}
    assert host.hidden == {b"out/S b"}


def test_every_link_arrives_with_its_target(folder, monkeypatch):
    links = {b"link " + name.replace(b"/", b"_"): b"to " + name for name in NAMES}
    for path, target in links.items():
        (folder / "repo" / os.fsdecode(path)).symlink_to(os.fsdecode(target))
    assert asked(folder, monkeypatch).links == links
