"""The verbs that are targets of a cage's Makefile."""

import shlex
from argparse import Namespace
from pathlib import Path

from cage import home
from cage.commands.existing import Cage, names_of_all
from cage.errors import DONE, INTERRUPTED, UNREACHABLE, USAGE, CageError
from cage.text import quote, typed

# These are not passed on; other options are: --skip-refused as CAGE_SKIP_REFUSED=1, --take host as CAGE_TAKE=host.
NO_OPTIONS = ("verb", "run", "name", "targets", "paths", "ports", "command")


def plain(args: Namespace, **more: str) -> int:
    """A verb that is a target of that name, with its options."""
    return Cage.find(args.name).make(args.verb, **_options(args), **more)


def sync(args: Namespace) -> int:
    """Take the host's changes into the cage, or the last ones back."""
    return plain(args, CAGE_PATHS=_lines(args.paths))


def put(args: Namespace) -> int:
    """Put files into the cage; their paths are made whole here, since make runs in the cage's folder."""
    return plain(args, CAGE_FILES=_lines([path if path == "-" else str(Path(path).absolute()) for path in args.paths]))


def get(args: Namespace) -> int:
    """Get files out of the cage, into the current folder if no other is named."""
    if args.to != "-":
        args.to = str(Path(args.to).absolute())
    return plain(args, CAGE_PATHS=_lines(args.paths))


def forward(args: Namespace) -> int:
    """Have ports of this machine lead into the cage until it is interrupted."""
    return plain(args, CAGE_FORWARD=" ".join(args.ports))


def key(args: Namespace) -> int:
    """Show a cage's keys, or change where they come from. No word that was typed is echoed: it may be a key."""
    if len(args.variable) != (args.action != "list"):
        takes = "no name of a variable" if args.action == "list" else "one name of a variable, and never a value"
        raise CageError(f"'tc key {args.action}' takes {takes}", "See: tc key --help", USAGE)
    variables = _options(Namespace(**{key: value for key, value in vars(args).items() if key.startswith("key_")}))
    return Cage.find(args.name).make(f"key-{args.action}", CAGE_KEY_NAME="".join(args.variable), **variables)


def rebuild_image(args: Namespace) -> int:
    """Build the image again: of one cage, or of all in turn; returns the first exit code that is not 0."""
    codes = []
    for name in [args.name] if args.name else names_of_all():
        codes.append(plain(Namespace(**{**vars(args), "name": name})))
        if codes[-1] in (INTERRUPTED, UNREACHABLE):
            break
    return next(filter(None, codes), DONE)


def execute(args: Namespace) -> int:
    """Run a command through a login shell inside; returns its exit code."""
    if not args.command:
        raise CageError("no command is given", f"For example: tc exec {args.name} -- ls", USAGE)
    if odd := [word for word in args.command if word.encode(errors="ignore").decode() != word]:
        raise CageError(f"{quote(odd[0])} is not UTF-8", "Put it into a file, and run that.", USAGE)
    return plain(args, CAGE_CMD=shlex.join(args.command))


def targets(args: Namespace) -> int:
    """Make any targets of the cage's Makefile, those of its user too."""
    for target in args.targets:
        if target.startswith("-") or "=" in target or quote(target) != f"'{target}'":
            remedy = f"Options and variables go to make itself: make -C {typed(home.folder_of(args.name))} …"
            raise CageError(f"{quote(target)} is not a target", remedy, USAGE)
    return Cage.find(args.name).make(*args.targets, **_options(args))


def _lines(paths: list[str]) -> str:
    if any("\n" in path for path in paths):
        raise CageError("a path with a line break can't be named", "Name the folder that it is in.", USAGE)
    return "\n".join(paths)


def _options(args: Namespace) -> dict[str, str]:
    if empty := [key for key, value in vars(args).items() if value == ""]:
        option = empty[0].removeprefix("key_").replace("_", "-")
        raise CageError(f"--{option} is empty", "Give it a value, or leave it out.", USAGE)
    given = {key: value for key, value in vars(args).items() if value and key not in NO_OPTIONS}
    return {f"CAGE_{key.upper()}": "1" if value is True else value for key, value in given.items()}
