"""tc create: the folder that it makes, and a second create over an existing one."""

import json
import os
import stat

import pytest
from conftest import in_terminal

CLONE_LEFT = "the host clone of a destroyed cage 'web' is left: use it, or move it aside?"


def test_create_makes_the_folder_and_runs_the_target(toy, tc, repo, home):
    assert tc("create", repo) == (0, "created web no_attach=1\n", "")
    web = home / "envs" / "web"
    assert sorted(path.name for path in home.iterdir()) == ["envs", "id"]
    assert [path.name for path in (home / "envs").iterdir()] == ["web"]
    assert sorted(str(path.relative_to(web)) for path in web.rglob("*") if path.is_file()) == [
        ".history/created",
        ".rendered/.version",
        ".rendered/Dockerfile",
        ".rendered/Makefile",
        ".rendered/Makefile.cage",
        ".rendered/env",
        ".rendered/guard/Dockerfile",
        ".rendered/guard/policy",
        ".rendered/image/profile.sh",
        ".rendered/layout.sh",
        ".rendered/lib/diff-recipes",
        ".rendered/lib/plain.bash",
        ".rendered/lib/say",
        ".rendered/lib/terminal.bash",
        ".rendered/local.mk",
        ".rendered/recipes/work.mk",
        "Dockerfile",
        "Makefile",
        "Makefile.cage",
        "env",
        "guard/Dockerfile",
        "guard/policy",
        "image/profile.sh",
        "layout.sh",
        "lib/diff-recipes",
        "lib/plain.bash",
        "lib/say",
        "lib/terminal.bash",
        "local.mk",
        "meta.json",
        "recipes/work.mk",
    ]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_modes_hold_whatever_the_umask(umask, toy, tc, repo, home):
    before = os.umask(umask)
    try:
        assert tc("create", repo, "--render-only").code == 0
    finally:
        os.umask(before)
    for path in [home, *home.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        built = "/web/image/" in str(path) or "/web/guard/" in str(path)
        assert mode == (0o700 if path.is_dir() else 0o644 if built else 0o600), path


def test_render_only_runs_nothing_and_prints_the_command(toy, tc, repo, home):
    done = tc("create", repo, "--render-only")
    assert done == (0, f"Rendered cage 'web'.\nCreate it:  make -C '{home}/envs/web' create\n", "")
    assert not (home / "envs/web/.history").exists()
    assert tc("create", repo) == (0, "created web no_attach=1\n", "")


def test_settings_reach_meta_and_makefile(toy, tc, repo, home, monkeypatch):
    monkeypatch.setenv("TRUSTY_CAGE_PIDS", "99")
    words = ("--branch", "topic", "--memory", "2g", "--hardened", "--auth-mode", "subscription")
    assert tc("create", repo, "--render-only", "--name", "x", *words).code == 0
    fields = json.loads((home / "envs/x/meta.json").read_text())
    assert (fields["branch"], fields["auth_mode"]) == ("topic", "subscription")
    assert (fields["settings"]["pids"], fields["settings"]["hardened"]) == ("99", "yes")
    makefile = (home / "envs/x/Makefile").read_text()
    for line in ("BRANCH := topic", "MEMORY := 2g", "PIDS := 99", "AUTH_MODE := subscription"):
        assert f"export CAGE_{line}\n" in makefile
    assert f"export CAGE_HOME_ID := {(home / 'id').read_text()}" in makefile


def test_cage_that_exists_is_an_error(web, tc, repo):
    before = (web / "meta.json").read_bytes()
    assert tc("create", repo) == (
        1,
        "",
        "error: cage 'web' already exists\nAttach with 'tc attach web', or remove it with 'tc destroy web'.\n",
    )
    assert (web / "meta.json").read_bytes() == before


def test_taken_name_shows_whose_it_is_and_proposes_another(web, tc, repo):
    assert tc("create", "https://host/other/web.git") == (
        1,
        "",
        f"error: cage 'web' already exists, made from '{repo}'\n"
        "Choose another name: tc create https://host/other/web.git --name web-2\n",
    )


def half_made(tc, repo, home):
    assert tc("create", repo, "--memory", "2g", "--render-only").code == 0
    return home / "envs" / "web"


def test_half_made_cage_goes_on_with_the_same(toy, tc, repo, home):
    web = half_made(tc, repo, home)
    (web / "Makefile").write_text((web / "Makefile").read_text() + "# mine\n")
    assert tc("create", repo, "--memory", "2g") == (0, "created web no_attach=1\n", "")
    assert (web / "Makefile").read_text().endswith("# mine\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{repo}", "--memory", "4g"], "its memory is '2g', not '4g'"),
        (["https://host/web"], "its repository is '{repo}', not 'https://host/web'"),
    ],
)
def test_half_made_cage_refuses_another(words, said, toy, tc, repo, home):
    web = half_made(tc, repo, home)
    assert tc("create", *[word.format(repo=repo) for word in words]) == (
        1,
        "",
        f"error: cage 'web' is half made: {said.format(repo=repo)}\n"
        f"Finish it as it is:  make -C '{web}' create\n"
        "Or remove it:        tc destroy web\n",
    )


def test_half_made_cage_takes_another_branch_while_it_has_no_clone(toy, tc, repo, home):
    web = half_made(tc, repo, home)
    assert tc("create", repo, "--branch", "x", "--render-only").code == 0
    assert json.loads((web / "meta.json").read_text())["branch"] == "x"
    (web / "repo").mkdir()
    done = tc("create", repo, "--branch", "y")
    assert done.code == 1
    assert done.err.startswith("error: cage 'web' is half made: its branch is 'x', not 'y'\n")


def test_another_branch_stands_in_the_makefile_and_in_its_pristine_copy(tc, repo, home):
    assert tc("create", repo, "--render-only").code == 0
    assert tc("create", repo, "--branch", "a b$(c)", "--render-only").code == 0
    web = home / "envs" / "web"
    line = "export CAGE_BRANCH := a b$$(c)\n"
    assert line in (web / "Makefile").read_text()
    assert line in (web / ".rendered/Makefile").read_text()
    assert tc("render", "web").out == "web: up to date\n"


@pytest.fixture
def clone_left(home):
    clone = home / "envs" / "web" / "repo"
    (clone / ".git").mkdir(parents=True)
    (clone / "work").write_text("kept")
    return clone


def test_clone_left_without_terminal_names_the_flags(toy, tc, repo, clone_left):
    assert tc("create", repo) == (3, "", f"error: {CLONE_LEFT}\nAnswer with --reuse-clone or --fresh-clone.\n")
    assert list(clone_left.parent.iterdir()) == [clone_left]


def test_clone_left_is_used(toy, tc, repo, clone_left):
    assert tc("create", repo, "--reuse-clone").code == 0
    assert (clone_left / "work").read_text() == "kept"
    assert (clone_left.parent / "meta.json").exists()


def test_clone_left_without_its_git_folder_is_not_used(toy, tc, repo, clone_left):
    (clone_left / ".git").rmdir()
    assert tc("create", repo, "--reuse-clone") == (
        1,
        "",
        f"error: the host clone '{clone_left}' has no git folder\nPut its .git back, or give --fresh-clone.\n",
    )


def test_clone_left_is_moved_aside(toy, tc, repo, clone_left, home):
    done = tc("create", repo, "--fresh-clone")
    (kept,) = (home / "clones").iterdir()
    assert kept.name.startswith("web-")
    assert (kept / "work").read_text() == "kept"
    assert done == (0, "created web no_attach=1\n", f"Moved the old host clone to {kept}\n")
    assert not clone_left.exists()


def test_rest_of_a_crashed_reuse_is_moved_to_trash(toy, tc, repo, clone_left, home):
    (clone_left.parent / "Makefile").write_text("half")
    assert tc("create", repo, "--reuse-clone").code == 0
    assert [path.read_text() for path in home.glob("trash/web-*/Makefile")] == ["half"]


def test_clone_left_is_asked_about_in_a_terminal(repo, clone_left):
    code, shown = in_terminal("create", repo, "--auth-mode", "api_key", typed="reuse\n")
    assert code == 0
    assert f"{CLONE_LEFT} (reuse/fresh) [reuse] " in shown
    assert shown.endswith("created web no_attach=\n")
    assert (clone_left / "work").exists()


def test_auth_is_asked_in_a_terminal_and_only_if_nothing_sets_it(repo, home, monkeypatch):
    question = "Does the agent log in with an API key or with your subscription?"
    code, shown = in_terminal("create", repo, typed="sub\n\n")
    assert (code, f"{question} (api_key/subscription) [api_key] " in shown) == (0, True)
    assert json.loads((home / "envs/web/meta.json").read_text())["auth_mode"] == "subscription"
    (home / ".env").write_text("TRUSTY_CAGE_DEFAULT_AUTH_MODE=subscription\nTRUSTY_CAGE_KEYS=outside\n")
    code, shown = in_terminal("create", repo, "--name", "other")
    assert (code, shown) == (0, "created other no_attach=\n")


@pytest.mark.parametrize(("typed", "kept"), [("\n", "outside"), ("ins\n", "inside")])
def test_where_a_subscriptions_token_is_to_be_is_asked_once(typed, kept, repo, home):
    question = "settings and limits don't come in then.\nWhere is it to be? (outside/inside) [outside] "
    code, shown = in_terminal("create", repo, "--auth-mode", "subscription", typed=typed)
    assert (code, shown.count(question)) == (0, 1)
    assert json.loads((home / "envs/web/meta.json").read_text())["settings"]["keys"] == kept
    assert question not in in_terminal("auth", "web")[1]
    assert question not in in_terminal("auth", "web", "--auth-mode", "subscription")[1]
    in_terminal("auth", "web", "--auth-mode", "api_key")
    assert question in in_terminal("auth", "web", "--auth-mode", "subscription", typed=typed)[1]
    codex = ("create", repo, "--name", "other", "--agents", "codex", "--auth-mode", "subscription")
    assert in_terminal(*codex) == (0, "created other no_attach=\n")


def test_identity_is_asked_in_a_terminal_where_git_has_one_and_only_if_nothing_sets_it(repo, home, tmp_path):
    question = "May commits inside carry the name and the address of your git? [y/N] "
    create = ("create", repo, "--auth-mode", "api_key", "--name")
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Ann\n\temail = ann@host\n")
    for name, typed, kept in (("one", "y\n", "host"), ("two", "\n", "no")):
        code, shown = in_terminal(*create, name, typed=typed)
        assert (code, question in shown) == (0, True)
        assert json.loads((home / f"envs/{name}/meta.json").read_text())["settings"]["git_identity"] == kept
    assert in_terminal(*create, "three", "--git-identity", "no") == (0, "created three no_attach=\n")
    (tmp_path / ".gitconfig").unlink()
    assert in_terminal(*create, "four") == (0, "created four no_attach=\n")


def test_auth_is_not_asked_where_the_key_is_set(repo, home, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
    assert in_terminal("create", repo) == (0, "created web no_attach=\n")
    assert json.loads((home / "envs/web/meta.json").read_text())["auth_mode"] == "api_key"
    code, shown = in_terminal("create", repo, "--agent", "codex", "--name", "other", typed="\n")
    assert (code, "(api_key/subscription) [api_key] " in shown) == (0, True)  # that one has a key of another name


def test_no_attach_is_heard_in_a_terminal(repo):
    code, shown = in_terminal("create", repo, "--auth-mode", "api_key", "--no-attach")
    assert (code, shown) == (0, "created web no_attach=1\n")


def test_ctrl_c_at_a_question_ends_with_130(repo, home):
    code, _ = in_terminal("create", repo, typed="\x03")
    assert code == 130
    assert not (home / "envs").exists()


def test_folder_in_the_way_is_left_alone(toy, tc, repo, home):
    (home / "envs" / "web").mkdir(parents=True)
    (home / "envs" / "web" / "notes").write_text("mine")
    done = tc("create", repo)
    assert done.code == 1
    assert done.err == (
        f"error: '{home}/envs/web' is in the way: it holds neither a cage nor a host clone\n"
        f"Move it away: mv '{home}/envs/web' '{home}/envs/web.old'\n"
    )
    assert [path.name for path in (home / "envs" / "web").iterdir()] == ["notes"]


def test_recipes_of_a_create_that_was_killed_are_no_hindrance(toy, tc, repo, home):
    folder = home / "envs" / "web"
    (folder / "lib").mkdir(parents=True)
    (folder / "Makefile").write_text("half")
    assert tc("create", repo, "--render-only", "--auth-mode", "api_key").code == 0
    assert (folder / "meta.json").exists()
    assert "half" not in (folder / "Makefile").read_text()
    assert [path.read_text() for path in home.glob("trash/web-*/Makefile")] == ["half"]


def test_draft_of_a_killed_create_is_removed(toy, tc, repo, home):
    old, young = home / "envs" / ".new-web-00000000", home / "envs" / ".new-web-11111111"
    old.mkdir(parents=True)
    young.mkdir()
    os.utime(old, (0, 0))
    assert tc("create", repo).code == 0
    assert (old.exists(), young.exists()) == (False, True)


def test_failed_render_leaves_nothing(toy, tc, repo, home, monkeypatch):
    (home / "envs").mkdir(parents=True)
    monkeypatch.setattr("cage.meta.write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space")))
    assert tc("create", repo).code == 1
    assert list((home / "envs").iterdir()) == []


def test_home_that_cannot_be_written_is_said_in_words(toy, tc, repo, monkeypatch):
    monkeypatch.setenv("TRUSTY_CAGE_HOME", "/proc/nowhere")
    done = tc("create", repo)
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "error: no such file or directory: '/proc/nowhere'\n"
        "Mend that, or set TRUSTY_CAGE_HOME to a folder that you may write.\n"
    )


def test_dockerfile_of_ones_own_is_no_recipe_of_ours(toy, tc, repo, home, tmp_path):
    (tmp_path / "Mine").write_bytes(b"# syntax=x\nFROM alpine\n")
    assert tc("create", repo, "--dockerfile", tmp_path / "Mine", "--render-only").code == 0
    folder = home / "envs" / "web"
    assert (folder / "Dockerfile").read_bytes() == b"# syntax=x\nFROM alpine\n"
    assert not (folder / ".rendered/Dockerfile").exists()
    assert tc("render", "web") == (0, "web: up to date\n", "")
    assert tc("diff-recipes", "web") == (0, "", "")
    assert tc("create", repo, "--dockerfile", tmp_path / "Mine").code == 0


@pytest.mark.parametrize(("name", "said"), [("none", "No such file"), (".", "directory"), ("empty", "no Dockerfile")])
def test_dockerfile_that_is_none_is_refused(name, said, toy, tc, repo, home, tmp_path):
    (tmp_path / "empty").touch()
    done = tc("create", repo, "--dockerfile", tmp_path / name)
    assert (done.code, done.out) == (1, "")
    assert said in done.err
    assert not (home / "envs").exists()


def test_half_made_cage_keeps_its_dockerfile(toy, tc, repo, home, tmp_path):
    (tmp_path / "Mine").write_text("FROM a\n")
    assert tc("create", repo, "--render-only").code == 0
    done = tc("create", repo, "--dockerfile", tmp_path / "Mine")
    assert done.code == 1
    assert "cage 'web' is half made, with another Dockerfile" in done.err


def test_agent_is_the_first_of_those_installed(toy, tc, repo, home):
    assert tc("create", repo, "--agents", "gemini,claude", "--render-only").code == 0
    makefile = (home / "envs/web/Makefile").read_text()
    assert "CAGE_AGENT := gemini\n" in makefile
    assert "CAGE_API_KEY_ENV := GEMINI_API_KEY\n" in makefile


def test_python_that_is_not_known_makes_no_cage(tc, repo, home):
    done = tc("create", repo, "--python-version", "3.99")
    assert done.code == 2
    assert done.err.startswith("error: this release's pyenv can't build Python '3.99'\nThe newest that it knows: 3.")
    assert not (home / "envs/web").exists()
    assert tc("create", repo, "--python-version", "3.99", "--render-only").code == 0
