"""The reader of the kernel's own listing of its packet rules, and the verdict on a difference."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "templates/guard"))
import kernel

RULES = """table inet cage
delete table inet cage
table inet cage {
    chain output {
        ip daddr 192.0.2.1 accept
    }
}
table mine {
}
"""


@pytest.fixture
def nft(monkeypatch):
    """The calls of nft, and the listings that it answers with, by family."""
    calls, lists = [], {}

    def run(words, **options):
        calls.append((words, options))
        return subprocess.CompletedProcess(words, 0, json.dumps({"nftables": lists.get(words[-1], [])}), "")

    monkeypatch.setattr(kernel.subprocess, "run", run)
    return calls, lists


def of(kind, name="", table="cage", family="inet", **facts):
    """One object as nft lists it."""
    names = {"rule": {"chain": name}}.get(kind, {"name": name or table})
    return {kind: {"family": family, **({} if kind == "table" else {"table": table}), **names, "handle": 7, **facts}}


def test_rules_are_loaded_by_standard_input_and_a_refusal_is_told(nft):
    kernel.load("some rules")
    asked = {"input": "some rules", "text": True, "check": True, "stderr": subprocess.PIPE}
    assert nft[0] == [(["nft", "-f", "-"], asked)]


def test_listing_is_of_one_family_and_whole(nft):
    nft[1]["ip6"] = [{"metainfo": {"version": "1"}}, {"table": {"name": "a"}, "chain": {"name": "b"}}]
    assert kernel.listing("ip6") == [("metainfo", {"version": "1"}), ("table", {"name": "a"}), ("chain", {"name": "b"})]
    asked = {"capture_output": True, "text": True, "check": True}
    assert nft[0] == [(["nft", "-j", "list", "ruleset", "ip6"], asked)]


def test_tables_of_a_text_are_named_once_and_a_table_without_a_family_is_ip():
    assert kernel.tables_of(RULES) == [("inet", "cage"), ("ip", "mine")]
    assert kernel.tables_of("# table inet no\n    table inet no {\n") == []


def test_copy_has_other_names_and_is_asleep_and_nothing_else_changes():
    assert (
        kernel.copy_of(RULES)
        == """table inet cage_copy
delete table inet cage_copy
table inet cage_copy { flags dormant;
    chain output {
        ip daddr 192.0.2.1 accept
    }
}
table mine_copy { flags dormant;
}
"""
    )


def test_copy_goes_whatever_its_listing_says(nft, monkeypatch):
    monkeypatch.setattr(kernel, "held", lambda rules, suffix: (rules, suffix))
    gone = "delete table inet cage_copy\ndelete table ip mine_copy\n"
    assert kernel.listed_when_fresh(RULES) == (RULES, "_copy")
    assert [options["input"] for _, options in nft[0]] == [kernel.copy_of(RULES), gone]

    def fails(rules, suffix):
        raise ValueError

    monkeypatch.setattr(kernel, "held", fails)
    with pytest.raises(ValueError):
        kernel.listed_when_fresh(RULES)
    assert nft[0][-1][1]["input"] == gone


def test_what_changes_by_itself_is_no_part_of_a_rule():
    state = {name: 1 for name in ("handle", "packets", "bytes", "used", "used_unit", "expires")}
    assert kernel.normal({"a": [{"b": 2, **state}], **state}) == {"a": [{"b": 2}]}


@pytest.mark.parametrize("key", ["set", "elem"])
def test_elements_have_no_order_and_all_else_has_one(key):
    assert kernel.normal({key: [3, 1, 2]}) == {key: [1, 2, 3]}
    assert kernel.normal({key: [{"a": 2}, {"a": 1}]}) == {key: [{"a": 1}, {"a": 2}]}
    assert kernel.normal({"expr": [3, 1, 2]}) == {"expr": [3, 1, 2]}
    assert kernel.normal({"expr": [{key: [2, 1]}]}) == {"expr": [{key: [1, 2]}]}
    assert kernel.normal({"elem": [[2, 1]]}) == {"elem": [[2, 1]]}


def test_sets_that_packets_fill_are_found_at_any_depth():
    add = {"op": "add", "elem": {"payload": {}}}
    rules = [
        [{"set": {**add, "set": "@a"}}, {"counter": None}],
        [{"limit": {"rate": 1}}, [{"meter": {"name": "m", "stmt": {"map": {**add, "map": "@b"}}}}]],
        [{"match": {"right": "@looked-up", "set": "@word"}}, {"set": {"set": {"no": "name"}}}, {"map": {}}],
    ]
    assert list(kernel.filled(rules)) == ["a", "m", "b"]
    assert list(kernel.filled("set")) == list(kernel.filled(None)) == []


def test_rules_of_a_chain_keep_their_order_and_go_with_it(nft):
    first, second = [{"accept": None}], [{"drop": None}]
    nft[1]["inet"] = [
        of("table"),
        of("chain", "output", hook="output", prio=10),
        of("rule", "output", expr=first),
        of("rule", "output", expr=second),
        of("rule", "output"),
        of("rule", "lost", expr=first),
    ]
    chain = {"family": "inet", "table": "cage", "name": "output", "hook": "output", "prio": 10}
    assert kernel.held("table inet cage {\n}\n") == {
        ("cage", "table", ""): {},
        ("cage", "chain", "output"): {**chain, "rules": [first, second, []]},
        ("cage", "chain", "lost"): {"rules": [first]},
    }


def test_tables_of_others_are_passed_over_and_each_family_is_asked_once(nft):
    nft[1]["inet"] = [
        {"metainfo": {"version": "1"}},
        of("table", table="other"),
        of("chain", "c", table="other"),
        of("table", table="cage_copy"),
        of("chain", "c", table="cage_copy"),
        of("table"),
        of("chain", "c"),
    ]
    nft[1]["ip"] = [of("table", table="mine", family="ip"), of("table", table="cage", family="ip")]
    found = kernel.held(RULES)
    assert list(found) == [("cage", "table", ""), ("cage", "chain", "c"), ("mine", "table", "")]
    assert [words[-1] for words, _ in nft[0]] == ["inet", "ip"]


def test_copy_is_listed_under_the_names_of_what_it_is_a_copy_of(nft):
    nft[1]["inet"] = [
        of("table"),
        of("chain", "c", policy="drop"),
        of("table", table="cage_copy", flags="dormant"),
        of("chain", "c", table="cage_copy", policy="accept"),
        of("rule", "c", table="cage_copy", expr=[]),
    ]
    chain = {"family": "inet", "table": "cage", "name": "c", "policy": "accept", "rules": [[]]}
    assert kernel.held("table inet cage {\n", "_copy") == {("cage", "table", ""): {}, ("cage", "chain", "c"): chain}


def test_table_that_sleeps_differs_from_its_copy(nft):
    nft[1]["inet"] = [of("table", flags="dormant")]
    assert kernel.held("table inet cage {\n") == {("cage", "table", ""): {"flags": "dormant"}}


def test_elements_that_packets_bring_don_t_count_and_others_do(nft):
    nft[1]["inet"] = [
        of("table"),
        of("set", "closed", elem=[2, 1]),
        of("set", "filled", elem=[1]),
        of("set", "empty", flags=["interval"]),
        of("set", "interval", flags=["interval"], elem=[1]),
        of("set", "dynamic", flags=["dynamic"], elem=[1]),
        of("map", "passing", flags=["interval", "timeout"], elem=[1]),
        of("rule", "c", expr=[{"set": {"op": "add", "set": "@filled"}}]),
        of("rule", "d", expr=[{"accept": None}]),
    ]
    found = kernel.held("table inet cage {\n")
    assert {key[2]: it["elem"] for key, it in found.items() if "elem" in it} == {"closed": [1, 2], "interval": [1]}
    assert found["cage", "map", "passing"]["flags"] == ["interval", "timeout"]


def test_same_rules_are_well():
    kernel.verify({("cage", "table", ""): {}}, {("cage", "table", ""): {}})


@pytest.mark.parametrize(
    ("now", "wanted", "named"),
    [
        ({}, {}, "none"),
        ({}, {("cage", "chain", "out"): {}}, "cage chain out"),
        ({("cage", "table", ""): {}}, {}, "cage table"),
        ({("b", "set", "s"): 1, "a": 2}, {("b", "set", "s"): 2, "a": 1}, "a, b set s"),
        ({"same": 1, "more": 1}, {"same": 1}, "more"),
    ],
)
def test_differences_are_named(now, wanted, named):
    with pytest.raises(SystemExit) as ended:
        kernel.verify(now, wanted)
    assert str(ended.value) == f"error: the kernel holds other rules than were loaded: {named}"
