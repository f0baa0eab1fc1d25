"""One cage: a name, its folder and its meta.json."""

import shlex
from pathlib import Path

import cage
from cage import home, lock, make, meta, names
from cage.errors import FAILED, CageError
from cage.recipes import edits, replace, syntax
from cage.text import fail, printable, quote, warn

NEEDED = ("Makefile", "Makefile.cage", "local.mk", "lib", "recipes")


def names_of_all() -> list[str]:
    """The names of all cages, in order; CageError where there is none."""
    found = sorted(path.parent.name for path in home.root().glob("envs/[!.]*/meta.json"))
    if not found:
        raise CageError("there is no cage yet", "Make one: tc create <git-url>")
    return found


class Cage:
    """A cage that exists, at least as a folder with its recipes."""

    def __init__(self, name: str, folder: Path, fields: meta.Fields) -> None:
        self.name = name
        self.folder = folder
        self.fields = fields

    @classmethod
    def find(cls, name: str) -> "Cage":
        """The cage called name; raises CageError where there is none that can be read.

        Moves that a killed render or set left are finished first.
        """
        folder = home.folder_of(names.check(name))
        try:
            _finish(folder)
            fields = meta.read(folder)
            meta.check_settings(folder, fields)
            if (folder / "export.mk").exists() and not (folder / edits.FOLDER).exists():
                raise CageError(
                    f"cage '{name}' was made by 1.0.0, whose recipes lay in other files",
                    f"Make it anew; its own Makefile brings its work home: make -C {shlex.quote(str(folder))} export",
                )
            return cls(name, folder, fields)
        except (FileNotFoundError, NotADirectoryError):
            pass
        if (folder / "repo").is_dir():
            raise CageError(
                f"of cage '{name}' only the host clone is left",
                f"Make it anew: tc create <git-url> --name {name} --reuse-clone",
            )
        if folder.exists():
            raise CageError(f"{quote(folder)} has no meta.json", "Put a backup of it back.")
        raise CageError(f"there is no cage '{name}'", "See which there are: tc list")

    def make(self, *targets: str, **variables: str) -> int:
        """Make targets of this cage's Makefile; returns the exit code to end with."""
        self.check_whole()
        self._tell_of_release()
        self._tell_unread_scripts(targets)
        code = make.run(self.folder, targets, variables)
        if code == FAILED and (self.folder / syntax.TOP).exists() and (problem := syntax.makefiles(self.folder)):
            error = syntax.unread(self.name, problem)
            fail(error.problem, error.remedy)
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
            warn(error.problem, error.remedy)

    def _tell_of_release(self) -> None:
        version = edits.version(self.folder)
        if version not in ("", cage.__version__):
            warn(
                f"cage '{self.name}' has the recipes of trusty-cage {printable(version)}, "
                f"not {cage.__version__}; see what is new: tc render {self.name} --check"
            )


def _finish(folder: Path) -> None:
    if replace.unfinished(folder):
        with lock.held(folder, "render"):
            if replace.unfinished(folder):
                replace.finish(folder)
        warn(f"a change of cage '{folder.name}' had been interrupted, and is finished now")
