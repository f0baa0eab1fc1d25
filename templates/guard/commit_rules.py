"""The agent's own commits, judged by the rules of an export: each tree, joined with the host's files."""

import hashlib
from collections import Counter
from functools import lru_cache
from typing import NamedTuple

from objects import FOLDER, LINK, SUBMODULE, bad
from rules import (
    DEPTH,
    ENTRIES,
    LINK_BYTES,
    Bare,
    Leaf,
    Spellings,
    Submodules,
    folded,
    leaf_reason,
    link_reason,
    misled,
    parents,
    place_reason,
    same_as,
    show,
    spelled,
    spellings,
    too_many,
)
from runs_later import running_later
from tree import link_entry


class Held(NamedTuple):
    """The size and the links of a folder of a commit, folders below it too."""

    count: int
    links: dict  # path -> target


class Commits:
    """The commits above IMPORTED, which is left out: SEEDED, the host's commit, stands for it; empty for none.

    A refused entry, (path, mode, object), is refused in every commit that holds it.
    """

    def __init__(self, objects, base, host, imported, seeded=""):
        self.objects, self.base, self.host, self.imported, self.seeded = objects, base, host, imported, seeded
        self.refused = {}  # entry -> reason
        self.held = {}  # (folder, tree) -> Held
        self.new = set()  # entries that are not as they were imported
        self.new_links = {}  # (path, target) -> entry
        self.link = lru_cache(1 << 16)(self._link)
        self.rows = lru_cache(1 << 6)(self._rows)  # of the imported commit
        self.size = lru_cache(None)(self._size)
        self.counts = Counter(folder for path in base for folder in [b"", *parents(path)])
        self.known = base.keys() | self.counts.keys()
        self.submodules = Submodules(host.submodules)
        self.gitlinks = {path: oid for path, (mode, oid) in host.seeded.items() if mode == SUBMODULE}
        # A merge would leave these in place.
        self.beside = (host.entries.keys() | host.head.keys() | host.submodules) - base.keys()
        self.names, self.base_names = by_folder(self.beside), by_folder(base)
        self.twins = twins_of(by_folder([*base, *self.beside]))
        self.respelled = set()  # (path of the base that a commit lacks, the new entries that are other spellings of it)
        self.stuck = set()  # spellings of new paths that are refused
        self.bare = Bare()
        for paths in (base, host.entries, host.head, host.folders):
            for path in paths:
                self.bare.note(path)
        try:
            self.root = objects.commit(imported).tree
        except SystemExit:
            self.root = None  # the agent no longer has the imported commit: then nothing counts as unchanged
        self.base_links = {path: self.imported_link(path) for path, entry in base.items() if entry.mode == "120000"}
        unknown = {path: b"/" for path, mode in host.head.items() if mode == LINK and path in self.beside}
        self.before = self.base_links | unknown | host.links

    def imported_item(self, path):
        """The Item of the imported commit at PATH; None for nothing."""
        tree, item = self.root, None
        for part in path.split(b"/"):
            item = self.rows(tree).get(part) if tree else None
            tree = item.oid if item and item.mode == FOLDER else None
        return item

    def _rows(self, tree):
        """The Items of TREE by their names."""
        return {item.name: item for item in self.objects.tree(tree)}

    def seeded_as(self, path, mode, oid):
        """The host's object for OID with MODE at PATH, if that is there as it was imported; empty if not."""
        item = self.imported_item(path)
        same = item and item.oid == oid and (item.mode == LINK) == (mode == LINK)
        return self.host.seeded[path][1] if same and path in self.host.seeded else ""

    def normalised(self, path):
        """Whether the cage's git made LF of CRLF when it imported PATH."""
        item, before = self.imported_item(path), self.base.get(path)
        return item is not None and before is not None and self.objects.look(item.oid)[1] < before.size

    def imported_link(self, path):
        """Where link PATH of the base leads; '/' where that is no longer known, so that nothing leads through it."""
        item = self.imported_item(path)
        target = self.link(item.oid) if item and item.mode == LINK else None
        return b"/" if target is None else target

    def stands(self, oid, stream):
        """The commit that stands for OID outside: its mark in STREAM, or the seeded one for the imported one; empty for
        none."""
        return self.seeded.encode() if oid == self.imported else stream.marks.get(oid, b"")

    def order(self, tip, known=()):
        """All commits from TIP on but those KNOWN, each after its parents."""
        found, done, ahead = {}, [], [(tip, False)]
        while ahead:
            oid, ready = ahead.pop()
            if ready:
                done.append(oid)
            elif oid not in found and oid not in known and oid != self.imported:
                if len(found) >= ENTRIES:
                    raise bad(f"the cage has more than {ENTRIES} commits")
                found[oid] = self.objects.commit(oid)._replace(message=b"")
                ahead.append((oid, True))
                ahead.extend((parent, False) for parent in reversed(found[oid].parents))
        return {oid: found[oid] for oid in done}

    def judge(self, commits):
        """Judge COMMITS (name -> Commit), and all of them together."""
        links = []  # of the commits, in their order; most commits touch none
        for commit in commits.values():
            held = self.hold(b"", commit.tree, self.root)
            if held.count + len(self.beside) > ENTRIES:
                raise bad(f"a commit of the cage {too_many()}")
            if held.links not in links[-1:]:
                links.append(held.links)
        for entry in self.new:
            if reason := self.bare.reason(entry[0]):
                self.refused.setdefault(entry, reason)
        known = -1
        while known < len(self.refused):
            known = len(self.refused)
            self.judge_halves()
            self.stuck = {spelled(path) for path, _, _ in self.refused if path not in self.known}
            for some in links:
                self.judge_links(some)

    def hold(self, folder, tree, was):
        """The Held of TREE as FOLDER, judged if it is seen there for the first time; WAS is the imported tree there,
        None for none."""
        if (folder, tree) in self.held:
            return self.held[folder, tree]
        items = {item.name: item for item in self.objects.tree(tree)}
        old = {item.name: item for item in self.objects.tree(was)} if was else {}
        new = [item for name, item in items.items() if item != old.get(name)]
        self.judge_spellings(folder, items, new)
        count, links = 0, {}
        for name, item in items.items():
            path, before = below(folder, name), old.get(name)
            if item == before:
                count += self.counts[path] if item.mode == FOLDER else 1
                links.update(self.links_below(path))
                continue
            entry = (path, item.mode, item.oid)
            if entry not in self.new:
                self.judge_entry(entry)
            count += 1
            if item.mode == LINK and (target := self.link(item.oid)) is not None:
                links[path] = target
                self.new_links[path, target] = entry
            if item.mode == FOLDER and entry not in self.refused:
                if self.size(item.oid, path.count(b"/")) > ENTRIES:
                    raise bad(f"a commit of the cage {too_many()}")
                inside = self.hold(path, item.oid, before.oid if before and before.mode == FOLDER else None)
                count += inside.count
                links.update(inside.links)
        self.held[folder, tree] = Held(count, links)
        return self.held[folder, tree]

    def _size(self, tree, depth):
        """How many entries TREE unfolds to from DEPTH on: ten trees of ten times the next one are billions."""
        below = (self.size(item.oid, depth + 1) for item in self.objects.tree(tree) if item.mode == FOLDER)
        return len(self.objects.tree(tree)) + (sum(below) if depth < DEPTH else 0)

    def links_below(self, path):
        """The base's links at PATH and below."""
        within = path + b"/"
        return {p: target for p, target in self.base_links.items() if p == path or p.startswith(within)}

    def judge_entry(self, entry):
        """Judge one ENTRY by itself."""
        path, mode, oid = entry
        if mode == SUBMODULE and self.gitlinks.get(path) == oid:
            return  # the agent has checked the submodule out, at the commit that the host has
        if len(self.new) >= 4 * ENTRIES:
            raise bad(f"the cage's commits bring more than {4 * ENTRIES} entries")
        self.new.add(entry)
        self.bare.note(path)
        reason = place_reason(path, mode == FOLDER)
        if mode != FOLDER and not reason:
            before = self.base.get(path)
            leaf = self.leaf(entry)
            if mode == LINK and leaf.target is not None and before and before.same(link_entry(leaf.target)):
                return
            reason = leaf_reason(leaf, before, {}.get) or ("" if before else self.submodules.reason(path))
            # Without the imported commit all entries look new, unchanged ones, too.
            if reason and self.root is None and self.as_it_was(entry, leaf, before):
                return
        if reason:
            self.refused[entry] = reason

    def leaf(self, entry):
        """ENTRY as the rules see it."""
        path, mode, oid = entry
        if mode == SUBMODULE:
            return Leaf(path, odd="is a git repository within")
        kind, size = self.objects.look(oid)
        if kind != "blob":
            raise bad(f"object {oid[:12]} of the cage's commits is a {kind}, where a file is named")
        if mode != LINK:
            return Leaf(path, size)
        # A longer target is not read: its length is reason enough to refuse it.
        target = self.link(oid)
        return Leaf(path, size, b"x" * (LINK_BYTES + 1) if target is None else target)

    def as_it_was(self, entry, leaf, before):
        """Whether the file ENTRY, a LEAF, is the same as BEFORE; it is read whole."""
        _, mode, oid = entry
        if leaf.odd or not before or (before.mode, before.size) != (mode.decode(), leaf.size):
            return False
        digest = hashlib.sha256()
        for block in self.objects.chunks(oid, "blob", leaf.size):
            digest.update(block)
        return digest.hexdigest() == before.digest

    def _link(self, oid):
        """The target in object OID; None if it is too long."""
        _, size = self.objects.look(oid)
        return self.objects.read(oid, "blob", LINK_BYTES) if size <= LINK_BYTES else None

    def judge_links(self, links):
        """Judge the LINKS (path -> target) of one commit by where they lead, through each other and the host's."""
        result = {path: target for path, target in self.before.items() if path in self.beside} | links
        result |= {path: self.base_links[path] for path, _, _ in self.refused if path in self.base_links}
        if self.stuck:
            result |= {path: to for path, to in self.base_links.items() if path not in result and self.stays(path)}
        arriving = {link[0]: self.new_links[link] for link in links.items() if link in self.new_links}
        for path, entry in arriving.items():
            same = self.base.get(path) and self.base[path].same(link_entry(links[path]))
            if not same and (reason := link_reason(path, links[path], result.get)):
                self.refused.setdefault(entry, reason)
        for path, reason in misled(result, arriving, self.before).items():
            self.refused.setdefault(arriving[path], reason)

    def judge_spellings(self, folder, items, new):
        """Refuse NEW names in ITEMS (name -> Item) of FOLDER that a case-folding file system takes for another."""
        new = {item.name: item for item in new if below(folder, item.name) not in self.known}
        if not new:
            return
        there = self.names.get(folder, set()) | (items.keys() - new.keys())
        twins = [below(twin, name) for twin, names in self.twins.get(folder, ()) for name in names]
        known = Spellings([*filter(None, [folder]), *(below(folder, name) for name in there), *twins])
        gone, respelled = {}, {}
        for name in self.base_names.get(folder, set()) - items.keys():
            gone.setdefault(folded(name), []).append(name)
        for name, item in sorted(new.items()):
            path = below(folder, name)
            entry = (path, item.mode, item.oid)
            if name not in there and (reason := known.collision(path)):
                self.refused.setdefault(entry, reason)
            for old in gone.get(folded(name), ()):
                respelled.setdefault(below(folder, old), []).append(entry)
        self.respelled.update((old, tuple(entries)) for old, entries in respelled.items())

    def judge_halves(self):
        """Refuse new spellings of what goes if one of them is refused, or something in it: what goes then stays."""
        known = {}
        for old, entries in sorted(self.respelled):
            if any(self.is_spoiled(entry, known) for entry in entries):
                for entry in entries:
                    self.refused.setdefault(entry, same_as(old))

    def stays(self, path):
        """Whether PATH of the base stays where a commit lacks it: it went together with another spelling, of it or of a
        folder above it, that is refused."""
        return any(seen_as in self.stuck for seen_as, _ in spellings(path))

    def is_spoiled(self, entry, known):
        """Whether ENTRY, or one below it, is refused; KNOWN has the answers for folders."""
        path, mode, oid = entry
        if entry in self.refused or mode != FOLDER:
            return entry in self.refused
        if entry not in known:
            inside = ((below(path, item.name), item.mode, item.oid) for item in self.objects.tree(oid))
            known[entry] = any(self.is_spoiled(it, known) for it in inside)
        return known[entry]

    def changes(self, before, after, folder=b""):
        """The changes from tree BEFORE (None for none) to tree AFTER, but for refused ones: (path, mode, object),
        without mode for a path that goes. Those come first, so that a file can take a folder's place."""
        gone, come = [], []
        self._changes(before, after, folder, gone, come)
        # The imported commit has no submodules, so a folder that goes, or a new beginning, would take them along.
        lost = self.gitlinks if before is None else self.submodules.below(gone) & self.gitlinks.keys()
        back = [(path, SUBMODULE, self.gitlinks[path]) for path in sorted(lost)]
        return [*((path, b"", "") for path in gone), *come, *back]

    def _changes(self, before, after, folder, gone, come):
        old = self.taken(folder, before)
        for name, item in self.taken(folder, after).items():
            was, path = old.pop(name, None), below(folder, name)
            if was == item:
                continue
            within = was and was.mode == FOLDER == item.mode
            if was and not within and FOLDER in (was.mode, item.mode):
                gone.append(path)
            if item.mode == FOLDER:
                self._changes(was.oid if within else None, item.oid, path, gone, come)
            else:
                come.append((path, item.mode, item.oid))
        gone.extend(below(folder, name) for name in old)

    def taken(self, folder, tree):
        """The items of TREE, None for none, as FOLDER: name -> Item. Imported items stand for refused ones, and other
        spellings that were imported for new names that are refused."""
        items = {}
        for item in self.objects.tree(tree) if tree else ():
            path = below(folder, item.name)
            if path in self.gitlinks:
                continue
            if (path, item.mode, item.oid) in self.refused:
                item = self.imported_item(path)
            if item:
                items[item.name] = item
        there = set(map(folded, items)) if self.stuck else ()
        for name in self.base_names.get(folder, ()) if self.stuck else ():
            path = below(folder, name)
            if folded(name) not in there and self.stays(path) and (item := self.imported_item(path)):
                items[name] = item
        return items

    def runs_later(self, tip):
        """The new paths that the host runs later, with their programs, in the links of Commit TIP."""
        links = self.held[b"", tip.tree].links
        brought = sorted((path, mode.decode()) for path, mode, _ in self.new - self.refused.keys() if mode != FOLDER)
        return running_later(brought, self.base, self.host, links, links.get, self.host.links, links)

    def report(self):
        """The lines that tell each refused path once; safe to print."""
        reasons = {}
        for (path, _, _), why in self.refused.items():
            reasons.setdefault(path, why)
        return [f"  {show(path)}: {why}" for path, why in sorted(reasons.items())]


def below(folder, name):
    """The path of NAME in FOLDER, empty for the top."""
    return folder + b"/" + name if folder else name


def by_folder(paths):
    """The names in each folder that PATHS lie in, files and folders: folder -> names."""
    found = {}
    for path in {part for p in paths for part in [*parents(p), p]}:
        folder, _, name = path.rpartition(b"/")
        found.setdefault(folder, set()).add(name)
    return found


def twins_of(names):
    """The folders of NAMES that have another spelling among them: folder -> the others, each with the names in it."""
    alike = {}
    for folder in names:
        alike.setdefault("/".join(map(folded, folder.split(b"/"))), []).append(folder)
    groups = [group for group in alike.values() if len(group) > 1]
    return {folder: [(twin, names[twin]) for twin in group if twin != folder] for group in groups for folder in group}
