"""Changes of several files: a kill between any two writes loses nothing and leaves no half."""

import errno
import os
import re
import shutil
import subprocess
import sys
import tempfile
from itertools import count

import pytest
from conftest import ROOT, edit, everything, seeded

from cage import cli, lock
from cage.recipes import edits, replace

PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}

# Events that change a folder, as Python reports them before they happen.
WRITES = {
    "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.chmod", "os.truncate",
}  # fmt: skip


def killed(words, survived, folder):
    """Run tc in a process that is gone before its write number `survived` to folder; False if it had fewer."""
    if not (child := os.fork()):
        left = survived

        def watch(event, given):
            nonlocal left
            writes = event in WRITES or (event == "open" and given[2] & (os.O_WRONLY | os.O_RDWR))
            if writes and str(folder) in repr(given):
                left -= 1
                if left < 0:
                    os._exit(9)

        # A kill leaves temporary files behind.
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder.parent)
        sys.addaudithook(watch)
        os._exit(0 if cli.main(words) in (0, 3) else 1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9


def settled(folder):
    """The files of folder, without drafts and without the time in the names of kept files."""
    return {
        re.sub("before-[0-9-]+", "before", path): data
        for path, data in everything(folder).items()
        if not path.startswith(f"{replace.DRAFT}/")
    }


def upgrade(web, release):
    edit(web / "Makefile", "sleep 20", "sleep 30")
    edit(web / "layout.sh", "# Layout", "# My layout")
    edit(web / "lib/say", "say", "my say")
    release("templates/Makefile.j2", "@exit 3", "@exit 4")
    release("templates/layout.sh.j2", "tmux", "tmux -u")
    release("templates/lib/say", "say", "say anew")
    (release.folder / "templates/image/new").write_text("new\n")
    (release.folder / "templates/image/profile.sh").unlink()


@pytest.mark.parametrize("words", [["render", "web"], ["set", "web", "memory=2g", "cpus=1"]], ids=["render", "set"])
def test_kill_between_any_two_writes_leaves_all_or_nothing(words, web, tc, release, tmp_path):
    if words[0] == "render":
        upgrade(web, release)
    before, aside = settled(web), tmp_path / "aside"
    shutil.copytree(web, aside)
    assert tc(*words).code == 0
    after = settled(web)
    assert after != before
    # A third of all writes, others in each run.
    for survived in count(seeded().randrange(3), 3):
        shutil.rmtree(web)
        shutil.copytree(aside, web)
        if not killed(words, survived, web):
            break
        by_hand = subprocess.run(["make", "-C", web, "stop"], capture_output=True, text=True)
        assert (by_hand.returncode, by_hand.stderr) == (0, "")
        assert tc("stop", "web").code == 0
        assert settled(web) in (before, after)
        assert tc(*words).code == 0
        assert {path: data for path, data in settled(web).items() if "before-" not in path} == after
        assert not (web / replace.STAGED).exists()
    assert survived > 20


def test_kill_during_a_conflict_changes_no_live_file(web, tc, release, tmp_path):
    upgrade(web, release)
    edit(web / "layout.sh", "tmux", "screen")
    before, aside = settled(web), tmp_path / "aside"
    shutil.copytree(web, aside)
    for survived in count():
        shutil.rmtree(web)
        shutil.copytree(aside, web)
        if not killed(["render", "web"], survived, web):
            break
        assert tc("render", "web").code == 3
        assert "<<<<<<< yours" in settled(web).pop("layout.sh.merge").decode()
        assert {path: data for path, data in settled(web).items() if path != "layout.sh.merge"} == before
    assert survived > 3


def test_edit_after_a_kill_stays_and_is_merged(web, tc, release):
    upgrade(web, release)
    for survived in count(0, 5):
        killed(["render", "web"], survived, web)
        if (web / replace.STAGED / replace.NEW / "Makefile").exists():
            break
    edit(web / "Makefile", "@echo waiting", "@echo still waiting")
    assert tc("stop", "web").err.startswith(
        "warning: a change of cage 'web' had been interrupted, and is finished now\n"
    )
    makefile = (web / "Makefile").read_text()
    assert ("sleep 30" in makefile, "still waiting" in makefile, "@exit 3" in makefile) == (True, True, True)
    assert (web / "lib/say").read_text() == "say anew\n"
    assert tc("render", "web").code == 0
    makefile = (web / "Makefile").read_text()
    assert ("sleep 30" in makefile, "still waiting" in makefile, "@exit 4" in makefile) == (True, True, True)


OLD = {"Makefile": b"old\n", "layout.sh": b"old\n", "lib/say": b"old\n", "image/x": b"old\n"}


@pytest.fixture
def folder(tmp_path):
    """The folder of a cage, as it was rendered."""
    folder = tmp_path / "cage"
    edits.put_new(folder, OLD)
    return folder


def copy_of(path):
    return f"{edits.COPIES}/{path}"


def rendered(path, old, new):
    """The moves of a file and of its pristine copy."""
    return {path: (old, new), copy_of(path): (old, new)}


def test_files_are_changed_made_and_removed_together(folder):
    before = everything(folder)
    moves = {
        **rendered("Makefile", b"old\n", b"new\n"),
        **rendered("image/deep/y", None, b"new\n"),
        **rendered("lib/say", b"old\n", None),
        "layout.sh": (b"old\n", b"old\n"),
        "never/there": (None, None),
    }
    replace.land(folder, moves)
    assert everything(folder) == {
        **{path: data for path, data in before.items() if path not in ("lib/say", copy_of("lib/say"))},
        "Makefile": b"new\n",
        copy_of("Makefile"): b"new\n",
        "image/deep/y": b"new\n",
        copy_of("image/deep/y"): b"new\n",
    }
    assert not any((folder / ".history").iterdir())
    modes = [
        oct((folder / path).stat().st_mode)[-3:] for path in ("Makefile", "image/deep/y", "image/deep", ".history")
    ]
    assert modes == ["600", "644", "700", "700"]


def test_nothing_to_move_touches_nothing(folder):
    replace.land(folder, {"Makefile": (b"old\n", b"old\n")})
    assert not (folder / ".history").exists()


def test_draft_of_a_killed_run_is_not_taken_up(folder):
    edits.put(folder / replace.DRAFT / replace.SEEN, "layout.sh", b"old\n")
    edits.put(folder / replace.DRAFT / replace.NEW, "layout.sh", b"half")
    replace.land(folder, {"Makefile": (b"old\n", b"new\n")})
    assert ((folder / "Makefile").read_bytes(), (folder / "layout.sh").read_bytes()) == (b"new\n", b"old\n")


def test_edit_that_comes_in_between_stays_with_its_base(folder):
    (folder / "Makefile").write_bytes(b"mine\n")
    (folder / "lib/say").write_bytes(b"mine\n")
    (folder / "new").write_bytes(b"mine\n")
    version = edits.version(folder)
    replace.land(
        folder,
        {
            **rendered("Makefile", b"old\n", b"new\n"),
            **rendered("layout.sh", b"old\n", b"new\n"),
            **rendered("new", None, b"new\n"),
            **rendered("lib/say", b"old\n", None),
            copy_of(edits.VERSION): (version.encode(), b"2.0"),
        },
    )
    found = everything(folder)
    assert {path: found[path] for path in ("Makefile", "lib/say", "new")} == dict.fromkeys(
        ("Makefile", "lib/say", "new"), b"mine\n"
    )
    assert (found[copy_of("Makefile")], found.get(copy_of("new"))) == (b"old\n", None)
    assert (found["layout.sh"], found[copy_of("layout.sh")]) == (b"new\n", b"new\n")
    assert edits.version(folder) == version
    assert not replace.unfinished(folder)


def test_file_that_is_removed_in_between_stays_so(folder):
    (folder / "Makefile").unlink()
    (folder / "lib/say").unlink()
    replace.land(folder, {"Makefile": (b"old\n", b"new\n"), "lib/say": (b"old\n", None)})
    assert not (folder / "Makefile").exists()
    assert not replace.unfinished(folder)


def test_pristine_copy_is_replaced_whatever_it_holds(folder):
    (folder / copy_of("Makefile")).write_bytes(b"torn")
    replace.land(folder, {copy_of("Makefile"): (b"old\n", b"new\n")})
    assert edits.base(folder, "Makefile") == b"new\n"


def test_pristine_copies_move_last(folder, monkeypatch):
    moved, real = [], replace._move

    def move(staged, target):
        moved.append(target.relative_to(folder).as_posix())
        real(staged, target)

    monkeypatch.setattr(replace, "_move", move)
    replace.land(folder, {**rendered("layout.sh", b"old\n", b"new\n"), **rendered("Makefile", b"old\n", b"new\n")})
    assert moved == ["Makefile", "layout.sh", copy_of("Makefile"), copy_of("layout.sh")]


def test_landing_that_was_interrupted_is_finished_by_whoever_comes_next(folder, monkeypatch):
    moves = {
        **rendered("Makefile", b"old\n", b"new\n"),
        **rendered("layout.sh", b"old\n", b"new\n"),
        **rendered("lib/say", b"old\n", None),
    }
    assert not replace.unfinished(folder)
    left = iter([replace._move])
    with monkeypatch.context() as torn, pytest.raises(StopIteration):
        torn.setattr(replace, "_move", lambda staged, target: next(left)(staged, target))
        replace.land(folder, moves)
    assert replace.unfinished(folder)
    assert ((folder / "Makefile").read_bytes(), (folder / "layout.sh").read_bytes()) == (b"new\n", b"old\n")
    replace.finish(folder)
    assert not replace.unfinished(folder)
    assert (folder / "layout.sh").read_bytes() == edits.base(folder, "layout.sh") == b"new\n"
    assert not (folder / "lib/say").exists()


def test_link_of_the_user_s_stays_one(folder, tmp_path):
    (tmp_path / "mine").write_bytes(b"old\n")
    (folder / "Makefile").unlink()
    (folder / "Makefile").symlink_to(tmp_path / "mine")
    replace.land(folder, {"Makefile": (b"old\n", b"new\n")})
    assert (folder / "Makefile").readlink() == tmp_path / "mine"
    assert (tmp_path / "mine").read_bytes() == b"new\n"


def test_file_on_another_disk_is_written_there(folder, monkeypatch):
    def refuse(staged, target):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    replace.land(folder, {"image/x": (b"old\n", b"new\n"), "Makefile": (b"old\n", b"new\n")})
    assert ((folder / "image/x").read_bytes(), (folder / "Makefile").read_bytes()) == (b"new\n", b"new\n")
    assert [oct((folder / path).stat().st_mode)[-3:] for path in ("image/x", "Makefile")] == ["644", "600"]
    assert not replace.unfinished(folder)


def test_failure_to_move_is_told_and_can_be_finished(folder, monkeypatch):
    def refuse(staged, target):
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as broken, pytest.raises(OSError, match="Read-only"):
        broken.setattr("pathlib.Path.replace", refuse)
        replace.land(folder, {"Makefile": (b"old\n", b"new\n")})
    replace.finish(folder)
    assert (folder / "Makefile").read_bytes() == b"new\n"


def test_verb_at_work_is_waited_for_and_named(web, tc):
    with lock.held(web, "export"):
        holder = subprocess.Popen([sys.executable, "-m", "cage", "set", "web", "memory=2g"], cwd=ROOT, **PIPES)
        assert re.match(r"cage 'web' is busy with 'export' \(process \d+\); waiting\n", holder.stderr.readline())
    assert holder.communicate() == ("Set memory of cage 'web' to '2g'.\nIt applies now\n", "")
    assert tc("set", "web", "memory=2g").code == 0
