"""tc list: every cage, also the bad ones, with one call of the engine."""

import json
import os
import time

import pytest

HEAD = "NAME   STATUS   CREATED               AUTH     EDITED  REPOSITORY\n"


def dated(text, web):
    return text.replace(json.loads((web / "meta.json").read_text())["created_at"], "2030-01-01T00:00:00Z")


def test_no_cage_says_how_to_make_one(tc, engine):
    assert tc("list") == (0, "No cages yet. Make one: tc create <git-url>\n", "")
    assert tc("list", "--json") == (0, "[]\n", "")
    assert not (engine / "asked").exists()


def test_list_shows_states_of_this_home_with_one_call(web, tc, engine, home, repo):
    (engine / "answer").write_text(
        "web\tisolated-dev-web\trunning\nweb\tisolated-dev-0123456789ab.guard\trunning\nother\tx\trunning\n"
    )
    done = tc("list")
    assert done.code == 0
    assert dated(done.out, web) == (HEAD + f"web   running  2030-01-01T00:00:00Z  api_key  -       {repo}\n").replace(
        "NAME   ", "NAME  "
    )
    (asked,) = (engine / "asked").read_text().splitlines()
    home_id = (home / "id").read_text().strip()
    row = '{{.Label "trusty-cage.env"}}\t{{.Names}}\t{{.State}}'
    only = f"label=trusty-cage.home={home_id}"
    assert asked == repr(["ps", "--all", "--no-trunc", "--filter", only, "--format", row])


def test_cage_without_its_guard_is_cut_off(web, tc, engine):
    (engine / "answer").write_text("web\tisolated-dev-web\trunning\nweb\tisolated-dev-0123456789ab.guard\texited\n")
    assert "web   cut-off  " in tc("list").out


def test_list_traces_its_call(web, tc, engine, monkeypatch):
    monkeypatch.setenv("TRUSTY_CAGE_TRACE", "1")
    (engine / "answer").write_text("")
    (line,) = tc("list").err.splitlines()
    assert " ms  list           docker ps --all " in line


def test_list_as_json(web, tc, engine, repo):
    (engine / "answer").write_text("web\tisolated-dev-web\texited\n")
    (web / "Makefile").write_text("# mine\n")
    (web / "image" / "profile.sh").unlink()
    done = tc("list", "--json")
    assert json.loads(dated(done.out, web)) == [
        {
            "name": "web",
            "status": "stopped",
            "created_at": "2030-01-01T00:00:00Z",
            "auth_mode": "api_key",
            "edited": ["Makefile", "image/profile.sh"],
            "repo_url": str(repo),
        }
    ]


def test_engine_that_is_down_makes_the_status_unknown(web, tc, engine, repo):
    done = tc("list")
    assert done.code == 0
    assert "web   unknown  " in done.out
    assert done.err == ("warning: the engine does not answer, so no status is known\nStart it, or: docker info\n")


def test_container_that_is_gone_is_said(web, tc, engine):
    (engine / "answer").write_text("")
    assert "web   removed  " in tc("list").out


def test_bad_folders_are_shown_and_the_others_too(web, tc, engine, home):
    (engine / "answer").write_text("web\tisolated-dev-web\trunning\nweb\tisolated-dev-0123456789ab.guard\trunning\n")
    envs = home / "envs"
    for name in ("cut", "empty", "left", "\x1b[2J"):
        (envs / name).mkdir()
    (envs / "cut" / "meta.json").write_text("{")
    (envs / "left" / "repo").mkdir()
    (envs / ".new-x-1").mkdir()
    (envs / "a file").touch()
    assert "left" not in tc("list").out
    done = tc("list", "--all")
    assert done.code == 1
    assert [row.split("  ")[0].strip() for row in done.out.splitlines()] == [
        "NAME",
        "?[2J",
        "cut",
        "empty",
        "left",
        "web",
    ]
    assert "left   clone only" in done.out
    assert "web    running" in done.out
    assert done.err == (
        "error: '?[2J' is not a name for a cage\n"
        "A name is 1 to 63 of a-z, 0-9, '-' and '_', and starts with a letter or a digit.\n"
        f"error: '{envs}/cut/meta.json' is empty, cut short or damaged\n"
        "Mend it or put a backup back; the recipes work without it: "
        f"make -C '{envs}/cut' help\n"
        f"error: '{envs}/empty' holds no cage: it has no meta.json\n"
        "Move it away.\n"
    )


@pytest.mark.parametrize("damage", [{"repo_url": "\ud800"}, {"dockerfile": [1]}], ids=str)
def test_folder_whose_meta_no_file_could_hold_is_named_and_the_others_are_shown(web, tc, engine, repo, home, damage):
    (engine / "answer").write_text("web\tisolated-dev-web\trunning\nzoo\tisolated-dev-zoo\texited\n")
    assert tc("create", repo, "--name", "zoo").code == 0
    fields = json.loads((web / "meta.json").read_text()) | damage
    (web / "meta.json").write_text(json.dumps(fields))
    done = tc("list")
    assert done.code == 1
    assert [row.split()[:2] for row in done.out.splitlines()[1:]] == [["web", "bad"], ["zoo", "stopped"]]
    assert done.err.startswith(f"error: '{home}/envs/web/meta.json' ")


@pytest.mark.parametrize("setting", [{"hardened": "Yes"}, {"pids": "-1"}, {"network": "bogus"}], ids=str)
def test_setting_that_nobody_could_have_typed_keeps_no_cage_from_the_list(web, tc, engine, repo, setting):
    (engine / "answer").write_text("web\tisolated-dev-web\trunning\nzoo\tisolated-dev-zoo\texited\n")
    assert tc("create", repo, "--name", "zoo").code == 0
    fields = json.loads((web / "meta.json").read_text())
    fields["settings"] |= setting
    (web / "meta.json").write_text(json.dumps(fields))
    assert [row.split()[0] for row in tc("list").out.splitlines()[1:]] == ["web", "zoo"]


def test_clone_of_a_destroyed_cage_is_forgotten_into_the_trash(web, tc, engine, home):
    left = home / "envs" / "left"
    (left / "repo").mkdir(parents=True)
    os.utime(left, (0, 0))
    done = tc("forget", "left")
    (trash,) = (home / "trash").iterdir()
    assert (done.code, done.out) == (0, f"Moved the host clone of 'left' to {trash} (kept for 30 days)\n")
    assert (trash / "repo").is_dir() and time.time() - trash.stat().st_mtime < 60
    (home / "envs" / "lost" / "repo").mkdir(parents=True)
    (home / "envs" / "lost" / ".history").mkdir()
    assert "error: " in tc("list").err
    for name in ("left", "web", "lost"):
        said = f"error: no destroyed cage left a clone called '{name}'\nSee: tc list --all\n"
        assert tc("forget", name) == (1, "", said)
    assert (home / "envs" / "web" / "meta.json").exists()


def test_what_meta_holds_is_never_printed_raw(web, tc, engine):
    fields = json.loads((web / "meta.json").read_text())
    fields["repo_url"] = "https://me:hunter2@host/\x1b]0;x\x07\u202e\x9b"
    (web / "meta.json").write_text(json.dumps(fields))
    for words in (["list"], ["list", "--json"]):
        out = tc(*words).out
        assert "https://***@host/?]0;x???" in out
        assert not set(out) & set("\x1b\x07\u202e\x9b")


def test_half_made_cage_is_said(toy, tc, repo, engine):
    (engine / "answer").write_text("")
    tc("create", repo, "--render-only")
    assert "web   half made  " in tc("list").out
