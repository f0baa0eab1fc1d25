"""From meta.json to recipes: the make filter, and the golden renders."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as options
from hypothesis import strategies as st

from cage import agents, meta
from cage.errors import CageError
from cage.recipes import templates
from cage.settings import SETTINGS

GOLDEN = Path(__file__).parent / "rendered"
SHOWN = ("Makefile", "Dockerfile", "layout.sh", "guard/Dockerfile")
CASES = ("minimal", "full", "hostile")

# Writes each value that a recipe's environment holds, in order and as raw bytes.
DUMP = (
    "import os, sys; e = os.environb;"
    "sys.stdout.buffer.write(b'\\n'.join(e[b'V%d' % i] for i in range(int(sys.argv[1]))))"
)


def through_make(folder, values):
    """The values that a recipe finds in its environment, written with the filter."""
    lines = ["include Makefile.cage"]
    lines += [f"export V{i} := {templates.make(value)}" for i, value in enumerate(values)]
    lines += ["dump:", f'\t@"$$PYTHON" -c "$$DUMP" {len(values)}', ""]
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(templates.source() / "Makefile.cage", folder)
    (folder / "Makefile").write_text("\n".join(lines), errors="surrogateescape", newline="\n")
    environment = {**os.environ, "PYTHON": sys.executable, "DUMP": DUMP}
    command = ["make", "--no-print-directory", "-C", folder, "dump"]
    done = subprocess.run(command, capture_output=True, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.split(b"\n")


SPECIAL = st.text(alphabet="$#\\ \t\v\f'\"`(){}%:=,!?*~-+@|&;<>^x", max_size=20)
ANY = st.text(alphabet=st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]))
BYTES = st.binary(max_size=8).map(lambda data: data.decode(errors="surrogateescape"))
VALUE = SPECIAL | ANY | BYTES.filter(lambda text: not set(text) & set("\n\r\0"))


@options(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(VALUE, min_size=50, max_size=300))
def test_any_string_reaches_a_recipe_byte_for_byte(tmp_path, values):
    expected = [value.encode(errors="surrogateescape") for value in values]
    assert through_make(tmp_path / "round", values) == expected


HARD = [
    "$(shell touch pwned)",
    "$$HOME ${HOME} $@",
    "`touch pwned`",
    "a#b # c",
    "\\#",
    "end\\",
    "end\\\\",
    " both ",
    "\t",
    "",
    "#",
    "\\",
    "{{7*7}}",
    "--eval=x",
    "'\"%",
    "x" * 65536,
    "define x",
    "é\u202e",
]


def test_hard_strings_reach_a_recipe_byte_for_byte(tmp_path):
    assert through_make(tmp_path, HARD) == [value.encode() for value in HARD]
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b", "\n"])
def test_line_breaks_are_refused(value):
    with pytest.raises(CageError) as refused:
        templates.make(value)
    assert refused.value.problem.endswith("holds a line break")


@pytest.fixture
def release(monkeypatch):
    monkeypatch.setattr("cage.__version__", "0.0.0")


@pytest.mark.parametrize("case", CASES)
def test_render_is_the_golden_one(case, release, request):
    """`pytest --golden` writes them anew; their diff shows the effect of a template's change."""
    folder = GOLDEN / case
    files = templates.files(meta.read(folder), "0123456789abcdef")
    for path in SHOWN:
        if request.config.getoption("--golden"):
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(files[path])
        assert (folder / path).read_bytes() == files[path], f"{case}/{path}: pytest --golden"


@pytest.mark.parametrize("case", CASES)
def test_rendered_settings_reach_a_recipe(case, tmp_path):
    fields = meta.read(GOLDEN / case)
    for path, data in templates.files(fields, "0123456789abcdef").items():
        (tmp_path / "cage" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cage" / path).write_bytes(data)
    expected = {f"CAGE_{key.upper()}": value for key, value in meta.settings(fields).items()}
    expected |= {f"CAGE_{key.upper()}": fields[key] for key in ("name", "repo_url", "branch")}
    show = "import json, os, sys; json.dump({k: os.environ.get(k, '') for k in sys.argv[1:]}, sys.stdout)"
    done = subprocess.run(
        ["make", "--no-print-directory", "-f", "Makefile", "-f", "-", "show-environment"],
        input=f'show-environment:\n\t@"$$PYTHON" -c "$$SHOW" {" ".join(expected)}\n',
        cwd=tmp_path / "cage",
        env={**os.environ, "PYTHON": sys.executable, "SHOW": show},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert json.loads(done.stdout) == expected
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("case", CASES)
def test_golden_cases_name_every_setting_or_none(case):
    fields = json.loads((GOLDEN / case / "meta.json").read_text())
    named = {*fields["settings"], "auth_mode", "api_key_env"}
    everything = {setting.key for setting in SETTINGS}
    assert named == (everything if case != "minimal" else {"auth_mode", "api_key_env"})


def test_build_context_holds_only_what_is_copied():
    """The Dockerfile names each file or folder of image/ in a COPY."""
    files = templates.files(meta.read(GOLDEN / "minimal"), "0")
    top = {path.split("/")[1] for path in files if path.startswith("image/")}
    lines = files["Dockerfile"].decode().replace("\\\n", "").splitlines()
    copies = [line.split()[1:-1] for line in lines if line.startswith("COPY ")]
    assert top | {"ca.crt*"} == {name for names in copies for name in names}


def test_readme_names_each_agent():
    lines = (templates.source() / "README.md").read_text().splitlines()
    for agent in agents.known().values():
        folder = agent.memory.rpartition("/")[0]
        command, _, more = agent.command.partition(" | ")
        assert f"| `{agent.name}` | `{command}` | `{more}` | `{agent.key}` | `{folder}` |" in lines


@pytest.mark.parametrize("image", ["image", "guard"])
def test_cages_of_the_same_settings_share_their_images(image, tmp_path):
    """Same recipe, same image: the hashed files do not tell the cages apart."""
    hashed = []
    for name in ("web", "other"):
        fields = {**meta.read(GOLDEN / "minimal"), "name": name, "repo_url": f"/srv/{name}", "created_at": name}
        for path, data in templates.files(fields, "0123456789abcdef").items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_bytes(data)
        environment = {**os.environ, **{f"CAGE_{s.key.upper()}": s.default for s in SETTINGS}}
        done = subprocess.run(
            ["bash", "lib/image/context", image], cwd=tmp_path / name, env=environment, capture_output=True, check=True
        )
        hashed.append(done.stdout)
    assert hashed[0] == hashed[1]
