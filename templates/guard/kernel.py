"""The kernel's packet rules: load a text of rules, and verify that the kernel holds it.

Nothing is counted: the same text is loaded a second time, into tables that no packet passes (dormant), and both have to
be listed alike. So any rule, set, map or chain that a person adds to the text is verified as the others are.
"""

import json
import re
import subprocess

COPY = "_copy"  # ends the names of the tables that are loaded to be compared with
# Fields that change by themselves: counters, quotas, timeouts, the kernel's own numbers.
STATE = {"handle", "packets", "bytes", "used", "used_unit", "expires"}


def load(rules):
    """Load the text of RULES in one transaction: there is no moment without any. Raises CalledProcessError."""
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True, stderr=subprocess.PIPE)


def listed_when_fresh(rules):
    """How the kernel lists the tables of RULES when nothing has touched them, as held() does; learnt from a copy."""
    load(copy_of(rules))
    try:
        return held(rules, COPY)
    finally:
        load("".join(f"delete table {family} {name}{COPY}\n" for family, name in tables_of(rules)))


def copy_of(rules):
    """RULES for tables of other names, which are dormant."""
    renamed = re.sub(r"(?m)^((?:delete )?table (?:\w+ )?\w+)", rf"\1{COPY}", rules)
    return re.sub(rf"(?m)^(table .*{COPY} *\{{)", r"\1 flags dormant;", renamed)


def tables_of(rules):
    """The tables in the text of RULES, as (family, name)."""
    return sorted({(family or "ip", name) for family, name in re.findall(r"(?m)^table (?:(\w+) )?(\w+)", rules)})


def held(rules, suffix=""):
    """The tables of RULES that the kernel holds, their names with SUFFIX: (table, kind, name) -> it, as it is listed
    but for STATE and the elements that packets bring; of a chain also the rules, in their order."""
    wanted, found, rules_of = tables_of(rules), {}, {}
    for family in sorted({family for family, _ in wanted}):
        for kind, it in listing(family):
            full = it.get("name" if kind == "table" else "table", "")
            table = full.removesuffix(suffix)
            if (family, table) not in wanted or full != table + suffix:
                continue
            it = normal(it)
            if kind == "rule":
                rules_of.setdefault((table, "chain", it["chain"]), []).append(it.get("expr", []))
            elif kind == "table":
                # Only a copy may be dormant.
                found[table, kind, ""] = {} if suffix else {k: v for k, v in it.items() if k == "flags"}
            else:
                found[table, kind, it["name"]] = it | {"table": table}
    for key, its in rules_of.items():
        found[key] = {**found.get(key, {}), "rules": its}
    names = set(filled(list(rules_of.values())))
    for key, it in found.items():
        if key[2] in names or {"dynamic", "timeout"}.intersection(it.get("flags", ())):
            it.pop("elem", None)
    return found


def listing(family):
    """Each (kind, object) that the kernel holds of an address FAMILY."""
    command = ["nft", "-j", "list", "ruleset", family]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [item for each in json.loads(done.stdout)["nftables"] for item in each.items()]


def normal(value, key=""):
    """VALUE of a listing, which stands at KEY, without STATE; the elements of a set are in an order of their own."""
    if isinstance(value, dict):
        return {k: normal(v, k) for k, v in value.items() if k not in STATE}
    if isinstance(value, list):
        values = [normal(v) for v in value]
        return sorted(values, key=json.dumps) if key in ("set", "elem") else values
    return value


def filled(value):
    """The names of the sets and maps that packets fill, by the rules in VALUE."""
    if isinstance(value, dict):
        for kind in ("set", "map", "meter"):
            if isinstance(value.get(kind), dict):
                name = value[kind].get("name" if kind == "meter" else kind)
                if isinstance(name, str):
                    yield name.removeprefix("@")
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        yield from filled(each)


def verify(now, wanted):
    """Raise SystemExit if the kernel's rules NOW differ from those WANTED, or if none are."""
    wrong = [key for key in now.keys() | wanted.keys() if now.get(key) != wanted.get(key)]
    if wrong or not wanted:
        names = sorted(key if isinstance(key, str) else " ".join(filter(None, key)) for key in wrong)
        raise SystemExit(f"error: the kernel holds other rules than were loaded: {', '.join(names) or 'none'}")
