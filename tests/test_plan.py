"""lib/export/plan: what a person is told, and what becomes of a pipe that its reader has closed."""

import os
import shutil
import subprocess

import pytest
from conftest import ROOT

LARGE = "  A  a\n" * 100_000  # more than a pipe holds


@pytest.fixture
def folder(tmp_path):
    """A cage's folder with a stage that needs no decision."""
    folder = tmp_path / "a cage"
    shutil.copytree(ROOT / "templates/lib", folder / "lib")
    (folder / ".state/export/stage").mkdir(parents=True)
    stage = folder / ".state/export/stage"
    for name, text in {"report": LARGE, "summary": "1 added\n", "plan.json": LARGE, "plan.txt": "all of it\n"}.items():
        (stage / name).write_text(text)
    (folder / ".state/export/diff").mkdir()
    (folder / ".state/export/diff/patch").write_text("+line\n" * 100_000)
    return folder


def run(folder, *words, closed=False, **variables):
    """A script of lib: its exit code, output and errors, and the code that it left for tc."""
    code = folder / "exit-code"
    code.unlink(missing_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C",
        "CAGE_NAME": "web",
        "CAGE_EXIT_FILE": str(code),
        **variables,
    }
    out = subprocess.PIPE
    if closed:
        end, out = os.pipe()
        os.close(end)
    done = subprocess.run(
        ["bash", *words], cwd=folder, env=environment, stdout=out, stderr=subprocess.PIPE, text=True, timeout=60
    )
    if closed:
        os.close(out)
    left = int(code.read_text()) if code.exists() else None
    return done.returncode, done.stdout, done.stderr, left


@pytest.mark.parametrize("verb", ["export", "sync"])
@pytest.mark.parametrize("options", [{}, {"CAGE_JSON": "1"}, {"CAGE_DIFF": "1"}])
def test_closed_pipe_is_no_error_and_the_rest_goes_on(verb, options, folder):
    code, _, errors, left = run(folder, "lib/export/plan", verb, closed=True, **options)
    assert (code, left) == (0, 141)
    assert "Broken" not in errors and "error:" not in errors


@pytest.mark.parametrize("options", [{}, {"CAGE_JSON": "1"}, {"CAGE_DIFF": "1"}])
def test_closed_pipe_spares_no_decision(options, folder):
    (folder / ".state/export/stage/refused").write_bytes(b"./a\0")
    code, _, errors, left = run(folder, "lib/export/plan", "export", closed=True, **options)
    assert (code, left) == (3, 3)
    assert "error: some entries may not leave the cage, so nothing was written\n" in errors


def test_plan_that_was_shown_whole_names_no_file(folder):
    stage = folder / ".state/export/stage"
    (stage / "report").write_text("  A  a\n")
    named = f"All of it: '{stage}/plan.txt'\n"
    assert run(folder, "lib/export/plan", "export")[1] == f"  A  a\n{named}1 added\n"
    (stage / "plan.txt").write_text("")
    assert run(folder, "lib/export/plan", "export")[1] == "  A  a\n1 added\n"


def test_list_that_can_not_be_read_is_an_error(folder):
    (folder / ".state/export/stage/report").unlink()
    assert run(folder, "lib/export/plan", "export")[0] == 1
