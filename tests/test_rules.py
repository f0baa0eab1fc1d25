"""The rules for files that leave, alone and for resulting trees: thousands of random ones, seeds printed."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import seeded

GUARD = Path(__file__).parent.parent / "templates/guard"
sys.path.insert(0, str(GUARD))
import question  # noqa: E402
import rules  # noqa: E402
import tree  # noqa: E402
import verdict  # noqa: E402

# -- names ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        *(("HEAD", "head"), ("head. .", "head"), ("head::$DATA", "head"), ("x\\refs", "refs")),
        *(("object\u017f", "objects"), ("o\u200dbjects", "objects"), ("re\u0301fs", "refs"), ("\uff28ead", "head")),
        *(("COMMON~1", "commondir"), ("common~23", "commondir"), ("co1a2b~1", "commondir"), ("VSCODE~1", ".vscode")),
        *(
            (".v\u017fcode", ".vscode"),
            (".hu\u017fky", ".husky"),
            ("HUSKY~2", ".husky"),
            ("PACKAG~1.JSO", "package.json"),
        ),
    ],
)
def test_names_that_some_file_system_reads_so(name, wanted):
    assert rules.is_called(name.encode(), wanted)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        *(("ahead", "head"), ("heads", "head"), (".head", "head"), ("HEAD~1", "head"), ("refs~1", "refs")),
        *(("PACKAG~1.TXT", "package.json"), ("comma~1", "commondir"), ("~1", "commondir"), ("common~x", "commondir")),
        *(
            ("xy1a2b~1", "commondir"),
            ("c~1", "commondir"),
            ("common~1x", "commondir"),
            ("objekts", "objects"),
            ("", "head"),
        ),
    ],
)
def test_names_that_none_reads_so(name, wanted):
    assert not rules.is_called(name.encode(), wanted)


def test_bytes_that_are_no_text_are_no_name_of_git():
    assert not rules.is_dotgit(b".g\xffit")
    assert rules.git_parts(b"\xffHEAD") == frozenset()


@pytest.mark.parametrize(
    ("parts", "bare"),
    [
        ("head objects refs", True),
        ("head commondir", True),
        ("head objects", False),
        ("head refs", False),
        ("objects refs commondir", False),
        ("commondir", False),
        ("", False),
    ],
)
def test_folder_is_bare_by_its_parts(parts, bare):
    assert rules.looks_bare(frozenset(parts.split())) is bare


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Readme", "README", True),
        ("a/Readme", "a/README", True),
        ("Dir/x", "dir/x", True),
        ("caf\u00e9", "cafe\u0301", True),
        ("cafe", "caf\u00e9", False),
        ("\u0e01\u0e34", "\u0e01\u0e35", False),
        ("a.", "a", True),
        ("a. .", "a", True),
        ("a./b", "a/b", True),
        ("a:b", "a", True),
        ("a:b/c", "a/c", True),
        ("a\\b", "a/b", True),
        (".a", "a", False),
        ("\ufb01", "fi", True),
        ("a\ufe0f", "a", True),
        ("a\u200d", "a", True),
        ("\u017f", "s", True),
        ("a b", "ab", False),
    ],
)
def test_spellings_of_one_name(one, other, same):
    assert (rules.folded(one.encode()) == rules.folded(other.encode())) is same
    collides = rules.Spellings([one.encode()]).collision(other.encode())
    assert bool(collides) is same


def test_path_that_is_there_already_collides_with_nothing():
    assert rules.Spellings([b"a/b"]).collision(b"a/b") == ""


@pytest.mark.parametrize("name", [b"A/new", b"a/new"])
def test_path_below_either_spelling_that_is_there_collides_with_nothing(name):
    assert rules.Spellings([b"A/x", b"a/x"]).collision(name) == ""


def test_spelling_of_the_base_that_was_one_of_several_collides_with_nothing():
    known = rules.Spellings([b"README", b"lib/b"], [b"README", b"readme", b"Lib/a", b"lib/b"])
    assert known.collision(b"readme") == known.collision(b"Lib/c") == ""
    assert known.collision(b"ReadMe") == "is README on file systems that fold case or Unicode"
    assert known.collision(b"LIB/x") == "is lib on file systems that fold case or Unicode"
    assert rules.Spellings([b"README"], [b"readme"]).collision(b"readme")


def test_reason_is_the_same_in_every_run():
    code = "import rules; print(rules.Spellings([b'a', b'A', b'aB', b'AB', b'Ab']).collision(b'ab'))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": str(GUARD), "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
        ).stdout
        for seed in range(8)
    }
    assert said == {"is AB on file systems that fold case or Unicode\n"}


def test_second_of_two_new_spellings_collides():
    known = rules.Spellings([])
    assert known.collision(b"x") == ""
    assert known.collision(b"X") == "is x on file systems that fold case or Unicode"
    assert known.collision(b"X/y") == "is x on file systems that fold case or Unicode"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (b"a" * rules.PATH_BYTES, ""),
        (b"a" * (rules.PATH_BYTES + 1), f"has a path longer than {rules.PATH_BYTES} bytes"),
        (b"a\xff", "has a name that is not UTF-8"),
        ("a\u202eb".encode(), "has invisible or control characters in its name"),
        (b"a\nb", "has invisible or control characters in its name"),
        ("a\u3164b".encode(), "has invisible or control characters in its name"),
        ("caf\u00e9 \U0001f98a\ufe0f".encode(), ""),
    ],
)
def test_names_of_new_files(path, why):
    assert rules.name_reason(path) == why


@pytest.mark.parametrize(
    ("size", "before", "refused"),
    [
        (rules.FILE_BYTES, None, False),
        (rules.FILE_BYTES + 1, None, True),
        (rules.FILE_BYTES + 1, rules.FILE_BYTES + 1, False),
        (rules.FILE_BYTES + 2, rules.FILE_BYTES + 1, True),
    ],
)
def test_size_of_a_file(size, before, refused):
    assert bool(rules.size_reason(size, before)) is refused


# -- links ---------------------------------------------------------------------


def test_link_of_forty_hops_is_followed_and_one_of_more_is_not():
    links = {b"l%d" % i: b"l%d" % (i + 1) for i in range(40)}
    assert rules.link_reason(b"l", b"l1", links.get) == ""
    links[b"l40"] = b"l41"
    assert rules.link_reason(b"l", b"l0", links.get) == rules.THROUGH


def test_link_through_links_with_long_ways_takes_no_time():
    """Each hop brings two thousand names: walked to the end they took a minute and all memory."""
    links = {b"l%d" % i: b"l%d" % (i + 1) + b"/x" * 2000 for i in range(35)}
    begun = time.monotonic()
    assert rules.link_reason(b"l", b"l0", links.get) == rules.THROUGH
    assert time.monotonic() - begun < 1
    assert rules.link_reason(b"l", b"up" + b"/x" * 998, {b"up": b"y"}.get) == ""
    assert rules.link_reason(b"l", b"up" + b"/x" * 1001, {b"up": b"y"}.get) == rules.THROUGH


def test_link_is_told_apart_by_why():
    assert rules.link_reason(b"d/l", b"../x", {}.get) == ""
    assert rules.link_reason(b"d/l", b"../../x", {}.get) == "is a link that leaves the project"
    assert rules.link_reason(b"l", b"", {}.get) == "is a link that leaves the project"
    assert rules.link_reason(b"d/l", b"x/../y", {}.get) == "is a link that goes down and up again"
    assert rules.link_reason(b"l", b".Git/hooks", {}.get) == "is a link into a git folder"
    assert rules.link_reason(b"l", b"a/b", {b"a": b"d/.."}.get) == ""
    assert rules.link_reason(b"l", b"a/b", {b"a": b".."}.get) == rules.THROUGH


# -- trees that result ---------------------------------------------------------


def reasons(arrivals, stay="", folders="", links=None, before=None, ever=""):
    arrivals = {path.encode(): target and target.encode() for path, target in arrivals.items()}
    stay, folders, ever = (
        {path.encode() for path in paths.split()} for paths in (stay or "", folders or "", ever or "")
    )
    links = {path.encode(): target.encode() for path, target in (links or {}).items()}
    before = links if before is None else before
    found = rules.result_reasons(arrivals, stay, folders, links, before, ever)
    return {path.decode(): why for path, why in found.items()}


FILE = None


def test_what_comes_makes_no_repository_of_what_is_there():
    assert reasons({"x/HEAD": FILE}, folders="x x/objects x/refs") == {"x/HEAD": rules.BARE}
    assert reasons({"x/HEAD": FILE}, stay="x/objects/a x/refs/a") == {"x/HEAD": rules.BARE}
    assert reasons({"x/objects/a": FILE}, stay="x/HEAD x/refs/a") == {"x/objects/a": rules.BARE}
    assert reasons({"x/config": FILE}, stay="x/HEAD x/objects/a x/refs/a") == {"x/config": rules.BARE}
    assert reasons({"x/HEAD": FILE}, stay="x/objects/a", ever="x/refs/a") == {"x/HEAD": rules.BARE}
    assert reasons({"x/HEAD": FILE}, stay="x/objects/a y/refs/a") == {}
    assert reasons({"x/y": FILE}, stay="y/HEAD y/objects/a y/refs/a") == {}


def test_parts_of_a_repository_at_the_top_are_refused_and_nothing_else_there():
    assert reasons({"HEAD": FILE, "other": FILE}, stay="objects/a refs/a") == {"HEAD": rules.BARE}


def test_new_path_collides_with_what_stays_and_one_that_is_there_does_not():
    assert reasons({"readme": FILE}, stay="README") == {"readme": "is README on file systems that fold case or Unicode"}
    assert reasons({"lib": FILE}, folders="LIB") == {"lib": "is LIB on file systems that fold case or Unicode"}
    assert reasons({"README": FILE}, stay="README readme") == {}


def test_link_is_walked_through_what_stays_and_what_comes():
    assert reasons({"l": "v/x"}, stay="v", links={"v": "/opt"}) == {"l": rules.THROUGH}
    assert reasons({"l": "v/x", "v": FILE}, stay="v", links={"v": "/opt"}) == {}


def test_link_of_the_host_is_not_led_out():
    led = {"p/a": "leads p/x out of the project"}
    assert reasons({"p/a": "../q"}, stay="p/x", links={"p/x": "a/../../y"}) == led
    assert reasons({"p/a": FILE}, stay="p/x", links={"p/x": "a/../../y"}) == {}
    # A link that led out before is its owner's.
    assert reasons({"p/a": "../q"}, stay="p/x", links={"p/x": "/opt"}) == {}


def test_more_entries_than_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(rules, "ENTRIES", 4)
    over = "brings the host clone over 4 entries"
    assert reasons({"a": FILE, "b": FILE, "there": FILE}, stay="there", folders="d") == {}
    assert reasons({"a": FILE, "b": FILE, "c": FILE, "there": FILE}, stay="there", folders="d") == {"c": over}


def test_nothing_that_comes_breaks_nothing():
    assert reasons({}, stay="x/HEAD x/objects/a x/refs/a l", links={"l": "/"}) == {}


# -- random exports ------------------------------------------------------------

# Names as an agent would choose them, and as the most forgetful file system reads them.
NAMES = {
    **{
        "HEAD": "head",
        "Head": "head",
        "objects": "objects",
        "object\u017f": "objects",
        "refs": "refs",
        "REFS.": "refs",
    },
    **{"commondir": "commondir", "COMMON~1": "common~1", "a": "a", "A": "a", "b": "b", "l": "l", "up": "up"},
}
MEANT = NAMES | {"COMMON~1": "commondir"}
TARGETS = [
    "a",
    "b",
    "../a",
    "..",
    "../..",
    "up/a",
    "l/b",
    "a/../b",
    "a/../../b",
    "/etc",
    "b/l",
    ".git/x",
    "up/..",
    "./a/.",
]
ROUNDS = 10_000


def random_tree(rng, size):
    """Files and links: path -> content, or ('link', target); no path lies below a file."""
    found = {}
    for _ in range(rng.randrange(size)):
        path = "/".join(rng.choice(list(NAMES)) for _ in range(rng.choice([1, 2, 2, 3])))
        if not any(p.startswith(f"{path}/") or f"{path}/".startswith(f"{p}/") for p in found):
            found[path] = ("link", rng.choice(TARGETS)) if rng.random() < 0.3 else rng.choice("12")
    return found


def lay(folder, files):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, tuple):
            (folder / path).symlink_to(content[1])
        else:
            (folder / path).write_text(content)


def entries(files):
    return {
        path.encode(): tree.link_entry(content[1].encode())
        if isinstance(content, tuple)
        else tree.Entry("100644", len(content), hashlib.sha256(content.encode()).hexdigest())
        for path, content in files.items()
    }


def host_of(files):
    folders = {p for path in files for p in rules.parents(path.encode())}
    links = {path.encode(): content[1].encode() for path, content in files.items() if isinstance(content, tuple)}
    return question.Host(entries(files), folders, {}, set(), links=links)


def bare_folders(paths):
    parts = {}
    for path in paths:
        names = path.split("/")
        for depth in range(len(names)):
            parts.setdefault("/".join(names[:depth]), set()).add(MEANT.get(names[depth], names[depth]))
    return {f for f, found in parts.items() if {"head", "objects", "refs"} <= found or {"head", "commondir"} <= found}


def spelled(path):
    """PATH as the most forgetful file system reads it, by NAMES."""
    return tuple(NAMES.get(name, name).lower() for name in path.split("/"))


def spellings(paths):
    """The PATHS and the folders above them, by how they are spelled."""
    found = {}
    for path in paths:
        names = path.split("/")
        for depth in range(1, len(names) + 1):
            found.setdefault(spelled("/".join(names[:depth])), set()).add("/".join(names[:depth]))
    return found


def halves(base, judged):
    """The renames to another spelling that were JUDGED in part: refused, and yet the old one is deleted."""
    new = {spelled(os.fsdecode(path)) for path in judged.refused if os.fsdecode(path) not in base}
    gone = [os.fsdecode(path) for path in judged.deleted]
    return [path for path in gone if any(spelled(path)[:depth] in new for depth in range(1, len(spelled(path)) + 1))]


def faults(place, before, after, base=()):
    """The faults of the files of AFTER, a folder that was BEFORE, found by other means than the rules'. Of BASE several
    spellings may stay."""
    come = {path for path in after if after[path] != before.get(path)}
    found = []
    bare = bare_folders(after)
    for path in come:
        if any(path.startswith(f"{folder}/") for folder in bare if folder):
            found.append(f"{path} lies in a repository")
        if "" in bare and MEANT.get(path.split("/")[0]) in ("head", "objects", "refs", "commondir"):
            found.append(f"{path} is a part of a repository at the top")
    allowed = set().union(*(twins for twins in spellings(base).values() if len(twins) > 1))
    for twins in spellings(after).values():
        new = {t for t in twins - allowed if not any(p == t or p.startswith(f"{t}/") for p in before)}
        if len(twins) > 1 and new:
            found.append(f"{twins} are one name")
    if any(isinstance(content, tuple) for content in after.values()):
        lay(place, after)
        top = os.path.realpath(place)
        for path, content in after.items():
            if isinstance(content, tuple):
                try:
                    leads = os.path.realpath(place / path, strict=False)
                except OSError:
                    continue
                inside = f"{leads}/".startswith(f"{top}/") and "/.git" not in leads[len(top) :]
                if not inside and path in come:
                    found.append(f"{path} leads to {content[1]}, out of the project")
    return found


def apply(host, cage, judged):
    """HOST with the changes that were JUDGED, from the files of the CAGE."""
    after = {path: content for path, content in host.items() if path.encode() not in judged.deleted}
    return after | {path.decode(): cage[path.decode()] for path in judged.changed}


@pytest.fixture
def judged_in(place, monkeypatch):
    """A place whose folder 'cage' the judge takes for the cage's project."""
    for module in (tree, verdict):
        monkeypatch.setattr(module, "ROOT", os.fsencode(place / "cage"))
    return place


@pytest.mark.parametrize("part", range(4))
def test_random_exports_leave_a_host_that_passes(judged_in, part):
    rng, landed, refused = seeded(part), 0, 0
    for _ in range(ROUNDS // 4):
        base, cage, host = random_tree(rng, 5), random_tree(rng, 8), random_tree(rng, 4)
        host = base if rng.random() < 0.5 else base | {p: c for p, c in host.items() if fits(p, base)}
        host |= {"l": ("link", "/etc")} if rng.random() < 0.3 and fits("l", host) else {}
        cage = beside(rng, base, cage)
        lay(judged_in / "cage", cage)
        take = rng.choice(["", "cage", "host"])
        judged = verdict.Verdict(entries(base), host_of(host), question.Choices(take=take, force=True))
        after = apply(host, cage, judged)
        assert judged.conflicts or faults(judged_in / "host", host, after, base) == [], (base, cage, host, take)
        assert halves(base, judged) == [], (base, cage, host, take)
        landed += bool(judged.changed)
        refused += bool(judged.refused)
    assert landed > ROUNDS / 40
    assert refused > ROUNDS / 40


def beside(rng, base, tree):
    """TREE, in half of the cases with the paths of BASE that can stand beside it."""
    return tree if rng.random() < 0.5 else {p: c for p, c in base.items() if fits(p, tree)} | tree


def fits(path, others):
    """Whether PATH can stand beside OTHERS in one tree."""
    return not any(p.startswith(f"{path}/") or f"{path}/".startswith(f"{p}/") for p in others)


def respelled(rng, files):
    """FILES under other spellings of some of their names, the same one of a folder for all that is in it."""
    others = {}

    def other(folder, name):
        alike = [n for n in NAMES if NAMES[n] == NAMES[name]]
        return others.setdefault((*folder, name), rng.choice(alike))

    return {
        "/".join(other(path.split("/")[:depth], name) for depth, name in enumerate(path.split("/"))): content
        for path, content in files.items()
    }


def single(files):
    """FILES without those of which there is another spelling."""
    twins = set().union(*(twins for twins in spellings(files).values() if len(twins) > 1))
    return {path: content for path, content in files.items() if not twins & {path, *above(path)}}


def above(path):
    """The folders above PATH."""
    return [os.fsdecode(folder) for folder in rules.parents(path.encode())]


@pytest.mark.parametrize("compare_host", [True, False])
def test_random_renames_of_case_alone_leave_whole(judged_in, compare_host):
    rng, renamed = seeded(), 0
    for _ in range(ROUNDS // 4):
        base = {path: content for path, content in single(random_tree(rng, 8)).items() if isinstance(content, str)}
        cage = respelled(rng, base)
        if bare_folders(base) or not base:
            continue
        lay(judged_in / "cage", cage)
        choices = question.Choices(force=True, compare_host=compare_host)
        judged = verdict.Verdict(entries(base), host_of(base), choices)
        assert (judged.refused, apply(base, cage, judged)) == ({}, cage), (base, cage)
        renamed += base != cage
    assert renamed > ROUNDS / 20


# -- random branches -----------------------------------------------------------


def joined(base, judged, cage, host, head):
    """The tree that a branch's commit makes, alone and with the files of HOST or HEAD beside it: after, before."""
    commit = apply(base, cage, judged)
    yield commit, head | host | base
    for first, second in ((head, host), (host, head)):
        own = {}
        for path, content in (first | {p: c for p, c in second.items() if p not in first}).items():
            if path not in base and fits(path, [*commit, *own]):
                own[path] = content
        yield commit | own, head | host | own | base


@pytest.mark.parametrize("part", range(2))
def test_random_branches_can_join_what_the_host_has(judged_in, part):
    rng, landed, refused = seeded(part), 0, 0
    for _ in range(ROUNDS // 4):
        base, cage, host, head = (random_tree(rng, size) for size in (5, 8, 4, 4))
        host = host if rng.random() < 0.3 else base | {p: c for p, c in host.items() if fits(p, base)}
        host |= {"l": ("link", "/etc")} if rng.random() < 0.3 and fits("l", host) else {}
        head = head if rng.random() < 0.3 else base | {p: c for p, c in head.items() if fits(p, base)}
        head |= {"up": ("link", "/etc")} if rng.random() < 0.3 and fits("up", head) else {}
        cage = beside(rng, base, cage)
        lay(judged_in / "cage", cage)
        modes = {path: found.mode.encode() for path, found in entries(head).items()}
        there = host_of(host)._replace(head=modes)
        judged = verdict.Verdict(entries(base), there, question.Choices(compare_host=False, force=True))
        for after, before in joined(base, judged, cage, host, head):
            assert all(fits(path, after.keys() - {path}) for path in after), (base, cage, host, head)
            assert faults(judged_in / "host", before, after, base) == [], (base, cage, host, head)
        assert halves(base, judged) == [], (base, cage, host, head)
        landed += bool(judged.changed)
        refused += bool(judged.refused)
    assert landed > ROUNDS / 40
    assert refused > ROUNDS / 40
