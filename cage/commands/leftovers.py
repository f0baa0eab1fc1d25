"""Leftover and missing things: the cages' folders against the engine's objects, both ways."""

import re
import shlex
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

from cage import engine, home, meta, names
from cage.commands.findings import Finding, bad, good
from cage.engine import Container
from cage.errors import CageError

AS_VOLUME = '{{.Label "trusty-cage.env"}}\t{{.Name}}'
Volume = namedtuple("Volume", "cage name")
Objects = tuple[list[Container], list[Volume]]


def find(reachable: bool) -> Iterator[Finding]:
    """Findings for each cage of this TRUSTY_CAGE_HOME; only its folders are read if no engine answers."""
    try:
        home_id = home.home_id()
        folders = {path.name: path for path in (home.root() / "envs").glob("[!.]*") if path.is_dir()}
    except (CageError, OSError) as error:
        yield bad("cages", str(error), getattr(error, "remedy", ""))
        return
    found = _objects(home_id) if reachable and home_id else None
    containers, volumes = found or ([], [])
    wrong = [finding for name, folder in sorted(folders.items()) for finding in _cage(name, folder, found)]
    wrong += _drafts(home.root() / "envs") + _without_network(containers)
    whole = {name for name, folder in folders.items() if (folder / "meta.json").exists()}
    wrong += [_container_left(name) for cage, name, _ in containers if cage not in whole]
    wrong += [_volume_left(name, cage) for cage, name in volumes if cage not in whole]
    yield from wrong or [good("cages", f"{len(whole)}, and nothing is left over")]


def _objects(home_id: str) -> Objects:
    """Containers and volumes of this TRUSTY_CAGE_HOME."""
    containers = engine.containers(engine.ask_for_containers("doctor", home_id).answer()[0])
    said = engine.ask("volume", "ls", *engine.of_home(home_id), "--format", AS_VOLUME)[0]
    return containers, [Volume(*line.split("\t")) for line in said.splitlines() if line.count("\t") == 1]


def _container_left(name: str) -> Finding:
    return bad("left over", f"container '{name}': its cage has no folder", f"docker rm --force {shlex.quote(name)}")


def _volume_left(name: str, owner: str) -> Finding:
    drop = f"docker volume rm {shlex.quote(name)}"
    if name.endswith(".home"):
        return bad("left over", f"volume '{name}': its cage has no folder; logins and shell history are in it", drop)
    look = f"{_put_back(owner)}\nThen, or if you want nothing of it: {drop}"
    return bad("left over", f"volume '{name}': its cage has no folder; there may be work in it", look)


def _put_back(name: str) -> str:
    """The remedy that brings the volume of the cage called name, whose folder is gone, to an export."""
    if not names.NAME.fullmatch(name):
        return "No cage can have that name, so no export can judge what is in it."
    folder = shlex.quote(str(home.folder_of(name)))
    export = f"tc recreate {name} && tc export {name}"
    dates = {
        path: re.sub(r"\D", "", path.name[len(name) :])
        for path in home.root().glob(f"trash/{name}-[0-9]*")
        if re.fullmatch(r"-\d{8}[T-]\d{6}Z?", path.name[len(name) :])
    }
    for trash in sorted(dates, key=dates.get, reverse=True):
        if (trash / ".history" / "destroyed" / "base").exists():
            back, history = shlex.quote(f"{trash}/."), shlex.quote(f"{trash}/.history/destroyed/.")
            put = f"mkdir -p {folder} && cp -a {back} {folder}/ && cp -a {history} {folder}/.history/"
            return f"Put its folder back from the trash, and export it: {put} && {export}"
    return f"Put a backup of its folder back, {folder}, and export it: {export}"


def _drafts(envs: Path) -> list[Finding]:
    """Drafts of killed creates; a running one is done within seconds, so older ones are dead."""
    old = [path for path in sorted(envs.glob(".new-*")) if path.stat().st_mtime < time.time() - 60]
    return [
        bad("left over", f"'{path}', of a create that was killed", f"rm -r {shlex.quote(str(path))}") for path in old
    ]


def _without_network(containers: list[Container]) -> list[Finding]:
    """Cages whose guard is on a network that is gone, or was made anew since."""
    owners = {guard.name: guard.cage for guard in engine.guards(containers)}
    if not owners:
        return []
    now = engine.ask("network", "inspect", "--format", "{{.Id}}", "--", "trusty-cage")[0]
    each = "{{.Name}} {{range .NetworkSettings.Networks}}{{.NetworkID}}{{end}}"
    said = engine.ask("container", "inspect", "--format", each, "--", *owners)[0]
    rows = [line.removeprefix("/").split(" ") for line in said.splitlines() if line.count(" ") == 1]
    cut = {owners[name] for name, network in rows if name in owners and network not in ("", now)}
    return [bad("cage", f"the network of '{owner}' is gone", f"tc recreate {owner}") for owner in sorted(cut)]


def _cage(name: str, folder: Path, found: Objects | None) -> Iterator[Finding]:
    try:
        names.check(name)
        fields = meta.read(folder)
    except FileNotFoundError:
        if not (folder / "repo").is_dir():
            yield bad("cage", f"'{folder}' holds no cage", home.away(folder))
        return
    except CageError as error:
        yield bad("cage", error.problem, error.remedy)
        return
    history = folder / ".history"
    if (history / "render").exists():
        yield bad("cage", f"the last render of '{name}' was interrupted", f"tc render {name}")
    if (history / "applying").exists():
        ways = f"tc export {name}, or to take it back: tc export {name} --undo"
        yield bad("cage", f"the last export of '{name}' was interrupted", ways)
    if not (history / "created").exists():
        yield bad("cage", f"'{name}' is half made", f"make -C {shlex.quote(str(folder))} create")
        return
    if not (history / "base").exists():
        seeded, base = shlex.quote(str(history / "base.seeded")), shlex.quote(str(history / "base"))
        yield bad(
            "cage", f"the base manifest of '{name}' is gone", f"Begin with that of the seeding: cp {seeded} {base}"
        )
    if not (folder / "repo").is_dir():
        clone = shlex.quote(str(folder / "repo"))
        yield bad(
            "cage", f"the host clone of '{name}' is gone", f"git clone -- {shlex.quote(fields['repo_url'])} {clone}"
        )
    if found:
        yield from _missing(name, *found)


def _missing(name: str, containers: list[Container], volumes: list[Volume]) -> Iterator[Finding]:
    """The first thing that is wrong with the objects of a cage that was made."""
    main = engine.object_name(name)
    there = {volume.name for volume in volumes if volume.cage == name}
    own = [container for container in containers if container.cage == name]
    state = engine.states(own).get(name)
    anew, start = f"tc recreate {name}", f"tc start {name}"
    if main not in there:
        yield bad("cage", f"volume '{main}' is gone, and the work in it", f"tc destroy {name} --force")
    elif f"{main}.home" not in there:
        yield bad("cage", f"volume '{main}.home' is gone: logins, shell history and dotfiles", anew)
    elif not engine.guards(own):
        yield bad("cage", f"the guard of '{name}' is gone; the files are kept", anew)
    elif not state:
        yield bad("cage", f"container '{main}' is gone; the files are kept", anew)
    elif state == "paused":
        yield bad("cage", f"'{name}' is paused: the verb that read it was interrupted", start)
    elif state == "cut-off":
        yield bad("cage", f"'{name}' is cut off from the network: its guard does not run", start)
