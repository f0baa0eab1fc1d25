"""The table of dev/mutants: its rows name files that exist."""

import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import pytest
from conftest import ROOT


@pytest.fixture
def mutants(monkeypatch):
    """dev/mutants, as a module."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = SourceFileLoader("mutants", str(ROOT / "dev/mutants"))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def test_rows_name_modules_and_tests_that_are_there(mutants):
    for module, selection in mutants.TESTS.items():
        assert (ROOT / module).is_file()
        assert [name for name in selection if name.startswith("tests/") and not (ROOT / name).is_file()] == []


def test_module_without_a_row_is_refused():
    done = subprocess.run([ROOT / "dev/mutants", "cage/none.py"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: 'cage/none.py' has no row in dev/mutants\nKnown: cage/config.py, ")


@pytest.mark.parametrize(("killed", "enough"), [(9, True), (8, False)])
def test_fewer_than_nine_of_ten_are_not_enough(killed, enough, mutants, monkeypatch, tmp_path, capsys):
    counts = {"killed": killed - 2, "timeout": 1, "segfault": 1, "total": 10}
    monkeypatch.setattr(mutants, "stage", lambda module: tmp_path)
    monkeypatch.setattr(mutants, "run", lambda folder: counts)
    monkeypatch.setattr(mutants, "survivors", lambda folder: ["cage.merge.x_plan__mutmut_1: survived\n-a\n+b\n"])
    assert mutants.main(["cage/recipes/merge.py"]) == (0 if enough else 1)
    said = capsys.readouterr().out
    assert said.startswith("cage.merge.x_plan__mutmut_1: survived\n-a\n+b\n\n")
    assert (
        f"cage/recipes/merge.py: {killed} of 10 noticed ({killed}0%), 1 of them by time, {10 - killed} survived; "
        in said
    )
