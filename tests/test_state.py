"""State by noun: the folders in .state, and nothing of the templates' beside them."""

import re
import subprocess

import pytest
from conftest import ROOT

FOLDERS = ("engine", "image", "clone", "export", "undo", "commits", "files", "keys")
BESIDE = {"lock", "exit-code", "log", "edited", "merge"}


@pytest.fixture
def cage(tc, repo, home):
    """The folder of a cage rendered from the real templates."""
    assert tc("create", repo, "--render-only").code == 0
    return home / "envs" / "web"


def make(cage, *words):
    targets = [f".state/{name}/." for name in FOLDERS]
    return subprocess.run(["make", "-C", cage, *words, *targets], capture_output=True, text=True, check=True).stdout


def test_every_file_of_state_lies_in_the_folder_of_its_noun():
    texts = [ROOT / "Makefile.cage", *(path for path in (ROOT / "templates").rglob("*") if path.is_file())]
    for path in texts:
        for found in re.findall(r"(?:\$\(S\)|\.state)/([\w-]+)", path.read_text(errors="replace")):
            assert found in BESIDE.union(FOLDERS, {"room"}), f"{path}: {found}"


def test_folders_are_listed_at_the_head_of_the_machinery():
    head = (ROOT / "Makefile.cage").read_text().split("\n\n")[0]
    assert tuple(re.findall(r"(?m)^#     ([a-z]+)/  ", head)) == FOLDERS


def test_folders_are_made_once_for_their_owner_alone(cage):
    make(cage)
    assert {path.name: path.stat().st_mode & 0o777 for path in (cage / ".state").iterdir()} == dict.fromkeys(
        FOLDERS, 0o700
    )
    assert "mkdir" not in make(cage, "V=1")


def test_files_of_an_older_release_make_way(cage):
    (cage / ".state").mkdir()
    for name in FOLDERS:
        (cage / ".state" / name).write_text("old\n")
    make(cage)
    assert all((cage / ".state" / name).is_dir() for name in FOLDERS)


def test_make_n_makes_none(cage):
    assert "mkdir" in make(cage, "-n")
    assert not (cage / ".state").exists()
