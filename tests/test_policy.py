"""The packet rules, and the programs that read the host's addresses for them, without an engine."""

import ipaddress
import json
import re
import socket
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

GUARD = Path(__file__).parent.parent / "templates/guard"
sys.path.insert(0, str(GUARD))
import kernel as kernel_module  # noqa: E402
import tables  # noqa: E402

FIB = """Main:
  +-- 0.0.0.0/0 3 0 4
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.0.2.0/24 2 0 2
        |-- 192.0.2.0
           /24 link UNICAST
Local:
     |-- 127.0.0.0
        /8 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 127.255.255.255
        /32 link BROADCAST
        |-- 192.0.2.2
           /32 host LOCAL
     |-- 192.0.2.255
        /32 link BROADCAST
     |-- 198.51.100.0
        /25 host LOCAL
Id 100:
     |-- 0.0.0.0
        /0 host LOCAL
"""
ROUTE = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""
NONE6 = "0" * 32
ROUTE6 = f"""fd00{"0" * 28} 40 {NONE6} 00 {NONE6} 00000100 00000001 00000000 00000001     eth0
{NONE6} 00 {NONE6} 00 fd00{"0" * 27}1 00000400 00000002 00000000 00000003     eth0
fe80{"0" * 28} 40 {NONE6} 00 {NONE6} 00000100 00000002 00000000 00000001     eth0
fd00{"0" * 27}2 80 {NONE6} 00 {NONE6} 00000000 00000003 00000000 80200001     eth0
fd00{"0" * 28} 80 {NONE6} 00 {NONE6} 00000000 00000003 00000000 00300001     eth0
{"0" * 31}1 80 {NONE6} 00 {NONE6} 00000000 00000002 00000000 80200001       lo
{NONE6} 00 {NONE6} 00 {NONE6} 00000400 00000001 00000000 80200001       lo
{NONE6} 00 {NONE6} 00 {NONE6} ffffffff 00000001 00000000 00200200       lo
"""
ANSWER = "closed 192.0.2.2/32\nbroadcast 192.0.2.255/32\nnameserver 203.0.113.53\nend\n"
SUBNET, GATEWAY = ipaddress.ip_network("172.18.0.0/16"), ipaddress.ip_address("172.18.0.1")


def program(name):
    loader = SourceFileLoader(name, str(GUARD / name))
    module = module_from_spec(spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


policy, machine = program("policy"), program("machine")


@pytest.fixture
def net(tmp_path):
    for name, text in {"fib_trie": FIB, "route": ROUTE, "ipv6_route": ROUTE6}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def resolves(monkeypatch):
    """The names that were looked up; each resolves to the addresses that the list `to` holds."""
    asked, to = [], []

    def lookup(name, *_):
        asked.append(name)
        return [(0, 0, 0, "", (address, 0)) for address in to]

    for function in ("getaddrinfo", "gethostbyname", "gethostbyaddr", "getnameinfo"):
        monkeypatch.setattr(socket, function, lookup)
    return asked, to


def texts(networks):
    return {str(network) for network in networks}


def sets(answer=ANSWER, here="192.0.2.9/24"):
    return policy.open_sets(policy.read(f"{here}\n{answer}"), [SUBNET], [GATEWAY])


def holds(found, name, address):
    address = ipaddress.ip_address(address)
    return any(address in network for network in found[f"{name}{address.version}"])


def verdict(address, port, found=None):
    """The open policy's verdict on one packet, by its rules in their order."""
    found = found or sets()
    if port == 22 or holds(found, "neighbours", address):
        return "refused"
    if port == 53 and holds(found, "nameservers", address):
        return "open"
    if holds(found, "nowhere", address):
        return "refused"
    return "open" if port == 53 or not holds(found, "closed", address) else "refused"


def test_machine_answers_for_its_addresses_prefixes_and_anycast(net):
    mine, broadcasts = tables.own(net)
    assert texts(mine) == {"192.0.2.2/32", "198.51.100.0/25", "fd00::2/128", "fd00::/128"}
    assert texts(broadcasts) == {"192.0.2.255/32"}


def test_routes_are_links_and_gateways(net):
    subnets, gateways = tables.routes(net)
    assert texts(subnets) == {"192.0.2.0/24", "fd00::/64"}
    assert texts(gateways) == {"192.0.2.1", "fd00::1"}
    (net / "ipv6_route").unlink()
    assert texts(tables.routes(net)[0]) == {"192.0.2.0/24"}


def test_machine_says_all_of_it_and_ends(net, resolves, monkeypatch, capsys):
    resolves[1].extend(["192.168.65.254", "fe80::1%eth0", "127.0.1.1"])
    monkeypatch.setattr(tables.own, "__defaults__", (net,))
    monkeypatch.setattr(tables.routes, "__defaults__", (net,))
    monkeypatch.setattr(machine.Path, "read_text", lambda path: _read(path, "nameserver 127.0.0.53\noptions x\n"))
    assert machine.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {"closed 192.0.2.1/32", "closed fd00::1/128", "closed 192.168.65.254/32", "closed fe80::1/128"} <= {*lines}
    assert lines[-3:] == ["stub", "nameserver 127.0.0.53", "end"]
    assert not [line for line in lines if line.startswith(("closed 127.", "closed ::1"))]
    assert {"host-gateway", "host.docker.internal", "gateway.docker.internal"} <= {*resolves[0]}
    assert policy.read("\n".join(["192.0.2.9", *lines]))["closed"]


def _read(path, resolv):
    return resolv if path == Path("/etc/resolv.conf") else path.open().read()


def test_resolver_that_never_answers_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(machine, "PATIENCE", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: machine.threading.Event().wait(5) or [])
    begin = machine.time.monotonic()
    assert machine.answers(["a", "b", "c"]) == set()
    assert machine.time.monotonic() - begin < 2


@pytest.mark.parametrize(
    "text", ["nameserver 8.8.8.8 # x\n", "nameserver\t8.8.8.8\nnameserver x\nnameserver\n#nameserver 1.1.1.1"]
)
def test_nameservers_of_a_resolv_conf(text):
    assert texts(machine.nameservers(text)) == {"8.8.8.8"}


def test_both_sides_are_closed():
    for address in ("192.0.2.2", "192.0.2.9", "172.18.0.1", "64:ff9b::192.0.2.2", "64:ff9b::c000:209"):
        assert verdict(address, 443) == "refused"
        assert verdict(address, 53) == "open"
    assert verdict("203.0.113.1", 443) == "open"


@pytest.mark.parametrize("port", [22, 53, 80, 443])
@pytest.mark.parametrize(
    "address",
    [
        *("224.0.0.1", "224.0.0.251", "239.255.255.250", "255.255.255.255", "240.0.0.1", "0.0.0.0", "192.0.2.255"),
        *("169.254.169.254", "169.254.169.253", "169.254.20.10", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
        *("ff02::fb", "ff0e::1", "fe80::1", "::", "::1", "fd00:ec2::254", "fd20:ce::254", "64:ff9b::169.254.169.254"),
        *("64:ff9b::224.0.0.251", "172.18.0.2", "172.18.255.255"),
    ],
)
def test_closed_on_every_port(address, port):
    assert verdict(address, port) == "refused"


@pytest.mark.parametrize("address", ["169.254.169.254", "168.63.129.16", "fd00:ec2::253", "fe80::1"])
def test_link_local_nameserver_of_the_machine_answers_on_53_alone(address):
    found = sets(f"nameserver {address}\n{ANSWER}")
    assert verdict(address, 53, found) == "open"
    assert verdict(address, 80, found) == "refused"
    assert verdict("169.254.20.10", 53, found) == "refused"


@pytest.mark.parametrize(
    "address", ["224.0.0.251", "255.255.255.255", "192.0.2.255", "ff02::fb", "0.0.0.0", "172.18.0.2"]
)
def test_nameserver_that_is_none_opens_nothing(address):
    found = sets(f"nameserver {address}\n{ANSWER}")
    assert verdict(address, 53, found) == "refused"


@pytest.mark.parametrize(
    "text",
    [
        *("", "192.0.2.9\n", ANSWER, "192.0.2.9\n" + ANSWER.replace("end\n", ""), "192.0.2.9\nend\n"),
        *(f"{ANSWER}192.0.2.9\n", f"192.0.2.9\n{ANSWER}closed 192.0.2.7\n", f"192.0.2.9\n{ANSWER}\n"),
        *(
            f"192.0.2.9\n{more}\n{ANSWER}"
            for more in ("closed x", "closed localhost", "here 192.0.2.1", "nameserver", "a b c")
        ),
        *(
            f"192.0.2.9\n{more}\n{ANSWER}"
            for more in ("accept", "closed 1.2.3.4}", "closed 0.0.0.0/0;", "$(id)", "1.2.3.4,")
        ),
    ],
)
def test_answer_that_is_not_whole_or_no_address_is_refused(text, resolves):
    with pytest.raises(ValueError):
        policy.read(text)
    assert resolves[0] == []


@given(st.text(alphabet="closedbratnmv 0123456789.:/%{};\n$", max_size=80))
def test_whatever_is_told_becomes_networks_or_is_refused(text):
    try:
        told = policy.read(f"192.0.2.9\n{text}\n{ANSWER}")
    except ValueError:
        return
    found = policy.open_sets(told, [SUBNET], [GATEWAY])
    assert {type(n) for nets in found.values() for n in nets} <= {ipaddress.IPv4Network, ipaddress.IPv6Network}


class Kernel:
    """A kernel that refuses rules with a word of `refuses`; `given` has the input of nft, without copies."""

    def __init__(self):
        self.given, self.copies, self.refuses, self.tables = [], [], [], {}
        self.forgets = lambda listing: listing
        self.handles = iter(range(1, 1 << 30))

    def run(self, words, **options):
        """nft, as far as the policy sees it."""
        if words[1] == "-j":
            listing = self.forgets([it for it in self.listing() if next(iter(it.values())).get("family") == words[-1]])
            return subprocess.CompletedProcess(words, 0, json.dumps({"nftables": listing}), "")
        text = options["input"]
        (self.copies if kernel_module.COPY in text else self.given).append(text)
        if any(word in text for word in self.refuses):
            raise subprocess.CalledProcessError(1, words, stderr="no such expression")
        for gone in re.findall(r"(?m)^delete table (\w+ \w+)$", text):
            self.tables.pop(gone, None)
        for name, body in re.findall(r"(?ms)^table (\w+ \w+) \{(.*?)^\}", text):
            self.tables[name] = body
        return subprocess.CompletedProcess(words, 0, "", "")

    def listing(self):
        """The tables as nft lists them."""
        found = []
        for full, body in self.tables.items():
            family, table = full.split()

            def add(kind, of=family, table=table, **facts):
                found.append({kind: {"family": of, "table": table, "handle": next(self.handles), **facts}})

            add("table", table=None, name=table, **({"flags": "inet"} if "flags dormant" in body else {}))
            for name, rules in re.findall(r"(?ms)chain (\w+) \{\n(.*?)\n    \}", body):
                for rule in filter(None, map(str.strip, rules.split("\n"))):
                    if kind := re.search(r"hook (\w+) .* policy (\w+);", rule):
                        add("chain", name=name, hook=kind[1], policy=kind[2])
                        continue
                    seen = {"packets": next(self.handles), "bytes": 1} if " counter " in rule else None
                    more = [{"set": {"op": "add", "set": "@seen"}}] if "add @seen" in rule else []
                    add("rule", chain=name, expr=[{"text": rule}, *([{"counter": seen}] if seen else []), *more])
            for name, line in re.findall(r"set (\w+) \{(.*)", body):
                elements = re.search(r"elements = \{ (.*?) \}", line)
                nets = [ipaddress.ip_network(it) for it in (elements[1].split(", ") if elements else [])]
                prefixes = [{"prefix": {"addr": str(n[0]), "len": n.prefixlen}} for n in nets]
                if name == "seen" and not table.endswith(kernel_module.COPY):
                    prefixes = [{"elem": {"val": f"192.0.2.{next(self.handles) % 250}"}}]
                add("set", name=name, **({"elem": prefixes} if prefixes else {}))
        return found


@pytest.fixture
def kernel(monkeypatch, tmp_path):
    it = Kernel()
    monkeypatch.setattr(policy.subprocess, "run", it.run)
    monkeypatch.setattr(policy, "STORE", tmp_path / "store")
    monkeypatch.setattr(policy, "routes", lambda: ([SUBNET], [GATEWAY, ipaddress.ip_address("fd00::1")]))
    return it


def apply(monkeypatch, text=f"192.0.2.9\n{ANSWER}"):
    monkeypatch.setattr(sys, "stdin", type("", (), {"read": staticmethod(lambda: text)}))
    return policy.main(["apply", "open"])


def kept():
    return (policy.STORE / "rules").read_text()


def test_policy_looks_no_name_up(kernel, resolves, monkeypatch):
    assert apply(monkeypatch) == 0
    assert resolves[0] == []
    assert kept() == "".join(kernel.given)
    for rule in ("192.0.2.2/32", "ct count over 16384 reject", "limit rate over 1000/second burst 4000 packets drop"):
        assert rule in kept()


def test_connections_go_on_being_counted_while_addresses_change(kernel, monkeypatch):
    assert apply(monkeypatch) == 0
    bounds = kernel.given[1]
    assert apply(monkeypatch, f"192.0.2.77\n{ANSWER}") == 0
    assert bounds in kept() and "192.0.2.77/32" in kept()
    assert kernel.given.count(bounds) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (policy.COUNT, ""),
        ("over 16384", "over 16385"),
        ("limit rate over 1000", "limit rate over 9000"),
        ("policy accept", "policy drop"),
        ("priority 10", "priority 10"),
    ],
)
def test_bounds_that_were_tampered_with_are_loaded_anew(old, new, kernel, monkeypatch):
    assert apply(monkeypatch) == 0
    bounds, table = kernel.given[1], kernel.tables["inet trusty_cage_bounds"]
    assert old in table
    kernel.tables["inet trusty_cage_bounds"] = table.replace(old, new)
    assert apply(monkeypatch) == 0
    assert kernel.given.count(bounds) == (1 if old == new else 2)
    assert kernel.tables["inet trusty_cage_bounds"] == table


def test_table_that_was_put_to_sleep_is_loaded_anew(kernel, monkeypatch):
    assert apply(monkeypatch) == 0
    kernel.tables["inet trusty_cage_bounds"] = " flags dormant;" + kernel.tables["inet trusty_cage_bounds"]
    assert apply(monkeypatch) == 0
    assert "dormant" not in kernel.tables["inet trusty_cage_bounds"]


def test_kernel_that_counts_no_connections_gets_all_other_rules_and_that_is_told(kernel, monkeypatch, capsys):
    kernel.refuses.append("ct count")
    for _ in range(2):
        assert apply(monkeypatch) == 0
        assert capsys.readouterr().out == "uncounted\n"
    assert [text for text in kernel.given if "ct count" in text] == []
    assert kept() == kernel.given[0] + policy.BOUNDS.replace(policy.COUNT, "")
    kernel.refuses.clear()
    assert apply(monkeypatch) == 0
    assert capsys.readouterr().out == ""
    assert kept() == kernel.given[0] + policy.BOUNDS


def test_kernel_that_refuses_the_policy_keeps_the_last_one(kernel, monkeypatch):
    assert apply(monkeypatch) == 0
    before = kept()
    for refused in ("table", "limit rate"):
        kernel.refuses[:] = [refused]
        kernel.tables.pop("inet trusty_cage_bounds", None)
        with pytest.raises(subprocess.CalledProcessError):
            apply(monkeypatch, f"192.0.2.77\n{ANSWER}")
        assert kept() == before


def test_guard_that_starts_without_rules_or_with_some_that_the_kernel_refuses_lets_nothing_out(kernel, monkeypatch):
    ended = []
    monkeypatch.setattr(policy.os, "execvp", lambda *words: ended.append(words))
    policy.main(["run"])
    assert kernel.given == [policy.SHUT]
    assert apply(monkeypatch) == 0
    policy.main(["run"])
    assert kernel.given[-1] == kept()
    kernel.refuses.append("ct count")
    policy.main(["run"])
    assert kernel.given[-1] == policy.SHUT
    assert len(ended) == 3


def test_copy_to_compare_with_is_asleep_and_goes_and_is_made_once_for_the_same_rules(kernel, monkeypatch):
    assert apply(monkeypatch) == 0
    copy, gone = kernel.copies
    assert [line for line in copy.splitlines() if line.startswith("table") and line.endswith(("{", ";"))] == [
        "table inet trusty_cage_copy { flags dormant;",
        "table inet trusty_cage_bounds_copy { flags dormant;",
    ]
    assert sorted(gone.splitlines()) == [f"delete table inet trusty_cage{name}_copy" for name in ("", "_bounds")][::-1]
    assert kernel.tables.keys() == {"inet trusty_cage", "inet trusty_cage_bounds"}
    assert apply(monkeypatch) == 0
    assert len(kernel.copies) == 2
    assert apply(monkeypatch, f"192.0.2.77\n{ANSWER}") == 0
    assert len(kernel.copies) == 4
    # At the guard's next start the kernel may be another, which lists the same rules in other words.
    monkeypatch.setattr(policy.os, "execvp", lambda *words: None)
    policy.main(["run"])
    assert apply(monkeypatch, f"192.0.2.77\n{ANSWER}") == 0
    assert len(kernel.copies) == 6


def test_each_table_chain_rule_and_element_is_verified(kernel, monkeypatch):
    assert apply(monkeypatch) == 0

    def differs(change):
        kernel.forgets = lambda listing: change(listing) or listing
        try:
            return apply(monkeypatch)
        except SystemExit:
            return "differs"

    assert differs(lambda listing: None) == 0
    changes = [lambda listing, number=number: listing.pop(number) and None for number in range(len(kernel.listing()))]
    for number, change in enumerate(changes):
        assert differs(change) == "differs", kernel.listing()[number]
    chain = {"chain": {"family": "inet", "table": "trusty_cage", "name": "more"}}
    rule = {"rule": {"family": "inet", "table": "trusty_cage", "chain": "output", "expr": [{"accept": None}]}}
    for it in (chain, rule):
        assert differs(lambda listing, it=it: listing.append(it)) == "differs"
    assert differs(lambda listing: listing.insert(20, listing.pop(21))) == "differs"
    (at,) = (
        i
        for i, it in enumerate(kernel.listing())
        if it.get("chain", {}).get("table") == "trusty_cage" and it["chain"]["name"] == "input"
    )
    assert differs(lambda listing: listing[at]["chain"].update(policy="accept")) == "differs"
    other = {"chain": {"family": "inet", "table": "other", "name": "more"}}
    assert differs(lambda listing: listing.append(other)) == 0


def test_kernel_that_lists_nothing_or_forgets_alike_in_both_tables_is_found(kernel, monkeypatch):
    kernel.forgets = lambda listing: []
    with pytest.raises(SystemExit, match="other rules"):
        apply(monkeypatch)
    kernel.forgets = lambda listing: [it for it in listing if it.get("set", {}).get("name") != "closed4"]
    with pytest.raises(SystemExit, match="closed4"):
        apply(monkeypatch)


MORE = {
    "a rule": ("        accept\n    }\n}", "        ip daddr 192.0.2.0/24 reject\n        accept\n    }\n}"),
    "a counter": ("        accept\n    }\n}", "        tcp dport 443 counter accept\n        accept\n    }\n}"),
    "a set that packets fill": (
        "    chain input {",
        "    set seen { type ipv4_addr; flags dynamic; size 9; }\n"
        "    chain seen {\n        add @seen { ip daddr }\n    }\n"
        "    chain input {",
    ),
    "a table": (
        "table inet trusty_cage\n",
        "table ip mine\ndelete table ip mine\ntable ip mine {\n    chain c {\n        drop\n    }\n}\n"
        "table inet trusty_cage\n",
    ),
}


@pytest.mark.parametrize("more", MORE)
@pytest.mark.parametrize("text", ["OPEN", "BOUNDS"])
def test_rules_of_ones_own_hold_at_the_first_try_and_are_verified(text, more, kernel, monkeypatch):
    old, new = MORE[more]
    if text == "BOUNDS":
        old, new = (
            it.replace("trusty_cage", "trusty_cage_bounds").replace("chain input", "chain output") for it in (old, new)
        )
        old, new = old.replace("        accept\n    }", "    }"), new.replace("        accept\n    }", "    }")
    assert old in getattr(policy, text)
    monkeypatch.setattr(policy, text, getattr(policy, text).replace(old, new, 1))
    for _ in range(3):
        assert apply(monkeypatch) == 0
    assert new in kept()
    (own,) = [name for name in kernel.tables if name == "ip mine"] or ["inet trusty_cage"]
    kernel.forgets = lambda listing: [
        it for it in listing if f"{it.get('rule', {}).get('family')} {it.get('rule', {}).get('table')}" != own
    ]
    with pytest.raises(SystemExit, match="other rules"):
        apply(monkeypatch)


def test_published_port_is_reached_from_the_gateway_alone_and_answered(kernel, monkeypatch):
    assert apply(monkeypatch) == 0
    assert "dport {" not in kept()
    monkeypatch.setenv("CAGE_PORTS_INSIDE", "8000 8080")
    assert apply(monkeypatch) == 0
    rules = kept()
    come = "ip saddr { 172.18.0.1 } tcp dport { 8000, 8080 } accept"
    go = "ip daddr { 172.18.0.1 } tcp sport { 8000, 8080 } ct direction reply ct state established accept"
    assert rules.index("chain input") < rules.index(come) < rules.index("chain output") < rules.index(go)
    assert rules.index(go) < rules.index("tcp dport 22") < rules.index("@neighbours4 reject")


def test_published_port_without_a_gateway_opens_nothing(kernel, monkeypatch):
    monkeypatch.setattr(policy, "routes", lambda: ([SUBNET], [ipaddress.ip_address("fd00::1")]))
    monkeypatch.setenv("CAGE_PORTS_INSIDE", "8000")
    assert apply(monkeypatch) == 0
    assert "dport {" not in kept()


@pytest.mark.parametrize("ports", ["0", "70000", "http", "80,81", "80; accept", "08", "-1", "٨٠"])
def test_port_that_is_none_changes_no_rule(ports, kernel, monkeypatch):
    monkeypatch.setenv("CAGE_PORTS_INSIDE", ports)
    with pytest.raises(ValueError, match="names no port"):
        apply(monkeypatch)
    assert kernel.given == []
