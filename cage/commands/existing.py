"""One cage: a name, its folder and its meta.json."""

from pathlib import Path

import cage
from cage import home, lock, make, meta, names
from cage.errors import FAILED, CageError
from cage.recipes import edits, replace, syntax
from cage.text import fail, printable, quote, typed, warn

NEEDED = ("Makefile", "Makefile.cage", "local.mk", "lib", "recipes")


def names_of_all() -> list[str]:
    """The names of all cages, in order; CageError where there is none."""
    found = [folder.name for folder in home.folders() if (folder / "meta.json").exists()]
    if not found:
        raise CageError("there is no cage yet", "Make one: tc create <git-url>")
    return found


class Cage:
    """A cage that exists, at least as a folder with its recipes."""

    def __init__(self, name: str, folder: Path, fields: meta.Fields) -> None:
        self.name, self.folder, self.fields = name, folder, fields

    @classmethod
    def find(cls, name: str) -> "Cage":
        """The cage called name, once moves that a killed render or set left are finished; CageError without one."""
        folder = home.folder_of(names.check(name))
        try:
            if replace.unfinished(folder):
                with lock.held(folder, "render"):
                    replace.finish(folder)
                warn(f"a change of cage '{name}' had been interrupted, and is finished now")
            fields = meta.read(folder)
            meta.check_settings(folder, fields)
        except (FileNotFoundError, NotADirectoryError):
            raise _missing(folder) from None
        if (folder / "export.mk").exists() and not (folder / edits.FOLDER).exists():
            problem = f"cage '{name}' was made by 1.0.0, whose recipes lay in other files"
            remedy = f"Make it anew; its own Makefile brings its work home: make -C {typed(folder)} export"
            raise CageError(problem, remedy)
        return cls(name, folder, fields)

    def make(self, *targets: str, **variables: str) -> int:
        """Make targets of this cage's Makefile; returns the exit code to end with."""
        self.check_whole()
        version = edits.version(self.folder)
        if version not in ("", cage.__version__):
            of = f"cage '{self.name}' has the recipes of trusty-cage {printable(version)}, not {cage.__version__}"
            warn(f"{of}; see what is new: tc render {self.name} --check")
        self._tell_unread_scripts(targets)
        code = make.run(self.folder, targets, variables)
        if code == FAILED and (self.folder / syntax.TOP).exists() and (problem := syntax.makefiles(self.folder)):
            fail(*syntax.unread(self.name, problem).said)
        return code

    def check_whole(self) -> None:
        """Raise CageError if recipes are missing that every verb needs."""
        for path in NEEDED:
            if not (self.folder / path).exists():
                raise CageError(f"{quote(self.folder / path)} is missing", f"Render it again: tc render {self.name}")

    def _tell_unread_scripts(self, targets: tuple[str, ...]) -> None:
        """Name each edited script with a syntax error; raises CageError if these targets run it."""
        for path, problem in syntax.scripts(self.folder, edits.edited(self.folder)).items():
            error = syntax.unread(self.name, problem)
            if path.startswith(edits.SCRIPTS) or (path == "layout.sh" and "attach" in targets):
                raise error
            warn(*error.said)


def _missing(folder: Path) -> CageError:
    name = folder.name
    if (folder / "repo").is_dir():
        remedy = f"Make it anew: tc create <git-url> --name {name} --reuse-clone"
        return CageError(f"of cage '{name}' only the host clone is left", remedy)
    if folder.exists():
        return CageError(f"{quote(folder)} has no meta.json", "Put a backup of it back.")
    return CageError(f"there is no cage '{name}'", "See which there are: tc list")
