"""A plan as a person reads it before they agree: section by section, and what weighs most comes first."""

from rules import bounded, parents, show


class Report:
    """Sections of a plan. Each is cut by itself, where nobody would read on, so that none can crowd out another."""

    def __init__(self):
        self.lines, self.all, self.cut = [], [], False

    def add(self, full, short=None, title="", cut=None):
        """A section of the lines FULL, below TITLE. SHORT is shown in their place; CUT tells if that leaves any out."""
        if not full:
            return
        short = bounded(full) if short is None else short
        self.cut |= short != full if cut is None else cut
        self.lines += [title, *short] if title else short
        self.all += [title, *full] if title else full

    def add_reasons(self, title, reasons):
        """A section of paths, each with the reason that REASONS has for it."""
        self.add([f"  {show(path)}: {why}" for path, why in sorted(reasons.items())], title=title)

    def add_paths(self, mark, paths, folders=None):
        """A section of PATHS behind MARK. With FOLDERS, those that are there: a folder that is new is one line."""
        paths = sorted(paths)
        named = [show(path) for path in paths] if folders is None else names_of(paths, folders)
        full, short = ([f"  {mark}  {name}" for name in names] for names in (map(show, paths), named))
        self.add(full, bounded(short))

    def shown(self):
        """The lines for a person; safe to print."""
        return "".join(f"{line}\n" for line in self.lines)

    def whole(self):
        """All of it, where something was left out; else nothing."""
        return "".join(f"{line}\n" for line in self.all) if self.cut else ""


def names_of(paths, folders):
    """The names of new PATHS, sorted; several in one folder that is not among FOLDERS are named by it and counted."""
    inside = {}
    for path in paths:
        new = next((folder for folder in parents(path) if folder not in folders), path)
        inside.setdefault(new, []).append(path)
    return [show(some[0]) if len(some) == 1 else f"{show(new)}/  ({len(some)} files)" for new, some in inside.items()]
