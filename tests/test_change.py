"""tc set: settings in meta.json, in the Makefile and in the container that runs."""

import json

import pytest
from conftest import edit, everything

from cage import settings


def test_set_changes_meta_makefile_and_pristine_copy(web, tc):
    assert tc("set", "web", "memory=2g", "tmux_prefix=C-b") == (
        0,
        "Set memory of cage 'web' to '2g'.\n"
        "It applies now\n"
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
    assert "You had changed the line by hand, to '8g" in done.out
    assert "\nexport CAGE_MEMORY := 2g\nexport CAGE_CPUS := 3\n" in (web / "Makefile").read_text()
    assert tc("set", "web", "memory=3g").out.count("by hand") == 0


def test_set_says_where_the_line_is_gone_or_overruled(web, tc):
    edit(web / "Makefile", "export CAGE_MEMORY := \n", "")
    (web / "local.mk").write_text("export CAGE_PIDS := 7\n")
    done = tc("set", "web", "memory=2g", "pids=9")
    assert "CAGE_MEMORY no longer stands in your Makefile: it has no effect there." in done.out
    assert "local.mk sets it too, and comes last." in done.out


def test_set_says_where_packages_are_in_no_image(web, tc):
    assert tc("set", "web", "packages=jq,ripgrep").out.endswith(
        "to 'jq,ripgrep'.\nIt applies in no image: there is no 'ARG CAGE_PACKAGES' in its Dockerfile\n"
    )
    with (web / "Dockerfile").open("a") as file:
        file.write("ARG CAGE_PACKAGES=\n")
    assert "It applies after: tc recreate web, which builds that layer" in tc("set", "web", "packages=jq").out


def test_set_does_not_bring_an_upgrade(web, tc, release):
    release("templates/Makefile.j2", "@exit 3", "@exit 4")
    assert tc("set", "web", "memory=2g").code == 0
    assert "@exit 3" in (web / "Makefile").read_text()


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("memory", "'memory' is not a setting"),
        ("colour=red", "'colour=red' is not a setting"),
        ("network=offline", "'offline' for 'network' is not released yet"),
        ("engine=docker", "a cage's engine can't be changed"),
        ("dotfiles_repo=ext::sh", "'ext::sh' would make git run a program"),
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
    assert done.err.endswith("See what was changed in them: tc diff-recipes web\n")
    assert everything(web) == before


def test_limits_reach_the_container_that_runs(web, tc):
    assert tc("set", "web", "cpus=1.5", "pids=100").out == (
        "Set cpus of cage 'web' to '1.5'.\nIt applies now\nSet pids of cage 'web' to '100'.\nIt applies now\n"
    )
    assert (web / ".state/limits").read_text() == " 1.5 100\n"


def test_limit_that_the_engine_cannot_bound_is_said_to_have_no_effect(web, tc):
    (web / ".history/lacks").write_text("memory\npause\n")
    assert tc("set", "web", "memory=2g", "pids=100").out == (
        "Set memory of cage 'web' to '2g'.\nIt applies on an engine that can bound it; this one can't\n"
        "Set pids of cage 'web' to '100'.\nIt applies now\n"
    )


def test_other_settings_leave_the_container_alone(web, tc):
    tc("set", "web", "tmux_prefix=C-b")
    assert not (web / ".state/limits").exists()


def test_limits_of_a_container_that_is_not_there_apply_when_it_is_made(web, tc):
    (web / "seen").write_text("guard missing\ncage missing\n")
    assert tc("set", "web", "cpus=1").out.endswith("\nIt applies when its container is made\n")


def test_limits_wait_for_an_engine_that_is_down(web, tc):
    (web / "down").touch()
    assert tc("set", "web", "cpus=1") == (
        0,
        "Set cpus of cage 'web' to '1'.\nIt applies after: tc make web limits (the engine can't be reached now)\n",
        "",
    )
    assert "\nexport CAGE_CPUS := 1\n" in (web / "Makefile").read_text()


def test_limits_that_the_engine_refuses_change_nothing(web, tc):
    (web / "refuse").write_text("Error response from daemon: Minimum memory limit allowed is 6MB\n")
    edit(web / "Makefile", "export CAGE_MEMORY := ", "CAGE_MEMORY = 8g")
    before = everything(web)
    assert tc("set", "web", "memory=1", "shell=bash") == (
        1,
        "",
        "error: the engine refuses these limits; nothing was changed\n"
        "Error response from daemon: Minimum memory limit allowed is 6MB\n",
    )
    assert everything(web) == before


def test_older_recipes_have_no_target_for_limits(web, tc):
    edit(web / "Makefile", "limits:\n", "older:\n")
    assert tc("set", "web", "cpus=1").out.endswith("\nIt applies after: tc recreate web\n")


def test_set_keeps_windows_line_ends(web, tc):
    for path in (web / "Makefile", web / ".rendered/Makefile"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    done = tc("set", "web", "memory=2g")
    assert (done.code, "by hand" in done.out) == (0, False)
    assert b"\r\nexport CAGE_MEMORY := 2g\r\n" in (web / "Makefile").read_bytes()


def test_set_on_a_cage_without_recipes_says_how_to_mend_it(web, tc):
    (web / "Makefile").unlink()
    assert tc("set", "web", "memory=2g").err == f"error: '{web}/Makefile' is missing\nRender it again: tc render web\n"


def test_every_setting_is_in_the_help_and_says_when_it_applies(web, tc):
    with (web / "Dockerfile").open("a") as file:
        file.write("ARG CAGE_PACKAGES=\n")
    listed = tc("set", "--help").out.split("settings:\n")[1]
    keys = [*(setting.key for setting in settings.SETTINGS), "agent_version"]
    assert [line.split()[0] for line in listed.splitlines()] == keys
    values = {
        "dotfiles_repo": "https://host/dot",
        "auth_mode": "subscription",
        "api_key_env": "KEY",
        "ca_bundle": str(web / "meta.json"),
        "python_version": "3.13",
        "base_image": "debian:12",
        "shell": "bash",
        "hardened": "yes",
        "packages": "jq",
        "image_from": "registry.example.com/team/cage",
        "timezone": "Asia/Tokyo",
    }
    for setting in settings.SETTINGS[:-1]:
        value = values.get(setting.key, setting.default or "2")
        done = tc("set", "web", f"{setting.key}={value}")
        assert (done.code, done.err) == (0, "")
        said = done.out.splitlines()
        assert said[0] == f"Set {setting.key} of cage 'web' to '{value}'."
        assert said[1:] == [f"It applies {settings.WHEN[setting.applies].format(name='web')}"]


def settings_of(web):
    fields = json.loads((web / "meta.json").read_text())
    return {**fields["settings"], "api_key_env": fields["api_key_env"]}


def test_set_agent_takes_the_name_of_its_key_along(web, tc):
    assert tc("set", "web", "agents=codex, gemini,codex").code == 0
    assert settings_of(web)["agents"] == "codex,gemini"
    assert (settings_of(web)["agent"], settings_of(web)["api_key_env"]) == ("codex", "OPENAI_API_KEY")
    done = tc("set", "web", "agent=gemini")
    assert "Set api_key_env of cage 'web' to 'GEMINI_API_KEY'." in done.out
    assert "\nexport CAGE_AGENT := gemini\n" in (web / "Makefile").read_text()


def test_set_agent_leaves_a_key_of_another_name(web, tc):
    assert tc("set", "web", "api_key_env=MY_KEY").code == 0
    assert tc("set", "web", "agents=claude,codex", "agent=codex").code == 0
    assert settings_of(web)["api_key_env"] == "MY_KEY"


def test_set_agents_where_the_makefile_names_none_leaves_the_key(web, tc):
    makefile = web / "Makefile"
    makefile.write_text("".join(line for line in makefile.open() if "CAGE_AGENT" not in line))
    done = tc("set", "web", "agents=codex")
    assert done.code == 0
    assert "CAGE_AGENTS no longer stands in your Makefile" in done.out
    assert settings_of(web)["api_key_env"] == "ANTHROPIC_API_KEY"


def test_set_agent_that_is_not_installed_is_refused(web, tc):
    before = everything(web)
    done = tc("set", "web", "agent=codex")
    assert (done.code, done.out) == (2, "")
    assert "the agent 'codex' is not one of the agents 'claude'\nAdd it to 'agents': claude,codex\n" in done.err
    assert everything(web) == before
