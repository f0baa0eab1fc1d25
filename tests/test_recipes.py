"""tc render and tc diff-recipes on a cage that exists."""

import shutil
import stat
import subprocess

import pytest
from conftest import edit, everything


def kept(web):
    """The files that a render put away, by path."""
    (folder,) = web.glob(".history/recipes/*")
    return {path: data.decode() for path, data in everything(folder).items()}


def test_render_of_the_same_templates_changes_nothing(web, tc):
    before = everything(web)
    assert tc("render", "web") == (0, "web: up to date\n", "")
    assert everything(web) == before


def test_render_replaces_what_its_user_left_alone(web, tc, release):
    release("templates/layout.sh.j2", "tmux", "tmux -u")
    release("templates/lib/say", "say", "say anew")
    assert tc("render", "web") == (0, "web: replaced  lib/say\nweb: replaced  layout.sh\nweb: replaced  Makefile\n", "")
    assert (web / "layout.sh").read_text() == "# Layout\n#\n#\ntmux -u\n"
    assert (web / "lib/say").read_text() == "say anew\n"
    assert "rendered by trusty-cage 2.0." in (web / "Makefile").read_text()
    assert stat.S_IMODE((web / "Makefile").stat().st_mode) == 0o600
    assert tc("render", "web") == (0, "web: up to date\n", "")


def test_render_keeps_hand_edit_and_a_backup(web, tc, release):
    edit(web / "Makefile", "sleep 20", "sleep 30")
    mine = (web / "Makefile").read_text()
    release("templates/Makefile.j2", "@exit 3", "@exit 4")
    done = tc("render", "web")
    (folder,) = web.glob(".history/recipes/*")
    assert done == (0, f"web: merged    Makefile\nweb: as they were, they are in '{folder}'\n", "")
    merged = (web / "Makefile").read_text()
    assert "sleep 30" in merged
    assert "exit 4" in merged
    assert kept(web) == {"Makefile": mine}
    assert "sleep 20" in (web / ".rendered/Makefile").read_text()
    assert tc("render", "web") == (0, "web: up to date\n", "")


def test_conflict_changes_nothing_and_says_how_to_finish(web, tc, release):
    edit(web / "layout.sh", "tmux", "screen")
    release("templates/layout.sh.j2", "tmux", "tmux -u")
    release("templates/lib/say", "say", "say anew")
    before = everything(web)
    assert tc("render", "web") == (
        3,
        "",
        "error: 'layout.sh' of cage 'web' and the new templates don't go together; nothing was changed\n"
        "Both sides lie beside it.\n"
        "Edit it, then:\n"
        f"  mv '{web}/layout.sh.merge' '{web}/layout.sh'\n"
        "  tc render web --take mine\n"
        "Or without looking, your lines or the template's where they differ:\n"
        "  tc render web --take mine\n"
        "  tc render web --take template\n"
        "Or leave the recipes as they are:\n"
        f"  rm '{web}/layout.sh.merge'\n",
    )
    beside = (web / "layout.sh.merge").read_text()
    assert beside == (
        "# Layout\n#\n#\n<<<<<<< yours\nscreen\n||||||| last rendered\ntmux\n=======\ntmux -u\n>>>>>>> template\n"
    )
    assert everything(web) == {**before, "layout.sh.merge": beside.encode()}


def test_commands_that_a_conflict_prints_do_what_they_say(web, tc, release):
    for path in ("layout.sh", "Dockerfile"):
        edit(web / path, {"layout.sh": "tmux", "Dockerfile": "base"}[path], "mine")
    release("templates/layout.sh.j2", "tmux", "tmux -u")
    release("templates/Dockerfile.j2", "base", "base2")
    said = tc("render", "web").err.splitlines()
    assert said[0].startswith("error: 'Dockerfile', 'layout.sh' of cage 'web' and")
    for path in ("layout.sh", "Dockerfile"):
        (web / f"{path}.merge").write_text("resolved\n")
    moves = [line for line in said if line.startswith("  mv ")]
    subprocess.run("\n".join(moves), shell=True, check=True)
    assert "  tc render web --take mine" in said
    assert tc("render", "web", "--take", "mine").code == 0
    assert (web / "layout.sh").read_text() == (web / "Dockerfile").read_text() == "resolved\n"
    assert not list(web.glob("*.merge"))
    assert tc("render", "web") == (0, "web: up to date\n", "")


def test_merge_file_of_an_older_conflict_makes_room_and_is_kept(web, tc, release):
    edit(web / "layout.sh", "tmux", "screen")
    release("templates/layout.sh.j2", "tmux", "tmux -u")
    tc("render", "web")
    (web / "layout.sh.merge").write_text("half resolved\n")
    tc("render", "web")
    assert (web / "layout.sh.merge").read_text() == "half resolved\n"
    release("templates/layout.sh.j2", "tmux -u", "tmux -2")
    tc("render", "web")
    assert "=======\ntmux -2\n" in (web / "layout.sh.merge").read_text()
    assert kept(web) == {"layout.sh.merge": "half resolved\n"}


def test_merge_file_that_was_worked_on_is_kept_when_a_side_is_taken(web, tc, release):
    edit(web / "layout.sh", "tmux", "screen")
    release("templates/layout.sh.j2", "tmux", "tmux -u")
    tc("render", "web")
    (web / "layout.sh.merge").write_text("half resolved\n")
    assert tc("render", "web", "--take", "template").code == 0
    assert kept(web) == {"layout.sh": "# Layout\n#\n#\nscreen\n", "layout.sh.merge": "half resolved\n"}


def test_resolved_conflict_is_finished_by_taking_mine(web, tc, release):
    edit(web / "layout.sh", "tmux", "screen")
    release("templates/layout.sh.j2", "tmux", "tmux -u")
    tc("render", "web")
    (web / "layout.sh.merge").write_text("# Layout\nscreen -u\n")
    tc("render", "web")
    assert (web / "layout.sh.merge").read_text() == "# Layout\nscreen -u\n"
    (web / "layout.sh.merge").rename(web / "layout.sh")
    assert tc("render", "web", "--take", "mine").code == 0
    assert (web / "layout.sh").read_text() == "# Layout\nscreen -u\n"
    assert tc("render", "web") == (0, "web: up to date\n", "")


def test_taking_the_template_drops_only_the_lines_in_conflict(web, tc, release):
    edit(web / "layout.sh", "# Layout", "# Mine")
    edit(web / "layout.sh", "tmux", "screen")
    release("templates/layout.sh.j2", "tmux", "tmux -u")
    assert tc("render", "web", "--take", "template").code == 0
    assert (web / "layout.sh").read_text() == "# Mine\n#\n#\ntmux -u\n"
    assert not (web / "layout.sh.merge").exists()


def test_check_changes_nothing(web, tc, release):
    assert tc("render", "web", "--check").code == 1
    assert tc("render", "web").code == 0
    assert tc("render", "web", "--check") == (0, "web: up to date\n", "")
    edit(web / "layout.sh", "tmux", "screen")
    release("templates/layout.sh.j2", "tmux", "tmux -u")
    before = everything(web)
    assert tc("render", "web", "--check").code == 3
    assert everything(web) == before


@pytest.mark.parametrize("path", ["Makefile", "recipes/work.mk"])
def test_deleted_recipe_is_rendered_again(path, web, tc):
    (web / path).unlink()
    assert tc("render", "web") == (0, f"web: replaced  {path}\n", "")
    assert tc("stop", "web").code == 0


def test_deleted_file_of_the_image_stays_deleted(web, tc, release):
    (web / "image/profile.sh").unlink()
    release("templates/image/profile.sh", "profile", "profile anew")
    assert tc("render", "web") == (0, "web: replaced  Makefile\n", "")
    assert not (web / "image/profile.sh").exists()


def test_local_mk_is_never_touched_again(web, tc, release):
    (web / "local.mk").write_text("mine:\n\t@echo mine\n")
    release("templates/local.mk", "alone", "alone, anew")
    assert tc("render", "web").code == 0
    assert tc("make", "web", "mine") == (0, "mine\n", "")


def test_variables_of_sessions_are_never_touched_again_nor_shown(web, tc, release):
    assert stat.S_IMODE((web / "env").stat().st_mode) == 0o600
    (web / "env").write_text("SECRET=1\n")
    release("templates/env", "Variables", "Variables, anew")
    assert tc("render", "web") == (0, "web: replaced  Makefile\n", "")
    assert (web / "env").read_text() == "SECRET=1\n"
    assert tc("diff-recipes", "web") == (0, "", "")
    assert '"edited": []' in tc("list", "--json").out
    (web / "env").unlink()
    assert tc("render", "web") == (0, "web: replaced  env\n", "")
    assert (web / "env").read_text() == "# Variables, anew\n"


def test_file_without_base_gets_the_new_one_beside_it(web, tc, release):
    (web / ".rendered/layout.sh").unlink()
    release("templates/layout.sh.j2", "tmux", "tmux -u")
    assert tc("render", "web").code == 3
    assert (web / "layout.sh.new").read_text() == "# Layout\n#\n#\ntmux -u\n"
    assert (web / "layout.sh").read_text() == "# Layout\n#\n#\ntmux\n"


def make_clean_but_unreadable(web, release, path, template):
    """Two edits of path that git merges and that make can't read together."""
    template = f"templates/{template}"
    release.folder.joinpath(template).write_text((web / path).read_text() + "ifdef X\n# 1\n# 2\n# 3\n# 4\n# 5\nendif\n")
    shutil.copy(release.folder / template, web / path)
    shutil.copy(web / path, web / ".rendered" / path)
    edit(web / path, "# 3\n", "# 3\nelse\n")
    release(template, "ifdef X\n", "")
    release(template, "endif\n", "# end\n")
    return web


@pytest.fixture
def clean_but_unreadable(web, release):
    """Two edits of the Makefile that git merges and that make can't read together."""
    return make_clean_but_unreadable(web, release, "Makefile", "Makefile.j2")


@pytest.mark.parametrize(("path", "template"), [("Makefile", "Makefile.j2"), ("recipes/work.mk", "recipes/work.mk")])
def test_merge_that_make_cannot_read_does_not_land(path, template, web, release, tc):
    make_clean_but_unreadable(web, release, path, template)
    before = everything(web)
    done = tc("render", "web")
    assert done.code == 3
    number = (web / f"{path}.merge").read_text().splitlines().index("else") + 1
    assert f"\nMerged, it can't be read: {path}:{number}: *** extraneous 'else'.  Stop.\n" in done.err
    after = everything(web)
    assert "# end" in after.pop(f"{path}.merge").decode()
    assert after == before


@pytest.mark.parametrize("side", ["mine", "template"])
def test_one_side_of_a_merge_that_make_cannot_read_is_taken_whole(side, clean_but_unreadable, tc, release):
    web = clean_but_unreadable
    mine, new = (web / "Makefile").read_text(), (release.folder / "templates/Makefile.j2").read_text()
    assert tc("render", "web", "--take", side).code == 0
    assert (web / "Makefile").read_text() == {"mine": mine, "template": new}[side]
    assert side == "mine" or kept(web) == {"Makefile": mine}
    assert tc("render", "web") == (0, "web: up to date\n", "")


def test_merged_script_that_its_shell_cannot_read_does_not_land(web, tc, release):
    lines = ["#!/bin/sh", "if true; then", *(f"echo {number}" for number in range(5)), "fi", ""]
    for path in (web / "layout.sh", web / ".rendered/layout.sh"):
        path.write_text("\n".join(lines))
    edit(web / "layout.sh", "echo 2\n", "echo 2\nelse\n")
    (release.folder / "templates/layout.sh.j2").write_text(
        "\n".join(lines).replace("if true; then\n", "").replace("fi\n", "")
    )
    before = (web / "layout.sh").read_text()
    done = tc("render", "web")
    assert done.code == 3
    assert "\nMerged, it can't be read: layout.sh:5: " in done.err
    assert (web / "layout.sh").read_text() == before


@pytest.mark.parametrize("path", ["Makefile", "recipes/work.mk"])
def test_render_of_recipes_that_cannot_be_read_changes_nothing(path, web, tc, release):
    with (web / path).open("a") as file:
        file.write("what is this\n")
    number = len((web / path).read_text().splitlines())
    release("templates/Makefile.j2", "@exit 3", "@exit 4")
    before = everything(web)
    for words in ([], ["--take", "mine"], ["--take", "template"], ["--check"]):
        assert tc("render", "web", *words) == (
            1,
            "",
            f"error: the recipes of cage 'web' can't be read: {path}:{number}: *** missing separator.  Stop.\n"
            "See what was changed in them: tc diff-recipes web\n",
        )
    assert everything(web) == before


def test_edit_of_the_tools_own_file_gives_way_and_is_kept(web, tc, release):
    edit(web / "lib/say", "say", "mine")
    with (web / "Makefile.cage").open("a") as file:
        file.write("what is this\n")
    release("templates/lib/say", "say", "say anew")
    assert tc("render", "web").code == 0
    assert (web / "lib/say").read_text() == "say anew\n"
    assert kept(web)["lib/say"] == "mine\n"
    assert "what is this" in kept(web)["Makefile.cage"]
    assert tc("stop", "web").code == 0


def test_scripts_of_the_guard_are_merged_too(web, tc, release):
    for path in (web / "guard/policy", web / ".rendered/guard/policy"):
        path.write_text("one\ntwo\nthree\n")
    edit(web / "guard/policy", "one", "mine")
    (release.folder / "templates/guard/policy").write_text("one\ntwo\nthree anew\n")
    assert tc("render", "web").code == 0
    assert (web / "guard/policy").read_text() == "mine\ntwo\nthree anew\n"


def test_file_that_the_templates_dropped_goes_unless_it_was_edited(web, tc, release):
    for path in ("lib/say", "image/profile.sh", "guard/policy"):
        (release.folder / "templates" / path).unlink()
    edit(web / "image/profile.sh", "profile", "mine")
    (web / "lib/own").write_text("own\n")
    done = tc("render", "web")
    assert "web: removed   lib/say\nweb: removed   guard/policy\nweb: left      image/profile.sh\n" in done.out
    assert not (web / "lib/say").exists()
    assert not (web / "guard/policy").exists()
    assert (web / "image/profile.sh").read_text() == "mine\n"
    assert (web / "lib/own").read_text() == "own\n"
    assert tc("render", "web") == (0, "web: up to date\n", "")


def test_header_that_was_edited_is_no_conflict_with_the_release_in_it(web, tc, release):
    edit(web / "Makefile", "# Cage 'web'", "# My own words\n# Cage 'web'")
    edit(web / "Makefile", "include Makefile.cage\n", "# More words\ninclude Makefile.cage\n")
    assert tc("render", "web").code == 0
    head = (web / "Makefile").read_text().splitlines()[:4]
    assert head == [
        "# My own words",
        "# Cage 'web', rendered by trusty-cage 2.0. It is yours.",
        "# More words",
        "include Makefile.cage",
    ]


def test_recipe_that_became_a_folder_is_named(web, tc, release):
    (web / "layout.sh").unlink()
    (web / "layout.sh").mkdir()
    assert tc("render", "web") == (
        1,
        "",
        f"error: '{web}/layout.sh' is no file, so no recipe\nMove it away.\n",
    )


def test_recipe_that_is_a_link_stays_one(web, tc, release, tmp_path):
    (web / "layout.sh").rename(tmp_path / "mine.sh")
    (web / "layout.sh").symlink_to(tmp_path / "mine.sh")
    release("templates/layout.sh.j2", "tmux", "tmux -u")
    assert tc("render", "web").code == 0
    assert (web / "layout.sh").is_symlink()
    assert "tmux -u" in (tmp_path / "mine.sh").read_text()


def test_windows_line_ends_stay(web, tc, release):
    (web / "Dockerfile").write_bytes(b"# Image of web\r\nFROM mine\r\n")
    release("templates/Dockerfile.j2", "# Image", "# The image")
    tc("render", "web", "--take", "mine")
    assert (web / "Dockerfile").read_bytes().endswith(b"FROM mine\r\n")


def test_render_all_goes_on_past_a_bad_cage(web, tc, release, repo, home):
    shutil.copytree(web, home / "envs" / "bad")
    assert tc("create", repo, "--name", "zoo").code == 0
    done = tc("render", "--all")
    assert done.code == 1
    assert done.out == "web: replaced  Makefile\nzoo: up to date\n"
    assert done.err.startswith(f"error: '{home}/envs/bad/meta.json' has 'web' as 'name'")


@pytest.mark.parametrize("words", [[], ["web", "--all"]])
def test_render_wants_a_name_or_all(words, tc):
    assert tc("render", *words).code == 2


def test_diff_recipes_shows_what_was_changed(web, tc):
    assert tc("diff-recipes", "web") == (0, "", "")
    edit(web / "layout.sh", "tmux", "screen\x1b[2J\tx")
    (web / "image/profile.sh").unlink()
    (web / "local.mk").write_text("# Yours alone.\nX := 1")
    assert tc("diff-recipes", "web") == (
        0,
        "--- .rendered/image/profile.sh\n+++ image/profile.sh\n@@ -1 +0,0 @@\n-profile\n"
        "--- .rendered/layout.sh\n+++ layout.sh\n@@ -1,4 +1,4 @@\n # Layout\n #\n #\n-tmux\n+screen[2J\tx\n"
        "--- .rendered/local.mk\n+++ local.mk\n@@ -1 +1,2 @@\n # Yours alone.\n+X := 1\n"
        "\\ No newline at end of file\n",
        "",
    )


@pytest.mark.parametrize(("old", "new"), [("\n", "\r\n"), ("tmux\n", "tmux"), ("tmux\n", "tmux\n\n")])
def test_diff_recipes_shows_each_edit_that_list_marks(old, new, web, tc):
    text = (web / "layout.sh").read_text()
    (web / "layout.sh").write_bytes(text.replace(old, new).encode())
    assert tc("diff-recipes", "web").out.startswith("--- .rendered/layout.sh\n+++ layout.sh\n@@")


def test_diff_recipes_is_a_patch(web, tc, tmp_path):
    mine = (web / "Makefile").read_text().replace("@exit 3", "@exit 5").rstrip("\n") + "\nlast:\n\t@echo last"
    (web / "Makefile").write_text(mine)
    patch = tc("diff-recipes", "web").out
    shutil.copy(web / ".rendered/Makefile", tmp_path / "Makefile")
    subprocess.run(["git", "apply", "-p0", "-"], input=patch, cwd=tmp_path, text=True, check=True)
    assert (tmp_path / "Makefile").read_text() == mine


def test_diff_recipes_names_what_cannot_be_read(web, tc):
    (web / "local.mk").write_text("what is this\n")
    done = tc("diff-recipes", "web")
    assert "+what is this\n" in done.out
    assert (done.code, done.err) == (
        0,
        "warning: make or a shell can't read this: local.mk:1: *** missing separator.  Stop.\n",
    )


def test_script_that_cannot_be_read_is_not_merged(web, tc, release):
    (web / "layout.sh").write_text("#!/bin/sh\nfi\n")
    assert tc("render", "web", "--check").err.startswith(
        "warning: the recipes of cage 'web' can't be read: layout.sh:2: "
    )
    release("templates/layout.sh.j2", "tmux", "tmux -u")
    before = everything(web)
    for words in ([], ["--take", "mine"], ["--take", "template"]):
        done = tc("render", "web", *words)
        assert done.err.splitlines()[-2].startswith("error: the recipes of cage 'web' can't be read: layout.sh:2: ")
        assert everything(web) == before
