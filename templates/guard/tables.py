"""The kernel's tables of addresses and routes, of the network namespace that this runs in (proc(5))."""

import ipaddress
import re
from pathlib import Path

NET = Path("/proc/net")
LOCAL, ANYCAST = 0x80000000, 0x00100000  # of ipv6_route's flags (linux/ipv6_route.h)


def routes(net=NET):
    """The networks on this namespace's links and its gateways."""
    subnets, gateways = [], []
    for line in (net / "route").read_text().splitlines()[1:]:
        fields = line.split()
        target, gateway, mask = (ipaddress.IPv4Address(bytes.fromhex(fields[i])[::-1]) for i in (1, 2, 7))
        if int(gateway):
            gateways.append(gateway)
        else:
            subnets.append(ipaddress.ip_network(f"{target}/{mask}"))
    for target, gateway, flags, link in routes6(net):
        if int(gateway):
            gateways.append(gateway)
        elif link != "lo" and target.prefixlen and not (flags & (LOCAL | ANYCAST) or target.is_link_local):
            subnets += [] if target.is_multicast else [target]
    return subnets, gateways


def routes6(net=NET):
    """Each IPv6 route as (target, gateway, flags, link); none where the kernel has no IPv6."""
    table = net / "ipv6_route"
    for line in table.read_text().splitlines() if table.exists() else []:
        fields = line.split()
        target, gateway = (int(fields[i], 16) for i in (0, 4))
        prefix = ipaddress.IPv6Network((target, int(fields[1], 16)))
        yield prefix, ipaddress.IPv6Address(gateway), int(fields[8], 16), fields[9]


def own(net=NET):
    """This namespace's own addresses, and the broadcast addresses of its links, as two sets of networks.

    A whole prefix may be the machine's own ('ip route add local'). One of length 0 is a transparent proxy's: that table
    is asked for marked packets alone.
    """
    found = {"LOCAL": set(), "BROADCAST": set()}
    address = ""
    for line in (net / "fib_trie").read_text().splitlines():
        if leaf := re.fullmatch(r"\s*\|-- (\S+)", line):
            address = leaf[1]
        elif (kind := re.fullmatch(r"\s*(/\d+) \S+ (LOCAL|BROADCAST)(?: tos \S+)?", line)) and kind[1] != "/0":
            found[kind[2]].add(ipaddress.IPv4Network(address + kind[1]))
    answers = {target for target, _, flags, _ in routes6(net) if flags & (LOCAL | ANYCAST)}
    mine = found["LOCAL"] | {target for target in answers if target.prefixlen}
    return {n for n in mine if not n.is_loopback}, {n for n in found["BROADCAST"] if not n.is_loopback}
