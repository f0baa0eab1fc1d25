"""tc render, tc set and tc diff-recipes on a cage that exists."""

import json
import shutil
import stat
from contextlib import suppress

import pytest
from conftest import TOY

from cage import home, render


@pytest.fixture
def release(tmp_path, monkeypatch):
    """The toy templates of the next release, to be changed by a test."""
    folder = tmp_path / "next"
    shutil.copytree(TOY, folder)
    monkeypatch.setattr(render, "source", lambda: folder)
    monkeypatch.setattr("cage.__version__", "2.0")

    def edit(path, old, new):
        file = folder / path
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    return edit


def edit(path, old, new):
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def everything(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".state" not in path.parts
    }


def test_render_of_the_same_templates_changes_nothing(web, tc):
    before = everything(web)
    assert tc("render", "web") == (0, "web: up to date\n", "")
    assert everything(web) == before


def test_render_replaces_what_its_user_left_alone(web, tc, release):
    release("templates/layout.sh.j2", "tmux", "tmux -u")
    release("templates/lib/die", "die", "die anew")
    assert tc("render", "web").out == ("web: replaced  lib/die\nweb: replaced  layout.sh\nweb: replaced  Makefile\n")
    assert (web / "layout.sh").read_text() == "# Layout\n#\n#\ntmux -u\n"
    assert (web / "lib/die").read_text() == "die anew\n"
    assert "rendered by 2.0." in (web / "Makefile").read_text()
    assert stat.S_IMODE((web / "Makefile").stat().st_mode) == 0o600
    assert tc("render", "web") == (0, "web: up to date\n", "")


def test_render_keeps_hand_edit_and_a_backup(web, tc, release):
    edit(web / "Makefile", "sleep 20", "sleep 30")
    mine = (web / "Makefile").read_text()
    release("templates/Makefile.j2", "@exit 3", "@exit 4")
    assert tc("render", "web") == (0, "web: merged    Makefile\n", "")
    merged = (web / "Makefile").read_text()
    assert "sleep 30" in merged
    assert "exit 4" in merged
    assert [path.read_text() for path in web.glob(".history/recipes/*/Makefile")] == [mine]
    assert "sleep 20" in (web / ".rendered/Makefile").read_text()
    assert tc("render", "web") == (0, "web: up to date\n", "")


def test_conflict_changes_nothing_and_says_how_to_finish(web, tc, release):
    edit(web / "layout.sh", "tmux", "screen")
    release("templates/layout.sh.j2", "tmux", "tmux -u")
    release("templates/lib/die", "die", "die anew")
    before = everything(web)
    done = tc("render", "web")
    assert done == (
        3,
        "",
        f"error: '{web}/layout.sh' and its new template don't go together; nothing was changed\n"
        f"Both are in {web}/layout.sh.merge\n"
        f"Edit it, then:      mv '{web}/layout.sh.merge' '{web}/layout.sh'\n"
        "                    tc render web --take mine\n"
        "Or drop your lines: tc render web --take template\n",
    )
    beside = (web / "layout.sh.merge").read_text()
    assert beside == (
        "# Layout\n#\n#\n<<<<<<< yours\nscreen\n||||||| last rendered\ntmux\n=======\ntmux -u\n>>>>>>> template\n"
    )
    assert everything(web) == {**before, "layout.sh.merge": beside.encode()}


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


def test_deleted_recipe_is_rendered_again(web, tc):
    (web / "Makefile").unlink()
    assert tc("render", "web") == (0, "web: replaced  Makefile\n", "")
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


def test_file_without_base_gets_the_new_one_beside_it(web, tc, release):
    (web / ".rendered/layout.sh").unlink()
    release("templates/layout.sh.j2", "tmux", "tmux -u")
    assert tc("render", "web").code == 3
    assert (web / "layout.sh.new").read_text() == "# Layout\n#\n#\ntmux -u\n"
    assert (web / "layout.sh").read_text() == "# Layout\n#\n#\ntmux\n"


def test_merge_that_make_cannot_read_does_not_land(web, tc, release):
    (web / "Makefile").write_text((web / "Makefile").read_text() + "endef\nno rule\n")
    release("templates/Makefile.j2", "@exit 3", "@exit 4")
    before = (web / "Makefile").read_bytes()
    done = tc("render", "web")
    assert done.code == 3
    assert done.err.startswith("warning: make can't read the merged Makefile: Makefile:")
    assert (web / "Makefile").read_bytes() == before
    assert "@exit 4" in (web / "Makefile.merge").read_text()


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


class Crash(BaseException):
    """A kill -9 between two writes."""


@pytest.mark.parametrize("survived", range(14))
@pytest.mark.parametrize("verb", [["render", "web"], ["set", "web", "memory=2g", "cpus=1"]])
def test_crash_between_any_two_writes_is_finished_by_a_render(survived, verb, web, tc, release, monkeypatch):
    edit(web / "Makefile", "sleep 20", "sleep 30")
    edit(web / "layout.sh", "# Layout", "# My layout")
    if verb[0] == "render":
        release("templates/Makefile.j2", "@exit 3", "@exit 4")
        release("templates/layout.sh.j2", "tmux", "tmux -u")
        release("templates/lib/die", "die", "die anew")
    writes = []

    def write(path, data, *rest):
        if len(writes) == survived:
            raise Crash
        writes.append(path)
        original(path, data, *rest)

    original = home.write
    with monkeypatch.context() as patch:
        patch.setattr(home, "write", write)
        with suppress(Crash):
            tc(*verb)
    pending = (web / ".history/render").exists()
    done = tc("stop", "web")
    assert done.code == 0
    assert ("was interrupted\nFinish it: tc render web\n" in done.err) == pending
    assert tc("render", "web").code == 0
    assert not (web / ".history/render").exists()
    makefile = (web / "Makefile").read_text()
    assert "sleep 30" in makefile
    assert "# My layout" in (web / "layout.sh").read_text()
    if verb[0] == "render":
        assert "@exit 4" in makefile
        assert (web / "lib/die").read_text() == "die anew\n"
    memory = json.loads((web / "meta.json").read_text())["settings"]["memory"]
    assert f"export CAGE_MEMORY := {memory}\n" in makefile
    assert tc("render", "web") == (0, "web: up to date\n", "")


def test_set_changes_meta_makefile_and_pristine_copy(web, tc):
    assert tc("set", "web", "memory=2g", "tmux_prefix=C-b") == (
        0,
        "Set memory of cage 'web' to '2g'.\n"
        "It applies after: tc make web recreate\n"
        "Set tmux_prefix of cage 'web' to 'C-b'.\n"
        "It applies in the next tmux session\n",
        "",
    )
    assert json.loads((web / "meta.json").read_text())["settings"]["memory"] == "2g"
    for path in (web / "Makefile", web / ".rendered/Makefile"):
        assert "\nexport CAGE_MEMORY := 2g\n" in path.read_text()
        assert "\nexport CAGE_TMUX_PREFIX := C-b\n" in path.read_text()
    assert tc("render", "web") == (0, "web: up to date\n", "")


def test_set_changes_a_line_edited_by_hand_and_says_so(web, tc):
    edit(web / "Makefile", "export CAGE_MEMORY := ", "CAGE_MEMORY = 8g \\\n  or so")
    edit(web / "Makefile", "export CAGE_CPUS := ", "export CAGE_CPUS := 3")
    done = tc("set", "web", "memory=2g")
    assert done.code == 0
    assert "You had changed the line by hand, to ' 8g" in done.out
    assert "\nexport CAGE_MEMORY := 2g\nexport CAGE_CPUS := 3\n" in (web / "Makefile").read_text()
    assert tc("set", "web", "memory=3g").out.count("by hand") == 0


def test_set_says_where_the_line_is_gone_or_overruled(web, tc):
    edit(web / "Makefile", "export CAGE_MEMORY := \n", "")
    (web / "local.mk").write_text("export CAGE_PIDS := 7\n")
    done = tc("set", "web", "memory=2g", "pids=9")
    assert "CAGE_MEMORY no longer stands in your Makefile: it has no effect there." in done.out
    assert "local.mk sets it too, and comes last." in done.out


def test_set_does_not_bring_an_upgrade(web, tc, release):
    release("templates/Makefile.j2", "@exit 3", "@exit 4")
    assert tc("set", "web", "memory=2g").code == 0
    assert "@exit 3" in (web / "Makefile").read_text()


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("memory", "'memory' is not a setting"),
        ("colour=red", "'colour=red' is not a setting"),
        ("image=full", "'full' for 'image' is not released yet"),
        ("engine=docker", "a cage's engine can't be changed"),
        ("dotfiles_repo=ext::sh", "'ext::sh' has git run a program of its choice"),
    ],
)
def test_set_refuses_by_name_and_changes_nothing(word, problem, web, tc):
    before = everything(web)
    done = tc("set", "web", "memory=2g", word)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {problem}\n")
    assert everything(web) == before


def test_set_does_not_touch_a_makefile_that_make_cannot_read(web, tc):
    with (web / "Makefile").open("a") as file:
        file.write("what is this\n")
    before = everything(web)
    done = tc("set", "web", "memory=2g")
    assert done.code == 1
    assert done.err.endswith("See what was changed in it: tc diff-recipes web\n")
    assert everything(web) == before


def test_diff_recipes_shows_what_was_changed(web, tc):
    assert tc("diff-recipes", "web") == (0, "", "")
    edit(web / "layout.sh", "tmux", "screen\x1b[2J")
    (web / "image/profile.sh").unlink()
    assert tc("diff-recipes", "web") == (
        0,
        "--- .rendered/layout.sh\n+++ layout.sh\n@@ -1,4 +1,4 @@\n # Layout\n #\n #\n-tmux\n+screen?[2J\n"
        "--- .rendered/image/profile.sh\n+++ image/profile.sh\n@@ -1 +0,0 @@\n-profile\n",
        "",
    )
