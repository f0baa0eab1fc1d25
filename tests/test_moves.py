"""Random trees through an export, one that is cut short, its undo and a sync: the real scripts, programs and recipes'
lines, without an engine. The judge reads a folder, and so does the program that receives. Seeds are printed.
"""

import io
import os
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
from conftest import ROOT, seeded
from test_rules import beside, entries, faults, fits, lay, random_tree
from test_verdict import Arrival, merged, program, question, tree, verdict

from cage import meta
from cage.recipes import templates

JUDGE, RECEIVE = program("judge"), program("receive")
CASES = int(os.environ.get("TESTS_CASES") or 5)  # of each part
TARS = [tar for tar in map(shutil.which, ("tar", "bsdtar")) if tar]  # GNU's, and macOS's where it is installed


@pytest.fixture(scope="module")
def recipes(tmp_path_factory):
    """The lines of a target's recipe, as the shell gets them."""
    folder = tmp_path_factory.mktemp("rendered")
    for path, data in templates.files(meta.read(ROOT / "tests/rendered/minimal"), "0").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    for name in ("engine", "image", "clone", "export", "undo", "commits"):
        (folder / ".state" / name).mkdir(parents=True)

    def lines(target):
        command = ["make", "--no-print-directory", "-n", "-C", folder, target]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        shown = done.stdout.replace("\\\n", "").splitlines()
        shown = [line for line in shown if "bash lib/say ask" not in line and not line.startswith("make ")]
        return [step for line in shown for step in opened(line)]

    return SimpleNamespace(written=[*lines("written"), "bash lib/export/close"], undone=lines("undone"))


def opened(line):
    """The steps of a recipe's line: the statements of its script, where that has several."""
    script = re.match(r"bash lib/export/(copy-kept|keep-undone|remove)\b", line)
    if not script:
        return [line]
    steps = []
    for row in (ROOT / "templates/lib/export" / script[1]).read_text().splitlines():
        if row.startswith((" ", "done", "fi")):
            steps[-1] += f"\n{row}"
        elif row and not row.startswith(("#", "set ")):
            steps.append(f"set -o pipefail; {row}")
    return steps


class Cage:
    """A cage's folder, its project and its clone, without an engine."""

    def __init__(self, place, monkeypatch, base, inside, host, part=0):
        shutil.rmtree(place, ignore_errors=True)
        (place / "bin").mkdir(parents=True)
        (place / "bin/tar").symlink_to(TARS[part % len(TARS)])
        self.place, self.folder, self.patch, self.said = place, place / "cage", monkeypatch, ""
        self.repo, self.project, self.before, self.base = self.folder / "repo", place / "project", host, base
        lay(self.repo, host)
        (self.folder / "lib").symlink_to(ROOT / "templates/lib")
        for name in (".state/engine", ".state/export", ".state/undo", ".history", "repo/.git"):
            (self.folder / name).mkdir(parents=True)
        (self.repo / ".git/config").touch()
        (self.folder / ".history/base").write_bytes(tree.manifest(entries(base)))
        lay(self.project, inside)
        for module in (tree, verdict, RECEIVE):
            monkeypatch.setattr(module, "ROOT", os.fsencode(self.project))
        monkeypatch.setattr(tree, "SCRATCH", str(place / "scratch"))

    def run(self, line, told=None, way="export"):
        """Run LINE as a recipe would, TOLD on its standard input; whether it did."""
        environment = {"PATH": f"{self.place}/bin:{os.environ['PATH']}", "LC_ALL": "C", "CAGE_SKIP_REFUSED": "1"}
        environment |= {"CAGE_NAME": "web", "CAGE_REPO_URL": "https://example.com/web", "CAGE_WAY": way}
        command = ["/bin/bash", "-c", line]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, input=told)
        self.out, self.said = done.stdout, done.stderr.decode()
        return done.returncode == 0

    def ask(self, function, *arguments, told=b""):
        """The answer of FUNCTION of the guard's and its output, TOLD on its standard input."""
        out = io.BytesIO()
        with self.patch.context() as patch:
            patch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(told)))
            patch.setattr(sys, "stdout", SimpleNamespace(buffer=out))
            answer = function(*arguments)
        return answer, out.getvalue()

    def planned(self, kind, take, tracked=()):
        """Stage and plan; False where a person has to decide."""
        state = self.folder / ".state/export"
        for name in ("question", "stage"):
            shutil.rmtree(state / name, ignore_errors=True)
        (state / "question").mkdir()
        shutil.copy(self.folder / ".history/base", state / "question/base")
        for name in ("hooks", "included"):
            (state / "question" / name).touch()
        (state / "question/tracked").write_bytes(tree.ended(path.encode() for path in tracked))
        (state / "backup").write_text("")
        asked, _ = self.ask(question.read_question, told=self.asked())
        self.staged(self.ask(JUDGE.write_answer, kind(*asked, question.Choices(take=take, force=True)))[1])
        planned = self.run("bash lib/export/plan export")
        assert planned or "both sides changed" in self.said or "stand in the way" in self.said, self.said
        return planned

    def asked(self):
        """The question, as the recipe sends it."""
        assert self.run("bash lib/export/inventory && tar -C .state/export/question -cf - ."), self.said
        return self.out

    def staged(self, answer):
        """Unpack the judge's ANSWER."""
        assert self.run("bash lib/run/unpack .state/export/stage", answer), self.said

    def synced(self, way="sync"):
        """Do what the recipe does once the plan of a sync is agreed on."""
        state = self.folder / ".state"
        (state / "engine/seen").write_text("cage stopped\n")
        if (state / "export/stage/expect").read_bytes():
            assert self.run("bash lib/export/handed-over lists false", way=way), self.said
            (state / "export/inside.tar").write_bytes(self.ask(JUDGE.main, ["keep"], told=self.out)[1])
        assert self.run("bash lib/export/keep-inside", way=way), self.said
        assert self.run("bash lib/export/handed-over files false", way=way), self.said
        answer = self.ask(RECEIVE.main, told=self.out)[1]
        assert self.run("bash lib/run/unpack .state/export/received", answer), self.said
        assert self.run("bash lib/export/close-sync", way=way), self.said

    def unsynced(self):
        """Undo the last sync."""
        shutil.rmtree(self.folder / ".state/export/question")
        (self.folder / ".state/export/question").mkdir()
        for name in ("base", "hooks", "included"):
            shutil.copy(self.folder / ".history/base", self.folder / ".state/export/question" / name)
        assert self.run("bash lib/export/last-sync"), self.said
        self.staged(self.ask(JUDGE.main, ["undo"], told=self.asked())[1])
        assert self.run("bash lib/export/plan undo"), self.said
        self.synced("undo")

    def anything(self):
        """Whether the plan writes anything."""
        return any((self.folder / ".state/export/stage" / name).read_bytes() for name in ("write", "delete"))

    def does(self, lines):
        """Run LINES; the host keeps the rules after each of them."""
        for line in lines:
            assert self.run(line) or "refused entries stay" in self.said, (line, self.said)
            assert faults(self.place / "walked", self.before, held(self.repo)[0], self.base) == [], line


def held(folder):
    """The files and links of FOLDER as random_tree tells them, and the modes of all; its git folder is left out."""
    files, modes = {}, {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name.split("/")[0] == ".git":
            continue
        modes[name] = path.lstat().st_mode
        if path.is_symlink():
            files[name] = ("link", os.readlink(path))  # noqa: PTH115 (a Path drops "/.")
        elif path.is_file():
            files[name] = path.read_text()
    return files, modes


def sides(rng):
    """A base, the cage's tree and the host's, akin to each other."""
    base, inside, host = random_tree(rng, 6), random_tree(rng, 8), random_tree(rng, 4)
    host = base if rng.random() < 0.4 else base | {p: c for p, c in host.items() if fits(p, base)}
    host |= {"l": ("link", "/etc")} if rng.random() < 0.2 and fits("l", host) else {}
    return base, beside(rng, base, inside), host


# -- export, recovery, undo ----------------------------------------------------


def killed(rng, lines):
    """LINES up to one after which, or amid which, they are killed: a part of its list or its tree is done then."""
    *whole, last = lines[: rng.randrange(1, len(lines))]
    names = [".state/export/kept/files"] if "kept/*" in last else re.findall(r"(?:copy repo |<)(\.state/[a-z/]+)", last)
    cuts = [f"head -n {rng.randrange(3)} -z {name} >part; mv part {name}" for name in names]
    for folder in re.findall(r"bash lib/export/put (\S+)", last):
        cuts.append(f"find {folder} ! -type d -print0 | sort -z | tail -n +{rng.randrange(1, 4)} -z | xargs -0 rm -f")
    return [*whole, "; ".join([*(cut for cut in cuts if rng.random() < 0.5), last])]


@pytest.mark.parametrize("part", range(4))
def test_random_exports_are_undone(place, recipes, monkeypatch, part):
    """Half of them are killed, and then undone, or finished by a second one, before which the agent may go on. The undo
    is killed as well."""
    rng, undone, finished = seeded(part), 0, 0
    while undone < CASES or not finished:
        base, inside, host = sides(rng)
        print(base, inside, host)
        cage = Cage(place, monkeypatch, base, inside, host, part)
        before = held(cage.repo)
        if not cage.planned(verdict.Verdict, rng.choice(["", "cage", "cage"])) or not cage.anything():
            continue
        if rng.random() < 0.6:
            cage.does(killed(rng, recipes.written))
            finished += 1
            if rng.random() < 0.7:
                if rng.random() < 0.5:
                    lay(cage.project, beside(rng, base, random_tree(rng, 8)))
                if not cage.planned(verdict.Verdict, "cage"):
                    continue
                cage.does(recipes.written)
        else:
            cage.does(recipes.written)
        if any((cage.folder / ".history" / name).exists() for name in ("last", "applying")):
            if rng.random() < 0.3:
                cage.does(killed(rng, recipes.undone))
            cage.does(recipes.undone)
            undone += 1
        assert held(cage.repo) == before
        assert (cage.folder / ".history/base").read_bytes() == tree.manifest(entries(base))


# -- sync ----------------------------------------------------------------------


def plant(cage, rng):
    """The agent puts a link out of the project into the way of a path that is to be written; whether it could."""
    paths = tree.paths_in((cage.folder / ".state/export/stage/write").read_bytes())
    ways = sorted({path.split(b"/")[0].decode() for path in paths if b"/" in path})
    if not ways:
        return False
    way = cage.project / rng.choice(ways)
    shutil.rmtree(way, ignore_errors=True)
    way.unlink(missing_ok=True)
    way.symlink_to(cage.place / "outside")
    return True


@pytest.mark.parametrize("part", range(2))
def test_random_syncs_end_as_the_rules_say(place, monkeypatch, part):
    rng, moved, stopped = seeded(part), 0, 0
    while moved < CASES or not stopped:
        base, host, inside = sides(rng)
        take = rng.choice(["", "cage", "host"])
        print(base, host, inside, take)
        cage = Cage(place, monkeypatch, base, inside, host, part)
        before, there = held(cage.repo), held(cage.project)
        outside = cage.place / "outside"
        outside.mkdir()
        if not cage.planned(Arrival, take, tracked=host):
            assert held(cage.project) == there
            continue
        if rng.random() < 0.2 and plant(cage, rng):
            planted = held(cage.project)
            with pytest.raises((OSError, SystemExit)):
                cage.synced()
            assert (list(outside.iterdir()), held(cage.project)) == ([], planted)
            stopped += 1
            continue
        cage.synced()
        now = tree.parse_manifest((cage.folder / ".history/base").read_bytes())
        expected, _ = merged(base, host, inside, {"cage": "host", "host": "cage", "": ""}[take])
        # In the place of a folder, or below a file, the side that is taken has its way.
        ahead = {path for path, text in expected.items() if (inside.get(path) == text) == (take == "cage")}
        expected = {path: text for path, text in expected.items() if path in ahead or fits(path, ahead)}
        assert held(cage.project)[0] == expected
        assert held(cage.repo) == before
        assert take == "cage" or all(now[path].same(entries(expected).get(path)) for path in now)
        moved += cage.anything()
        if (cage.folder / ".history/syncs").exists():
            lay_more = rng.random() < 0.3
            if lay_more:
                lay(cage.project, beside(rng, base, random_tree(rng, 8)))
            cage.unsynced()
            assert lay_more or held(cage.project)[0] == there[0]
            assert lay_more or (cage.folder / ".history/base").read_bytes() == tree.manifest(entries(base))
            assert held(cage.repo) == before


def test_file_of_the_host_that_became_a_folder_meanwhile_is_not_sent(place, monkeypatch):
    """Nor are files in that folder, whose names nobody saw."""
    cage = Cage(place, monkeypatch, {"a": "1"}, {"a": "1"}, {"a": "2"})
    assert cage.planned(Arrival, "", tracked=["a"])
    (cage.repo / "a").unlink()
    (cage.repo / "a").mkdir()
    (cage.repo / "a/secret").write_text("private")
    with pytest.raises(SystemExit, match="a is neither a file nor a link on the host any more"):
        cage.synced()
    assert held(cage.project)[0] == {"a": "1"}


# -- types ---------------------------------------------------------------------

KINDS = {
    "nothing": {},
    "file": {"x": "1"},
    "other": {"x": "2"},
    "empty": {"x": ""},
    "program": {"x": "run"},
    "folder": {"x/y": "1", "x/d/z": "1"},
    "link": {"x": ("link", "to")},
    "folder link": {"x": ("link", "aside")},
}
PAIRS = [(before, after) for before in KINDS for after in KINDS if before != after]
# The base, and two others that differ from it and from each other. (Beside nothing, a new path is no conflict.)
TRIPLES = [(a, b, c) for a, b in PAIRS for c in KINDS if c not in (a, b) and "nothing" not in (b, c)]


def each(changes, side):
    """A folder for each of the CHANGES, with the one of its kinds that is on SIDE."""
    files = {f"{'-'.join(c)}/{path}": content for c in changes for path, content in KINDS[c[side]].items()}
    return files | {f"{'-'.join(c)}/{path}": "1" for c in changes for path in ("to", "aside/a", "aside/x")}


def runnable(folder):
    """The programs in FOLDER can be run."""
    for path in folder.rglob("x"):
        if path.is_file() and not path.is_symlink() and path.read_text() == "run":
            path.chmod(0o755)


def of_kinds(place, monkeypatch, base, inside, host, part=0):
    """A Cage with programs."""
    cage = Cage(place, monkeypatch, base, inside, host, part)
    runnable(cage.repo)
    runnable(cage.project)
    programs = {path.encode() for path, content in base.items() if content == "run"}
    known = {p: e._replace(mode="100755") if p in programs else e for p, e in entries(base).items()}
    (cage.folder / ".history/base").write_bytes(tree.manifest(known))
    return cage


def shape(folder):
    """The files and links of FOLDER, and which of them can be run."""
    files, modes = held(folder)
    return files, {path for path in files if modes[path] & 0o111 and not isinstance(files[path], tuple)}


@pytest.mark.parametrize("part", range(len(TARS)))
def test_every_type_becomes_every_other_and_comes_back(place, recipes, monkeypatch, part):
    base, inside = each(PAIRS, 0), each(PAIRS, 1)
    cage = of_kinds(place, monkeypatch, base, inside, base, part)
    for after in KINDS.keys() - {"nothing"}:  # an empty folder of the host's own
        (cage.repo / f"nothing-{after}/x").mkdir()
    for folder in cage.repo.rglob("*"):
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(0o2750)
    before = held(cage.repo)
    for _ in range(2):
        assert cage.planned(verdict.Verdict, "")
        cage.does(recipes.written)
        assert shape(cage.repo) == shape(cage.project)
        modes = held(cage.repo)[1]
        assert all(modes[path] == before[1][path] for path in modes.keys() & before[1].keys() if path.endswith("aside"))
        cage.does(recipes.undone)
        assert held(cage.repo) == before


def test_export_of_every_type_that_is_killed_at_any_step_is_finished_and_undone(place, recipes, monkeypatch):
    base, inside = each(PAIRS, 0), each(PAIRS, 1)
    cage = of_kinds(place, monkeypatch, base, inside, base)
    before = held(cage.repo)
    # Some of the steps, others in each run.
    for step in seeded().sample(range(1, len(recipes.written)), 3):
        for finished in (True, False):
            assert cage.planned(verdict.Verdict, "")
            cage.does(recipes.written[:step])
            if finished:
                assert cage.planned(verdict.Verdict, "cage")
                cage.does(recipes.written)
                assert shape(cage.repo) == shape(cage.project)
            if any((cage.folder / ".history" / name).exists() for name in ("last", "applying")):
                cage.does(recipes.undone)
            assert held(cage.repo) == before, (recipes.written[step - 1], finished)


def test_undo_of_every_type_that_is_killed_at_any_step_is_finished(place, recipes, monkeypatch):
    base, inside = each(PAIRS, 0), each(PAIRS, 1)
    cage = of_kinds(place, monkeypatch, base, inside, base)
    before = held(cage.repo)
    for step in seeded().sample(range(1, len(recipes.undone)), 3):
        assert cage.planned(verdict.Verdict, "")
        cage.does(recipes.written)
        cage.does(recipes.undone[:step])
        cage.does(recipes.undone)
        assert held(cage.repo) == before, recipes.undone[step - 1]


def test_sync_takes_in_every_type_in_the_place_of_every_other_and_gives_it_back(place, monkeypatch):
    base, host = each(PAIRS, 0), each(PAIRS, 1)
    cage = of_kinds(place, monkeypatch, base, base, host)
    before = shape(cage.project)
    for _ in range(2):
        assert cage.planned(Arrival, "", tracked=host)
        cage.synced()
        assert shape(cage.project) == shape(cage.repo)
        cage.unsynced()
        assert shape(cage.project) == before


@pytest.mark.parametrize("kind", [verdict.Verdict, Arrival])
def test_where_both_sides_changed_the_type_the_one_that_is_taken_has_its_way(kind, place, recipes, monkeypatch):
    base, inside, host = (each(TRIPLES, side) for side in range(3))
    cage = of_kinds(place, monkeypatch, base, inside, host)
    before = held(cage.repo), shape(cage.project)
    assert not cage.planned(kind, "", tracked=host)
    ours, theirs = ("cage", "host") if kind is Arrival else ("host", "cage")
    manifest = (cage.folder / ".history/base").read_bytes()
    assert cage.planned(kind, theirs, tracked=host)
    if kind is Arrival:
        cage.synced()
        assert shape(cage.project) == shape(cage.repo)
        cage.unsynced()
    else:
        cage.does(recipes.written)
        assert shape(cage.repo) == shape(cage.project)
        cage.does(recipes.undone)
    assert (held(cage.repo), shape(cage.project)) == before
    assert (cage.folder / ".history/base").read_bytes() == manifest
    assert cage.planned(kind, ours, tracked=host)
    assert (cage.folder / ".state/export/stage/write").read_bytes() == b""
