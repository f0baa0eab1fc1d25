"""meta.json is checked, never believed, and keeps unknown fields."""

import json
import time
from pathlib import Path

import pytest

from cage import home as homes
from cage import meta, settings
from cage.errors import CageError

DEFAULTS = {setting.key: setting.default for setting in settings.SETTINGS}


@pytest.fixture
def folder(home):
    return homes.make_folder(home / "envs" / "web")


@pytest.fixture
def fields():
    return meta.new("web", "https://host/web", "", DEFAULTS)


def test_meta_is_read_as_it_was_written(folder, fields):
    meta.write(folder, fields)
    assert meta.read(folder) == fields
    assert meta.settings(fields) == DEFAULTS


def test_fields_of_the_seed_keep_their_names(fields):
    assert list(fields) == [
        "schema",
        "name",
        "repo_url",
        "branch",
        "created_at",
        "volume_name",
        "container_name",
        "host_clone_path",
        "auth_mode",
        "api_key_env",
        "settings",
    ]
    assert "auth_mode" not in fields["settings"]


def test_new_cage_is_of_now_and_of_its_own_folder(monkeypatch, home):
    monkeypatch.setattr(time, "gmtime", lambda real=time.gmtime: real(1_000_000_000))
    fields = meta.new("web", "https://host/web", "main", {**DEFAULTS, "memory": "2g", "auth_mode": "subscription"})
    assert {key: value for key, value in fields.items() if key != "settings"} == {
        "schema": 1,
        "name": "web",
        "repo_url": "https://host/web",
        "branch": "main",
        "created_at": "2001-09-09T01:46:40Z",
        "volume_name": "isolated-dev-web",
        "container_name": "isolated-dev-web",
        "host_clone_path": f"{home}/envs/web/repo",
        "auth_mode": "subscription",
        "api_key_env": "ANTHROPIC_API_KEY",
    }
    assert fields["settings"]["memory"] == "2g"


def test_meta_is_written_for_a_reader(folder):
    meta.write(folder, {"name": "w\u00e9b\udcff", "settings": {}})
    assert (folder / "meta.json").read_bytes() == b'{\n  "name": "w\xc3\xa9b\xff",\n  "settings": {}\n}\n'
    assert (folder / "meta.json").stat().st_mode & 0o777 == 0o600


def test_unknown_fields_survive_a_change(folder, fields):
    fields |= {"later": {"deep": [1]}, "settings": {**fields["settings"], "later": "x"}}
    meta.write(folder, meta.change(fields, {"memory": "2g", "auth_mode": "subscription"}))
    read = meta.read(folder)
    assert read["later"] == {"deep": [1]}
    assert read["settings"]["later"] == "x"
    assert read["settings"]["memory"] == "2g"
    assert read["auth_mode"] == "subscription"


def test_setting_of_a_later_release_has_its_default(fields):
    del fields["settings"]["pids"]
    assert meta.settings(fields)["pids"] == "4096"


def change(**changes):
    return lambda fields: {**fields, **changes}


def without(key):
    return lambda fields: {k: v for k, v in fields.items() if k != key}


def setting(**changes):
    return lambda fields: {**fields, "settings": {**fields["settings"], **changes}}


CUT = "is empty, cut short or damaged"
DAMAGED = {
    "name of another": (change(name="other"), "has 'other' as 'name', not 'web'"),
    "somebody else's volume": (
        change(volume_name="postgres-data"),
        "has 'postgres-data' as 'volume_name', not 'isolated-dev-web'",
    ),
    "somebody else's container": (
        change(container_name="--privileged"),
        "has '--privileged' as 'container_name', not 'isolated-dev-web'",
    ),
    "no volume": (without("volume_name"), "has 'None' as 'volume_name', not 'isolated-dev-web'"),
    "a clone outside": (change(host_clone_path="/etc"), "has '/etc' as 'host_clone_path', not its own clone"),
    "no clone": (without("host_clone_path"), "has 'None' as 'host_clone_path', not its own clone"),
    "a clone of another": (
        change(host_clone_path="/home/me/envs/other/repo"),
        "has '/home/me/envs/other/repo' as 'host_clone_path', not its own clone",
    ),
    "a clone that climbs": (
        change(host_clone_path="/x/../../envs/web/repo"),
        "has '/x/../../envs/web/repo' as 'host_clone_path', not its own clone",
    ),
    "no repository": (change(repo_url=None), "has no 'repo_url'"),
    "no date": (without("created_at"), "has no 'created_at'"),
    "no way to authenticate": (without("auth_mode"), "has no 'auth_mode'"),
    "a branch of another kind": (change(branch=1), "has 'settings' or a 'branch' of another kind"),
    "settings of another kind": (change(settings=[]), "has 'settings' or a 'branch' of another kind"),
    "a setting of another kind": (change(settings={"memory": 3}), "has a setting 'memory' that is not a string"),
    "no schema": (without("schema"), "has no schema: another trusty-cage made it"),
    "a schema of true": (change(schema=True), "has a schema that is no number"),
    "a schema before the first": (change(schema=0), "has a schema that is no number"),
    "a list": (lambda fields: [], "is not what trusty-cage writes"),
    "half a letter": (change(repo_url="\ud800"), CUT),
    "a Dockerfile of another kind": (change(dockerfile=[1]), "has a 'dockerfile' that is not 'own'"),
    "hardened in other words": (setting(hardened="Yes"), "has 'Yes' as 'hardened'"),
    "less than no processes": (setting(pids="-1"), "has '-1' as 'pids'"),
    "a network that is none": (setting(network="bogus"), "has 'bogus' as 'network'"),
    "a way to authenticate that is none": (change(auth_mode="magic"), "has 'magic' as 'auth_mode'"),
}


def refusal(folder):
    """Problem and remedy of the error that the meta.json of folder ends with."""
    with pytest.raises(CageError) as refused:
        meta.check_settings(folder, meta.read(folder))
    assert refused.value.code == 1
    return refused.value.problem, refused.value.remedy


def bad(folder, why):
    """The error for a meta.json of folder that is bad, and its remedy."""
    return (
        f"'{folder}/meta.json' {why}",
        f"Mend it or put a backup back; the recipes work without it: make -C '{folder}' help",
    )


@pytest.mark.parametrize(("damage", "why"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_meta_is_an_error_that_says_why(damage, why, folder, fields):
    (folder / "meta.json").write_text(json.dumps(damage(fields)))
    assert refusal(folder) == bad(folder, why)


def test_meta_of_a_newer_release_asks_for_that_one(folder, fields):
    meta.write(folder, {**fields, "schema": 2})
    assert refusal(folder) == (
        f"'{folder}/meta.json' was written by a newer trusty-cage",
        "Upgrade this one: pip install --upgrade trusty-cage",
    )


@pytest.mark.parametrize("verb", ["attach", "destroy", "export"])
@pytest.mark.parametrize("damage", [change(name="other"), setting(pids="-1")], ids=["name", "setting"])
def test_no_verb_goes_by_damaged_meta_or_mends_it(verb, damage, folder, fields, tc):
    meta.write(folder, damage(fields))
    before = (folder / "meta.json").read_bytes()
    problem, remedy = refusal(folder)
    assert tc(verb, "web") == (1, "", f"error: {problem}\n{remedy}\n")
    assert (folder / "meta.json").read_bytes() == before


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_text_that_is_no_meta_is_an_error_that_names_the_file(data, folder):
    (folder / "meta.json").write_bytes(data)
    assert refusal(folder) == bad(folder, CUT)


def test_null_is_no_meta(folder):
    (folder / "meta.json").write_bytes(b"null")
    assert refusal(folder) == bad(folder, "is not what trusty-cage writes")


@pytest.mark.parametrize("found", ["/dev/zero", "/"])
def test_what_is_no_file_is_not_read(found, folder):
    (folder / "meta.json").symlink_to(found)
    assert refusal(folder) == bad(folder, "is not a file")


def test_meta_of_a_terabyte_is_read_in_part(folder, fields):
    meta.write(folder, fields)
    with (folder / "meta.json").open("r+b") as file:
        file.truncate(1 << 40)
    assert refusal(folder) == bad(folder, CUT)


def test_meta_that_may_not_be_read_is_an_error(folder, monkeypatch):
    def refuse(path, *given):
        raise PermissionError

    monkeypatch.setattr(Path, "open", refuse)
    (folder / "meta.json").touch()
    assert refusal(folder) == bad(folder, "can't be read: permission denied")


def test_folder_without_meta_is_another_matter(folder):
    with pytest.raises(FileNotFoundError):
        meta.read(folder)


def test_name_of_the_folder_is_quoted_for_the_shell(tmp_path):
    folder = homes.make_folder(tmp_path / "o'clock")
    (folder / "meta.json").touch()
    assert refusal(folder)[1].endswith(f"make -C '{tmp_path}/o'\"'\"'clock' help")


def test_setting_that_names_a_file_may_have_lost_it(folder, fields):
    meta.write(folder, meta.change(fields, {"ca_bundle": "/gone", "dotfiles_repo": "/gone"}))
    assert meta.check_settings(folder, meta.read(folder)) is None


def test_meta_of_a_release_without_branch_and_settings_has_defaults(folder, fields):
    del fields["branch"], fields["settings"]
    meta.write(folder, fields)
    read = meta.read(folder)
    assert (read["branch"], read["settings"], meta.settings(read)) == ("", {}, DEFAULTS)


def test_dockerfile_of_the_user_s_own_is_known(folder, fields):
    meta.write(folder, {**fields, "dockerfile": "own"})
    assert meta.read(folder)["dockerfile"] == "own"


@pytest.mark.parametrize("clone", ["/old/home/envs/web/repo", "/old//envs/./web/repo/"])
def test_home_that_was_moved_still_reads(clone, folder, fields):
    meta.write(folder, {**fields, "host_clone_path": clone})
    assert meta.read(folder)["name"] == "web"
