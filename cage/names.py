"""Names of cages, and the repositories that they are made from."""

import re
from pathlib import Path

from cage.errors import USAGE, CageError
from cage.text import CONTROL, LONGEST, has_secret, quote

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
RULE = "A name is 1 to 63 of a-z, 0-9, '-' and '_', and starts with a letter or a digit."
URL = re.compile(r"(?i)(?:https?|ssh|git|file)://.+|(?:[^/:@]+@)?[^/:@]+:(?!//).+", re.DOTALL)
OPTION = re.compile(r"(?:[^/@]*://)?(?:[^/@]*@)?-")
HELPER = re.compile(r"[A-Za-z0-9+.-]*::")
LEAVE_OUT = """\
It would be kept in files. Leave it out, and let a git credential helper or an SSH
key answer for it: git help credentials"""
KINDS = "Give an https://, ssh:// or git@host:path URL, or the path of a repository."
# A pull request of GitHub's, in short; the page of one (Gitea's are 'pulls'), or of a merge request of GitLab's.
SHORT = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9_][\w.-]*)#([1-9]\d{0,8})", re.ASCII)
PAGE = re.compile(
    r"(?i)(https?://[^/?#@]+/.+?)/(?:pulls?|-/(merge_requests))/([1-9]\d{0,8})(?:[/?#].*)?", re.ASCII | re.DOTALL
)


def check(name: str) -> str:
    """Return name if a cage, its folder, objects and host may be called so, else raise CageError."""
    if not NAME.fullmatch(name):
        raise CageError(f"{quote(name)} is not a name for a cage", RULE, USAGE)
    return name


def derive(source: str) -> str:
    """The name of a cage made from source: its last path part, in lower case."""
    path = source.rstrip("/").removesuffix("/.git")
    last = re.split(r"[/:]", path.rstrip("/"))[-1]
    name = last.removesuffix(".git").removesuffix(".bundle").lower()
    if NAME.fullmatch(name):
        return name
    proposed = re.sub(r"[^a-z0-9_-]+", "-", name).strip("-_")[:63] or "work"
    problem = f"{quote(name)}, from {quote(source)}, is not a name for a cage"
    raise CageError(problem, f"{RULE}\nChoose one, for example: --name {proposed}", USAGE)


def request(source: str) -> tuple[str, str, str]:
    """The repository of a pull or merge request, the ref of that, and its number; all empty for another source.

    The short form is never a folder of that name, which an export could have brought: that is ./owner/repo#1.
    """
    if short := SHORT.fullmatch(source):
        return f"https://github.com/{short[1].removesuffix('.git')}", f"refs/pull/{short[2]}/head", short[2]
    if page := PAGE.fullmatch(source):
        kind = "merge-requests" if page[2] else "pull"
        return page[1], f"refs/{kind}/{page[3]}/head", page[3]
    return "", "", ""


def repository(source: str, what: str = "repository") -> str:
    """A git URL as it is, a local repository or bundle as an absolute path.

    Raises CageError for an option or a program of git's, control characters, and a password, which would be kept.
    """
    if not source or OPTION.match(source):
        raise CageError(f"{quote(source)} is not a {what}", KINDS, USAGE)
    if len(source) > LONGEST or re.search(f"[{CONTROL}]", source):
        problem = f"the {what} {quote(source)} is too long or holds control characters"
        raise CageError(problem, "Give it without them.", USAGE)
    if has_secret(source):
        raise CageError(f"the URL of the {what} holds a password or a token", LEAVE_OUT, USAGE)
    if HELPER.match(source):
        raise CageError(f"{quote(source)} would make git run a program", KINDS, USAGE)
    # A URL first: an export could have brought a folder 'https:' with another repository in it.
    if URL.fullmatch(source):
        return source
    if path := _existing(source):
        return _local(path, what)
    raise CageError(f"{quote(source)} is neither a git URL nor a local {what}", KINDS, USAGE)


def _existing(source: str) -> Path | None:
    try:
        path = Path(source).expanduser()
        return path.resolve() if path.exists() else None
    except (OSError, RuntimeError):
        return None


def _local(path: Path, what: str) -> str:
    if re.search(f"[{CONTROL}]", str(path)):
        raise CageError(f"the path {quote(path)} holds control characters", "Move it.", USAGE)
    if path.is_file():
        with path.open("rb") as file:
            known = re.match(rb"# v\d+ git bundle\n", file.read(32))
    else:
        known = (path / ".git").exists() or (path / "objects").is_dir()
    if not known:
        remedy = "Give the folder that holds .git, or make one there: git init"
        raise CageError(f"{quote(path)} is not a git {what}", remedy, USAGE)
    return str(path)
