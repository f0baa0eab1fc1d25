"""The rooms of cage/: the imports that each module may have."""

import ast

import pytest
from conftest import ROOT

# Each room may import from those before it, and from itself.
FLOORS = ["", "recipes", "commands"]
MODULES = sorted((ROOT / "cage").rglob("*.py"))


def imported(path):
    """The names of all that the module imports: a package, or a module of ours in dots."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor(module):
    parts = module.split(".")
    return FLOORS.index(parts[1]) if len(parts) > 1 and parts[1] in FLOORS else 0


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_import_runs_upwards(path):
    own = floor(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert [name for name in imported(path) if name.split(".")[0] == "cage" and floor(name) > own] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_is_called_after_a_package_that_it_imports(path):
    assert path.stem not in {name.split(".")[0] for name in imported(path)}
