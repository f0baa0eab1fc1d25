"""Sync: the host's changes since the base go into the cage, by the three-sided comparison, path by path; its undo."""

import stat
from bisect import bisect_left
from functools import cached_property

from report import Report
from rules import LINKED, counted, many_gone, parents, place_reason, show, size_reason
from tree import describe, ended, manifest, parse_manifest, paths_in, scan


class Arriving:
    """Files on their way into the cage, and those there that make room for them."""

    def __init__(self, base):
        self.base = base
        self.found = scan(base)
        self.sent = {}  # path -> Entry that the cage is to have (None: deleted there)
        self.expected = {}  # path -> Entry that the cage has there now (None: nothing)
        self.settled = {}  # path -> Entry, nothing is sent and the base moves on
        self.conflicts = {}
        self.force = ""  # why this needs --force

    def send(self, path, entry, inside):
        """ENTRY is to be at PATH, where the cage has INSIDE."""
        self.sent[path], self.expected[path] = entry, inside

    def inside(self, path, before=None):
        """The Entry that the cage has at PATH, None for none or a folder, and whether it is odd: neither a file, a
        link nor a folder that can be looked into, or too large to be read. As large as BEFORE is not too large."""
        found = self.found.get(path)
        if not found or (stat.S_ISDIR(found.mode) and not self.closed(path)):
            return None, False
        large = size_reason(found.size, before and before.size)
        entry = None if large else describe(path, found)
        return entry, not entry

    def closed(self, path):
        """Whether the folder at PATH can't be looked into: a git folder, or a linked work tree."""
        return place_reason(path, True) or self.found[path].reason == LINKED

    @cached_property
    def order(self):
        """All paths of the cage, sorted."""
        return sorted(self.found)

    def below(self, path):
        """All that the cage has below PATH but folders that can be looked into."""
        if path not in self.found or not stat.S_ISDIR(self.found[path].mode):
            return []
        order = self.order
        paths = order[bisect_left(order, path + b"/") : bisect_left(order, path + b"0")]  # '0' comes after '/'
        return [p for p in paths if not stat.S_ISDIR(self.found[p].mode) or self.closed(p)]

    def make_room(self, replace):
        """A file that comes needs its place, and folders above it. Files that stand there and don't go anyway are
        replaced if REPLACE says so; else, and where they can't be, the path is not sent: path -> what stands there."""
        hindered = {}
        for path in [p for p, e in self.sent.items() if e]:
            there = [p for p in parents(path) if p in self.found]
            above = [p for p in there if not stat.S_ISDIR(self.found[p].mode) or self.found[p].reason == LINKED]
            standing = [p for p in [*above, *self.below(path)] if p not in self.sent or self.sent[p]]
            going = {p: self.inside(p, self.base.get(p)) for p in standing} if replace else {}
            kept = [p for p in standing if p not in going or going[p][1]]
            if kept:
                hindered[path] = kept[0]
                del self.expected[path], self.sent[path]
            for p in () if kept else standing:
                self.send(p, None, going[p][0])
        return hindered

    def next_base(self):
        """The base once all has arrived."""
        return self.base | self.sent | self.settled

    def lists(self):
        """The lists for the host and the receiving helper: name -> content."""
        report = self.report()
        return {
            "base": manifest({p: e for p, e in self.next_base().items() if e}),
            "write": ended(p for p, e in self.sent.items() if e),
            "delete": ended(p for p, e in self.sent.items() if not e),
            "expect": manifest({p: e for p, e in self.expected.items() if e}),
            "conflicts": ended(self.conflicts),
            "refused": b"",
            "force": self.force.encode(),
            "report": report.shown().encode(),
            "plan.txt": report.whole().encode(),
            "summary": f"{self.summary()}\n".encode(),
        }

    def summary(self):
        """One line of counts."""
        gone = sum(e is None for e in self.sent.values())
        return f"{len(self.sent) - gone} to the cage, {gone} deleted there, {counted(self.conflicts, 'conflict')}"

    def report(self):
        """The Report of it: what a person decides, what goes or changes in the cage, what is new there."""
        report = Report()
        report.add_reasons("Conflicts:", self.conflicts)
        report.add_paths("D", [p for p, e in self.sent.items() if not e])
        report.add_paths(">", [p for p, e in self.sent.items() if e and self.expected[p]])
        there = {p for p, found in self.found.items() if stat.S_ISDIR(found.mode)}
        report.add_paths(">", [p for p, e in self.sent.items() if e and not self.expected[p]], there)
        return report

    def plan(self):
        """The plan as plain data, for --json."""
        return {
            "deleted": [show(p) for p, e in sorted(self.sent.items()) if not e],
            "sent": [show(p) for p, e in sorted(self.sent.items()) if e],
            "conflicts": {show(p): why for p, why in sorted(self.conflicts.items())},
            "needs_force": self.force,
        }


class Arrival(Arriving):
    """The host's changes, judged for the cage: a Verdict the other way round."""

    def __init__(self, base, host, choices):
        super().__init__(base)
        self.choices = choices
        self.held = 0  # changed on the host, and ignored there
        for path in sorted((base.keys() | host.tracked) - host.hidden):
            if path in host.private:
                self.held += not host.entries[path].same(base[path])
            elif self.wanted(path):
                self.decide(path, base.get(path), host.entries.get(path))
        sent = dict(self.sent)
        for path, at in self.make_room(choices.take == "host").items():
            self.differ(path, sent[path], "stands in the way" if at == path else f"{show(at)} stands in the way")
        there = {q for p in base.keys() | host.tracked for q in [*parents(p), p]}
        self.unknown = [p for p in choices.paths if p not in there]
        self.force = "" if choices.force else many_gone(sum(e is None for e in self.sent.values()), base)

    def wanted(self, path):
        """Whether the user asked for PATH, or for a folder above it."""
        return not self.choices.paths or any(p in self.choices.paths for p in [*parents(path), path])

    def decide(self, path, before, on_host):
        """One path that was BEFORE and is ON_HOST now (None: not there)."""
        if on_host.same(before) if on_host else before is None:
            return
        inside, odd = self.inside(path, before)
        agreed = not odd and (on_host.same(inside) if on_host else inside is None)
        untouched = not odd and (inside.same(before) if inside else before is None)
        if agreed:
            self.settled[path] = inside
        elif untouched or (self.choices.take == "host" and not odd):
            self.send(path, on_host, inside)
        else:
            self.differ(path, on_host, "stands in the way" if odd else "changed in the cage too")

    def differ(self, path, on_host, why):
        """PATH is a conflict, unless the cage's side is taken."""
        if self.choices.take == "cage":
            self.settled[path] = on_host
        else:
            self.conflicts[path] = why

    def lists(self):
        """The lists for the host and the receiving helper: name -> content."""
        return super().lists() | {"unknown": b"".join(show(p).encode() + b"\0" for p in self.unknown)}

    def summary(self):
        """One line of counts."""
        return super().summary() + (f", {self.held} ignored on the host and kept there" if self.held else "")


class Return(Arriving):
    """Files that the last sync replaced or deleted in the cage, on their way back. PARTS are its lists: 'was' (a
    manifest of those files), 'sent' (all paths that it wrote or deleted), the base before and after, 'old' and 'new'.
    """

    def __init__(self, base, parts):
        super().__init__(base)
        was, old, new = (parse_manifest(parts[name]) for name in ("was", "old", "new"))
        for path in sorted(paths_in(parts["sent"])):
            before = was.get(path)
            inside, odd = self.inside(path, before)
            if odd:
                self.conflicts[path] = "stands in the way"
            elif not (before.same(inside) if before else inside is None):
                self.send(path, before, inside)
        for path, at in self.make_room(True).items():
            self.conflicts[path] = f"{show(at)} stands in the way"
        self.settled = {p: old.get(p) for p in old.keys() | new.keys() if old.get(p) != new.get(p)}

    def next_base(self):
        """The base: what the sync changed in it is as it was before."""
        return self.base | self.settled
