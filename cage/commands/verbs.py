"""The verbs that are targets of a cage's Makefile."""

import shlex
from argparse import Namespace

from cage import home
from cage.commands.existing import Cage, names_of_all
from cage.errors import DONE, INTERRUPTED, UNREACHABLE, USAGE, CageError
from cage.text import quote


def plain(args: Namespace) -> int:
    """A verb that needs nothing but its name: attach, start, stop, shell."""
    return Cage.find(args.name).make(args.verb)


def status(args: Namespace) -> int:
    """One cage in full."""
    return Cage.find(args.name).make("status", **_set(CAGE_JSON=args.json))


def export(args: Namespace) -> int:
    """Bring the work back to the host clone: into its work tree, or as commits on a branch."""
    to = "commits" if args.commits else "branch" if args.branch else ""
    if args.branch_name is not None and not to:
        raise CageError(
            "--as names a branch", f"Say what goes onto it: tc export {args.name} --branch, or --commits", USAGE
        )
    if args.branch_name == "":
        raise CageError("the name of the branch is empty", f"For example: --as work/{args.name}", USAGE)
    return Cage.find(args.name).make(
        "export",
        **_set(
            CAGE_YES=args.yes,
            CAGE_DRY_RUN=args.dry_run,
            CAGE_DIFF=args.diff,
            CAGE_JSON=args.json,
            CAGE_SKIP_REFUSED=args.skip_refused,
            CAGE_INCLUDE_IGNORED=args.include_ignored,
            CAGE_FORCE=args.force,
            CAGE_UNDO=args.undo,
        ),
        **_given(CAGE_TAKE=args.take, CAGE_TO=to, CAGE_AS=args.branch_name),
    )


def sync(args: Namespace) -> int:
    """Take the host's changes into the cage."""
    if any("\n" in path for path in args.paths):
        raise CageError("a path with a line break can't be named", "Name the folder that it is in.", USAGE)
    return Cage.find(args.name).make(
        "sync",
        **_set(CAGE_YES=args.yes, CAGE_DRY_RUN=args.dry_run, CAGE_JSON=args.json),
        **_given(CAGE_TAKE=args.take, CAGE_PATHS="\n".join(args.paths)),
    )


def destroy(args: Namespace) -> int:
    """Remove containers and volumes; the host clone stays."""
    return Cage.find(args.name).make("destroy", **_set(CAGE_YES=args.yes, CAGE_FORCE=args.force))


def rebuild_image(args: Namespace) -> int:
    """Build the image again: of one cage, or of all in turn; returns the first code that is not good."""
    codes = []
    for name in [args.name] if args.name else names_of_all():
        codes.append(Cage.find(name).make("rebuild-image", **_set(CAGE_YES=args.yes)))
        if codes[-1] in (INTERRUPTED, UNREACHABLE):
            break
    return next(filter(None, codes), DONE)


def execute(args: Namespace) -> int:
    """Run a command through a login shell inside; returns its exit code."""
    if not args.command:
        raise CageError("no command is given", f"For example: tc exec {args.name} -- ls", USAGE)
    for word in args.command:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise CageError(f"{quote(word)} is not UTF-8", "Put it into a file, and run that.", USAGE) from None
    return Cage.find(args.name).make("exec", CAGE_CMD=shlex.join(args.command))


def targets(args: Namespace) -> int:
    """Make any targets of the cage's Makefile, those of its user too."""
    for target in args.targets:
        if target.startswith("-") or "=" in target or quote(target) != f"'{target}'":
            raise CageError(
                f"{quote(target)} is not a target",
                f"Options and variables go to make itself: make -C {shlex.quote(str(home.folder_of(args.name)))} …",
                USAGE,
            )
    return Cage.find(args.name).make(*args.targets, **_set(CAGE_YES=args.yes))


def _set(**switches: bool) -> dict[str, str]:
    return {key: "1" for key, on in switches.items() if on}


def _given(**values: str | None) -> dict[str, str]:
    return {key: value for key, value in values.items() if value}
