"""make bench: the text that it writes from its figures; no test depends on a timing."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from xml.etree import ElementTree

import pytest
from conftest import ROOT

FIGURES = {
    "create 1": {"this": [0.5, 0.9, 0.7], "0.2.0": [1.0, 1.0, 1.0], "0.13.0": [2.0], "floor": [0.2]},
    "help": {"this": [0.04], "0.2.0": [0.1], "0.13.0": [0.2]},
}
COST = {"cages": 20, "memory": 2e7, "of processes": 1e7, "processes": 5.0, "machine": 2e10, "carries": 1000}
TABLE = """\
A machine.

| median, ms | this | 0.2.0 | 0.13.0 | floor | to 0.2.0 | to the floor |
|---|---:|---:|---:|---:|---:|---:|
| create 1 | 700 | 1000 | 2000 | 200 | 0.70 (reached 0.9) | 3.50 (over 2.0) |
| help | 40 | 100 | 200 | - | 0.40 (over 0.35) | - |

An idle cage takes 20 MB and 5 processes, the engine's for it included (measured on 20). The 20.0 GB that it could give
would carry about 1000 of them.
"""


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """dev/bench as a module, with a README of the test's own."""
    loader = SourceFileLoader("bench", str(ROOT / "dev" / "bench"))
    module = module_from_spec(spec_from_loader("bench", loader))
    loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


def test_table_has_medians_ratios_and_what_is_over(bench):
    assert bench.markdown(bench.summary(FIGURES), COST, "A machine.") == TABLE


def test_trace_stands_below_the_table(bench):
    assert bench.markdown(bench.summary(FIGURES), COST, "A machine.", "A trace.") == TABLE + "\nA trace.\n"


def test_figure_has_a_bar_for_each_row(bench):
    top = ElementTree.fromstring(bench.svg(bench.summary(FIGURES)))
    assert [text.text for text in top.iter("{http://www.w3.org/2000/svg}text")][1:] == [
        "create 1",
        "0.70",
        "help",
        "0.40",
    ]


def test_readme_gets_the_table_between_its_marks(bench, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n")
    bench.in_readme("new\n")
    assert readme.read_text() == "before\n<!-- bench -->\nnew\n<!-- /bench -->\nafter\n"


def test_readme_has_the_marks():
    text = (ROOT / "README.md").read_text()
    assert text.index("<!-- bench -->\n") < text.index("<!-- /bench -->")


def test_second_bench_at_once_is_refused(bench, monkeypatch, tmp_path):
    monkeypatch.setattr(bench.tempfile, "gettempdir", lambda: str(tmp_path))
    lock = bench.alone()
    with pytest.raises(SystemExit, match="another bench runs on this machine"):
        bench.alone()
    lock.close()
    bench.alone()
