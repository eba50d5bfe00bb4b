# SPDX-License-Identifier: BSD-2-Clause
"""tracebox through real kernel routers with iptables doing the damage, and with what nftables does
to whole addresses, hop limits and untracked packets, over IPv4 and IPv6."""
import shutil
import subprocess

import pytest

from laboratory import ROUTERS, TARGET, laboratory
from test_tracebox_live import PROBE, found

pytestmark = [pytest.mark.live,
              pytest.mark.skipif(shutil.which("iptables") is None or shutil.which("nft") is None,
                                 reason="needs iptables and nftables")]

lab, clean = laboratory()

SYN = "-p tcp --tcp-flags SYN,RST SYN "
ECN_SYN = "/tcp{dst=80,flags=2+64+128}/MSS"
# A rule in mangle's FORWARD, the probe behind its IP layer, and what must be found.
MANGLE = {
    "optstrip": (SYN + "-j TCPOPTSTRIP --strip-options 30", "/" + PROBE,
                 [("tcp.option.mptcp.mp_capable", "removed", "nop")]),
    "two options": (SYN + "-j TCPOPTSTRIP --strip-options timestamp,wscale", "/" + PROBE,
                    [("tcp.option.timestamp", "removed", "nop"),
                     ("tcp.option.wscale", "removed", "nop")]),
    "mss": (SYN + "-j TCPMSS --set-mss 1300", "/" + PROBE, [("tcp.option.mss", "modified", None)]),
    "clamp": (SYN + "-j TCPMSS --set-mss 1300", "/tcp{dst=80}/mss(1200)/SACKP", []),
    "mss is added": (SYN + "-j TCPMSS --set-mss 500", "/tcp{dst=80}/SACKP",
                     [("tcp.option.mss", "added", None)]),
    "dscp": ("-p tcp -j DSCP --set-dscp 10", "/" + PROBE, [("%s.dscp", "modified", None)]),
    "tos": ("-p tcp -j TOS --set-tos 0x28/0xfc", "/" + PROBE, [("%s.dscp", "modified", None)]),
}
MANGLE4 = {
    "ecn": ("-p tcp -j ECN --ecn-tcp-remove", ECN_SYN, [("tcp.flags", "modified", None)]),
}
FIELDS = {"IP": "ip", "IPv6": "ip6"}


def iptables(lab, router, version, table, chain, rule):
    """Append a rule; skips the test where this kernel or iptables has no such target."""
    lab.ruled.add(router)
    command = "iptables" if version == "IP" else "ip6tables"
    done = subprocess.run([*lab.enter(router), command, "-w", "-t", table, "-A", chain,
                           *rule.split()], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no such rule here: {done.stderr.splitlines()[0]}")


@pytest.mark.parametrize("version, name", [
    *[("IP", name) for name in MANGLE | MANGLE4], *[("IPv6", name) for name in MANGLE]])
@pytest.mark.parametrize("router", [2])
def test_damage_is_found_at_its_hop(lab, version, name, router):
    rule, probe, changes = (MANGLE | MANGLE4)[name]
    iptables(lab, router, version, "mangle", "FORWARD", rule)
    report = lab.trace("--json", "-p", version + probe, TARGET[version]).json()
    want = [(field % FIELDS[version] if "%" in field else field, change, how, router, router + 1,
             "exact") for field, change, how in changes]
    assert found(report) == want, report
    assert report["destination"]["ttl"] == ROUTERS + 1


@pytest.mark.parametrize("version", TARGET)
def test_a_silent_router_bounds_the_place(lab, version):
    """Router 3 lets no ICMP error of its own out."""
    iptables(lab, 2, version, "mangle", "FORWARD", MANGLE["optstrip"][0])
    icmp = "-p icmp --icmp-type time-exceeded" if version == "IP" else \
        "-p icmpv6 --icmpv6-type time-exceeded"
    iptables(lab, 3, version, "filter", "OUTPUT", icmp + " -j DROP")
    report = lab.trace("--json", "-p", f"{version}/{PROBE}", TARGET[version]).json()
    assert found(report) == [("tcp.option.mptcp.mp_capable", "removed", "nop", 2, 4, "bounded")]
    assert report["hops"][2]["reply"] == "none"


@pytest.mark.parametrize("version", TARGET)
@pytest.mark.parametrize("tool", ["iptables", "nft"])
def test_a_destination_nat(lab, version, tool):
    """The address traced is router 4's; a rule of router 2 sends its port 8080 to the server."""
    near = {"IP": "198.18.4.2", "IPv6": "fd00:4::2"}[version]
    to = {"IP": "198.18.5.2:80", "IPv6": "[fd00:5::2]:80"}[version]
    if tool == "iptables":
        iptables(lab, 2, version, "nat", "PREROUTING",
                 f"-p tcp --dport 8080 -j DNAT --to-destination {to}")
    else:
        family = FIELDS[version]
        lab.rules(2, f"table {family} n {{ chain p {{ type nat hook prerouting priority -100; "
                     f"tcp dport 8080 dnat to {to}; }}; }}")
    report = lab.trace("--json", "-p", f"{version}/tcp{{dst=8080}}/MSS/SACKP", near).json()
    assert found(report) == [(f"{FIELDS[version]}.dst", "modified", None, 1, 2, "exact")], report
    assert report["destination"]["ttl"] == ROUTERS + 1
    assert report["destination"]["reply"] == "syn-ack"


@pytest.mark.parametrize("version", TARGET)
@pytest.mark.parametrize("tool", ["iptables", "nft"])
def test_a_raised_hop_limit_hides_hops_and_is_no_finding(lab, version, tool):
    """Behind router 2 every probe has hop limit 60 left: the server answers those of 3."""
    if tool == "iptables":
        target = "TTL --ttl-set" if version == "IP" else "HL --hl-set"
        iptables(lab, 2, version, "mangle", "FORWARD", f"-p tcp -j {target} 60")
    else:
        lab.forward(2, "ip ttl set 60" if version == "IP" else "ip6 hoplimit set 60")
    report = lab.trace("--json", "-p", f"{version}/{PROBE}", TARGET[version]).json()
    assert found(report) == [] and report["destination"]["ttl"] == 3, report
    assert [hop["reply"] for hop in report["hops"]] == ["time-exceeded"] * 2 + ["syn-ack"]


@pytest.mark.parametrize("version", TARGET)
@pytest.mark.parametrize("statement, field", [
    ("@th,32,32 set 0x01020304", "tcp.seq"), ("@th,112,16 set 0x1234", "tcp.window"),
    ("@th,0,16 set 1001", "tcp.sport")])
def test_untracked_payload_statements(lab, version, statement, field):
    lab.rules(3, "table inet r { chain p { type filter hook prerouting priority -300; "
                 "meta l4proto tcp notrack; }; chain f { type filter hook forward priority 0; "
                 f"iifname \"left\" meta l4proto tcp {statement}; }}; }}")
    report = lab.trace("--json", "-m", "4", "-p", f"{version}/{PROBE}", TARGET[version]).json()
    assert found(report) == [(field, "modified", None, 3, 4, "exact")], report


@pytest.mark.parametrize("version", TARGET)
def test_several_routers_do_several_things(lab, version):
    """iptables in one router, nftables in the others; each change at its own hop."""
    iptables(lab, 1, version, "mangle", "FORWARD", MANGLE["optstrip"][0])
    lab.forward(2, f"{FIELDS[version]} dscp set 12")
    iptables(lab, 3, version, "mangle", "FORWARD", MANGLE["mss"][0])
    report = lab.trace("--json", "-p", f"{version}/{PROBE}", TARGET[version]).json()
    assert sorted(found(report)) == sorted([
        ("tcp.option.mptcp.mp_capable", "removed", "nop", 1, 2, "exact"),
        (f"{FIELDS[version]}.dscp", "modified", None, 2, 3, "exact"),
        ("tcp.option.mss", "modified", None, 3, 4, "exact")]), report
