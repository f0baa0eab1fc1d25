"""Random trees through an export, one that is cut short, its undo and a sync: the real scripts, programs and recipes'
lines, without an engine. The judge reads a folder, and so does the program that receives. Seeds are printed.
"""

import io
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT
from test_rules import entries, faults, fits, lay, random_tree
from test_verdict import merged, program, question, tree, verdict

JUDGE, RECEIVE = program("judge"), program("receive")
CASES = int(os.environ.get("TESTS_CASES") or 10)  # of each part
# What make would put there; a question is answered with yes.
WORDS = {"$(Q)": "", "$(S)": ".state", "$(progress)": "", "$(ask)": ": bash lib/ask", "$(die)": "bash lib/die"}


def steps(target):
    """The lines of TARGET's recipe, as the shell gets them."""
    text = (ROOT / "templates/export.mk.j2").read_text()
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", text, re.MULTILINE)[1].replace("\\\n\t\t", " ")
    for word, meant in WORDS.items():
        recipe = recipe.replace(word, meant)
    assert "$(" not in recipe.replace("$$(", "")
    return [line.strip().replace("$$", "$") for line in recipe.splitlines()]


WRITTEN, UNDONE = [*steps("written"), "bash lib/exported"], steps("undone")


class Cage:
    """A cage's folder, its project and its clone, without an engine."""

    def __init__(self, place, monkeypatch, base, inside, host):
        shutil.rmtree(place, ignore_errors=True)
        self.place, self.folder, self.patch, self.said = place, place / "cage", monkeypatch, ""
        self.repo, self.project, self.before = self.folder / "repo", place / "project", host
        shutil.copytree(ROOT / "templates/lib", self.folder / "lib")
        lay(self.repo, host)
        for name in (".state", ".history", "repo/.git"):
            (self.folder / name).mkdir()
        (self.repo / ".git/config").touch()
        (self.folder / ".history/base").write_bytes(tree.manifest(entries(base)))
        lay(self.project, inside)
        for module in (tree, verdict, JUDGE, RECEIVE):
            monkeypatch.setattr(module, "ROOT", os.fsencode(self.project))
        monkeypatch.setattr(tree, "SCRATCH", str(place / "scratch"))

    def run(self, line):
        """Run LINE as a recipe would; whether it did."""
        environment = {"PATH": os.environ["PATH"], "CAGE_NAME": "web", "LC_ALL": "C", "CAGE_SKIP_REFUSED": "1"}
        environment["CAGE_REPO_URL"] = "https://example.com/web"
        command = ["/bin/bash", "-c", line]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        self.said = done.stderr
        return done.returncode == 0

    def ask(self, function, *arguments, told=b""):
        """What FUNCTION of the guard's returns and prints, TOLD on its standard input."""
        out = io.BytesIO()
        with self.patch.context() as patch:
            patch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(told)))
            patch.setattr(sys, "stdout", SimpleNamespace(buffer=out))
            answer = function(*arguments)
        return answer, out.getvalue()

    def planned(self, kind, take, tracked=()):
        """Stage and plan; False where a person has to decide."""
        state = self.folder / ".state"
        for name in ("question", "stage"):
            shutil.rmtree(state / name, ignore_errors=True)
        (state / "question").mkdir()
        shutil.copy(self.folder / ".history/base", state / "question/base")
        for name in ("hooks", "included"):
            (state / "question" / name).touch()
        (state / "question/tracked").write_bytes(tree.ended(path.encode() for path in tracked))
        (state / "backup").write_text("")
        assert self.run("bash lib/inventory"), self.said
        told = io.BytesIO()
        with tarfile.open(fileobj=told, mode="w") as tar:
            tar.add(state / "question", ".")
        asked, _ = self.ask(question.read_question, told=told.getvalue())
        _, answer = self.ask(JUDGE.write_answer, kind(*asked, verdict.Choices(take=take, force=True)))
        with tarfile.open(fileobj=io.BytesIO(answer)) as tar:
            tar.extractall(state / "stage")
        planned = self.run("bash lib/plan export")
        assert planned or "both sides changed" in self.said, self.said
        return planned

    def anything(self):
        """Whether what is planned writes anything."""
        return any((self.folder / ".state/stage" / name).read_bytes() for name in ("write", "delete"))

    def does(self, lines):
        """Run LINES; the host keeps the rules after each of them."""
        for line in lines:
            assert self.run(line) or "what was refused stays" in self.said, (line, self.said)
            assert faults(self.place / "walked", self.before, held(self.repo)[0]) == [], line


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


def seeded(part):
    seed = int(os.environ.get("TESTS_SEED") or random.randrange(1 << 32))
    print(f"TESTS_SEED={seed}")
    return random.Random(f"{seed} {part}")


def sides(rng):
    """A base, the cage's tree and the host's, akin to each other."""
    base, inside, host = random_tree(rng, 6), random_tree(rng, 8), random_tree(rng, 4)
    host = base if rng.random() < 0.4 else base | {p: c for p, c in host.items() if fits(p, base)}
    host |= {"l": ("link", "/etc")} if rng.random() < 0.2 and fits("l", host) else {}
    return base, near(rng, base, inside), host


def near(rng, base, inside):
    """INSIDE, in half of the cases with what of BASE can stand beside it."""
    return inside if rng.random() < 0.5 else {p: c for p, c in base.items() if fits(p, inside)} | inside


@pytest.fixture
def place(tmp_path):
    root = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else tmp_path  # linux
    place = root / f"moves-{os.getpid()}"
    yield place
    shutil.rmtree(place, ignore_errors=True)


# -- export, recovery, undo ----------------------------------------------------


def killed(rng):
    """The lines of an export that is killed after one of them, or amid it: then it did a part of its list."""
    *whole, last = WRITTEN[: rng.randrange(1, len(WRITTEN))]
    lists = [".state/kept/files"] if "kept/*" in last else re.findall(r"(?:--files-from=|<)(\.state/[a-z/]+)", last)
    part = f"head --lines {rng.randrange(3)} --zero-terminated"
    cuts = [f"{part} {name} >part; mv part {name}" for name in lists if rng.random() < 0.5]
    return [*whole, "; ".join([*cuts, last])]


@pytest.mark.parametrize("part", range(4))
def test_random_exports_are_undone(place, monkeypatch, part):
    """Half of them are killed, and finished by a second one, before which the agent may go on."""
    rng, undone, finished = seeded(part), 0, 0
    while undone < CASES:
        base, inside, host = sides(rng)
        print(base, inside, host)
        cage = Cage(place, monkeypatch, base, inside, host)
        before = held(cage.repo)
        if not cage.planned(verdict.Verdict, rng.choice(["", "cage", "cage"])) or not cage.anything():
            continue
        if rng.random() < 0.6:
            cage.does(killed(rng))
            if rng.random() < 0.5:
                lay(cage.project, near(rng, base, random_tree(rng, 8)))
            if not cage.planned(verdict.Verdict, "cage"):
                continue
            finished += 1
        cage.does(WRITTEN)
        if (cage.folder / ".history/last").exists():
            cage.does(UNDONE)
            undone += 1
        assert held(cage.repo) == before
        assert (cage.folder / ".history/base").read_bytes() == tree.manifest(entries(base))
    assert finished > CASES / 4


# -- sync ----------------------------------------------------------------------


def received(cage):
    """What the recipe sends, into the cage; the new base."""
    stage = "stage/expect stage/delete stage/write stage/base"
    sent = f"tar -C .state -cf - {stage}; [ ! -s .state/stage/write ] || tar -C repo -cf - --null -T .state/stage/write"
    told = subprocess.run(["/bin/bash", "-c", sent], cwd=cage.folder, check=True, capture_output=True).stdout
    return tree.parse_manifest(cage.ask(RECEIVE.main, told=told)[1])


def plant(cage, rng):
    """The agent puts a link out of the project into the way of a path that is to be written; whether it could."""
    paths = tree.paths_in((cage.folder / ".state/stage/write").read_bytes())
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
        cage = Cage(place, monkeypatch, base, inside, host)
        before, there = held(cage.repo), held(cage.project)
        outside = cage.place / "outside"
        outside.mkdir()
        if not cage.planned(verdict.Arrival, take, tracked=host):
            assert held(cage.project) == there
            continue
        if rng.random() < 0.2 and plant(cage, rng):
            with pytest.raises((OSError, SystemExit)):
                received(cage)
            assert list(outside.iterdir()) == []
            stopped += 1
            continue
        now = received(cage)
        expected, _ = merged(base, host, inside, {"cage": "host", "host": "cage", "": ""}[take])
        # What would stand in the place of a folder, or below a file, is no conflict where the cage's side is taken.
        expected = {path: text for path, text in expected.items() if path in inside or fits(path, inside)}
        assert held(cage.project)[0] == expected
        assert held(cage.repo) == before
        assert take == "cage" or all(now[path].same(entries(expected).get(path)) for path in now)
        moved += cage.anything()
