"""What is left over or missing: the cages' folders against the engine's objects, both ways."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from cage import home, meta, names
from cage.errors import CageError
from cage.findings import Finding, ask, bad, good

READER = "docker run --rm --network none --entrypoint tar"
GUARD = "$(docker image ls --quiet trusty-cage-guard | head -n 1) -C /v -cf - ."

Found = list[tuple[str, str, str, str]]


def find(reachable: bool) -> Iterator[Finding]:
    """What is wrong with each cage of this home; only its folders are read where no engine answers."""
    try:
        home_id = home.home_id()
        folders = {path.name: path for path in (home.root() / "envs").glob("[!.]*") if path.is_dir()}
    except (CageError, OSError) as error:
        yield bad("cages", str(error), getattr(error, "remedy", ""))
        return
    found = _objects(home_id) if reachable and home_id else None
    wrong = [finding for name, folder in sorted(folders.items()) for finding in _cage(name, folder, found)]
    whole = {name for name, folder in folders.items() if (folder / "meta.json").exists()}
    wrong += [_left_over(kind, name, owner) for kind, name, owner, _ in found or [] if owner not in whole]
    yield from wrong or [good("cages", f"{len(whole)}, and nothing is left over")]


def _objects(home_id: str) -> Found:
    """Containers and volumes of this home, as (kind, name, cage, state)."""
    only = ("--filter", f"label=trusty-cage.home={home_id}", "--format")
    said = ask("ps", "--all", *only, '{{.Names}}\t{{.Label "trusty-cage.env"}}\t{{.State}}')[0]
    containers = [("container", *line.split("\t")) for line in said.splitlines() if line.count("\t") == 2]
    said = ask("volume", "ls", *only, '{{.Name}}\t{{.Label "trusty-cage.env"}}')[0]
    return containers + [("volume", *line.split("\t"), "") for line in said.splitlines() if line.count("\t") == 1]


def _left_over(kind: str, name: str, owner: str) -> Finding:
    if kind == "container":
        return bad("left over", f"container '{name}': its cage has no folder", f"docker rm --force {shlex.quote(name)}")
    volume = shlex.quote(name)
    look = f"Keep what is in it: {READER} --mount type=volume,src={volume},dst=/v,readonly {GUARD} >{volume}.tar\n"
    look += f"Then, or if you want nothing of it: docker volume rm {volume}"
    return bad("left over", f"volume '{name}': its cage has no folder; there may be work in it", look)


def _cage(name: str, folder: Path, found: Found | None) -> Iterator[Finding]:
    try:
        names.check(name)
        meta.read(folder)
    except FileNotFoundError:
        if not (folder / "repo").is_dir():
            yield bad("cage", f"'{folder}' holds no cage", f"Move it away: mv {shlex.quote(str(folder))} …")
        return
    except CageError as error:
        yield bad("cage", error.problem, error.remedy)
        return
    history = folder / ".history"
    if (history / "render").exists():
        yield bad("cage", f"the last render of '{name}' was interrupted", f"tc render {name}")
    if (history / "applying").exists():
        yield bad("cage", f"the last export of '{name}' was interrupted", f"tc export {name}")
    if not (history / "created").exists():
        yield bad("cage", f"'{name}' is half made", f"make -C {shlex.quote(str(folder))} create")
    elif found is not None:
        yield from _missing(name, found)


def _missing(name: str, found: Found) -> Iterator[Finding]:
    own = {(kind, it): state for kind, it, owner, state in found if owner == name}
    main = f"isolated-dev-{name}"
    if ("volume", main) not in own:
        yield bad("cage", f"volume '{main}' is gone, and the work in it", f"tc destroy {name}")
        return
    for part in (f"{main}.guard", main):
        if ("container", part) not in own:
            yield bad("cage", f"container '{part}' is gone; the files are kept", f"tc make {name} recreate")
            return
    if own["container", main] == "paused":
        yield bad("cage", f"'{name}' is paused: what read it was interrupted", f"tc start {name}")
