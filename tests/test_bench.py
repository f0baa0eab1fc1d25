"""make bench: the text that it writes from its figures; no test depends on a timing."""

import re
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
    """dev/bench as a module, with a root of the test's own."""
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


def test_readme_gets_a_line_for_each_of_some_figures(bench):
    assert bench.lines(bench.summary(FIGURES | {"attach": FIGURES["help"]}), COST) == (
        "- Open its session: 0.04 s (0.2.0: 0.10 s).\n"
        "- Print the help: 0.04 s (0.2.0: 0.10 s).\n"
        "- An idle cage takes 20 MB and 5 processes.\n"
    )


def test_figures_are_put_between_their_marks(bench, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n")
    bench.put(page, "new\n")
    assert page.read_text() == "before\n<!-- bench -->\nnew\n<!-- /bench -->\nafter\n"


def test_page_without_marks_is_an_error(bench, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n")
    with pytest.raises(SystemExit, match="no place for the figures"):
        bench.put(page, "new\n")


def test_readme_tells_the_figures_of_the_table(bench):
    table, told = (
        (ROOT / name).read_text().partition("<!-- bench -->\n")[2].partition("<!-- /bench -->")[0]
        for name in ("dev/bench.md", "README.md")
    )
    cells = [[cell.strip() for cell in line.split("|")[1:4]] for line in table.splitlines() if line[:1] == "|"][2:]
    rows = [(what, {"this": float(ours), "0.2.0": float(old)}, 0, 0) for what, ours, old in cells]
    memory, processes = re.search(r"An idle cage takes (\d+) MB and (\d+) processes", table).groups()
    assert told == bench.lines(rows, {"memory": int(memory) * 1e6, "processes": int(processes)})
    assert len(told.splitlines()) == 6


def test_second_bench_at_once_is_refused(bench, monkeypatch, tmp_path):
    monkeypatch.setattr(bench.tempfile, "gettempdir", lambda: str(tmp_path))
    lock = bench.alone()
    with pytest.raises(SystemExit, match="another bench runs on this machine"):
        bench.alone()
    lock.close()
    bench.alone()
