"""Leftover and missing things: the cages' folders against the engine's objects, both ways."""

from collections import namedtuple
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cage import engine, home, meta, names
from cage.engine import Container
from cage.errors import CageError
from cage.text import quote, typed

AS_VOLUME = '{{.Label "trusty-cage.env"}}\t{{.Name}}'
Volume = namedtuple("Volume", "cage name")
Objects = tuple[list[Container], list[Volume]]
# Something that is wrong, and the command that mends it.
Wrong = tuple[str, str]


def find(reachable: bool) -> tuple[int, list[tuple[str, str, str]]]:
    """The number of cages, and all faults: check, fault and remedy. Only folders are read if no engine answers."""
    try:
        home_id = home.home_id()
        folders = home.folders()
        drafts = home.dead_drafts("*")
    except (CageError, OSError) as error:
        return 0, [("cages", str(error), getattr(error, "remedy", ""))]
    found = _objects(home_id) if reachable and home_id else None
    containers, volumes = found or ([], [])
    whole = {folder.name for folder in folders if (folder / "meta.json").exists()}
    seen = {container.cage for container in containers}
    elsewhere = engine.elsewhere("doctor", [folder for folder in folders if folder.name not in seen]) if found else {}
    wrong = [*(pair for folder in folders for pair in _cage(folder, found, elsewhere)), *_without_network(containers)]
    left = [(f"'{path}', of a create that was killed", f"rm -r {typed(path)}") for path in drafts]
    lost = [name for cage, name, _ in containers if cage not in whole]
    left += [(f"container '{name}': its cage has no folder", f"docker rm --force {typed(name)}") for name in lost]
    left += [_volume_left(name, cage) for cage, name in volumes if cage not in whole]
    return len(whole), [("cage", *pair) for pair in wrong] + [("left over", *pair) for pair in left]


def made() -> list[Path]:
    """The folders of cages that were made whole."""
    with suppress(CageError, OSError):
        return [folder for folder in home.folders() if (folder / ".history" / "created").exists()]
    return []


def _objects(home_id: str) -> Objects:
    """Containers and volumes of this TRUSTY_CAGE_HOME."""
    containers = engine.containers(engine.ask_for_containers("doctor", home_id).answer()[0])
    said = engine.ask("volume", "ls", *engine.of_home(home_id), "--format", AS_VOLUME)[0]
    return containers, [Volume(*line.split("\t")) for line in said.splitlines() if line.count("\t") == 1]


def _volume_left(name: str, owner: str) -> Wrong:
    said, drop = f"volume '{name}': its cage has no folder", f"docker volume rm {typed(name)}"
    if name.endswith(".home"):
        return f"{said}; logins and shell history are in it", drop
    return f"{said}; there may be work in it", f"{_put_back(owner)}\nThen, or if you want nothing of it: {drop}"


def _put_back(name: str) -> str:
    """The remedy that brings the volume of the cage called name, whose folder is gone, to an export."""
    if not names.NAME.fullmatch(name):
        return "No cage can have that name, so no export can judge what is in it."
    folder = typed(home.folder_of(name))
    export = f"tc recreate {name} && tc export {name}"
    # As lib/destroy/to-trash dates them.
    for trash in sorted(home.root().glob(f"trash/{name}-????????T??????Z"), reverse=True):
        if (trash / ".history" / "destroyed" / "base").exists():
            back, history = typed(f"{trash}/."), typed(f"{trash}/.history/destroyed/.")
            put = f"mkdir -p {folder} && cp -a {back} {folder}/ && cp -a {history} {folder}/.history/"
            return f"Put its folder back from the trash, and export it: {put} && {export}"
    return f"Put a backup of its folder back, {folder}, and export it: {export}"


def _without_network(containers: list[Container]) -> list[Wrong]:
    """Cages whose guard is on a network that is gone, or was made anew since."""
    owners = {guard.name: guard.cage for guard in engine.guards(containers)}
    if not owners:
        return []
    now = engine.ask("network", "inspect", "--format", "{{.Id}}", "--", "trusty-cage")[0]
    each = "{{.Name}} {{range .NetworkSettings.Networks}}{{.NetworkID}}{{end}}"
    said = engine.ask("container", "inspect", "--format", each, "--", *owners)[0]
    rows = [line.removeprefix("/").split(" ") for line in said.splitlines() if line.count(" ") == 1]
    cut = {owners[name] for name, network in rows if name in owners and network not in ("", now)}
    return [(f"the network of '{owner}' is gone", f"tc recreate {owner}") for owner in sorted(cut)]


def _cage(folder: Path, found: Objects | None, elsewhere: dict[str, str]) -> Iterator[Wrong]:
    name, history, clone = folder.name, folder / ".history", folder / "repo"
    try:
        names.check(name)
        fields = meta.read(folder)
    except FileNotFoundError:
        if not clone.is_dir():
            yield f"'{folder}' holds no cage", home.away(folder)
        return
    except CageError as error:
        yield error.said
        return
    if (history / "render").exists():
        yield f"the last render of '{name}' was interrupted", f"tc render {name}"
    if (history / "applying").exists():
        ways = f"tc export {name}, or to take it back: tc export {name} --undo"
        yield f"the last export of '{name}' was interrupted", ways
    if not (history / "created").exists():
        yield f"'{name}' is half made", f"make -C {typed(folder)} create"
        return
    if not (history / "base").exists():
        copy = f"cp {typed(history / 'base.seeded')} {typed(history / 'base')}"
        yield f"the base manifest of '{name}' is gone", f"Begin with that of the seeding: {copy}"
    if not clone.is_dir():
        yield f"the host clone of '{name}' is gone", f"git clone -- {typed(fields['repo_url'])} {typed(clone)}"
    if name in elsewhere:
        yield f"'{name}' is on the engine of {quote(elsewhere[name])}, and this is another one", f"tc status {name}"
    elif found:
        yield from _missing(name, *found)


def _missing(name: str, containers: list[Container], volumes: list[Volume]) -> Iterator[Wrong]:
    """The first thing that is wrong with the objects of a cage that was made."""
    main = engine.object_name(name)
    there = {volume.name for volume in volumes if volume.cage == name}
    own = [container for container in containers if container.cage == name]
    state = engine.states(own).get(name)
    anew, start = f"tc recreate {name}", f"tc start {name}"
    if main not in there:
        yield f"volume '{main}' is gone, and the work in it", f"tc destroy {name} --force"
    elif f"{main}.home" not in there:
        yield f"volume '{main}.home' is gone: logins, shell history and dotfiles", anew
    elif not engine.guards(own):
        yield f"the guard of '{name}' is gone; the files are kept", anew
    elif not state:
        yield f"container '{main}' is gone; the files are kept", anew
    elif state == "paused":
        yield f"'{name}' is paused: the verb that read it was interrupted", start
    elif state == "cut-off":
        yield f"'{name}' is cut off from the network: its guard does not run", start
