"""Files and folders that a person names, judged for a folder of the host's: a get."""

import os
import stat

from question import Choices, Host
from rules import DOTGIT, counted, is_dotgit, link_reason, parents, show
from tree import FROM, located, real, scan
from verdict import Verdict

NOWHERE = Host(entries={}, folders=set(), ignore_files={}, tracked=set())  # a folder with nothing of their names


class Taking(Verdict):
    """PATHS of the cage, judged by the rules of an export for the tree that they make on the host.

    Each lands there by its name alone, wherever it lies in the cage: the paths of this verdict begin with it.
    """

    def __init__(self, paths):
        self.unknown = {}  # path -> why it can't be had
        self.names = []
        for path in paths:
            if why := self.want(path):
                self.unknown[path] = why
        super().__init__({}, NOWHERE, Choices(include_ignored=True))

    def want(self, path):
        """Note PATH; returns why it can't be had, empty if it can."""
        try:
            _, root, inside = located(path)
        except LookupError as why:
            return str(why)
        name = os.path.basename(inside)
        if not name:
            return "is all of it: name files and folders in it, or export the work"
        if any(map(is_dotgit, inside.split(b"/"))):
            return DOTGIT
        if name in self.names:
            return "has the name of another one"
        try:
            above = [os.lstat(os.path.join(root, folder)) for folder in parents(inside)]
            os.lstat(os.path.join(root, inside))
        except (FileNotFoundError, NotADirectoryError):
            return "is not there"
        if not all(stat.S_ISDIR(info.st_mode) for info in above):
            return "lies behind a link, which is not followed"
        self.names.append(name)
        FROM[name] = os.path.join(root, os.path.dirname(inside))
        return ""

    def look(self):
        """Every entry of those paths."""
        return scan(names=self.names) if self.names else {}

    def onward(self, path):
        """Where the cage's link PATH leads; None if it is none."""
        found = self.found.get(path)
        return os.readlink(real(path)) if found and stat.S_ISLNK(found.mode) else None

    def reason(self, path, found, room):
        """Why this entry may not leave; empty if it may. A link stays in what was named: beside it are the host's own
        files."""
        name, _, below = path.partition(b"/")
        is_link = stat.S_ISLNK(found.mode)
        if is_link and not below:
            return "is a link, which is not followed: name the file that it leads to"
        why = super().reason(path, found, room)
        if is_link:
            why = why or link_reason(below, self.onward(path), lambda p: self.onward(name + b"/" + p))
            why = why.replace("the project", show(name))
        return why

    def lists(self):
        """The lists for the host: name -> content."""
        unknown = "".join(f"'{show(path)}' {why}\n" for path, why in self.unknown.items())
        return super().lists() | {"unknown": unknown.encode()}

    def summary(self):
        """One line of counts."""
        return f"{counted(self.changed, 'file')}, {len(self.refused)} refused"
