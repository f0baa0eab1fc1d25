"""Files that the host runs later, unasked, and the warning of them. runs_later.tsv has their names."""

import heapq
import os
import re
import sys
from functools import lru_cache
from typing import NamedTuple

from rules import HOPS, is_called, is_short_name, readings, show

HOOKS, SETTINGS, EXECUTABLES = "git, as hooks", "git, as settings", "new executables"
TITLE = "Read these first, the host runs them later:"
PLACES = 3  # of each name; the name itself is always shown
PROGRAMS = 20  # names of new executables, which the agent chooses
DETOURS = 1_000_000  # looked at in an export: an honest one has one for each file at most


class Row(NamedTuple):
    """One name of the table."""

    group: str  # the program of the host that runs it
    name: str  # as the table writes it: a folder ends in a slash, '*' stands for any letters


class Reason(NamedTuple):
    """Why a path is pointed out."""

    row: Row
    changed: bool  # whether the host had the file before


def read_table():
    """The rows of the table, in its order."""
    rows, group = [], ""
    with open(os.path.join(os.path.dirname(__file__), "runs_later.tsv"), encoding="utf-8") as file:
        for line in file:
            if line.startswith("["):
                group = line.strip().strip("[]")
            elif line.strip() and not line.startswith("#"):
                rows += [Row(group, name) for name in line.partition("\t")[0].split()]
    return rows


class Names:
    """The parts of all rows' names, found by their text: each part is a (number of its row, its place)."""

    def __init__(self, rows):
        self.rows = rows
        self.last = [row.name.rstrip("/").count("/") for row in rows]
        self.folders = [row.name.endswith("/") for row in rows]
        self.weight = [("*" not in row.name, len(row.name)) for row in rows]
        self.exact, self.starts, self.ends, self.short = {}, {}, {}, {}
        self.calls, self.below = {}, {b"": (frozenset(), frozenset())}
        for number, row in enumerate(rows):
            for place, part in enumerate(row.name.rstrip("/").lower().split("/")):
                self.add(part, (number, place))

    def add(self, part, meaning):
        """Note PART, a name in small letters with one '*' at most, by the beginning or end of names that fit it."""
        start, star, end = part.partition("*")
        if not star:
            self.exact.setdefault(part, []).append(meaning)
        elif start:
            self.starts.setdefault(start[:2], []).append((start, end, meaning))
        else:
            self.ends.setdefault(extension(end), []).append((start, end, meaning))
        stem = re.sub("[. ]", "", start)[:2]
        ending = "*" if star and not end else extension(end or part.lstrip("."))[:4]
        self.short.setdefault((stem if len(stem) == 2 else "", ending), []).append((part, meaning))

    def called(self, name):
        """The parts that some file system reads NAME (bytes) as."""
        if (known := self.calls.get(name)) is not None:
            return known
        found = set()
        for said in readings(name):
            found.update(self.exact.get(said, ()))
            starts = (*self.starts.get(said[:2], ()), *self.starts.get(said[:1], ()))
            for start, end, meaning in (*starts, *self.ends.get(extension(said), ())):
                if said.startswith(start) and said.endswith(end) and len(said) >= len(start) + len(end):
                    found.add(meaning)
            if "~" in said:
                keys = ((said[:2], extension(said)), (said[:2], "*"), ("", extension(said)))
                near = (row for key in keys for row in self.short.get(key, ()))
                found.update(meaning for part, meaning in near if shortened(said, part))
        return remember(self.calls, name, frozenset(found))

    def folder(self, path):
        """The parts that folder PATH is where all before them fit, and the rows that all in it stands for."""
        above, seen = path, []
        while above not in self.below:
            seen.append(above)
            above = above.rpartition(b"/")[0]
        state = self.below[above]
        for here in reversed(seen):
            parts = self.fitting(here.rpartition(b"/")[2], state[0])
            whole = {row for row, place in parts if place == self.last[row] and self.folders[row]}
            state = remember(self.below, here, (parts, state[1] | whole))
        return state

    def fitting(self, name, before):
        """The parts that NAME is called, where BEFORE holds the ones that stand before them."""
        parts = self.called(name)
        return frozenset(p for p in parts if not p[1] or (p[0], p[1] - 1) in before) if parts else parts

    def matched(self, path, is_link):
        """The rows that PATH stands for, of names of files the closest; a link may stand for a folder amid a name."""
        if b"\\" in path:
            path = re.sub(rb"[\\/]+", b"/", path).strip(b"/")
        above, _, name = path.rpartition(b"/")
        before, folders = self.folder(above)
        here = self.fitting(name, before)
        found = folders.union(row for row, place in here if place == self.last[row]) if here else folders
        if not found:
            return [self.rows[row] for row in sorted(row for row, _ in here)] if is_link else []
        closest = max((row for row in found if not self.folders[row]), key=self.weight.__getitem__, default=None)
        said = self.rows[closest].name if closest is not None else ""
        kept = {row for row in found if self.folders[row] and not said.startswith(self.rows[row].name)} | {closest}
        return [self.rows[row] for row in sorted(kept - {None})]


def extension(name):
    """The end of NAME from its last dot on; empty without one."""
    return name[name.rfind(".") :] if "." in name else ""


def shortened(said, part):
    """Whether SAID could be the short name of PART, which may hold a '*'."""
    start, star, _ = part.partition("*")
    if not star:
        return is_short_name(said, part)
    stem, _, number = said.partition(".")[0].partition("~")
    start = re.sub("[. ]", "", start)
    return number.isdigit() and (
        stem.startswith(start[:6]) or bool(re.fullmatch(re.escape(start[:2]) + "[0-9a-f]{4}", stem))
    )


def remember(cache, key, value):
    """VALUE, kept as KEY's in CACHE; the agent has the say how many there are."""
    if len(cache) < 1 << 17:
        cache[key] = value
    return value


TABLE = Names(read_table())


@lru_cache(1 << 16)
def alike(name, other):
    """Whether some file system reads NAME and OTHER (bytes) as the same."""
    return name == other or any(is_called(name, wanted) for wanted in readings(other))


def in_hooks(path, is_link, hooks):
    """Whether PATH lies in the folder HOOKS, or is a link that may stand for it or for one above it."""
    parts, wanted = path.split(b"/"), hooks.split(b"/")
    return (len(parts) >= len(wanted) or is_link) and all(map(alike, parts, wanted))


def standing_for(path, is_link, hooks, included=()):
    """The rows that PATH stands for."""
    own = [Row(HOOKS, show(hooks) + "/")] if in_hooks(path, is_link, hooks) else []
    own += [Row(SETTINGS, show(file)) for file in included if in_hooks(path, is_link, file)]
    return (*own, *TABLE.matched(path, is_link))


def end_of(link, onward):
    """The path that LINK leads to in the end; empty where that is outside, or no end."""
    at, ahead, hops = [], [*reversed(link.split(b"/"))], 0
    while ahead:
        part = ahead.pop()
        if part == b"..":
            at = at[:-1]
        elif part not in (b"", b"."):
            at.append(part)
            if (target := onward(b"/".join(at))) is not None:
                hops += 1
                if hops > HOPS or target.startswith(b"/"):
                    return b""
                at.pop()
                ahead += reversed(target.split(b"/"))
    return b"/".join(at)


class Detours:
    """The links that stand for something of the table: a file may be reached, and run, through one."""

    def __init__(self, links, onward, hooks, included=()):
        """LINKS are paths; ONWARD tells where the link at a path leads, None for no link."""
        self.links, self.hooks, self.included, self.room = {}, hooks, included, DETOURS
        self.add(links, onward)

    def add(self, links, onward):
        """More LINKS, for example the other side's, and where they lead ONWARD."""
        for link in sorted(links):
            stands = standing_for(link, True, self.hooks, self.included)
            if stands and (end := end_of(link, onward)):
                self.links.setdefault(end, {}).setdefault(stands, link)  # one of each kind: there can be thousands

    def to(self, path):
        """The other paths that lead to PATH. Raises SystemExit past DETOURS: folders and links multiply."""
        parts = path.split(b"/") if self.links else []
        for i in range(1, len(parts) + 1):
            for link in self.links.get(b"/".join(parts[:i]), {}).values():
                self.room -= 1
                if self.room < 0:
                    raise SystemExit("error: too many links lead to what the host would run later")
                yield b"/".join([link, *parts[i:]])


def runner(path, mode, before, hooks, detours=None, included=()):
    """The host's programs that would run PATH later, as Reasons; MODE is its new mode, BEFORE its old Entry or None.

    HOOKS is the folder that git there takes its hooks from; DETOURS are the links that lead to files; INCLUDED are the
    files that git's own settings there include.
    """
    paths = [path, *(detours.to(path) if detours else ())]
    rows = dict.fromkeys(row for p in paths for row in standing_for(p, mode == "120000", hooks, included))
    if not rows and mode == "100755" and (not before or before.mode != mode):
        rows = [Row(EXECUTABLES, show(path.rpartition(b"/")[2]))]
    return tuple(Reason(row, before is not None) for row in rows)


def running_later(changes, base, host, links, onward, kept, arriving):
    """Those of CHANGES, as (path, mode), that the HOST runs later, with the Reasons.

    LINKS are the cage's, which lead ONWARD. A link that only the host has leads to the agent's files as well: KEPT are
    those that stay, ARRIVING the ones that come to them (path -> target).
    """
    detours = Detours(links, onward, host.hooks, host.included)
    detours.add(kept, (kept | arriving).get)
    found = {p: runner(p, mode, base.get(p), host.hooks, detours, host.included) for p, mode in changes}
    return {p: by for p, by in found.items() if by}


def sorted_out(runs):
    """RUNS (path -> Reasons) as group -> name -> places, each a sortable (new, depth, path); groups as in the table,
    names and places with changes of existing files first, then by depth."""
    groups = {HOOKS: {}, SETTINGS: {}} | {row.group: {} for row in TABLE.rows} | {EXECUTABLES: {}}
    for path, reasons in runs.items():
        for (group, name), changed in reasons:
            groups[group].setdefault(name, []).append((not changed, path.count(b"/"), path))
    return {
        group: dict(sorted(names.items(), key=lambda item: (min(item[1])[:2], item[0])))
        for group, names in groups.items()
        if names
    }


def place(path):
    """PATH as it is shown."""
    return show(path) if b"/" in path else f"./{show(path)}"


def warning(runs):
    """The warning of RUNS (path -> Reasons) on the host later, as lines to stand below TITLE; none for nothing."""
    lines = []
    for group, names in sorted_out(runs).items():
        most = PROGRAMS if group == EXECUTABLES else len(names)
        lines.append(f"  {group}")
        for name, places in list(names.items())[:most]:
            first = ", ".join(place(path) for *_, path in heapq.nsmallest(PLACES, places))
            lines.append(f"    {name} ×{len(places)}: {first}{', …' if len(places) > PLACES else ''}")
        if len(names) > most:
            lines.append(f"    and {len(names) - most} more names")
    return lines


def as_data(runs):
    """All of RUNS in the order in which they are pointed out, as plain data."""
    return [
        {"by": group, "name": name, "paths": [show(path) for *_, path in sorted(places)]}
        for group, names in sorted_out(runs).items()
        for name, places in names.items()
    ]


def as_list(runs):
    """All of RUNS as text, a line each: the program, the name, the path."""
    return "".join(f"{row['by']}\t{row['name']}\t{path}\n" for row in as_data(runs) for path in row["paths"])


def point_out(runs):
    """Warn on standard error of RUNS on the host later; not at a destroy (CAGE_FORCE), which keeps them in a bundle."""
    if runs and os.environ.get("CAGE_FORCE") != "1":
        print(TITLE, *warning(runs), sep="\n", file=sys.stderr)
