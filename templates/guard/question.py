"""The question to a helper, a tar on standard input: the base, and the inventory of the host clone."""

import io
import os
import sys
import tarfile
from typing import NamedTuple

from answer import is_whole
from stored import Settings
from tree import Entry, link_entry, parse_manifest, paths_in

BOM = b"\xef\xbb\xbf"  # git skips it at the beginning of a file of rules


def read_parts():
    """The files of the tar on standard input, by name. It begins when the cage is paused: nothing is read before.

    Raises SystemExit where it never begins, or is cut short.
    """
    try:
        with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as tar:
            parts = {os.path.basename(m.name): tar.extractfile(m).read() for m in tar if m.isreg()}
    except tarfile.ReadError:
        raise SystemExit("error: the host clone could not be listed, or the cage not be paused") from None
    if not is_whole(parts):
        raise SystemExit("error: the question was cut short on its way")
    return parts


class Choices(NamedTuple):
    """The options that the user gave."""

    take: str = ""  # 'cage' or 'host', where both sides changed
    force: bool = False
    include_ignored: bool = False
    compare_host: bool = True  # no for a branch, whose parent is the seeded commit
    paths: tuple = ()  # the paths of a sync; empty for all


class Host(NamedTuple):
    """The host clone, as its inventory tells."""

    entries: dict  # path -> Entry of files and links
    folders: set
    ignore_files: dict  # path -> content
    tracked: set  # paths in git's index there, and those that a killed export has written
    hooks: bytes = b"."  # the folder that git there takes its hooks from; "." for its own
    included: tuple = ()  # files that git there reads as settings
    private: frozenset = frozenset()  # paths that git there ignores and does not track; only a sync asks for them
    links: dict = {}  # noqa: RUF012 (nobody writes to it) path -> target
    head: dict = {}  # noqa: RUF012 (as above) path -> mode in the commit checked out; only branches and commits ask
    held: tuple = ()  # objects that the refs of the clone name; only a count and commits ask
    nested: frozenset = frozenset()  # folders that hold a git folder, which no list names
    submodules: frozenset = frozenset()  # paths of submodules: of the index, and of 'head' and 'seeded'
    seeded: dict = {}  # noqa: RUF012 (as above) path -> mode and object in the seeded commit; asked for like 'head'
    storage: Settings = Settings()  # how git there stores files; asked for like 'head'
    hidden: frozenset = frozenset()  # tracked paths that a sparse check-out leaves out: not there, and not deleted


def read_question():
    """Base manifest and Host from the tar on standard input."""
    parts = read_parts()
    executable = set(paths_in(parts["executables"]))
    entries = {
        path: Entry("100755" if path in executable else "100644", -1, digest)
        for path, digest in map(parse_sum, parts["sums"].split(b"\n")[:-1])
    }
    targets, rules = {}, {}
    with inner_tar(parts["links.tar"]) as tar:
        for m in tar:
            targets[name(m)] = os.fsencode(m.linkname) if m.issym() else targets[same(m)]
    entries |= {path: link_entry(target) for path, target in targets.items()}
    with inner_tar(parts["ignore.tar"]) as tar:
        for m in tar:
            rules[name(m)] = tar.extractfile(m).read() if m.isreg() else rules[same(m)]
    # The last rule that matches counts: those of the project's folders win against the clone's, which win against its
    # owner's.
    above = [line for part in ("owners-exclude", "exclude") for line in parts[part].removeprefix(BOM).split(b"\n")]
    if above := [line for line in above if line and not line.startswith(b"#")]:
        rules[b".gitignore"] = b"\n".join([*above, rules.get(b".gitignore", b"").removeprefix(BOM)])
    hooks = os.path.normpath(parts["hooks"].strip(b"\0\n") or b".")
    listed = set(paths_in(parts["private"]))  # of a repository within, git lists only the folder: 'path/'
    within = tuple(path for path in listed if path.endswith(b"/"))
    private = frozenset(path for path in entries if path in listed or path.startswith(within))
    folders = set(paths_in(parts["folders"]))
    index, head, seeded = (git_list(parts[part]) for part in ("index", "head", "seeded"))
    gits = {path for path in folders if os.path.basename(path) == b".git"}
    hidden = frozenset(path for path, facts in index.items() if facts[0] == b"S")  # the tag of 'git ls-files -t'
    index = {path: facts[1:] for path, facts in index.items()}
    host = Host(
        entries=entries,
        folders=folders - gits,
        ignore_files=rules,
        tracked=index.keys() | set(paths_in(parts["tracked"])),
        hooks=hooks,
        included=tuple(sorted({os.path.normpath(path) for path in parts["included"].split(b"\0")[:-1]})),
        private=private,
        links=targets,
        head={path: facts[0] for path, facts in head.items()},
        held=tuple(parts.get("held", b"").decode("ascii", "replace").split()),
        nested=frozenset(map(os.path.dirname, gits)) - {b""},
        submodules=frozenset(path for rows in (index, head, seeded) for path in rows if rows[path][0] == b"160000"),
        seeded={path: (mode, oid.decode()) for path, (mode, _, oid) in seeded.items()},
        storage=storage(parts, seeded),
        hidden=hidden - entries.keys(),
    )
    return parse_manifest(parts["base"]), host


def git_list(data):
    """The paths of a list of git's, 'mode … <tab> path' each ended by NUL: path -> the words before it."""
    rows = (row.split(b"\t", 1) for row in data.split(b"\0")[:-1])
    return {path: facts.split() for facts, path in rows}


def storage(parts, seeded):
    """The Settings in PARTS; SEEDED are the rows of the seeded commit's files."""
    blobs = objects_in(parts["attributes"])
    named = {path: row[2] for path, row in seeded.items() if os.path.basename(path) == b".gitattributes"}
    crlf, lf = ({row.partition(b":")[2] for row in parts[part].split(b"\0")[:-1]} for part in ("crlf", "lf"))
    return Settings(
        attributes={path: blobs[oid] for path, oid in named.items() if oid in blobs},
        info=parts["attributes-of-clone"],
        own=parts["attributes-of-owner"],
        autocrlf=parts["autocrlf"].strip().lower() in (b"true", b"yes", b"on", b"1", b"input"),
        crlf=frozenset(crlf),
        mixed=frozenset(crlf & lf),
    )


def objects_in(data):
    """The objects in an answer of 'git cat-file --batch': name -> content. Ones that are missing are left out."""
    found, at = {}, 0
    while (end := data.find(b"\n", at)) >= 0:
        name, *facts = data[at:end].split(b" ")
        at = end + 1
        if len(facts) == 2:
            found[name] = data[at : at + int(facts[1])]
            at += int(facts[1]) + 1
    return found


def inner_tar(data):
    """DATA opened as a tar; an empty one is a tar of nothing."""
    return tarfile.open(fileobj=io.BytesIO(data or bytes(10240)))


def name(info):
    """The path of tar entry INFO, as bytes."""
    return os.fsencode(info.name).removeprefix(b"./")


def same(info):
    """The path of the entry before INFO that it is a hard link of, as bytes."""
    return os.fsencode(info.linkname).removeprefix(b"./")


def parse_sum(line):
    """Path and digest of a LINE of sha256sum or shasum; a backslash in front says that the name is escaped."""
    digest, _, path = line.removeprefix(b"\\").partition(b"  ")
    if line.startswith(b"\\"):
        path = path.replace(b"\\\\", b"\0").replace(b"\\n", b"\n").replace(b"\\r", b"\r").replace(b"\0", b"\\")
    return path.removeprefix(b"./"), digest.decode()
