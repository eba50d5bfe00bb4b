# SPDX-License-Identifier: BSD-2-Clause
"""tracebox through real kernel routers in namespaces, with nftables doing the damage."""
import collections
import shutil
import signal
import socket
import subprocess
import time

import pytest
from scapy.all import ICMP, ICMPv6TimeExceeded, rdpcap

from conftest import RELEASE, as_nobody, eventually, run_program
from laboratory import ROUTERS, TARGET, laboratory

pytestmark = [pytest.mark.live,
              pytest.mark.skipif(shutil.which("nft") is None, reason="needs nftables")]

PROBE = "TCP/MSS/SACKP/TS/WSCALE/MPCAPABLE"

lab, clean = laboratory()


def found(report):
    return [(f["field"], f["change"], f["how"], f["after"]["ttl"], f["before"]["ttl"],
             f["certainty"]) for f in report["findings"]]


DAMAGE = {
    "optstrip": ("reset tcp option mptcp", ("tcp.option.mptcp.mp_capable", "removed", "nop")),
    "mss": ("tcp option maxseg size set 1300", ("tcp.option.mss", "modified", None)),
    "seq": ("tcp sequence set 77777", ("tcp.seq", "modified", None)),
    "window": ("tcp window set 77", ("tcp.window", "modified", None)),
}
DAMAGE4 = {"dscp": ("ip dscp set 10", ("ip.dscp", "modified", None)),
           "ecn": ("ip ecn set ce", ("ip.ecn", "modified", None))}
DAMAGE6 = {"dscp": ("ip6 dscp set 10", ("ip6.dscp", "modified", None)),
           "label": ("ip6 flowlabel set 9", ("ip6.flow-label", "modified", None))}


@pytest.mark.parametrize("version", TARGET)
def test_a_clean_path(lab, version):
    report = lab.trace("--json", "-p", f"{version}/{PROBE}", TARGET[version]).json()
    assert found(report) == []
    assert [hop["reply"] for hop in report["hops"]] == ["time-exceeded"] * 4 + ["syn-ack"]
    assert report["destination"]["mptcp"]["supported"] is False


def test_a_route_that_routers_record(lab):
    """Each router writes its address into the probe, as it is asked to: nobody changed it."""
    report = lab.trace("--json", "-p", "IP/RR(5)/TCP", TARGET["IP"]).json()
    assert found(report) == [] and report["destination"]["ttl"] == ROUTERS + 1
    assert all(hop["changes"] == [] for hop in report["hops"]), report


@pytest.mark.parametrize("version, rule, change", [
    *[("IP", *each) for each in (DAMAGE | DAMAGE4).values()],
    *[("IPv6", *each) for each in (DAMAGE | DAMAGE6).values()]])
@pytest.mark.parametrize("router", [1, 3])
def test_damage_is_found_at_its_hop(lab, router, version, rule, change):
    lab.forward(router, rule)
    report = lab.trace("--json", "-p", f"{version}/{PROBE}", TARGET[version]).json()
    assert found(report) == [(*change, router, router + 1, "exact")], report


def test_a_destination_nat(lab):
    lab.rules(2, "table ip n { chain p { type nat hook prerouting priority -100; "
                 "tcp dport 8080 dnat to 198.18.5.2:80; }; }")
    report = lab.trace("--json", "-d", "8080", "198.18.4.2").json()
    assert found(report) == [("ip.dst", "modified", None, 1, 2, "exact")], report
    assert report["destination"]["ttl"] == 5 and report["destination"]["reply"] == "syn-ack"


def test_a_port_that_is_closed_and_udp(lab):
    report = lab.trace("--json", "-d", "81", "198.18.5.2").json()
    assert report["destination"]["reply"] == "rst" and report["destination"]["ttl"] == 5
    report = lab.trace("--json", "-u", "-d", "81", "198.18.5.2").json()
    assert report["destination"]["reply"] == "unreachable" and report["destination"]["ttl"] == 5


def test_a_silent_destination_is_given_up(lab):
    lab.rules(5, "table inet q { chain i { type filter hook input priority 0; policy drop; }; }")
    report = lab.trace("--json", "198.18.5.2").json()
    assert report["destination"]["reached"] is False and len(report["hops"]) == 4 + 8


@pytest.mark.parametrize("version", TARGET)
@pytest.mark.parametrize("probe", [PROBE, "TCP/MSS/raw('abc')"])
def test_nothing_is_left_half_open(lab, version, probe):
    def half_open():
        lines = lab.inside(5, "ss", "-Htan", "state", "syn-recv").stdout.splitlines()
        return {tuple(line.split()) for line in lines}   # ss pads its columns to the longest

    # For half an hour, unless it is closed: the RST may be on its way when the program has ended.
    lab.set(5, "net.ipv4.tcp_synack_retries", 20)
    before = half_open()
    report = lab.trace("--json", "-p", f"{version}/{probe}", TARGET[version]).json()
    assert (report["destination"]["ttl"], report["destination"]["reply"]) == (5, "syn-ack")
    assert eventually(lambda: half_open() <= before), (half_open(), before)


@pytest.mark.kernel_mptcp
def test_a_kernel_that_speaks_mptcp(lab):
    if not lab.listen(8000, getattr(socket, "IPPROTO_MPTCP", 262)):
        pytest.skip("no MPTCP socket")
    for version in ("IP", "IPv6"):
        report = lab.trace("--json", "-p", f"{version}/tcp{{dst=8000}}/MSS/SACKP/TS/MPCAPABLE",
                           TARGET[version]).json()
        assert report["destination"]["mptcp"] == \
            {"supported": True, "mirrored": False, "version": 1}, report


def test_the_guard_goes_with_the_program_that_is_killed(lab):
    lab.rules(5, "table inet q { chain i { type filter hook input priority 0; policy drop; }; }")
    child = subprocess.Popen([*lab.enter(0), RELEASE / "tracebox", "-n", "-q", "8", "--rate", "1",
                              "198.18.5.2"], stdout=subprocess.PIPE)    # for minutes
    child.stdout.readline()
    assert "mbkit" in lab.inside(0, "nft", "list", "ruleset").stdout
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert eventually(lambda: lab.inside(0, "nft", "list", "ruleset").stdout == "")


@pytest.mark.parametrize("arguments, said", [
    (["203.0.113.1"], ""),
    (["-i", "nosuch", "198.18.5.2"], "there is no interface nosuch"),
    (["-6", "198.18.5.2"], "198.18.5.2 has no IPv6 address"),
    (["no.such.name.invalid"], "no.such.name.invalid has no IPv4 address"),
    (["-p", "IP/TCP/raw(string.rep('x', 3000))", "198.18.5.2"], "larger than the MTU"),
])
def test_what_cannot_be_traced(lab, arguments, said):
    result = lab.trace("-m", "1", *arguments)
    assert (result.status, result.out) == (2, "") if said else result.status == 0, result
    assert said in result.err and len(result.err.splitlines()) == (1 if said else 0), result


# Which messages are limited: what a kernel has that nobody has told otherwise, and none.
SPARING = {"net.ipv4.icmp_ratemask": (6168, 0), "net.ipv6.icmp.ratemask": ("0-1,3-127", "")}


@pytest.fixture
def sparing(lab):
    """The routers answer as sparingly as they do by default."""
    def settle(which):
        for i in range(1, ROUTERS + 1):
            for name, values in SPARING.items():
                lab.set(i, name, values[which])
    settle(0)
    yield lab
    settle(1)


def time_exceeded(capture):
    """How often each router said so, by address."""
    count = collections.Counter()
    for packet in rdpcap(str(capture)):
        if ICMP in packet and packet[ICMP].type == 11 or ICMPv6TimeExceeded in packet:
            count[packet.src] += 1
    return count


def test_routers_that_limit_their_answers_are_given_time(sparing, tmp_path):
    """Eight probes a hop, which is more than a router answers at once."""
    report = sparing.trace("--json", "-q", "8", "-6", "-m", "5", "-f", tmp_path / "c.pcap",
                           TARGET["IPv6"]).json()
    routers = report["hops"][:ROUTERS]
    assert [hop["reply"] for hop in routers] == ["time-exceeded"] * ROUTERS, report
    # Six at once, four a second on a link of 64 bits: eight take half a second.
    assert any(hop["sent"] > 8 for hop in routers) or report["elapsed_ms"] >= 500, \
        "nothing was limited"
    said = time_exceeded(tmp_path / "c.pcap")
    assert all(8 <= said[hop["addr"]] <= hop["sent"] for hop in routers), (said, report)


def test_traces_in_a_row_are_complete_behind_limits(sparing):
    """A trace has one probe for a router; eight have more than it answers at once."""
    begun = time.monotonic()
    reports = sparing.trace("--json", "-m", "5", "--matrix", "80,81,82,83", TARGET["IP"]).lines()
    took = time.monotonic() - begun
    assert len(reports) > 6
    for report in reports:
        assert [hop["reply"] for hop in report["hops"][:ROUTERS]] == \
            ["time-exceeded"] * ROUTERS, report
    # Six at once, one a second.
    assert any(hop["sent"] > 1 for report in reports for hop in report["hops"]) or \
        took >= len(reports) - 6, "nothing was limited"


def test_no_route_and_no_privilege(lab):
    lab.inside(0, "ip", "route", "del", "default")
    try:
        result = lab.trace("198.18.5.2")
        assert result.status == 2 and "there is no route to 198.18.5.2" in result.err, result
    finally:
        lab.inside(0, "ip", "route", "add", "default", "via", "198.18.1.2")


@pytest.mark.parametrize("words, said", [
    (None, "CAP_NET_RAW"),
    (["setpriv", "--bounding-set=-net_raw"], "CAP_NET_RAW"),
    (["setpriv", "--bounding-set=-net_admin"], "CAP_NET_ADMIN"),
])
@pytest.mark.parametrize("what", [["-l", "print(1)"], ["--json"], ["--matrix", "80"], ["-j"]])
def test_no_privilege(lab, tmp_path, words, said, what):
    """The one that is missing is named, before anything is printed or written."""
    keep = ["-f", tmp_path / "capture"] if words else []
    result = run_program(*lab.enter(0), *(words or as_nobody(RELEASE / "tracebox")),
                         RELEASE / "tracebox", "-n", *what, *keep, "198.18.5.2")
    assert result.status == 2 and result.out == "" and said in result.err, result
    assert len(result.err.splitlines()) == 1 and list(tmp_path.iterdir()) == []
