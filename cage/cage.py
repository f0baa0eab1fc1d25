"""One cage: a name, its folder and its meta.json."""

from pathlib import Path

import cage
from cage import home, meta, names, pristine, runner
from cage.errors import FAILED, CageError
from cage.text import fail, printable, quote, warn

NEEDED = ("Makefile", "Makefile.cage", "local.mk", "lib")
# There while a render or a set changes several files; survives what may be deleted.
PENDING = Path(".history", "render")


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
        """The cage called name; raises CageError where there is none that can be read."""
        folder = home.folder_of(names.check(name))
        try:
            return cls(name, folder, meta.read(folder))
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
        for path in NEEDED:
            if not (self.folder / path).exists():
                raise CageError(f"{quote(self.folder / path)} is missing", f"Render it again: tc render {self.name}")
        self._tell_of_render()
        code = runner.make(self.folder, targets, variables)
        if code == FAILED and runner.parse_error(self.folder):
            fail(
                f"make can't read the Makefile of cage '{self.name}'",
                f"See what was changed in it: tc diff-recipes {self.name}",
            )
        return code

    def _tell_of_render(self) -> None:
        if (self.folder / PENDING).exists():
            warn(f"the last render of cage '{self.name}' was interrupted", f"Finish it: tc render {self.name}")
        version = pristine.base(self.folder, pristine.VERSION)
        if version is not None and version.decode(errors="replace") != cage.__version__:
            warn(
                f"cage '{self.name}' has the recipes of trusty-cage {printable(version.decode(errors='replace'))}, "
                f"not {cage.__version__}; see what is new: tc render {self.name} --check"
            )
