"""The wheel and the sdist, used where there is nothing else."""

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from cage import __version__

ROOT = Path(__file__).parent.parent
# Also those that are installed side by side for other projects.
PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=True, **options)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel, built from the sdist, and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """The bin folder of an empty environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", folder)
    run(folder / "bin" / "pip", "install", "--quiet", built[0])
    return folder / "bin"


def pythons():
    """A Python of each release that the package is for, by its version: those in PATH, then pyenv's."""
    folders = [*os.get_exec_path(), *sorted(map(str, PYENV.glob("versions/*/bin")))]
    here = (path for folder in folders for path in sorted(Path(folder).glob("python3.*")))
    found = {}
    for path in [sys.executable, *filter(lambda path: re.fullmatch(r"python3\.\d+", path.name), here)]:
        asked = "import json, platform, sys; print(json.dumps([platform.python_version(), sys.version_info[:2]]))"
        # One of pyenv's stand-ins has nothing to start for a version that is not in use.
        answer = subprocess.run([path, "-I", "-c", asked], capture_output=True, text=True)
        version, release = json.loads(answer.stdout) if not answer.returncode else ("", [0, 0])
        if release >= [3, 11]:
            found.setdefault(tuple(release), (version, path))
    return [pytest.param(path, id=version) for _, (version, path) in sorted(found.items())]


@pytest.mark.parametrize("python", pythons())
def test_sdist_installs_and_renders_with_each_python(python, built, tmp_path, repo, home, record_property):
    """Debian's Python has no ensurepip, so it is another one's pip that installs."""
    run(python, "-m", "venv", "--without-pip", tmp_path / "venv")
    tc = tmp_path / "venv/bin/tc"
    run(sys.executable, "-m", "pip", "--python", tc.with_name("python"), "install", "--quiet", built[1])
    assert run(tc, "--version", cwd=tmp_path).stdout == f"trusty-cage {__version__}\n"
    for words in (["--help"], ["create", repo, "--render-only"], ["completion", "bash"], ["render", "web", "--check"]):
        assert run(tc, *words, cwd=tmp_path).stderr == ""
    version = run(python, "--version").stdout.strip()
    record_property("seen", f"the sdist installed and rendered a cage with {version}")


def carried():
    """The files that both must carry, relative to the root of the project."""
    templates = (ROOT / "templates").rglob("*")
    files = [*templates, ROOT / "Makefile.cage", *(ROOT / "cage").rglob("*.py")]
    files = [path for path in files if path.is_file() and path.parent.name != "__pycache__"]
    return {path.relative_to(ROOT).as_posix() for path in files}


def test_build_needs_nothing_that_it_does_not_name():
    """Environments of Python 3.12 and newer have no setuptools."""
    refuse = "import sys; sys.modules.update(setuptools=None, pkg_resources=None, distutils=None); import hatch_build"
    run(sys.executable, "-c", refuse, cwd=ROOT)


def test_sdist_carries_templates(built):
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert carried() <= names


def test_wheel_carries_templates_inside_the_package(built):
    names = set(zipfile.ZipFile(built[0]).namelist())
    inside = {path if path.startswith("cage/") else f"cage/{path}" for path in carried()}
    made = {f"cage/generated/tc.{kind}" for kind in ("bash", "zsh", "fish", "1")}
    manuals = {f"trusty_cage-{__version__}.data/data/share/man/man1/{name}.1" for name in ("tc", "trusty-cage")}
    made.add("cage/generated/trusty-cage.1")
    assert {name for name in names if ".dist-info/" not in name} == inside | made | manuals


def test_wheel_has_three_dependencies_and_two_programs(built):
    archive = zipfile.ZipFile(built[0])
    info = f"trusty_cage-{__version__}.dist-info"
    metadata = archive.read(f"{info}/METADATA").decode()
    needed = [row for row in metadata.splitlines() if row.startswith("Requires-Dist")]
    assert [row for row in needed if "extra ==" not in row] == [
        "Requires-Dist: jinja2>=3.1",
        "Requires-Dist: python-dotenv>=1.0",
        "Requires-Dist: sh>=2.1",
    ]
    assert archive.read(f"{info}/entry_points.txt").decode() == (
        "[console_scripts]\ntc = cage.cli:main\ntrusty-cage = cage.cli:main\n"
    )


@pytest.mark.parametrize("program", ["tc", "trusty-cage", "python -m cage"])
def test_installed_programs_say_their_version(program, installed, tmp_path):
    first, *rest = program.split()
    done = run(installed / first, *rest, "--version", cwd=tmp_path)
    assert (done.stdout, done.stderr) == (f"trusty-cage {__version__}\n", "")


def test_installed_wheel_renders_a_cage_that_make_can_read(installed, tmp_path, repo, home):
    empty = tmp_path / "empty"
    empty.mkdir()
    web = home / "envs" / "web"
    done = run(installed / "tc", "create", repo, "--render-only", cwd=empty)
    assert (done.stdout, done.stderr) == (f"Rendered cage 'web'.\nCreate it:  make -C '{web}' create\n", "")
    assert list(empty.iterdir()) == []
    before = {path: path.read_bytes() for path in web.rglob("*") if path.is_file()}
    without_python = {**os.environ, "PATH": "/usr/bin:/bin"}
    shown = run("make", "-n", "-C", web, "create", cwd=empty, env=without_python)
    assert '"$CAGE_ENGINE"' in shown.stdout
    assert shown.stderr == ""
    assert {path: path.read_bytes() for path in web.rglob("*") if path.is_file()} == before
