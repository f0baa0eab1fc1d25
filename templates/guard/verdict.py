"""The three-sided comparison, path by path: base, cage and host. Each change is written, refused or a conflict."""

import os
import stat
from collections import Counter

from report import Report
from rules import (
    LINKED,
    TOTAL_BYTES,
    Leaf,
    Submodules,
    bounded,
    counted,
    leaf_reason,
    many_gone,
    parents,
    result_reasons,
    show,
    spelled,
    spellings,
    total_reason,
)
from runs_later import PLACES, TITLE, as_data, as_list, running_later, warning
from tree import ROOT, describe, ended, ignore_files, ignored, kind, link_entry, manifest, scan


class Verdict:
    """The cage's changes, judged for the host."""

    def __init__(self, base, host, choices):
        self.base, self.host, self.choices = base, host, choices
        self.found = self.look()
        self.submodules = Submodules(host.submodules)
        self.linked = sorted(p for p, f in self.found.items() if f.reason == LINKED)  # linked work trees, held back
        self.folders = {p for p, f in self.found.items() if stat.S_ISDIR(f.mode)}
        self.changed = {}  # path -> Entry, to be written
        self.deleted = []  # to be deleted
        self.settled = {}  # path -> Entry (None: gone) where nothing is written and the base moves on
        self.conflicts = {}  # path -> the change of each side
        self.refused = {}  # path -> reason
        self.held = set()  # new paths that ignore rules match
        self.later = None  # the result of runs_later()
        self.sort_present()
        self.sort_missing()
        if choices.compare_host:
            self.fit_to_host()
        left = dict.fromkeys(self.held, "meets a file whose new spelling ignore rules match") | self.refused
        self.refuse(self.keep(self.halves(left)))
        while broken := self.result_reasons():
            self.refuse(broken)

    # -- the cage's side ----------------------------------------------------

    def look(self):
        """Every entry of the cage's project: path -> Found."""
        return scan(self.base)

    def sort_present(self):
        """Sort every path of the cage: unchanged, held back, refused, or as decide() says."""
        leaves = {p: f for p, f in self.found.items() if not stat.S_ISDIR(f.mode) or f.reason not in ("", LINKED)}
        new = [p for p in leaves if p not in self.base and p != b".git"]
        self.held, total = set() if self.choices.include_ignored else self.ignored(new), 0
        for path in sorted(leaves.keys() - self.held):
            found, before = leaves[path], self.base.get(path)
            # Only a file of the base's size is read before it is judged: 'truncate' makes terabytes at once.
            other = not before or before.size != found.size
            reason = self.reason(path, found, TOTAL_BYTES - total) if other else ""
            now = None if reason else describe(path, found)
            if now and now.same(before):
                continue
            if reason := reason or self.reason(path, found, TOTAL_BYTES - total):
                self.refused[path] = reason
            else:
                total += found.size
                self.decide(path, before, now)

    def ignored(self, new):
        """Those of the NEW paths that the ignore rules of either side match."""
        of_host = self.host.ignore_files if self.choices.compare_host else {}
        return ignored(new, ignore_files(self.found), "cage") | ignored(new, of_host, "host")

    def reason(self, path, found, room):
        """Why this new or changed entry may not leave; empty if it may."""
        if found.reason:
            return found.reason
        is_link = stat.S_ISLNK(found.mode)
        odd = "" if is_link or stat.S_ISREG(found.mode) else f"is {kind(found.mode)}, neither a file nor a link"
        leaf = Leaf(path, found.size, self.onward(path) if is_link else None, odd)
        before = self.base.get(path)
        reason = leaf_reason(leaf, before, self.onward) or ("" if before else self.submodules.reason(path))
        return reason or total_reason(found.size, room)

    def onward(self, path):
        """Where the cage's link PATH leads; None if it is none."""
        found = self.found.get(path)
        return os.readlink(os.path.join(ROOT, path)) if found and stat.S_ISLNK(found.mode) else None

    def sort_missing(self):
        """Paths of base that the cage no longer has, unless something refused stands in their place."""
        for path in sorted((self.base.keys() - self.found.keys()) | (self.folders & self.base.keys())):
            if path not in self.refused and not any(parent in self.refused for parent in parents(path)):
                self.decide(path, self.base[path], None)

    # -- the host's side ----------------------------------------------------

    def decide(self, path, before, now):
        """One path that the cage changed from BEFORE to NOW (None: not there), against the host's."""
        hidden = path in self.host.hidden
        on_host = before if hidden else self.host.entries.get(path)
        untouched = on_host.same(before) if on_host else before is None
        # A hidden file may be replaced; git there would keep one that is deleted, and have another than a new one.
        untouched = untouched and not (hidden and None in (before, now))
        agreed = on_host.same(now) if on_host else now is None
        if not self.choices.compare_host or (untouched and not agreed) or (self.choices.take == "cage" and not agreed):
            self.put(path, now)
        elif agreed and on_host and not before and path not in self.host.tracked:
            pass  # nor may one of the host's own that the agent has guessed
        elif agreed or (self.choices.take == "host" and (before or not on_host)):
            self.settled[path] = now
        elif self.choices.take == "host":
            pass  # the base does not get a file of the host's own: a later sync would bring it into the cage
        else:
            both = "deleted" if now is None else "new" if before is None else "changed"
            other = "hidden" if hidden else "deleted" if on_host is None else "other"
            self.conflicts[path] = f"{both} in the cage, {other} on the host"

    def put(self, path, now):
        """PATH is to be NOW on the host."""
        if now is None:
            self.deleted.append(path)
        else:
            self.changed[path] = now

    def fit_to_host(self):
        """Make a conflict of each change that would go through the host owner's link, or replace a folder of theirs.
        With --take cage, what git tracks there gives way; files of the owner's alone never do."""
        if self.choices.take == "cage":
            self.deleted += self.tracked_in_the_way()
        gone = set(self.deleted)
        occupied = self.occupied(gone) if any(p in self.host.folders for p in self.changed) else ()
        for path in [*self.changed, *self.deleted]:
            why = ""
            for parent in parents(path):
                if parent in self.host.entries and parent not in gone:
                    why = f"lies below {show(parent)}, which is no folder on the host"
            if path in self.host.folders and (path in gone or path in occupied):
                why = "is a folder on the host"
            if why and self.choices.take == "host":
                self.settled[path] = self.changed.pop(path, None)
            elif why:
                self.conflicts[path] = why
                self.changed.pop(path, None)
        self.deleted = [p for p in self.deleted if p not in self.conflicts and p not in self.settled]

    def tracked_in_the_way(self):
        """The host's tracked files and links where a changed path needs a folder, or below one that needs a file."""
        above = {q for p in self.changed for q in parents(p)}
        there = (self.host.entries.keys() & self.host.tracked) - set(self.deleted)
        return sorted(p for p in there if p in above or not self.changed.keys().isdisjoint(parents(p)))

    def occupied(self, gone):
        """The host's folders that hold anything that is not deleted by this export."""
        left = [p for p in self.host.entries if p not in gone]
        return self.host.nested.union(*map(parents, [*left, *self.host.nested]))

    # -- the resulting tree ------------------------------------------------

    def result_reasons(self):
        """The changes that break a rule in the tree that results on the host: path -> reason.

        A branch's work is joined with the files checked out there and beside them, as by a merge.
        """
        gone, links, hidden = set(self.deleted), self.host.links, self.host.hidden & self.base.keys()
        links = links | {p: self.target(p) for p in hidden if self.base[p].mode == "120000"}
        arrivals = {p: self.onward(p) if e.mode == "120000" else None for p, e in self.changed.items()}
        if self.choices.compare_host:
            stay = (self.host.entries.keys() | self.host.hidden) - gone
            folders = self.host.folders - set(self.emptied()) - arrivals.keys()
            left = {p: target for p, target in links.items() if p in stay}
            return result_reasons(arrivals, stay, folders, left, links, base=self.base)
        beside = (self.host.entries.keys() | self.host.head.keys() | self.host.submodules) - self.base.keys()
        stay = beside | (self.base.keys() - gone)
        # A link that only the commit has is not walked: nothing may lead through it.
        left = {p: b"/" for p, mode in self.host.head.items() if mode == b"120000" and p in beside}
        left |= {p: target for p, target in links.items() if p in beside}
        kept = [p for p, e in self.base.items() if e.mode == "120000" and p not in gone and p not in arrivals]
        left |= {p: self.target(p) for p in kept}
        ever = self.base.keys() | self.host.folders
        return result_reasons(arrivals, stay, set(), left, left | links, ever, self.base)

    def target(self, path):
        """Where the base's link PATH leads; '/' where neither side has it any more."""
        for target in (self.onward(path), self.host.links.get(path)):
            if target is not None and link_entry(target) == self.base[path]:
                return target
        return b"/"

    def refuse(self, broken):
        """The paths of BROKEN (path -> reason), changes until now, stay in the cage, and so does every change in their
        place or below them, and every deletion that a rename to them brought."""
        while broken:
            self.refused |= broken
            for path in broken:
                self.changed.pop(path, None)
            gone = set(self.deleted)
            kept = {parent: why for path, why in broken.items() for parent in parents(path) if parent in gone}
            kept |= {path: broken[parent] for path in self.deleted for parent in parents(path) if parent in broken}
            broken = self.keep(kept | self.halves(broken))

    def halves(self, refused):
        """The deletions of other spellings of what is new and REFUSED, or of files below them: path -> reason."""
        new = {spelled(path): why for path, why in refused.items() if path not in self.base}
        there = self.deleted if new else ()
        return {path: new[seen_as] for path in there for seen_as, _ in spellings(path) if seen_as in new}

    def keep(self, kept):
        """The deletions KEPT (path -> reason) stay in the cage. Returns the changes that can't land beside such a file:
        those below it, and in the place of a folder above it."""
        if not kept:
            return {}
        self.deleted = [path for path in self.deleted if path not in kept]
        above = {parent: why for path, why in kept.items() for parent in parents(path)}
        return {p: why for p in self.changed for q in [p, *parents(p)] if (why := (above if q == p else kept).get(q))}

    def emptied(self):
        """The host's folders that go: the changes empty them, or put a file in their place, or a killed export has
        emptied them."""
        gone = [*self.deleted, *(p for p, now in self.settled.items() if now is None and p not in self.host.entries)]
        emptied = {q for p in gone for q in parents(p) if q not in self.folders}
        replaced = {d for d in self.host.folders if any(p in self.changed for p in [*parents(d), d])}
        held = {q for p in self.host.nested for q in [*parents(p), p]}
        return ((emptied | replaced) & self.host.folders) - held

    def too_much_gone(self):
        """Why so many deletions need --force; empty if they don't. A file that comes back under a new path is none."""
        if self.choices.force or not self.deleted:
            return ""
        if not self.found:
            return "the cage's project is empty"
        moved = Counter((e.mode, e.digest) for p, e in self.changed.items() if p not in self.base)
        # With --take cage, files that git tracks on the host may go that the base does not know.
        was = [self.base.get(p) or self.host.entries[p] for p in self.deleted]
        gone = Counter((e.mode, e.digest) for e in was) - moved
        return many_gone(gone.total(), self.base)

    # -- reports ------------------------------------------------------------

    def lists(self):
        """The lists for the host: name -> content."""
        touched = [p for p in [*self.changed, *self.deleted] if p in self.host.entries]
        report = self.report()
        return {
            "base": manifest(self.next_base()),
            "write": ended(self.changed),
            "added": ended(p for p in self.changed if p not in self.host.entries),
            "delete": ended(p for p in self.deleted if p in self.host.entries),
            "rmdir": ended(sorted(self.emptied(), key=lambda p: -p.count(b"/"))),
            "respelled": ended(path for pair in self.respelled() for path in pair),
            "backup": ended(touched),
            "expect": manifest({p: self.host.entries[p] for p in touched}),
            "conflicts": ended(self.conflicts),
            "refused": ended(self.refused),
            "force": self.too_much_gone().encode(),
            "report": report.shown().encode(),
            "plan.txt": report.whole().encode(),
            "summary": f"{self.summary()}\n".encode(),
        }

    def respelled(self):
        """New files and folders of which the host has another spelling that goes: pairs of the new and the old path."""
        new = {q for p in self.changed if p not in self.host.entries for q in [*parents(p), p]} - self.host.folders
        gone = {spelled(path): path for path in [*self.deleted, *self.emptied()]} if new else {}
        return [(path, gone[spelled(path)]) for path in sorted(new) if gone and spelled(path) in gone]

    def next_base(self):
        """The next base: the files that both sides agree on once this is applied."""
        moved = dict.fromkeys(self.deleted) | self.changed | self.settled
        return {p: e for p, e in (self.base | moved).items() if e}

    def marks(self):
        """Every path that changes on the host, with the letter git would show."""
        there = self.base.keys() | (self.host.entries.keys() if self.choices.compare_host else set())
        letters = {p: "M" if p in there else "A" for p in self.changed}
        return letters | dict.fromkeys(self.deleted, "D")

    def runs_later(self):
        """Changed paths that the host runs later, with the Reasons."""
        if self.later is None:
            links = [p for p, f in self.found.items() if stat.S_ISLNK(f.mode) and p not in self.refused]
            gone = set(self.deleted)
            kept = {p: to for p, to in self.host.links.items() if p not in self.changed and p not in gone}
            arriving = {p: self.onward(p) for p, e in self.changed.items() if e.mode == "120000"}
            changes = [(p, e.mode) for p, e in self.changed.items()]
            self.later = running_later(changes, self.base, self.host, links, self.onward, kept, arriving)
        return self.later

    def size(self):
        """The bytes of all files of the project, but those of its .git."""
        return sum(found.size for found in self.found.values() if stat.S_ISREG(found.mode))

    def summary(self):
        """One line of counts."""
        marks = list(self.marks().values())
        conflicts = f"{counted(self.conflicts, 'conflict')}, " if self.conflicts else ""
        return (
            f"{marks.count('A')} added, {marks.count('M')} changed, {marks.count('D')} deleted, "
            f"{conflicts}{len(self.refused)} refused, {len(self.held) + len(self.linked)} held back"
        )

    def report(self):
        """The Report of it: what the host runs later, what a person decides, what goes or changes, what is new."""
        report, marks = Report(), self.marks()
        runs = as_list(self.runs_later()).splitlines()
        report.add(runs, warning(self.runs_later()), TITLE, cut=len(runs) > PLACES)
        report.add_reasons("Conflicts:", self.conflicts)
        report.add_reasons("Refused:", self.refused)
        report.add(self.kept_inside())
        there = self.host.folders if self.choices.compare_host else {q for p in self.base for q in parents(p)}
        for mark, folders in (("D", None), ("M", None), ("A", there)):
            report.add_paths(mark, [path for path in marks if marks[path] == mark], folders)
        return report

    def left_inside(self):
        """The Report of what a branch leaves inside."""
        report = Report()
        report.add_reasons("Refused:", self.refused)
        report.add(self.kept_inside())
        return report

    def kept_inside(self):
        """A line for each linked work tree; safe to print."""
        return bounded([f"  {show(path)}: {LINKED}, held back" for path in self.linked])

    def plan(self):
        """The plan as plain data, for --json."""
        marks = self.marks()
        return {
            "runs_later": as_data(self.runs_later()),
            "conflicts": {show(p): why for p, why in sorted(self.conflicts.items())},
            "refused": {show(p): why for p, why in sorted(self.refused.items())},
            "deleted": [show(p) for p in sorted(marks) if marks[p] == "D"],
            "changed": [show(p) for p in sorted(marks) if marks[p] == "M"],
            "added": [show(p) for p in sorted(marks) if marks[p] == "A"],
            "held_back": len(self.held) + len(self.linked),
            "linked_work_trees": [show(p) for p in self.linked],
            "needs_force": self.too_much_gone(),
        }
