"""Random trees through an export, one that is cut short, its undo and a sync, with the real scripts and recipes' lines.

No engine: the judge reads a folder, and so does the program that receives. Seeds are printed.
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


WRITTEN, UNDONE = steps("written"), steps("undone")
CASES = 40


class Cage:
    """A cage's folder, its project and its clone, without an engine."""

    def __init__(self, place, monkeypatch, base, inside, host):
        shutil.rmtree(place, ignore_errors=True)
        self.place, self.folder, self.patch = place, place / "cage", monkeypatch
        shutil.copytree(ROOT / "templates/lib", self.folder / "lib")
        lay(self.folder / "repo", host)
        for name in (".state", ".history", "repo/.git"):
            (self.folder / name).mkdir()
        (self.folder / "repo/.git/config").touch()
        (self.folder / ".history/base").write_bytes(tree.manifest(entries(base)))
        lay(place / "project", inside)
        for module in (tree, verdict, JUDGE, RECEIVE):
            monkeypatch.setattr(module, "ROOT", os.fsencode(place / "project"))
        monkeypatch.setattr(tree, "SCRATCH", str(place / "scratch"))

    def run(self, line):
        """Run LINE as a recipe would; returns the exit code."""
        environment = {"PATH": os.environ["PATH"], "CAGE_NAME": "web", "LC_ALL": "C", "CAGE_SKIP_REFUSED": "1"}
        environment["CAGE_REPO_URL"] = "https://example.com/web"
        command = ["/bin/bash", "-c", line]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        self.said = done.stderr
        return done.returncode

    def ask(self, function, *arguments, told=b""):
        """What FUNCTION of the guard's prints, TOLD on its standard input."""
        out = io.BytesIO()
        with self.patch.context() as patch:
            patch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(told)))
            patch.setattr(sys, "stdout", SimpleNamespace(buffer=out))
            answer = function(*arguments)
        return answer, out.getvalue()

    def planned(self, kind, take, tracked=()):
        """Stage and plan; whether there is anything to write, and nothing for a person to decide."""
        state = self.folder / ".state"
        shutil.rmtree(state / "question", ignore_errors=True)
        shutil.rmtree(state / "stage", ignore_errors=True)
        (state / "question").mkdir()
        shutil.copy(self.folder / ".history/base", state / "question/base")
        for name in ("hooks", "included"):
            (state / "question" / name).touch()
        (state / "question/tracked").write_bytes(tree.ended(path.encode() for path in tracked))
        (state / "backup").write_text("")
        assert self.run("bash lib/inventory") == 0, self.said
        told = io.BytesIO()
        with tarfile.open(fileobj=told, mode="w") as tar:
            tar.add(state / "question", ".")
        asked, _ = self.ask(question.read_question, told=told.getvalue())
        _, answer = self.ask(JUDGE.write_answer, kind(*asked, verdict.Choices(take=take, force=True)))
        with tarfile.open(fileobj=io.BytesIO(answer)) as tar:
            tar.extractall(state / "stage")
        if self.run("bash lib/plan export") != 0:
            assert "both sides changed" in self.said
            return False
        return any((state / "stage" / name).read_bytes() for name in ("write", "delete"))


def held(folder):
    """The files and links of FOLDER as random_tree tells them, without its git folder; and all with their modes."""
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


def cut(rng, line):
    """LINE as far as it got: what it works on is a list, and it did a part of it."""
    lists = re.findall(r"(?:--files-from=|<)(\.state/[a-z/]+)", line)
    if "kept/*" in line:
        lists = [".state/kept/files"]
    parts = [
        f"list={name}; head --lines {rng.randrange(3)} --zero-terminated $list >part; mv part $list" for name in lists
    ]
    return "; ".join([*parts, line])


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


def passes(cage, before, *case):
    """The host, with what it has now, keeps the rules."""
    now = held(cage.folder / "repo")[0]
    assert faults(cage.place / "walked", before, now) == [], case


@pytest.mark.parametrize("part", range(4))
def test_random_exports_are_undone(place, monkeypatch, part):
    """Half of them are cut short first, after any step or in the midst of one, and finished by a second attempt."""
    rng, undone, finished = seeded(part), 0, 0
    for _ in range(CASES):
        base, inside, host = case = sides(rng)
        cage = Cage(place, monkeypatch, base, inside, host)
        before = held(cage.folder / "repo")
        if not cage.planned(verdict.Verdict, rng.choice(["", "cage", "cage"])):
            continue
        if rng.random() < 0.6:
            last = rng.randrange(len(WRITTEN))
            for line in [*WRITTEN[:last], cut(rng, WRITTEN[last])] if rng.random() < 0.5 else WRITTEN[: last + 1]:
                assert cage.run(line) == 0, (case, line, cage.said)
                passes(cage, host, case, line)
            # The agent goes on meanwhile.
            if rng.random() < 0.5:
                lay(place / "project", near(rng, base, random_tree(rng, 8)))
            applying = (cage.folder / ".history/applying").exists()
            if not cage.planned(verdict.Verdict, "cage") and (cage.said or not applying):
                continue
            finished += applying
        for line in [*WRITTEN, "bash lib/exported"]:
            code = cage.run(line)
            assert code == 0 or "what was refused stays" in cage.said, (case, line, cage.said)
            passes(cage, host, case, line)
        if not (cage.folder / ".history/last").exists():
            assert held(cage.folder / "repo") == before, case
            continue
        for line in UNDONE:
            assert cage.run(line) == 0, (case, line, cage.said)
            passes(cage, host, case, line)
        assert held(cage.folder / "repo") == before, case
        assert (cage.folder / ".history/base").read_bytes() == tree.manifest(entries(base))
        undone += 1
    assert undone > CASES / 4
    assert finished > CASES / 10


# -- sync ----------------------------------------------------------------------


def received(cage):
    """What the recipe sends, into the cage."""
    stage = "stage/expect stage/delete stage/write stage/base"
    sent = f"tar -C .state -cf - {stage}; [ ! -s .state/stage/write ] || tar -C repo -cf - --null -T .state/stage/write"
    told = subprocess.run(["/bin/bash", "-c", sent], cwd=cage.folder, check=True, capture_output=True).stdout
    return cage.ask(RECEIVE.main, told=told)[1]


@pytest.mark.parametrize("part", range(2))
def test_random_syncs_end_as_the_rules_say(place, monkeypatch, part):
    rng, moved = seeded(part), 0
    for _ in range(CASES * 4):
        base, host, inside = case = sides(rng)
        cage = Cage(place, monkeypatch, base, inside, host)
        before, take = held(cage.folder / "repo"), rng.choice(["", "cage", "host"])
        there = held(place / "project")
        anything = cage.planned(verdict.Arrival, take, tracked=host)
        if (cage.folder / ".state/stage/conflicts").read_bytes():
            assert not anything and held(place / "project") == there, case
            continue
        now = tree.parse_manifest(received(cage))
        expected, _ = merged(base, host, inside, {"cage": "host", "host": "cage", "": ""}[take])
        # What would stand in the place of a folder, or below a file, is no conflict where the cage's side is taken.
        expected = {path: text for path, text in expected.items() if path in inside or fits(path, inside)}
        assert held(place / "project")[0] == expected, (case, take)
        assert held(cage.folder / "repo") == before, (case, take)
        agreed = {path for path in now if now[path].same(entries(expected).get(path))}
        assert take == "cage" or agreed == now.keys(), (case, take)
        moved += anything
    assert moved > CASES / 2
