"""The user's changes to the recipes: found once, and again after a possible edit."""

import os
import shutil
import time

import pytest

from cage.errors import CageError
from cage.recipes import edits


@pytest.fixture
def known(web, monkeypatch):
    """A cage whose edits, none, were looked for and are kept."""
    (web / ".state").mkdir()
    monkeypatch.setattr(edits, "UNSETTLED", -60)
    tick()
    assert edits.edited(web) == []
    assert (web / edits.FOUND).exists()
    return web


def tick():
    """Let the clock of the file system, which is a coarse one, move on."""
    time.sleep(0.02)


@pytest.fixture
def read(monkeypatch):
    """The paths that are read from now on."""
    paths = []
    monkeypatch.setattr(edits, "live", lambda folder, path: paths.append(path))
    return paths


def test_second_look_reads_nothing(known, read):
    assert edits.edited(known) == []
    assert read == []


def test_edit_of_same_size_and_date_is_seen(known):
    path = known / "Makefile"
    before = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert edits.edited(known) == ["Makefile"]


def test_touched_file_is_no_edit(known):
    (known / "Makefile").touch()
    (known / "layout.sh").write_bytes((known / "layout.sh").read_bytes())
    assert edits.edited(known) == []


def test_edit_taken_back_is_none(known):
    text = (known / "Makefile").read_bytes()
    (known / "Makefile").write_bytes(b"# mine\n")
    assert edits.edited(known) == ["Makefile"]
    tick()
    (known / "Makefile").write_bytes(text)
    assert edits.edited(known) == []


def test_file_that_is_gone_or_replaced_is_seen(known, tmp_path):
    (known / "layout.sh").unlink()
    other = tmp_path / "other"
    other.write_text("# theirs\n")
    other.rename(known / "Makefile")
    assert edits.edited(known) == ["Makefile", "layout.sh"]


def test_pristine_copy_that_comes_or_goes_is_seen(known):
    (known / edits.COPIES / "lib" / "more").write_text("more\n")
    assert edits.edited(known) == ["lib/more"]
    tick()
    (known / edits.COPIES / "lib" / "more").unlink()
    assert edits.edited(known) == []


def test_copied_folder_is_looked_at_anew(known, read):
    copy = known.with_name("copy")
    shutil.copytree(known, copy, symlinks=True)
    edits.edited(copy)
    assert "Makefile" in read


def test_file_that_just_changed_is_looked_at_again(web):
    (web / ".state").mkdir()
    assert edits.edited(web) == []
    assert not (web / edits.FOUND).exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"paths": [], "marks": [], "edited": []}',
        '{"paths": [".rendered", "a"], "marks": [0, 0, 0, 0], "edited": []}',
        '{"paths": [".rendered", 1], "marks": [0, 0, 0, 0], "edited": [1]}',
        '{"paths": {".rendered": "a"}, "marks": 1, "edited": 1}',
    ],
)
def test_what_is_kept_may_be_damaged(text, known):
    (known / "Makefile").write_text("# mine\n")
    (known / edits.FOUND).write_text(text)
    assert edits.edited(known) == ["Makefile"]


def test_what_is_found_need_not_be_kept(known):
    (known / "Makefile").write_text("# mine\n")
    shutil.rmtree(known / ".state")
    assert edits.edited(known) == ["Makefile"]


def test_copy_that_comes_below_a_folder_of_folders_is_seen(known):
    inner = known / edits.COPIES / "image" / "agents"
    (inner / "one").mkdir(parents=True)
    (inner / "one" / "file").write_text("one\n")
    assert edits.edited(known) == ["image/agents/one/file"]
    tick()
    (inner / "more").write_text("more\n")
    assert edits.edited(known) == ["image/agents/more", "image/agents/one/file"]


def test_pipe_in_the_place_of_a_recipe_is_told_and_not_waited_for(known):
    (known / "layout.sh").unlink()
    os.mkfifo(known / "layout.sh")
    with pytest.raises(CageError, match="is no file"):
        edits.edited(known)
