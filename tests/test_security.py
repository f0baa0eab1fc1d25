"""SECURITY.md promises nothing that no test proves."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "SECURITY.md").read_text()
PROOFS = re.findall(r"`((?:bats|tests)/[^:`]+): ([^`]+)`", TEXT)


@pytest.mark.parametrize(("file", "name"), PROOFS, ids=[name for _, name in PROOFS])
def test_proof_is_a_test_that_exists(file, name):
    lines = (ROOT / file).read_text().splitlines()
    wanted = f'@test "{name}" {{' if file.endswith(".bats") else f"def {name}("
    assert [line for line in lines if line.startswith(wanted)]


def test_each_row_has_a_proof():
    rows = [line for line in TEXT.splitlines() if line.startswith("|")][2:]
    assert len(rows) == len(PROOFS) > 20


def test_it_says_how_to_report_and_goes_with_the_source():
    assert "security advisories" in TEXT
    assert not re.search(r"\S+@\S+\.\S+", TEXT)
    assert "/SECURITY.md" in (ROOT / "pyproject.toml").read_text()
    assert "SECURITY.md" in (ROOT / "README.md").read_text()
