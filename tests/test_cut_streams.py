"""Streams between host and helper that end early, at the end of a record and without a failure: none is taken."""

import io
import os
import shutil
import subprocess
import tarfile
from types import SimpleNamespace

import pytest
from conftest import ROOT
from test_moves import JUDGE, RECEIVE, Arrival, Cage, held, question

LIB = ROOT / "templates/lib"
BASE = {"a": "1", "d/b": "1", "d/c": "1"}
HOST = {"a": "2", "d/c": "2", "new": "2" * 700}


def cuts(data):
    """DATA, ended early at each record that is not only the end's padding."""
    end = 0
    with tarfile.open(fileobj=io.BytesIO(data), ignore_zeros=True) as tar:
        for info in tar:
            end = info.offset_data + -(-info.size // 512) * 512
    return [data[:at] for at in range(0, end, 512)]


@pytest.fixture
def cage(place, monkeypatch):
    """A cage with a sync that is planned: one file to delete, two to replace, one new."""
    cage = Cage(place, monkeypatch, BASE, BASE, HOST)
    assert cage.planned(Arrival, "", tracked=HOST)
    (cage.folder / ".state/engine/seen").write_text("cage stopped\n")
    return cage


def test_question(cage):
    told = cage.asked()
    assert len(cage.ask(question.read_parts, told=told)[0]) > 10
    for cut in cuts(told):
        with pytest.raises(SystemExit, match=r"cut short|could not be listed"):
            cage.ask(question.read_parts, told=cut)


@pytest.mark.parametrize("name", ["export", "sync", "count", "receive"])
def test_answer(cage, name, monkeypatch):
    if name == "receive":
        assert cage.run("bash lib/export/handed-over files false", way="sync")
        answer = cage.ask(RECEIVE.main, told=cage.out)[1]
    elif name == "count":
        told = cage.asked()
        with monkeypatch.context() as patch:
            patch.setattr(JUDGE.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout="0\n", returncode=0))
            answer = cage.ask(JUDGE.main, ["count"], told=told)[1]
    else:
        answer = cage.ask(JUDGE.main, [name], told=cage.asked())[1]
    assert cage.run("bash lib/run/unpack .state/export/answer", answer), cage.said
    assert len(cuts(answer)) > 1
    for cut in cuts(answer):
        assert not cage.run("bash lib/run/unpack .state/export/answer", cut)


def test_files_that_a_sync_sends(cage):
    before = held(cage.project)
    assert cage.run("bash lib/export/handed-over files false", way="sync")
    told = cage.out
    for cut in cuts(told):
        with pytest.raises(SystemExit, match="cut short"):
            cage.ask(RECEIVE.main, told=cut)
        assert held(cage.project) == before
    cage.ask(RECEIVE.main, told=told)
    assert held(cage.project)[0] == HOST


def test_files_that_a_sync_replaces(cage):
    assert cage.run("bash lib/export/handed-over lists false", way="sync")
    kept, inside = cage.ask(JUDGE.main, ["keep"], told=cage.out)[1], cage.folder / ".state/export/inside.tar"
    for cut in cuts(kept):
        inside.write_bytes(cut)
        assert not cage.run("bash lib/export/keep-inside", way="sync")
        assert cage.said.startswith("error: the cage could not be read, so nothing was written\n")
        assert not (cage.folder / ".history/syncs").exists()
    inside.write_bytes(kept)
    assert cage.run("bash lib/export/keep-inside", way="sync")
    (backup,) = (cage.folder / ".history/backups").iterdir()
    assert oct((backup / "inside.tar").stat().st_mode)[-3:] == "600"


def inside(script, home, told, *arguments):
    """Run SCRIPT as the recipe does inside of a cage; whether it did."""
    command = ["/bin/sh", "-c", (LIB / "create" / script).read_text(), "sh", *arguments]
    return subprocess.run(command, cwd="/", env={"HOME": str(home), "PATH": os.defpath}, input=told).returncode == 0


def test_dotfiles(tmp_path):
    lay = tmp_path / "from"
    (lay / "deep").mkdir(parents=True)
    for name in ("a", "deep/b\nb", "c"):
        (lay / name).write_text(name)
    (lay / "link").symlink_to("a")
    told = subprocess.run(["tar", "-C", lay, "-cf", "-", "."], stdout=subprocess.PIPE, check=True).stdout
    count = subprocess.run(
        ["bash", LIB / "run/count", lay], stdout=subprocess.PIPE, check=True, text=True
    ).stdout.strip()
    assert count == "4"
    (tmp_path / ".dotfiles").mkdir()
    (tmp_path / ".dotfiles/old").touch()
    for cut in cuts(told):
        assert not inside("unpack-inside", tmp_path, cut, ".dotfiles", count)
        assert [path.name for path in (tmp_path / ".dotfiles").iterdir()] == ["old"]
    assert inside("unpack-inside", tmp_path, told, ".dotfiles", count)
    assert held(tmp_path / ".dotfiles")[0] == held(lay)[0]


def test_credentials(tmp_path):
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude/.credentials.json").write_text('{"complete ": "ü"}\n')
    environment = {"HOME": str(tmp_path), "PATH": os.defpath, "LC_ALL": "C", "CAGE_NAME": "web"}
    done = subprocess.run(["bash", "lib/create/credentials"], cwd=LIB.parent, env=environment, stdout=subprocess.PIPE)
    file = tmp_path / ".config/one"
    for end in range(len(done.stdout) - 1):
        assert not inside("write-inside", tmp_path, done.stdout[:end], ".config/one"), end
    assert not file.exists()
    assert inside("write-inside", tmp_path, done.stdout, ".config/one")
    assert (file.read_text(), oct(file.stat().st_mode)[-3:]) == ('{"complete ": "ü"}\n', "600")


def test_seeding(tmp_path):
    """The program of the helper, with folders of the test's own."""
    text = (ROOT / "templates/guard/seed").read_text()
    project, scratch = tmp_path / "project", tmp_path / "scratch"
    for old, new in (
        ("/project", project),
        ("/run/j", scratch),
        ("python3 /usr/local/lib/trusty-cage/tree.py", "true"),
    ):
        text = text.replace(old, str(new))
    program = tmp_path / "seed"
    program.write_text(text)
    files = tmp_path / "files"
    (files / "d").mkdir(parents=True)
    for name in ("a", "d/b"):
        (files / name).write_text(name)
    told = subprocess.run(["tar", "-C", files, "-cf", "-", "."], stdout=subprocess.PIPE, check=True).stdout

    def answer(data):
        for folder in (project, scratch):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        environment = {"PATH": os.defpath, "HOME": str(tmp_path)}
        return subprocess.run(["bash", program, "2"], env=environment, input=data, capture_output=True)

    for cut in cuts(told):
        assert answer(cut).returncode
    whole = answer(told)
    assert whole.returncode == 0, whole.stderr
    with tarfile.open(fileobj=io.BytesIO(whole.stdout)) as tar:
        assert sorted(tar.getnames()) == ["base.seeded", "complete", "imported"]


def test_commits(tmp_path):
    """git fast-import takes nothing of a stream without its last line, 'done'."""
    git = ["git", f"--git-dir={tmp_path}/incoming.git"]
    subprocess.run([*git, "init", "--quiet", "--bare"], check=True)
    one = b"commit refs/heads/work\ncommitter A <a@b> 1 +0000\ndata 1\nx\nM 100644 inline a\ndata 1\n1\n\n"
    import_, rev = [*git, "fast-import", "--done", "--quiet"], [*git, "rev-parse", "--verify", "--quiet", "work"]
    for data, whole in ((one, False), (one + one, False), (one + b"done\n", True)):
        assert (subprocess.run(import_, input=data, capture_output=True).returncode == 0) is whole
        assert (subprocess.run(rev, capture_output=True).returncode == 0) is whole
