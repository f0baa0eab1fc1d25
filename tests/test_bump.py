"""dev/bump: the newest pins of local registries and repositories, their hashes, and the days in the comments."""

import base64
import datetime
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from conftest import ROOT

TODAY = datetime.date.today().isoformat()
GIT = {
    **{f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
}
NPM = """#!/bin/sh
cat "$(dirname "$0")/$(echo "$4" | tr / _)" 2>/dev/null || echo '{"error": {"code": "E404"}}'
"""


@pytest.fixture
def bump(tmp_path):
    """Run dev/bump of a copy of the checkout; nothing can be reached but the test's own places."""
    for name in ("cage", "templates"):
        shutil.copytree(ROOT / name, tmp_path / "copy" / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "copy/dev").mkdir()
    shutil.copy(ROOT / "dev/bump", tmp_path / "copy/dev/bump")
    shutil.copy(ROOT / "Makefile.cage", tmp_path / "copy")
    (tmp_path / "git").mkdir()
    (tmp_path / "bin").mkdir()

    def run(*words, **more):
        nowhere = "http://127.0.0.1:1"
        places = {name: nowhere for name in ("NEOVIM_URL", "PYENV_URL", "TREE_SITTER_URL")}
        pip = {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": nowhere, "PIP_FIND_LINKS": "", "PIP_RETRIES": "0"}
        path = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "GIT_URL": f"file://{tmp_path}/git"}
        environment = {**os.environ, **places, **pip, **path, **more}
        done = subprocess.run(
            [sys.executable, run.copy / "dev/bump", *words], env=environment, capture_output=True, text=True
        )
        return done.returncode, done.stdout, done.stderr

    run.copy, run.git, run.bin = tmp_path / "copy", tmp_path / "git", tmp_path / "bin"
    run.table = lambda: (run.copy / "templates/Dockerfile.j2").read_text()
    return run


def value(text, argument):
    return re.search(rf"(?m)^ARG {argument}=(.*)$", text)[1]


def date(text, name):
    return re.search(rf"(?m)^# Checked (.*)\.\nARG {name}_", text)[1]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def repository(folder, files=(), tags=()):
    subprocess.run(["git", "init", "--quiet", "-b", "main", folder], check=True)
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x\n")
    environment = {**os.environ, **GIT}
    subprocess.run(["git", "-C", folder, "add", "--all"], check=True)
    subprocess.run(["git", "-C", folder, "commit", "-qm", "x", "--allow-empty"], env=environment, check=True)
    for tag in tags:
        subprocess.run(["git", "-C", folder, "tag", tag], check=True)
    return subprocess.run(["git", "-C", folder, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()


def wheel(folder, project, version, machine):
    """A wheel with nothing in it; returns its bytes."""
    tags = f"py3-none-manylinux_2_17_{machine}.manylinux2014_{machine}"
    path = folder / f"{project}-{version}-{tags}.whl"
    about = f"{project}-{version}.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n")
        made.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tags}\n")
        made.writestr(f"{about}/RECORD", "")
    return path.read_bytes()


def index(folder):
    """A simple index of the wheels of folder/PROJECT; returns its URL."""
    for project in folder.iterdir():
        links = "".join(f'<a href="{path.name}">{path.name}</a>' for path in sorted(project.glob("*.whl")))
        (project / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")
    return f"file://{folder}"


def test_wheels_are_the_newest_that_both_architectures_have(bump, tmp_path):
    folder = tmp_path / "index/uv"
    amd64, arm64 = (wheel(folder, "uv", "99.1.0", machine) for machine in ("x86_64", "aarch64"))
    wheel(folder, "uv", "99.2.0", "x86_64")
    for machine in ("x86_64", "aarch64"):
        wheel(folder, "uv", "99.3.0rc1", machine)
    code, out, err = bump("uv", PIP_INDEX_URL=index(tmp_path / "index"))
    assert (code, err) == (0, "")
    assert re.search(r"(?m)^uv +\S+ +99\.1\.0 ", out)
    table = bump.table()
    found = [value(table, f"UV_{part}") for part in ("VERSION", "SHA256_AMD64", "SHA256_ARM64")]
    assert found == ["99.1.0", sha256(amd64), sha256(arm64)]
    assert date(table, "UV") == TODAY


def test_archive_is_made_by_git_where_the_release_can_t_be_had_and_names_its_pythons(bump):
    known = "plugins/python-build/share/python-build"
    releases = ("3.12.1", "3.12.10", "3.12.9", "3.13.0", "3.9.2", "3.15-dev", "3.14.0b1", "2.7.18", "pypy3.10-7.3.12")
    folder = bump.git / "pyenv/pyenv"
    tags = ("v97.9.0", "v97.10.0", "v97.10.1rc1", "20991231")
    repository(folder, [f"{known}/{name}" for name in releases], tags)
    code, _, err = bump("pyenv")
    assert (code, err) == (0, "")
    made = "git archive --format=tar --prefix=pyenv-97.10.0/ v97.10.0 | gzip -n"
    archive = subprocess.run(["bash", "-c", made], cwd=folder, capture_output=True, check=True).stdout
    table = bump.table()
    assert (value(table, "PYENV_VERSION"), value(table, "PYENV_SHA256")) == ("97.10.0", sha256(archive))
    head, *pythons = (bump.copy / "templates/lib/image/pythons").read_text().splitlines()
    assert head.startswith("# ") and "pyenv 97.10.0 " in head
    assert pythons == ["3.9.2", "3.12.10", "3.13.0"]


def test_release_has_the_hash_of_each_architecture_s_file(bump, tmp_path):
    repository(bump.git / "neovim/neovim", tags=("v98.1.0", "stable", "nightly"))
    files = tmp_path / "releases/v98.1.0"
    files.mkdir(parents=True)
    for name in ("x86_64", "arm64"):
        (files / f"nvim-linux-{name}.tar.gz").write_text(name)
    assert bump("neovim", NEOVIM_URL=f"file://{files.parent}")[0] == 0
    table = bump.table()
    assert value(table, "NEOVIM_VERSION") == "98.1.0"
    assert value(table, "NEOVIM_SHA256_AMD64") == sha256(b"x86_64")
    assert value(table, "NEOVIM_SHA256_ARM64") == sha256(b"arm64")
    (files / "nvim-linux-arm64.tar.gz").unlink()
    repository(bump.git / "neovim/neovim", tags=("v98.2.0",))
    code, _, err = bump("neovim", NEOVIM_URL=f"file://{files.parent}")
    assert code == 1 and "neovim: " in err
    assert bump.table() == table


def test_source_that_can_t_be_reached_is_named_and_keeps_pin_and_day_the_others_are_written(bump):
    before = bump.table()
    commit = repository(bump.git / "ohmyzsh/ohmyzsh")
    code, out, err = bump("ohmyzsh", "starter", "pyenv", "uv", "node")
    assert code == 1
    said = err.splitlines()
    assert said[0] == "error: sources can't be reached; their pins are as they were:"
    assert [line.split(":")[0].strip() for line in said[1:]] == ["starter", "pyenv", "uv", "node"]
    assert out.count(" not reached ") == 4
    after = bump.table()
    assert (value(after, "OHMYZSH_COMMIT"), date(after, "OHMYZSH")) == (commit, TODAY)
    for name in ("LAZYVIM_STARTER", "PYENV", "UV", "NODE"):
        assert date(after, name) == date(before, name)
    changed = [line for line in after.splitlines() if line not in before.splitlines()]
    assert [line for line in changed if "OHMYZSH" not in line and line != f"# Checked {TODAY}."] == []


def test_mirror_that_lags_behind_takes_no_pin_back(bump):
    repository(bump.git / "pyenv/pyenv", tags=("v1.0.0",))
    before = bump.table()
    code, _, err = bump("pyenv")
    assert code == 1 and "pyenv: pyenv/pyenv is at 1.0.0 there, behind " in err
    assert bump.table() == before


def test_check_prints_pinned_newest_and_age_and_writes_nothing(bump):
    before = {path: path.read_bytes() for path in bump.copy.rglob("*") if path.is_file() and "pyc" not in path.suffix}
    commit = repository(bump.git / "ohmyzsh/ohmyzsh")
    code, out, _ = bump("--check", "ohmyzsh", "starter")
    assert code == 1
    head, zsh, starter = out.splitlines()
    assert head.split() == ["name", "pinned", "newest", "checked", "age"]
    pinned, day = value(bump.table(), "OHMYZSH_COMMIT"), date(bump.table(), "OHMYZSH")
    days = (datetime.date.today() - datetime.date.fromisoformat(day)).days
    assert zsh.split() == ["ohmyzsh", pinned[:18], commit[:18], day, str(days), "days"]
    assert "not reached" in starter
    assert before == {path: path.read_bytes() for path in before}


def npm(bump, **packages):
    (bump.bin / "npm").write_text(NPM)
    (bump.bin / "npm").chmod(0o755)
    for name, (version, letter) in packages.items():
        integrity = "sha512-" + base64.b64encode(letter.encode() * 64).decode()
        (bump.bin / name).write_text(json.dumps({"version": version, "dist.integrity": integrity}))


def test_agents_have_a_version_for_each_architecture_and_each_its_own_day(bump):
    npm(
        bump,
        **{"opencode-linux-x64@latest": ("99.2.0", "a"), "opencode-linux-arm64@latest": ("99.1.0", "b")},
        **{"@google_gemini-cli@latest": ("99.0.1", "c")},
    )
    # The words of npm view: view --json -- PACKAGE
    before = (bump.copy / "templates/lib/agents").read_text().splitlines()
    code, _out, err = bump("opencode", "gemini", "claude")
    assert code == 1 and "claude: the registry has no version 'latest' of claude" in err
    after = (bump.copy / "templates/lib/agents").read_text().splitlines()
    assert len(after) == len(before)
    rows = {line.split()[0]: (line.split(), after[at - 1]) for at, line in enumerate(after) if line[:1] != "#"}
    assert rows["opencode"][0][1:4] == ["99.2.0/99.1.0", "61" * 64, "62" * 64]
    assert rows["gemini"][0][1:4] == ["99.0.1", "63" * 64, "63" * 64]
    assert rows["opencode"][1] == rows["gemini"][1] == f"# Checked {TODAY}."
    assert all(line in after for line in before if line.startswith(("claude ", "codex ")))


LOCKED = {
    "which-key.nvim": {"branch": "main", "commit": "1" * 40},
    "catppuccin": {"branch": "main", "commit": "2" * 40},
    "LazyVim": {"branch": "main", "commit": "3" * 40},
    "lazy.nvim": {"branch": "stable", "commit": "4" * 40},
    "conform.nvim": {"branch": "master", "commit": "5" * 40},
}
OWNERS = {"lazy.nvim": "folke", "LazyVim": "LazyVim", "which-key.nvim": "folke", "conform.nvim": "stevearc"}


def test_plugins_come_from_the_lock_of_a_throw_away_image_with_their_branches(bump):
    urls = {name: f"https://github.com/{owner}/{name}.git" for name, owner in OWNERS.items()}
    urls["catppuccin"] = "https://github.com/catppuccin/nvim.git"
    answer = {"lock": LOCKED, "urls": "".join(f"{name} {url};" for name, url in urls.items())}
    (bump.bin / "answer").write_text(json.dumps(answer))
    # Stand-ins: the image is built in no time, and what runs in it prints the answer.
    (bump.bin / "make").write_text(
        '#!/bin/sh\ncase " $* " in *" image "*) cp "$2/local.mk" "${0%/*}/local"\nmkdir -p "$2/.state/image"\n'
        'echo trusty-cage:made >"$2/.state/image/used-image" ;; esac\n'
    )
    (bump.bin / "docker").write_text('#!/bin/sh\necho "$@" >"${0%/*}/asked"\ncat "${0%/*}/answer"\n')
    for name in ("make", "docker"):
        (bump.bin / name).chmod(0o755)
    for name in LOCKED:
        owner = OWNERS.get(name, "catppuccin")
        repository(bump.git / owner / ("nvim" if name == "catppuccin" else name))
    table = bump.copy / "templates/image/nvim-plugins"
    rows = [f"{name} {OWNERS[name]}/{name} {'0' * 40} main" for name in OWNERS]
    table.write_text("# Rows. Last checked 2020-01-01.\n# More.\n" + "\n".join(rows) + "\n")
    code, _out, err = bump("plugins", BUILD_ARGS="NEOVIM_URL=https://mirror")
    assert (code, err) == (0, "")
    assert table.read_text() == (
        f"# Rows. Last checked {TODAY}.\n# More.\n"
        f"lazy.nvim      folke/lazy.nvim       {'4' * 40} stable\n"
        f"LazyVim        LazyVim/LazyVim       {'3' * 40} main\n"
        f"catppuccin     catppuccin/nvim       {'2' * 40} main\n"
        f"conform.nvim   stevearc/conform.nvim {'5' * 40} master\n"
        f"which-key.nvim folke/which-key.nvim  {'1' * 40} main\n"
    )
    assert "BUILD_ARGS += NEOVIM_URL=https://mirror\n" in (bump.bin / "local").read_text()
    assert "--rm" in (bump.bin / "asked").read_text() and " trusty-cage:made sh -c " in (bump.bin / "asked").read_text()
    text = table.read_text()
    for lock, problem in (
        (
            {**LOCKED, "catppuccin": {"branch": "main", "commit": "x; rm"}},
            "repository, commit or branch for 'catppuccin'",
        ),
        ({name: it for name, it in LOCKED.items() if name != "conform.nvim"}, "'conform.nvim'"),
    ):
        (bump.bin / "answer").write_text(json.dumps({**answer, "lock": lock}))
        code, _, err = bump("plugins")
        assert code == 1 and f"plugins: the lock has no {problem}" in err
        assert table.read_text() == text


def test_every_pin_has_a_source_and_a_day(bump):
    _code, out, _err = bump("--check", PATH=f"{bump.bin}:/nowhere")
    named = [line.split()[0] for line in out.splitlines()[1:]]
    sources = {"LAZYVIM_STARTER": "starter"}
    groups = re.findall(r"(?m)^ARG (\w+)_(?:VERSION|COMMIT)=[^{\n]+$", bump.table().partition("\nFROM ")[0])
    assert [sources.get(name, name.lower().replace("_", "-")) for name in groups if name != "CAGE_PYTHON"] != []
    for name in groups:
        assert sources.get(name, name.lower().replace("_", "-")) in named
    rows = (bump.copy / "templates/lib/agents").read_text().splitlines()
    assert {line.split()[0] for line in rows if line and line[0] != "#"} <= set(named)
    assert re.search(r"hecked \d{4}-\d\d-\d\d\.", (bump.copy / "templates/image/nvim-plugins").read_text())


def put_all_dates(bump, day):
    for path in ("Dockerfile.j2", "lib/agents", "image/nvim-plugins"):
        file = bump.copy / "templates" / path
        file.write_text(re.sub(r"(?<=hecked )\d{4}-\d\d-\d\d(?=\.)", day, file.read_text()))


def test_publish_wants_pins_that_were_checked_within_thirty_days(bump):
    days = [(datetime.date.today() - datetime.timedelta(days=days)).isoformat() for days in (30, 31)]
    put_all_dates(bump, days[0])
    assert bump("--fresh") == (0, "", "")
    text = bump.table().replace(f"# Checked {days[0]}.\nARG UV_", f"# Checked {days[1]}.\nARG UV_")
    (bump.copy / "templates/Dockerfile.j2").write_text(text)
    code, out, err = bump("--fresh")
    assert (code, out) == (1, "")
    assert err == (
        f"error: pins were last checked more than 30 days ago: uv ({days[1]})\n"
        "Bring them up to date, and build 'full' with them: dev/run dev/bump\n"
    )
    done = subprocess.run(["make", "-n", "publish"], cwd=ROOT, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert lines.index("dev/run dev/bump --fresh") < lines.index("dev/run twine upload --repository pypi dist/*")


def test_unknown_name_is_wrong_usage(bump):
    code, _, err = bump("clod")
    assert code == 2 and "'clod' is no pin. Known: node, uv, " in err
