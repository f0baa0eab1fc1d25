"""No verb of tc or make runs, imports or reads files of the current folder, or of the clone.

Both are full of traps: a program for each that a recipe or tc could call, modules, makefiles and settings; the folders
come first in PATH, by all relative names that they have. Programs that are found where they should be are version
managers' shims: they tell where they are run in a folder that has a say in which version it is to be.
"""

import os
import pty
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import CONTAINER, LIMITS, ROOT

from cage import surroundings

STANDARD = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
FOLDERS = ("templates/*.j2", "templates/recipes/*", "templates/lib/**/*", "cage/*.py")
SOURCES = [ROOT / "Makefile.cage", *(path for folder in FOLDERS for path in ROOT.glob(folder) if path.is_file())]
# Those that other machines have.
MORE = "docker git npm node python python3 pip perl shasum security ifconfig ip stty tput debootstrap sudo less"
MODULES = (
    "pip sh dotenv jinja2 json argparse subprocess shlex re sitecustomize usercustomize cage/__init__ pip/__init__"
)

ENGINE = r"""#!/bin/sh
here=${0%/*}/engine
case "$*" in
    'container inspect'*)
        for it; do case $it in *.guard) guard=$it ;; esac; done
        [ ! -e "$here/made" ] || exec sed "s/GUARD/$guard/" "$here/inspect"
        echo 'Error: No such container: x' >&2
        exit 1 ;;
    'volume inspect'*) cat "$here/volumes" 2>/dev/null ;;
    'volume ls'*--format*) cat "$here/volumes" 2>/dev/null ;;
    'volume ls'*) sed -n 's/^volume=//p' "$here/volumes" 2>/dev/null ;;
    'volume rm'*) rm "$here/volumes" ;;
    'image inspect --format'*) printf 'id=sha256:%s\ntags=\n\n' 1 2 ;;
    'network inspect'*) printf 'shared=1\nbetween=false\n\n' ;;
    'version --format'*) echo '{"Version": "28.0.1"}' ;;
    'info --format {{json'*) echo '{}' ;;
    'info --format'*) printf 'memory=8000000000\ncpus=4\nsecurity=\nlacks=\n' ;;
    'create '*) : >"$here/made" ;;
    'ps --all '*' --quiet') [ ! -e "$here/made" ] || echo isolated-dev-web ;;
    'rm --force'*) rm -f "$here/made" ;;
    'logs '*) echo ready ;;
    'exec '*' policy apply'* | import*) cat >/dev/null ;;
    *' seed 2') cat >/dev/null; tar -C "$here/seed" -cf - . ;;
    *' judge branch' | *' commits export') cat >/dev/null; cat "$here/stream" ;;
    *' judge '* | *' receive') cat >/dev/null; tar -C "$here/${*##* }" -cf - . ;;
    *' keep') cat >/dev/null ;;
    *' machine') echo end ;;
esac
"""

NPM = r"""#!/bin/sh
rc=$HOME/.npmrc
[ ! -e .npmrc ] || rc=.npmrc
eval "echo \"$(sed -n 's/^registry=//p' "$rc")\""
"""


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def called():
    """Every program that the recipes, their scripts or tc could call: each word in them that is one here."""
    words = set(re.findall(r"[A-Za-z][A-Za-z0-9_.+-]*", "\n".join(path.read_text() for path in SOURCES)))
    return {word for word in words if shutil.which(word, path=STANDARD)} | set(MORE.split())


def plant(folder, mark):
    """Put the traps into folder; they add a line to mark."""
    for module in MODULES.split():
        (folder / f"{module}.py").parent.mkdir(exist_ok=True)
        (folder / f"{module}.py").write_text(f"open({str(mark)!r}, 'a').write('module {module}\\n')\n")
    for name in called():
        for place in (folder, folder / "bin"):
            if not (place / name).is_dir():
                program(place / name, f'#!/bin/sh\necho "program {name} $*" >>"{mark}"\nexit 97\n')
    for name in ("Makefile", "GNUmakefile", "makefile", "local.mk", "Makefile.cage"):
        (folder / name).write_text(f'$(shell echo "makefile {name}" >>"{mark}")\nall:\n')
    for name in (
        ".tool-versions",
        ".python-version",
        ".node-version",
        ".nvmrc",
        "mise.toml",
        "package.json",
        ".pypirc",
    ):
        (folder / name).write_text("path:.\n")
    (folder / ".npmrc").write_text("registry=https://${ANTHROPIC_API_KEY}.example/\n")
    (folder / ".env").write_text("TRUSTY_CAGE_PIDS=from-the-folder\n")
    (folder / ".envrc").write_text(f'echo envrc >>"{mark}"\n')
    plant_repository(folder, mark)
    config = f"[core]\n\tfsmonitor = {folder}/git\n\tpager = {folder}/less\n\tsshCommand = {folder}/git\n"
    (folder / ".gitconfig").write_text(config)
    (folder / ".gitattributes").write_text("* filter=mine diff=mine\n")
    (folder / ".config" / "git").mkdir(parents=True)
    (folder / ".config" / "git" / "config").write_text(config)


def plant_repository(folder, mark):
    """Make folder a bare repository for git; a check-out from it runs a filter of its own."""
    git = ["git", "-C", folder, "--git-dir=."]
    subprocess.run(["git", "init", "--quiet", "--bare", "--template=", folder], check=True)
    for key, value in {
        "core.bare": "false", "core.worktree": folder, "user.name": "x", "user.email": "x@x",
        "filter.theirs.smudge": f"echo 'filter of a bare repository' >>'{mark}'",
    }.items():  # fmt: skip
        subprocess.run([*git, "config", key, value], check=True)
    subprocess.run([*git, "add", "--force", ".env"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "x"], check=True)
    (folder / "info").mkdir()
    (folder / "info" / "attributes").write_text("* filter=theirs\n")
    (folder / "index").unlink()


class Cage:
    """A machine with a stand-in engine, a cage's clone and another folder full of traps, and commands typed there."""

    def __init__(self, tmp_path, home, repo):
        self.mark, self.bin, self.folder = tmp_path / "mark", tmp_path / "host bin", home / "envs" / "web"
        self.typed_in, self.repo = tmp_path / "typed in", repo
        self.mark.touch()
        for name in called():
            if real := shutil.which(name, path=STANDARD):
                tell = f'[ ! -e .tool-versions ] || echo "shim {name} $*" >>"{self.mark}"'
                program(self.bin / name, f'#!/bin/sh\n{tell}\nexec {real} "$@"\n')
        program(self.bin / "docker", ENGINE)
        program(self.bin / "npm", NPM)
        program(self.bin / "debootstrap", '#!/bin/sh\nfor it; do case $it in .state/*) mkdir "$it" ;; esac; done\n')
        self._engine(self.bin / "engine")
        self._user(tmp_path / "user")
        git = ["git", "-C", repo, "-c", "user.name=x", "-c", "user.email=x@x"]
        for name in ("changed", "gone/x"):
            (repo / name).parent.mkdir(exist_ok=True)
            (repo / name).write_text("before\n")
        subprocess.run([*git, "add", "--all"], check=True)
        subprocess.run([*git, "commit", "--quiet", "--message", "x"], check=True)
        # Not committed, so that only the count of uncommitted files meets it.
        (repo / ".gitattributes").write_text("* filter=mine\n")
        (repo / "changed").write_text("BEFORE\n")
        self.typed_in.mkdir()
        plant(self.typed_in, self.mark)
        (self.typed_in / ".git").write_text("gitdir: .\n")

    def _user(self, folder):
        """A person's own settings: a filter that they trust, but that no verb has any business to run."""
        folder.mkdir()
        (folder / ".npmrc").write_text("registry=http://localhost/\n")
        filters = "".join(
            f"\t{kind} = echo filter {kind} >>'{self.mark}'\n" for kind in ("clean", "smudge", "textconv")
        )
        (folder / ".gitconfig").write_text(
            f'[user]\n\tname = x\n\temail = x@x\n[filter "mine"]\n{filters}[diff "mine"]\n{filters}'
        )
        self.user = folder

    def _engine(self, folder):
        """The stand-in engine's answers: an export that changes, adds and deletes."""
        for part in ("seed", "export/tree", "sync", "undo", "count", "receive"):
            (folder / part).mkdir(parents=True)
        (folder / "seed" / "imported").write_text("0" * 40 + "\n")
        (folder / "seed" / "base.seeded").touch()
        lists = {
            "write": b"./changed\0./new\0", "added": b"./new\0", "delete": b"./gone/x\0", "rmdir": b"./gone\0",
            "backup": b"./changed\0./gone/x\0", "report": b"  M  changed\n", "summary": b"1 changed\n",
        }  # fmt: skip
        for name in (*lists, "plan.json", "base", "expect", "conflicts", "refused", "force", "complete"):
            (folder / "export" / name).write_bytes(lists.get(name, b""))
            (folder / "sync" / name).write_bytes(b"./changed\0" if name == "write" else b"")
            (folder / "undo" / name).write_bytes(b"./changed\0" if name == "delete" else b"")
        (folder / "count" / "count").write_text("1 file changed\n")
        (folder / "receive" / "base").touch()
        for name in ("changed", "new"):
            (folder / "export" / "tree" / name).write_text("after\n")
        for part in ("seed", "export", "sync", "undo", "count", "receive"):
            (folder / part / "complete").touch()
            count = sum(path.is_file() for path in (folder / part).rglob("*"))
            (folder / part / "complete").write_text(f"{count}\n")
        (folder / "stream").write_text(
            "commit refs/heads/work\ncommitter x <x> 0 +0000\ndata 1\nm\nM 100644 inline new\ndata 1\nx\ndone\n"
        )

    def settle(self):
        """The engine has the containers, and the clone the traps."""
        home_id = (self.folder.parent.parent / "id").read_text().strip()
        limits = LIMITS.format(0, 0, 4096)
        answer = "".join(
            CONTAINER.format(name=name, status="running", image="x", home=home_id, limits=limits)
            for name in ("GUARD", "web")
        )
        (self.bin / "engine" / "inspect").write_text(answer.replace("isolated-dev-GUARD", "GUARD"))
        volumes = (f"volume=isolated-dev-web{part}\ncage=web\nhome={home_id}\n\n" for part in ("", ".home"))
        (self.bin / "engine" / "volumes").write_text("".join(volumes))
        plant(self.folder / "repo", self.mark)

    def type(self, *words, folder=None, terminal=False, **variables):
        """Type a command in folder, with '.' and its like before all else in PATH; returns exit code and output."""
        folder = folder or self.folder / "repo"
        environment = {
            **os.environ,
            "PATH": f".::bin:./bin:{self.bin}:{STANDARD}:",
            "HOME": str(self.user),
            **variables,
        }
        for name in ("XDG_CONFIG_HOME", "DOCKER_CONFIG", "TMPDIR", "SSH_ASKPASS", "LD_LIBRARY_PATH", "PERL5LIB"):
            environment[name] = "."
        environment["ANTHROPIC_API_KEY"] = "canary"
        before = self.mark.read_text()
        if terminal:
            code, said = in_pty(words, folder, environment)
        else:
            done = subprocess.run(
                words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
            )
            code, said = done.returncode, done.stdout + done.stderr
        assert self.mark.read_text() == before, (words, said)
        return code, said

    def tc(self, *words, **more):
        """Type tc, by the path of where it is installed."""
        return self.type(Path(sys.executable).with_name("tc"), *words, **more)

    def make(self, *words, **more):
        """Type make, by its path: which make is run is the shell's choice."""
        return self.type(shutil.which("make", path=STANDARD), "-C", self.folder, *words, **more)


def in_pty(words, folder, environment):
    ours, theirs = pty.openpty()
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    process = subprocess.Popen(words, cwd=folder, env=environment, start_new_session=True, **streams)
    os.close(theirs)
    shown = []

    def read():
        try:
            while data := os.read(ours, 4096):
                shown.append(data)
        except OSError:
            pass

    reader = threading.Thread(target=read)
    reader.start()
    code = process.wait(timeout=60)
    reader.join(timeout=10)
    os.close(ours)
    return code, b"".join(shown).decode(errors="replace")


@pytest.fixture
def machine(tmp_path, home, repo):
    return Cage(tmp_path, home, repo)


@pytest.fixture
def web(machine):
    """A machine with a cage called web, created in the folder full of traps."""
    assert machine.tc("init", folder=machine.typed_in)[0] == 0
    code, said = machine.tc("create", machine.repo, folder=machine.typed_in)
    assert code == 0, said
    machine.settle()
    return machine


BY_TC = [
    "list", "list --json", "start web", "status web", "status web --json", "exec web -- true", "auth web",
    "export web --dry-run --diff", "export web -y", "export web --undo -y", "export web --branch",
    "export web --commits", "sync web -y", "sync web --undo -y", "set web memory=1g",
    "render web", "render --all --check", "diff-recipes web", "completion bash",
    "make web help", "make web recreate -y", "rebuild-image web -y", "make web base-image", "stop web", "--help",
]  # fmt: skip
BY_HAND = [
    "help", "start", "status", "exec CAGE_CMD=true", "auth", "export CAGE_DRY_RUN=1 CAGE_DIFF=1", "export CAGE_YES=1",
    "export CAGE_UNDO=1 CAGE_YES=1", "export CAGE_TO=branch", "export CAGE_TO=commits", "sync CAGE_YES=1", "limits",
    "sync CAGE_UNDO=1 CAGE_YES=1",
    "diff-recipes", "recreate CAGE_YES=1", "rebuild-image CAGE_YES=1", "base-image", "stop", "-n export",
]  # fmt: skip


def test_no_verb_of_tc_uses_the_folder_that_it_is_typed_in(web):
    for words in BY_TC:
        code, said = web.tc(*words.split())
        assert code == 0, (words, said)
    for words in ("attach web", "shell web"):
        code, said = web.tc(*words.split(), terminal=True)
        assert code == 0, (words, said)
    assert (web.folder / "repo" / "gone" / "x").read_text() == "before\n"
    code, said = web.tc("export", "web", "-y")
    assert (code, (web.folder / "repo" / "changed").read_text()) == (0, "after\n"), said
    assert not (web.folder / "repo" / "gone").exists()
    code, said = web.tc("destroy", "web", "-y")
    assert code == 0, said
    code, said = web.tc("create", web.repo, "--reuse-clone", "--no-attach")
    assert code == 0, said


def test_no_verb_of_make_uses_the_folder_that_it_is_typed_in(web):
    for words in BY_HAND:
        code, said = web.make(*words.split())
        assert code == 0, (words, said)
    for words in ("attach", "shell"):
        code, said = web.make(words, terminal=True)
        assert code == 0, (words, said)
    code, said = web.make("destroy", "CAGE_YES=1")
    assert code == 0, said


INCLUDED = {
    "pager": "[pager]"
    + "".join(f'\n\t{verb} = "DO; cat"' for verb in ("fetch", "ls-files", "rev-parse", "config", "var")),
    "transport": '[url "ssh://x/"]\n\tinsteadOf = /\n[core]\n\tsshCommand = "DO; false"',
    "alternates": '[core]\n\talternateRefsCommand = "DO; :"',
    "monitor": "[core]\n\tfsmonitor = DO\n\thooksPath = hooks\n[fetch]\n\trecurseSubmodules = true",
}


@pytest.mark.parametrize("settings", INCLUDED.values(), ids=INCLUDED)
def test_settings_that_the_clone_includes_from_its_work_tree_name_no_program(web, settings):
    """As where its owner shares them: git config include.path ../.gitconfig."""
    clone = web.folder / "repo"
    subprocess.run(["git", "-C", clone, "config", "include.path", "../.gitconfig"], check=True)
    (clone / ".git" / "objects" / "info" / "alternates").write_text(f"{web.repo}/.git/objects\n")
    program(clone / "hooks" / "reference-transaction", f'#!/bin/sh\necho hook >>"{web.mark}"\n')
    (clone / ".gitconfig").write_text(settings.replace("DO", f"echo setting >>'{web.mark}'"))
    for words in ("export web --branch", "export web --commits --as theirs", "export web --dry-run", "sync web -y"):
        code, said = web.tc(*words.split(), terminal=True)
        assert code == 0 or "git did not take the work" in said, (words, said)
    assert web.tc("destroy", "web", "-y", terminal=True)[0] == 0


def test_a_home_that_is_relative_is_none_for_make(web):
    code, said = web.make("export", "CAGE_YES=1", HOME=".")
    assert code == 0, said


def test_python_m_cage_imports_nothing_of_the_folder(web):
    """But for a package that is called cage, too: Python looks for it before any line of ours is run."""
    shutil.rmtree(web.folder / "repo" / "cage")
    for words in ("list", "start web", "doctor", "export web -y"):
        code, said = web.type(sys.executable, "-m", "cage", *words.split())
        assert code in (0, 1), (words, said)
        assert "Traceback" not in said
    script = "import sys; sys.argv[0] = '-m'; import cage; print([p for p in sys.path if p.startswith(sys.argv[1])])"
    folder = str(web.folder)
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, folder], cwd=web.folder / "repo", capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": f"{folder}::repo:{folder}/absolute"},
    )  # fmt: skip
    assert done.stdout == f"['{folder}', '{folder}/absolute']\n", done.stderr


def test_doctor_asks_no_registry_of_the_folder(web):
    """pip and npm are asked without secrets in the environment: the user's own configuration may name one."""
    _, said = web.tc("doctor")
    assert "registries" in said and "canary" not in said and ".example" not in said
    (web.user / ".npmrc").write_text("registry=https://${ANTHROPIC_API_KEY}localhost:9/\n")
    assert "registries  localhost:9 can't be reached" in web.tc("doctor")[1]
    (web.user / ".npmrc").write_text("registry=https://localhost:9/\\${ANTHROPIC_API_KEY}/\n")
    assert "localhost" not in web.tc("doctor")[1]


def test_clone_without_its_git_folder_is_no_bare_repository(web):
    shutil.move(web.folder / "repo" / ".git", web.folder / "git")
    for words in ("export", "sync", "status", "export CAGE_TO=branch", "create"):
        web.make(*words.split(), CAGE_YES="1")
    shutil.move(web.folder / "git", web.folder / "repo" / ".git")
    assert web.tc("destroy", "web", "-y")[0] == 0
    assert web.tc("create", web.repo, "--reuse-clone", "--render-only")[0] == 0
    shutil.rmtree(web.folder / "repo" / ".git")
    assert web.make("create")[0] != 0


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        ("/usr/bin:/bin", "/usr/bin:/bin"),
        (".:/usr/bin:/bin", "/usr/bin:/bin"),
        ("/usr/bin::/bin:", "/usr/bin:/bin"),
        (":bin:/usr/bin:../x:~/bin:/bin", "/usr/bin:/bin"),
        ("/usr/bin:/a b/%s/100%:/bin:/t\tb/$HOME,#x", "/usr/bin:/a b/%s/100%:/bin:/t\tb/$HOME,#x"),
        ("", None),
        (".", None),
    ],
)
def test_path_keeps_its_parts_from_the_root_on(found, kept, tmp_path, monkeypatch):
    shutil.copy(ROOT / "Makefile.cage", tmp_path)
    (tmp_path / "Makefile").write_text(
        'include Makefile.cage\nshow:\n\t@printf \'%s|\' "$$PATH" "$${PERL5LIB-unset}"\n'
    )
    lib = found or "."
    make = [shutil.which("make"), "--no-print-directory", "-C", tmp_path, "show"]
    done = subprocess.run(make, env={"PATH": found, "PERL5LIB": lib}, capture_output=True, text=True)
    assert done.stdout == f"{kept or '/usr/local/bin:/usr/bin:/bin'}|{kept or 'unset'}|", done.stderr
    monkeypatch.setenv("PATH", found)
    monkeypatch.setenv("PERL5LIB", lib)
    surroundings.settle()
    assert (os.environ["PATH"], os.environ.get("PERL5LIB")) == (kept or os.defpath, kept)


@pytest.mark.parametrize("name", surroundings.PLACES)
def test_place_that_is_relative_is_none(name, monkeypatch):
    for value in ("", ".", "a/b", "~/x"):
        monkeypatch.setenv(name, value)
        surroundings.settle()
        assert name not in os.environ
    monkeypatch.setenv(name, "/a b:c")
    surroundings.settle()
    assert os.environ[name] == "/a b:c"


def test_folder_where_a_version_manager_began_is_forgotten(monkeypatch):
    monkeypatch.setenv("PYENV_DIR", "/clone")
    surroundings.settle()
    assert "PYENV_DIR" not in os.environ


@pytest.mark.parametrize("name", ["LISTS", "PLACES"])
def test_make_and_tc_know_the_same_names(name):
    text = (ROOT / "Makefile.cage").read_text().replace("\\\n", " ")
    (found,) = re.findall(rf"(?m)^{name} := (.*)$", text)
    assert found.split() == getattr(surroundings, name)


def test_home_that_depends_on_the_folder_is_refused(tc, monkeypatch):
    for value in (".", "cages", "../x"):
        monkeypatch.setenv("TRUSTY_CAGE_HOME", value)
        assert tc("list") == (
            1,
            "",
            f"error: TRUSTY_CAGE_HOME is no absolute path: '{value}'\nSet it to one that begins with '/'.\n",
        )


def test_no_script_and_no_recipe_enters_the_clone():
    for path in SOURCES:
        assert not re.search(r"\bcd (-- )?\"?repo\b", path.read_text()), path
