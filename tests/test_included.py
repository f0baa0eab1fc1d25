"""lib/export/included: which files of the clone git there reads as settings."""

import os
import re
import subprocess

from conftest import ROOT

ASKED = ["config", "--null", "--show-origin", "--type=path", "--get-regexp", r"^include(if\..*)?\.path$"]


def test_files_are_named_as_seen_from_the_clone(tmp_path):
    clone = tmp_path / "repo"
    subprocess.run(["git", "init", "--quiet", clone], check=True)
    (clone / "inc").write_text("[include]\n\tpath = more/inc\n")
    for key, path in {
        "include.path": "../inc",
        "includeIf.gitdir:/.path": clone / "b\nc",
        "includeIf.onbranch:x.path": "/etc/x",
    }.items():
        subprocess.run(["git", "-C", clone, "config", "--add", key, path], check=True)
    (tmp_path / "global").write_text("[include]\n\tpath = team\n")
    asked = subprocess.run(
        ["git", "-C", "repo", "--git-dir=.git", *ASKED],
        cwd=tmp_path,
        capture_output=True,
        check=True,
        env={**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": str(tmp_path / "global")},
    ).stdout
    done = subprocess.run(
        ["bash", ROOT / "templates/lib/export/included"], cwd=tmp_path, input=asked, capture_output=True, check=True
    )
    named = done.stdout.decode().split("\0")[:-1]
    assert named == [f"{tmp_path}/team", ".git/../inc", ".git/../more/inc", "b\nc", "/etc/x"]


def test_folder_of_hooks_is_seen_from_the_clone_by_whatever_links_it_is_called(tmp_path):
    (tmp_path / "repo").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    for configured, seen in {
        "tools/hooks": "tools/hooks",
        f"{tmp_path}/repo/tools/hooks": "tools/hooks",
        f"{tmp_path}/link/repo/tools/hooks": "tools/hooks",
        f"{tmp_path}/link/hooks": f"{tmp_path}/link/hooks",
    }.items():
        script = ["bash", ROOT / "templates/lib/export/included", "hooks"]
        done = subprocess.run(
            script, cwd=tmp_path, input=f"file:.git/config\0{configured}\0".encode(), capture_output=True, check=True
        )
        assert done.stdout.decode() == f"{seen}\0"


def test_the_recipe_asks_that():
    text = re.sub(r"\\\n\s*", "", (ROOT / "templates/recipes/export.mk").read_text())
    asked = " ".join(ASKED).replace(ASKED[-1], f"'{ASKED[-1]}'").replace("$", "$$")
    assert asked in text


def test_sync_waits_no_longer_than_a_person_for_the_ignore_rules_that_an_export_brought():
    text = re.sub(r"\\\n\s*", "", (ROOT / "templates/recipes/export.mk").read_text())
    assert "$(within) 120 $(IN_CLONE) ls-files --exclude-standard --ignored --others -z" in text
