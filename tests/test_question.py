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


def asked(folder, monkeypatch, path=os.defpath, **more):
    """The Host that the guard reads from FOLDER's inventory, made with the programs of PATH."""
    environment = {"PATH": str(path), "LC_ALL": "C", "CAGE_NAME": "web", **more}
    subprocess.run(["bash", "lib/export/inventory"], cwd=folder, env=environment, check=True, timeout=20)
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
    assert "ls-files -t --stage -z >$(S)/export/question/index" in recipe
    (folder / ".state/export/question/index").write_bytes(git("ls-files", "-t", "--stage", "-z"))
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


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    return path


def owners_file(tmp_path, place, said):
    """The owner's ignore file in a PLACE, what git SAID of it, and the variables that lead there."""
    mine = tmp_path / "mine"
    where = {"home": mine / ".config/git/ignore", "xdg": mine / "xdg/git/ignore"}.get(place, mine / "rules")
    return (
        where,
        said.replace(b"FILE", os.fsencode(where)),
        {"HOME": str(mine)} | ({"XDG_CONFIG_HOME": str(mine / "xdg")} if place == "xdg" else {}),
    )


@pytest.mark.parametrize(
    ("place", "said", "found"),
    [
        ("home", b"", True),
        ("xdg", b"", True),
        ("elsewhere", b"", False),
        ("elsewhere", b"FILE\0", True),
        ("home", b"/nowhere\0", False),
        ("home", b"\0", False),
    ],
)
def test_ignore_file_of_the_owner_is_one_of_the_host_s(place, said, found, folder, tmp_path, monkeypatch):
    path, said, variables = owners_file(tmp_path, place, said)
    put(path, b"# mine\n*.swp\n")
    (folder / ".state/export/owners-ignore").write_bytes(said)
    rules = asked(folder, monkeypatch, **variables).ignore_files
    assert rules == ({b".gitignore": b"*.swp\n"} if found else {})


def test_relative_name_is_one_of_the_clone_s(folder, monkeypatch):
    put(folder / "repo/own/rules", b"*.swp\n")
    (folder / ".state/export/owners-ignore").write_bytes(b"own/rules\0")
    assert asked(folder, monkeypatch).ignore_files == {b".gitignore": b"*.swp\n"}


def test_rules_of_the_project_win_against_the_clone_s_and_these_against_the_owner_s(folder, tmp_path, monkeypatch):
    put(tmp_path / ".config/git/ignore", b"\xef\xbb\xbf*.owner")
    put(folder / "repo/.git/info/exclude", b"*.clone\n")
    put(folder / "repo/.gitignore", b"\xef\xbb\xbf!a.owner\n")
    rules = asked(folder, monkeypatch, HOME=str(tmp_path)).ignore_files
    assert rules == {b".gitignore": b"*.owner\n*.clone\n!a.owner\n"}


@pytest.mark.parametrize("kind", ["fifo", "folder", "zero", "gone", "unreadable"])
@pytest.mark.parametrize("whose", ["owner", "clone"])
def test_what_is_no_file_is_not_waited_for(kind, whose, folder, tmp_path, monkeypatch):
    path = tmp_path / ".config/git/ignore" if whose == "owner" else folder / "repo/.git/info/exclude"
    path.parent.mkdir(parents=True)
    {
        "fifo": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "zero": lambda: path.symlink_to("/dev/zero"),
        "gone": lambda: path.symlink_to("nowhere"),
        "unreadable": lambda: (path.touch(), path.chmod(0)),
    }[kind]()
    assert asked(folder, monkeypatch, HOME=str(tmp_path)).ignore_files == {}


def test_large_file_is_read_in_part_and_by_whole_lines(folder, tmp_path, monkeypatch):
    put(tmp_path / ".config/git/ignore", b"*.swp\n" * 200_000)
    lines = asked(folder, monkeypatch, HOME=str(tmp_path)).ignore_files[b".gitignore"].split(b"\n")
    assert set(lines) == {b"*.swp", b""}
    assert 170_000 < len(lines) < 175_000
