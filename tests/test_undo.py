"""recheck, keep and undo of lib/export on real folders: the files that an export keeps and its undo moves."""

import os
import shutil
import subprocess

import pytest
from conftest import ROOT

BACKUP = ".history/backups/1"


@pytest.fixture
def cage(tmp_path):
    """A cage's folder; cage(SCRIPT) runs it there, with LISTS in the stage."""
    folder = tmp_path / "cage"
    shutil.copytree(ROOT / "templates/lib", folder / "lib")
    for name in (".state/export/stage/tree", ".state/export/question", ".state/undo", "repo/.git", f"{BACKUP}/files"):
        (folder / name).mkdir(parents=True)
    (folder / ".history/last").write_text(f"{BACKUP}\n")
    (folder / ".history/base").touch()
    (folder / BACKUP / "made").touch()
    for name in ("respelled", "pairs"):
        (folder / ".state/export" / name).touch()

    def run(script, **lists):
        environment = {"PATH": os.environ["PATH"], "CAGE_NAME": "web", "LC_ALL": "C"}
        if not (folder / ".state/export/question/links").exists():  # planned once, before any move
            for name in ("write", "delete", "rmdir", "added", "backup", "respelled"):
                (folder / ".state/export/stage" / name).write_bytes(listed(*lists.get(name, ())))
            lay(folder / ".state/export/stage/tree", dict.fromkeys(lists.get("write", ()), "new"))
            words = ". lib/terminal.bash; . lib/export/digests.bash"
            inventory = f"set -eu; {words}; stage_digest >.state/export/stage-digest; bash lib/export/inventory"
            subprocess.run(["bash", "-c", inventory], cwd=folder, env=environment, check=True)
        return subprocess.run(["bash", f"lib/{script}"], cwd=folder, env=environment, capture_output=True, text=True)

    run.folder = folder
    return run


def listed(*paths):
    return b"".join(b"./" + path.encode() + b"\0" for path in paths)


def lay(folder, files):
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("->"):
            (folder / path).symlink_to(text[2:])
        else:
            (folder / path).write_text(text)


def paths(file):
    return {path.decode() for path in file.read_bytes().split(b"\0") if path}


MOVED = "error: the host clone changed since the plan was made, so nothing was written\n"


# -- check ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["added", "backup"])
def test_link_that_the_host_laid_since_the_plan_is_not_written_through(name, cage, tmp_path):
    repo = cage.folder / "repo"
    lay(repo, {"conf/a": "1"})
    lists = {"backup": ["conf/a"]} if name == "backup" else {"added": ["conf/new"]}
    assert cage("export/recheck", **lists).returncode == 0
    shutil.move(repo / "conf", tmp_path / "else")
    lay(repo, {"conf": f"->{tmp_path}/else"})
    assert cage("export/recheck", **lists).stderr.startswith(MOVED)


def test_folder_may_take_the_place_of_a_link_that_goes(cage):
    lay(cage.folder / "repo", {"lib/a": "1", "l": "->lib"})
    done = cage("export/recheck", delete=["l"], backup=["l"], added=["l/a", "l/b"], write=["l/a", "l/b"])
    assert (done.returncode, done.stderr) == (0, "")


def test_link_that_came_since_the_plan_is_not_replaced(cage):
    lay(cage.folder / "repo", {"a": "1"})
    assert cage("export/recheck", backup=["a"]).returncode == 0
    (cage.folder / "repo/a").unlink()
    lay(cage.folder / "repo", {"a": "->b"})
    assert cage("export/recheck", backup=["a"]).stderr.startswith(MOVED)


def respelled(cage, *pairs):
    """Files of the clone under a second name each, as a file system that folds case has them: pairs of new and old."""
    for new, old in pairs:
        lay(cage.folder / "repo", {old: "1"})
        (cage.folder / "repo" / new).parent.mkdir(parents=True, exist_ok=True)
        os.link(cage.folder / "repo" / old, cage.folder / "repo" / new)
    return {
        "respelled": [path for pair in pairs for path in pair],
        **{"added": [new for new, _ in pairs], "write": [new for new, _ in pairs]},
        **{"delete": [old for _, old in pairs], "backup": [old for _, old in pairs]},
    }


def test_new_spelling_that_the_file_system_has_as_the_old_one_is_no_change(cage):
    lists = respelled(cage, ("readme", "README"), ("Docs/a", "docs/a"))
    done = cage("export/recheck", **lists)
    assert (done.returncode, done.stderr) == (0, "")
    state = cage.folder / ".state/export"
    assert paths(state / "respelled") == {"./readme", "./Docs/a"}
    assert (state / "pairs").read_bytes() == listed("readme", "README", "Docs/a", "docs/a")


@pytest.mark.parametrize("planned", [True, False])
def test_folder_whose_name_is_another_spelling_of_a_file_that_goes(cage, planned):
    """Where the file system folds case, the file stands in the folder's way until it is removed."""
    lists = respelled(cage, ("A", "a")) | {"added": ["A/x"], "write": ["A/x"]}
    done = cage("export/recheck", **(lists if planned else lists | {"respelled": []}))
    assert done.stderr == "" if planned else done.stderr.startswith(MOVED)


def test_new_spelling_that_came_since_the_plan_is_not_replaced(cage):
    lists = respelled(cage, ("readme", "README"))
    (cage.folder / "repo/readme").unlink()
    lay(cage.folder / "repo", {"readme": "1"})
    assert cage("export/recheck", **lists).stderr.startswith(MOVED)


def test_many_links_take_no_time(cage):
    names = [f"l{number}" for number in range(3000)]
    lay(cage.folder / "repo", dict.fromkeys(names, "->x"))
    assert cage("export/recheck", backup=names).returncode == 0


# -- keep ----------------------------------------------------------------------


def kept(cage):
    """The folders of the backup, with the paths that each gets."""
    return {list.name.partition("-")[0]: paths(list) for list in (cage.folder / ".state/export/kept").iterdir()}


def test_first_attempt_keeps_all_that_it_replaces_and_the_folders_above(cage):
    lay(cage.folder / "repo", {"a": "1", "d/b": "2"})
    assert cage("export/keep", backup=["a", "d/b"], added=["c"]).returncode == 0
    assert kept(cage) == {"files": {"./a", "./d/b", "./d"}}


def test_second_attempt_takes_nothing_of_the_first_for_the_state_before(cage):
    """Else a backup gets parts of a repository one by one, and an undo brings back a state that never was."""
    lay(cage.folder / "repo", {"x/refs": "1", "d/b": "2", "a": "3", "c": "4", "h/in": "5"})
    lay(cage.folder / BACKUP, {"files/x/HEAD": "1", "files/a": "0", "files/h": "0", "base": ""})
    (cage.folder / BACKUP / "added").write_bytes(listed("x/refs", "c", "h/in"))
    (cage.folder / ".history/applying").write_text(f"{BACKUP}\n")
    assert cage("export/keep", backup=["x/refs", "d/b", "a", "c", "h/in"]).returncode == 0
    assert kept(cage) == {"files": {"./d/b", "./d"}, "since": {"./x/refs", "./a", "./c", "./h/in"}}


def test_folders_that_are_made_are_told_once_however_deep(cage):
    deep = "/".join("d" * 90)
    assert cage("export/keep", added=[f"{deep}/{number:04}/f" for number in range(300)]).returncode == 0
    backup = cage.folder / (cage.folder / ".state/export/backup").read_text().strip()
    made = (backup / "made").read_bytes().decode().split("\0")[:-1]
    assert len(made) == len(set(made)) == 390
    assert made.index(f"./{deep}/0000") < made.index(f"./{deep}")


def test_folder_in_another_spelling_is_one_that_is_made(cage):
    lay(cage.folder / "repo", {"Docs/own": "1", "other/own": "1"})
    (cage.folder / ".state/export/respelled").write_bytes(listed("Docs", "Docs/a"))
    (cage.folder / ".state/export/pairs").write_bytes(listed("Docs", "docs", "Docs/a", "docs/a"))
    assert cage("export/keep", added=["Docs/a", "new/a", "other/a"]).returncode == 0
    backup = cage.folder / (cage.folder / ".state/export/backup").read_text().strip()
    assert paths(backup / "made") == {"./Docs", "./new"}
    assert (backup / "respelled").read_bytes() == listed("Docs", "docs", "Docs/a", "docs/a")


# -- undo ----------------------------------------------------------------------


def undone(cage, files, added, now):
    """The plan of lib/export/undo: the paths that are kept aside, those that go, and the folders that go, in order."""
    lay(cage.folder / BACKUP / "files", files)
    (cage.folder / BACKUP / "added").write_bytes(listed(*added))
    (cage.folder / ".state/undo/backup").write_text(f"{BACKUP}\n")
    lay(cage.folder / "repo", now)
    done = cage("export/undo")
    assert (done.returncode, done.stderr) == (0, "")
    state = cage.folder / ".state"
    folders = (state / "export/rmdir").read_bytes().decode().split("\0")[:-1]
    return paths(state / "undo/aside"), paths(state / "export/delete"), folders


def test_file_that_became_a_folder_comes_back(cage):
    moved = undone(cage, {"a": "1"}, ["a/x", "a/b/y"], {"a/x": "2", "a/b/y": "2"})
    both = {"./a/x", "./a/b/y"}
    assert moved == (both, {f"repo/{path}" for path in both}, ["repo/./a/b", "repo/./a"])


def test_file_that_became_a_folder_of_another_spelling_comes_back(cage):
    """Where the file system folds case, the folder stands at both names; the export's files are below its own."""
    (cage.folder / BACKUP / "respelled").write_bytes(listed("B", "b", "A", "a"))
    moved = undone(cage, {"a": "1", "b": "1"}, ["A/x"], {"A/x": "2", "a/x": "2"})
    assert moved == ({"./A/x"}, {"repo/./A/x"}, ["repo/./A"])


def test_folder_that_became_a_link_comes_back(cage):
    assert undone(cage, {"d/f": "1"}, ["d"], {"d": "->e", "e/f": "2"}) == ({"./d"}, {"repo/./d"}, [])


def test_link_that_became_a_folder_comes_back(cage):
    moved = undone(cage, {"l": "->e"}, ["l/f"], {"l/f": "2", "e/f": "1"})
    assert moved == ({"./l/f"}, {"repo/./l/f"}, ["repo/./l"])


def test_link_of_the_owners_is_kept_and_nothing_below_it_is_moved(cage, tmp_path):
    lay(tmp_path, {"else/new": "mine", "else/f": "mine"})
    moved = undone(cage, {"d/f": "1"}, ["d/new"], {"d": f"->{tmp_path}/else"})
    assert moved == ({"./d"}, {"repo/./d"}, [])


def test_new_spelling_is_not_removed_while_the_backup_lacks_the_old_one(cage):
    """Where the file system folds case, it is the old one until that was removed."""
    (cage.folder / BACKUP / "respelled").write_bytes(listed("readme", "README", "notes", "NOTES"))
    now = {"readme": "1", "notes": "1", "new": "1"}
    moved = undone(cage, {"NOTES": "1"}, ["readme", "notes", "new"], now)
    assert moved == ({"./notes", "./new"}, {"repo/./notes", "repo/./new"}, [])
    assert paths(cage.folder / ".state/undo/own") == {"./notes", "./new"}


def test_folder_with_files_of_the_owners_is_not_replaced(cage):
    lay(cage.folder / BACKUP / "files", {"a": "1"})
    (cage.folder / BACKUP / "added").write_bytes(listed("a/x"))
    (cage.folder / ".state/undo/backup").write_text(f"{BACKUP}\n")
    lay(cage.folder / "repo", {"a/x": "2", "a/mine": "3"})
    done = cage("export/undo")
    assert done.returncode == 3
    assert "a folder with other files stands where a file has to come back: ./a/mine" in done.stderr


@pytest.mark.parametrize(
    ("now", "why"),
    [
        ({"a": "1", "d/f": "2", "new": "3"}, "./new"),  # brought by the export, and there still
        ({"a": "1"}, "./d"),
        ({"a": "1", "d/f": "->../a"}, "./d/f"),
        ({"a": "other", "d/f": "2"}, ""),
    ],
)
def test_undo_that_did_not_put_all_back_says_so(cage, now, why):
    undone(cage, {"a": "1", "d/f": "2"}, ["new"], now)
    done = cage("export/close-undo")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: the host clone is not as it was before: {why}")
    assert (cage.folder / ".history/last").exists()


def test_undo_that_put_all_back_says_so(cage):
    (cage.folder / BACKUP / "base").touch()
    undone(cage, {"a": "1", "l": "->a"}, ["new"], {"a": "1", "l": "->a"})
    done = cage("export/close-undo")
    assert (done.returncode, done.stderr) == (0, "")
    assert "the host clone is as it was before" in done.stdout
    assert not (cage.folder / ".history/last").exists()
