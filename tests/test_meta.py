"""meta.json is checked, never believed, and never loses what it does not know."""

import json

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


DAMAGED = {
    "name of another": change(name="other"),
    "somebody else's volume": change(volume_name="postgres-data"),
    "somebody else's container": change(container_name="--privileged"),
    "a clone outside": change(host_clone_path="/etc"),
    "a clone that climbs": change(host_clone_path="/x/../../envs/web/repo"),
    "no repository": change(repo_url=None),
    "settings of another kind": change(settings=[]),
    "a setting of another kind": change(settings={"memory": 3}),
    "no schema": lambda fields: {k: v for k, v in fields.items() if k != "schema"},
    "a schema of true": change(schema=True),
    "a newer schema": change(schema=2),
    "a list": lambda fields: [],
    "half a letter": change(repo_url="\ud800"),
    "a Dockerfile of another kind": change(dockerfile=[1]),
    "hardened in other words": lambda fields: change(settings={**fields["settings"], "hardened": "Yes"})(fields),
    "less than no processes": lambda fields: change(settings={**fields["settings"], "pids": "-1"})(fields),
    "a network that is none": lambda fields: change(settings={**fields["settings"], "network": "bogus"})(fields),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_damaged_meta_is_an_error_that_names_the_file(damage, folder, fields, tc):
    (folder / "meta.json").write_text(json.dumps(damage(fields)))
    before = (folder / "meta.json").read_bytes()
    for verb in ("attach", "destroy", "export"):
        done = tc(verb, "web")
        assert done.code == 1
        assert done.err.startswith(f"error: '{folder}/meta.json' ")
        assert done.err.count("error: ") == 1 and "Traceback" not in done.err
    assert (folder / "meta.json").read_bytes() == before


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"null"])
def test_text_that_is_no_meta_is_an_error_that_names_the_file(data, folder):
    (folder / "meta.json").write_bytes(data)
    with pytest.raises(CageError) as refused:
        meta.read(folder)
    assert refused.value.problem.startswith(f"'{folder}/meta.json' ")


def test_device_in_place_of_meta_is_not_read(folder):
    (folder / "meta.json").symlink_to("/dev/zero")
    with pytest.raises(CageError) as refused:
        meta.read(folder)
    assert refused.value.problem == f"'{folder}/meta.json' is not a file"


def test_home_that_was_moved_still_reads(folder, fields):
    meta.write(folder, {**fields, "host_clone_path": "/old/home/envs/web/repo"})
    assert meta.read(folder)["name"] == "web"
