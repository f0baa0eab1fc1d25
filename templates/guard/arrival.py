"""Sync: the host's changes since the base go into the cage, by the three-sided comparison, path by path."""

import stat

from rules import bounded, counted, parents, show, size_reason
from tree import describe, ended, manifest, scan


class Arrival:
    """The host's changes, judged for the cage: a Verdict the other way round."""

    def __init__(self, base, host, choices):
        self.base, self.host, self.choices = base, host, choices
        self.found = scan()
        self.sent = {}  # path -> Entry of the host (None: deleted there)
        self.expected = {}  # path -> Entry that the cage has there now (None: nothing)
        self.settled = {}  # path -> Entry, nothing is sent and the base moves on
        self.conflicts = {}
        self.held = 0  # changed on the host, and ignored there
        for path in sorted((base.keys() | host.tracked) - host.hidden):
            if path in host.private:
                self.held += not host.entries[path].same(base[path])
            elif self.wanted(path):
                self.decide(path, base.get(path), host.entries.get(path))
        there = {q for p in base.keys() | host.tracked for q in [*parents(p), p]}
        self.unknown = [p for p in choices.paths if p not in there]

    def wanted(self, path):
        """Whether the user asked for PATH, or for a folder above it."""
        return not self.choices.paths or any(p in self.choices.paths for p in [*parents(path), path])

    def decide(self, path, before, on_host):
        """One path that was BEFORE and is ON_HOST now (None: not there)."""
        if on_host.same(before) if on_host else before is None:
            return
        found = self.found.get(path)
        large = found and size_reason(found.size, before and before.size)
        inside = describe(path, found) if found and not large else None
        odd = (found and inside is None) or any(not self.open_to(p) for p in parents(path))
        agreed = not odd and (on_host.same(inside) if on_host else inside is None)
        untouched = not odd and (inside.same(before) if inside else before is None)
        if agreed:
            self.settled[path] = inside
        elif untouched or (self.choices.take == "host" and not odd):
            self.sent[path], self.expected[path] = on_host, inside
        elif self.choices.take == "cage":
            self.settled[path] = on_host
        else:
            self.conflicts[path] = "stands in the way" if odd else "changed in the cage too"

    def open_to(self, parent):
        """Whether PARENT is, or can become, a folder in the cage."""
        return parent not in self.found or stat.S_ISDIR(self.found[parent].mode)

    def lists(self):
        """The lists for the host and the receiving helper: name -> content."""
        moved = {p: e for p, e in (self.base | self.sent | self.settled).items() if e}
        return {
            "base": manifest(moved),
            "write": ended(p for p, e in self.sent.items() if e),
            "delete": ended(p for p, e in self.sent.items() if not e),
            "expect": manifest({p: e for p, e in self.expected.items() if e}),
            "conflicts": ended(self.conflicts),
            "unknown": b"".join(show(p).encode() + b"\0" for p in self.unknown),
            "refused": b"",
            "force": b"",
            "report": self.report().encode(),
            "summary": f"{self.summary()}\n".encode(),
        }

    def summary(self):
        """One line of counts."""
        gone = sum(e is None for e in self.sent.values())
        held = f", {self.held} ignored on the host and kept there" if self.held else ""
        return f"{len(self.sent) - gone} to the cage, {gone} deleted there, {counted(self.conflicts, 'conflict')}{held}"

    def report(self):
        """The report that a person reads before they agree; safe to print."""
        lines = bounded([f"  {'>' if e else 'D'}  {show(p)}" for p, e in sorted(self.sent.items())])
        if self.conflicts:
            lines += ["Conflicts:", *bounded([f"  {show(p)}: {why}" for p, why in sorted(self.conflicts.items())])]
        return "".join(line + "\n" for line in lines)

    def plan(self):
        """The plan as plain data, for --json."""
        return {
            "sent": [show(p) for p, e in sorted(self.sent.items()) if e],
            "deleted": [show(p) for p, e in sorted(self.sent.items()) if not e],
            "conflicts": {show(p): why for p, why in sorted(self.conflicts.items())},
        }
