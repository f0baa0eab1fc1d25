"""Random edits to random recipes over ten releases: no edit is lost, and make can read the live files."""

import os
import random
import re
import shutil
from itertools import chain, count

import pytest
from conftest import TOY
from hypothesis import HealthCheck, given
from hypothesis import settings as options
from hypothesis import strategies as st

from cage.recipes import syntax, templates

RELEASES = 10
EXAMPLES = int(os.environ.get("TRUSTY_CAGE_EXAMPLES", "5"))
PATHS = ("Makefile", "layout.sh", "guard/policy", "image/profile.sh", "local.mk")
MAKE, SHELL = ("Makefile", "local.mk"), ("layout.sh", "guard/policy", "image/profile.sh")

# Whole pieces of a recipe; each line of them is unlike any other, so that it can be found again.
MAKE_PIECES = (
    "V@ := @",
    "# Comment @",
    "t@: ## Target @\n\t@@echo t@\n\t@@echo more @",
    "ifdef D@\nA@ := 1\nelse # @\nB@ := 2\nendif # @",
    "define F@\nwords @\nendef # @",
    "L@ = a@ \\\n  b@",
    *["ifdef W@\nA@ := 1\nB@ := 2\nC@ := 3\nE@ := 4\nendif # @"] * 3,
)
SHELL_PIECES = (
    "echo @",
    "# Comment @",
    "if true @; then\n  echo yes @\nelse # @\n  echo no @\nfi # @",
    "case x@ in\n  a@) echo a@ ;;\nesac # @",
    "f@() {\n  echo f@\n} # @",
    "cat <<END@\nwords @\nEND@",
    *["if true W@; then\n  echo a@\n  echo b@\n  echo c@\n  echo d@\nfi # @"] * 3,
)


class Story:
    """One cage, its user and the releases that reach it."""

    def __init__(self, folder, seed, run):
        self.run = run
        self.random = random.Random(seed)
        self.number = count(100)
        self.source = folder / "source"
        shutil.copytree(TOY, self.source)
        self.home = folder / "home"
        os.environ["TRUSTY_CAGE_HOME"] = str(self.home)
        self.web = self.home / "envs" / "web"
        # Per path the pieces of its template, the lines that the user wrote, and the template's that they took out.
        self.template = {path: [self.piece(path) for _ in range(8)] for path in PATHS}
        self.own = {path: set() for path in PATHS}
        self.out = {path: set() for path in PATHS}

    def piece(self, path):
        made = self.random.choice(MAKE_PIECES if path in MAKE else SHELL_PIECES)
        number = str(next(self.number))
        return made.replace("@@", "\0").replace("@", number).replace("\0", "@").split("\n")

    def publish(self, version):
        for path, pieces in self.template.items():
            head = "#!/bin/sh" if path in SHELL else "# A makefile"
            lines = [head, "# trusty-cage {{ version }}. Yours.", *chain(*pieces)]
            if path == "Makefile":
                lines += ["include Makefile.cage", "include local.mk"]
                lines += [f"export CAGE_{key} := {{{{ settings.{key.lower()} | make }}}}" for key in ("MEMORY", "CPUS")]
            (self.source / "templates" / path).unlink(missing_ok=True)
            file = self.source / "templates" / f"{path}.j2"
            file.write_text("\n".join([*lines, ""]))
        (self.source / "Makefile.cage").write_text(f"empty :=\npound := \\#\n# {version}\n")
        templates.cage.__version__ = version

    def tc(self, *words):
        done = self.run(*words)
        return done.code, done.out + done.err

    def develop(self):
        """Change the templates, as a release does."""
        for path in self.random.sample(PATHS, self.random.randint(1, len(PATHS))):
            pieces = self.template[path]
            if wrapped := [piece for piece in pieces if re.search(r" W\d", piece[0])]:
                piece = self.random.choice(wrapped)
                piece[:] = piece[1:-1]
            place = self.random.randrange(len(pieces) + 1)
            pieces[place : place + self.random.randint(0, 2)] = [
                self.piece(path) for _ in range(self.random.randint(0, 2))
            ]

    def lines(self, path):
        return set(re.split(r"\r?\n", (self.web / path).read_text())) if (self.web / path).exists() else set()

    def edit(self):
        """Change a live file, as its user does: any lines, so long as the file can be read."""
        path = self.random.choice(PATHS)
        file = self.web / path
        if not file.exists():
            return
        before = file.read_bytes()
        lines = before.decode().split("\n")
        wrapped = [number for number, line in enumerate(lines[:-5]) if re.search(r" W\d", line)]
        if wrapped and self.random.random() < 0.3:
            # A good line in its place; a release may take its surroundings away, and then it is none.
            place, gone, written = self.random.choice(wrapped) + 3, [], [f"else # {next(self.number)}"]
        else:
            place = self.random.randrange(2, len(lines))
            gone = lines[place : place + self.random.randint(0, 2)]
            written = self.piece(path) if self.random.random() < 0.8 else []
        lines[place : place + len(gone)] = written
        file.write_bytes("\n".join(lines).encode())
        if self.unread():
            file.write_bytes(before)
            return
        self.own[path] = (self.own[path] - set(gone)) | set(written)
        self.out[path] |= {line for line in gone if re.search(r"\d{3}", line)} - set(written)

    def unread(self):
        return syntax.everything(self.web, list(PATHS))

    def live(self):
        return {path: (self.web / path).read_bytes() for path in PATHS if (self.web / path).exists()}

    def kept(self):
        return "".join(path.read_text() for path in self.web.glob(".history/recipes/**/*") if path.is_file())

    def upgrade(self):
        before = self.live()
        take = ()
        code, said = self.tc("render", "web")
        if code == 3:
            assert self.live() == before, said
            if (choice := self.random.choice(["wait", "mine", "template", "both"])) == "wait":
                return
            take = ("--take", choice)
            if choice == "both":
                self.resolve()
                take = ("--take", "mine")
            code, said = self.tc("render", "web", *take)
            if choice == "both" and code in (1, 3):
                return self.restore(before)
            if code == 3:
                assert "with the new templates, your edits in cage 'web' can't be read: local.mk:" in said
                assert self.live() == before
                return
        assert code == 0, said
        assert self.tc("render", "web") == (0, "web: up to date\n")
        for path in PATHS:
            lines = self.lines(path)
            if take == ("--take", "template"):
                lost = self.own[path] - lines
                assert all(line in self.kept() for line in lost)
                self.own[path] -= lost
                self.out[path] -= lines
            assert self.own[path] <= lines, (path, said)
            assert not self.out[path] & lines, (path, said)

    def resolve(self):
        """Take both sides of every conflict, and drop only its marks; lines that are new are let be."""
        for beside in self.web.rglob("*.merge"):
            path = beside.relative_to(self.web).as_posix().removesuffix(".merge")
            if path.split("/")[0] == ".state":
                continue
            text = re.sub(r"(?ms)^\|\|\|\|\|\|\| .*?(?=^=======$)", "", beside.read_text())
            text = re.sub(r"(?m)^(<<<<<<< yours|=======|>>>>>>> template)\n", "", text)
            (self.web / path).write_text(text)
            beside.unlink()
            self.out[path] = set()

    def restore(self, before):
        """Put the old file back if make can't read the resolved one."""
        for path, data in before.items():
            (self.web / path).write_bytes(data)
        for path in PATHS:
            self.out[path] -= self.lines(path)


@pytest.fixture
def quick(monkeypatch):
    """No waiting for the disk: nothing here pulls the plug."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr("cage.__version__", "0.0")


@options(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32))
def test_no_edit_is_lost_and_what_is_live_can_be_read(quick, repo, tc, tmp_path_factory, seed):
    story = Story(tmp_path_factory.mktemp("story"), seed, tc)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(templates, "source", lambda: story.source)
        story.publish("1.0")
        assert story.tc("create", repo, "--render-only")[0] == 0
        assert not story.unread()
        for number in range(RELEASES):
            for _ in range(story.random.randint(0, 4)):
                story.edit()
            if story.random.random() < 0.3:
                assert story.tc("set", "web", f"memory={number + 1}g")[0] == 0
            story.develop()
            story.publish(f"1.{number + 1}")
            story.upgrade()
            assert not story.unread()
            assert not any(re.search(rb"(?m)^(<<<<<<<|>>>>>>>)", data) for data in story.live().values())
