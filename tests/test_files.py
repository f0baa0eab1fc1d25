"""Files that a user puts into a cage, and those that leave it by name: the guard's programs, without an engine."""

import io
import os
import sys
import tarfile
from importlib import import_module
from types import SimpleNamespace

import pytest
from test_verdict import program, tree

taking = import_module("taking")


@pytest.fixture
def volumes(tmp_path, monkeypatch):
    """The folders of a cage's two volumes, project and home."""
    for name, value in (("project", "ROOT"), ("home", "HOME_HERE")):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(tree, value, os.fsencode(tmp_path / name))
    monkeypatch.setattr(tree, "FROM", {})
    monkeypatch.setattr(taking, "FROM", tree.FROM)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "whole", "volume", "inside"),
    [
        (b"a/b", b"/home/trustycage/project/a/b", "project", b"a/b"),
        (b"", b"/home/trustycage/project", "project", b""),
        (b"a//./b/../c/", b"/home/trustycage/project/a/c", "project", b"a/c"),
        (b"../x", b"/home/trustycage/x", "home", b"x"),
        (b"~/x", b"/home/trustycage/x", "home", b"x"),
        (b"/home/trustycage", b"/home/trustycage", "home", b""),
        (b"/home/trustycage/projects", b"/home/trustycage/projects", "home", b"projects"),
        (b"/home/trustycage/project/x", b"/home/trustycage/project/x", "project", b"x"),
    ],
)
def test_path_is_found_in_its_volume(path, whole, volume, inside, volumes):
    assert tree.located(path) == (whole, os.fsencode(volumes / volume), inside)


@pytest.mark.parametrize("path", [b"/", b"/etc", b"../../x", b"/home/trustycages", b"//home/other", b"~x/../../.."])
def test_path_outside_the_volumes_is_none(path, volumes):
    with pytest.raises(LookupError):
        tree.located(path)


def names(folder):
    """The names in FOLDER."""
    return sorted(path.name for path in folder.iterdir())


def put(monkeypatch, capfdbinary, entries, count=None, **env):
    """Run put with ENTRIES (name -> content, bytes for a file, text for a link's target); its paths, or its error."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
            else:
                info.type, info.linkname = (tarfile.SYMTYPE, content) if content else (tarfile.FIFOTYPE, "")
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    said = b"%d\n" % (len(entries) if count is None else count)
    with tarfile.open(fileobj=stream, mode="w") as tar:
        info = tarfile.TarInfo("complete")
        info.size = len(said)
        tar.addfile(info, io.BytesIO(said))
    stream.seek(0)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
    for name, value in env.items():
        monkeypatch.setenv(f"CAGE_{name}", value)
    program("put").main()
    with tarfile.open(fileobj=io.BytesIO(capfdbinary.readouterr().out)) as tar:
        return tar.extractfile("paths").read().decode().split("\n")[:-1]


def test_put_lands_where_it_says(volumes, monkeypatch, capfdbinary):
    paths = put(monkeypatch, capfdbinary, {"named/a": b"one", "named/d/./x/y": b"two", "named/d/l": "/etc"})
    assert paths == ["/home/trustycage/inbox/a", "/home/trustycage/inbox/d"]
    inbox = volumes / "home/inbox"
    assert (inbox / "a").read_text() + (inbox / "d/x/y").read_text() + str((inbox / "d/l").readlink()) == "onetwo/etc"
    assert names(volumes / "home") == ["inbox"]


@pytest.mark.parametrize(
    ("entries", "count"),
    [
        ({"named/a": b"one"}, 2),
        ({"named/a": b"one", "named/b": b""}, 1),
        ({"named/../a": b"one"}, 1),
        ({"/named/a": b"one"}, 1),
        ({"other/a": b"one"}, 1),
        ({"named": b"one"}, 1),
        ({"named/d": "/", "named/d/etc/x": b"one"}, 2),
        ({"named/fifo": ""}, 1),
    ],
)
def test_put_takes_nothing_of_a_stream_that_is_none_of_its_own(entries, count, volumes, monkeypatch, capfdbinary):
    with pytest.raises((SystemExit, OSError)):
        put(monkeypatch, capfdbinary, entries, count)
    assert names(volumes / "home/inbox") == []
    assert names(volumes / "home") == ["inbox"]


def test_put_goes_through_no_link(volumes, monkeypatch, capfdbinary):
    safe = volumes / "safe"
    safe.mkdir()
    (volumes / "project/way").symlink_to(safe)
    (volumes / "project/name").symlink_to(safe)
    for to in ("way", "way/below"):
        with pytest.raises(SystemExit, match="which is not followed"):
            put(monkeypatch, capfdbinary, {"named/a": b"one"}, TO=to)
    with pytest.raises(SystemExit, match="is there already"):
        put(monkeypatch, capfdbinary, {"named/name": b"one"}, TO=".")
    put(monkeypatch, capfdbinary, {"named/name/x": b"one"}, TO=".", FORCE="1")
    assert (volumes / "project/name/x").read_text() == "one"
    assert names(safe) == []


def taken(volumes, *paths):
    """The verdict on PATHS: those that land, with their content, those refused, and those that can't be had."""
    judged = taking.Taking([os.fsencode(path) for path in paths])
    unknown = [os.fsdecode(path) for path in judged.unknown]
    return sorted(map(os.fsdecode, judged.changed)), sorted(map(os.fsdecode, judged.refused)), unknown


def test_get_names_land_by_their_last_part_and_from_both_volumes(volumes):
    for path in ("project/deep/d/x", "project/a", "home/b"):
        (volumes / path).parent.mkdir(parents=True, exist_ok=True)
        (volumes / path).write_text(path)
    assert taken(volumes, "deep/d", "a", "~/b") == (["a", "b", "d/x"], [], [])
    assert taken(volumes, "a", "deep/../a", "nope", "a/x", ".", "~") == (
        ["a"],
        [],
        ["deep/../a", "nope", "a/x", ".", "~"],
    )


def test_get_names_nothing_in_a_git_folder(volumes):
    (volumes / "project/sub/.GIT").mkdir(parents=True)
    (volumes / "project/sub/.GIT/config").write_text("x")
    assert taken(volumes, "sub/.GIT", "sub/.GIT/config") == ([], [], ["sub/.GIT", "sub/.GIT/config"])
    assert taken(volumes, "sub")[1] == ["sub/.GIT"]


def test_get_compares_what_is_named_with_each_other(volumes):
    for path in ("a/name", "b/NAME", "a/HEAD", "b/objects/x", "c/refs/x"):
        (volumes / "project" / path).parent.mkdir(parents=True, exist_ok=True)
        (volumes / "project" / path).write_text("x")
    assert taken(volumes, "a/name", "b/NAME") == (["NAME"], ["name"], [])
    assert taken(volumes, "a/HEAD", "b/objects", "c/refs")[0] == []


def test_get_keeps_links_in_what_is_named(volumes):
    project = volumes / "project"
    (project / "d/sub").mkdir(parents=True)
    (project / "d/x").write_text("x")
    links = {"in": "x", "sub/in": "../x", "out": "../y", "sub/out": "../../y", "hop": "sub/far", "sub/far": "../../d/x"}
    for name, target in links.items():
        (project / "d" / name).symlink_to(target)
    assert taken(volumes, "d")[:2] == (["d/in", "d/sub/in", "d/x"], ["d/hop", "d/out", "d/sub/far", "d/sub/out"])
    (project / "link").symlink_to("d")
    assert taken(volumes, "link", "link/x") == ([], ["link"], ["link/x"])
