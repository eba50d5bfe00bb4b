# SPDX-License-Identifier: BSD-2-Clause
"""Offline labs: a path of middleboxes and responders answers each probe through two FIFOs, as the
original's labs with Click did. Where the original's output was a mistake of its own parsing, the
right one is expected (a rewritten sequence number is no removed TCP header)."""
import json
import struct
import subprocess

import pytest

from conftest import BUILD, PATIENCE, TOP
from test_tracebox_scripts import PCAP_HEADER

SCRIPTS = TOP / "scripts" / "probes"


def settle(packet):
    """Checksums and lengths anew, as an element that edits a packet leaves it."""
    from scapy.all import IP
    for layer, field in (("IP", "chksum"), ("IP", "len"), ("TCP", "chksum"), ("TCP", "dataofs")):
        if layer in packet:
            delattr(packet[layer], field)
    return IP(bytes(packet))


def bump(layer, field, by=100):
    def element(packet):
        setattr(packet[layer], field, getattr(packet[layer], field) + by)
        return settle(packet)
    return element


def bump_mss(packet):
    packet["TCP"].options = [(kind, value + 100 if kind == "MSS" else value)
                             for kind, value in packet["TCP"].options]
    return settle(packet)


def set_ecn(packet):
    packet["IP"].tos = packet["IP"].tos & ~3 | 1
    return settle(packet)


class Hop:
    """Says "time exceeded" from an address, quoting what an ICMP message of so many bytes holds."""

    def __init__(self, address, limit=576):
        self.address = address
        self.limit = limit

    def __call__(self, packet):
        from scapy.all import ICMP, IP, Raw
        if packet.ttl <= 1:
            quote = bytes(packet)[:self.limit - 28]
            return IP(src=self.address, dst=packet.src) / ICMP(type=11) / Raw(quote)
        packet.ttl -= 1
        del packet.chksum
        return IP(bytes(packet))


class Nat:
    """Translates a source to 2.2.2.2, in PORT commands too, and quotes and answers back."""

    def forward(self, packet):
        self.inside = packet.src, packet["TCP"].sport
        packet.src, packet["TCP"].sport = "2.2.2.2", 2000
        if "Raw" in packet:
            packet["Raw"].load = packet["Raw"].load.replace(
                self.inside[0].replace(".", ",").encode(), b"2,2,2,2")
        return settle(packet)

    def back(self, packet):
        from scapy.all import ICMP, IP, Raw
        if "TCP" in packet and "ICMP" not in packet:
            packet.dst, packet["TCP"].dport = self.inside
            return settle(packet)
        quote = IP(packet["Raw"].load)
        quote.src, quote["TCP"].sport = self.inside
        del quote.chksum, quote["TCP"].chksum
        return IP(src=packet.src, dst=self.inside[0]) / ICMP(type=11) / Raw(bytes(quote))


def syn_answer(packet):
    """A server that mirrors a SYN as SYN/ACK and takes nothing else."""
    if packet["TCP"].flags != "S":
        return None
    packet.src, packet.dst = packet.dst, packet.src
    packet["TCP"].sport, packet["TCP"].dport = packet["TCP"].dport, packet["TCP"].sport
    packet["TCP"].flags = "SA"
    return settle(packet)


@pytest.fixture
def lab(tmp_path):
    """Run tracebox over these elements: (exit status, standard output)."""
    out, in_ = tmp_path / "out", tmp_path / "in"
    subprocess.run(["mkfifo", out, in_], check=True)

    def answer(elements, packet):
        for element in elements:
            if isinstance(element, Nat):
                packet = element.forward(packet)
                continue
            reply = element(packet)
            if element is syn_answer and reply is None:
                continue
            if isinstance(element, Hop) and "ICMP" in reply or element is syn_answer:
                for nat in elements:
                    reply = nat.back(reply) if isinstance(nat, Nat) else reply
                return bytes(reply)
            packet = reply
        raise AssertionError(f"nobody answers {packet!r}")

    def run(elements, *arguments):
        from scapy.all import IP
        command = [BUILD / "tracebox", "-n", *arguments, "-i", f"pcap:{out}:{in_}"]
        if "-s" not in arguments:
            command.append("1.2.3.4")
        child = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        with open(out, "rb") as probes, open(in_, "wb", buffering=0) as replies:
            replies.write(PCAP_HEADER)
            assert probes.read(24)[20] == 101
            while header := probes.read(16):
                probe = IP(probes.read(struct.unpack("<IIII", header)[2]))
                reply = answer(elements, probe)
                replies.write(struct.pack("<IIII", 0, 0, len(reply), len(reply)) + reply)
        text, err = child.communicate(timeout=PATIENCE)
        assert err == "", err
        return child.returncode, text
    return run


BASE = "TCP::CheckSum TCPOptionMaxSegSize::MaxSegSize"
LABS = {
    "BASIC": ("IP/TCP", [Hop("1.1.1.1"), Hop("1.2.3.4")],
              ["1.1.1.1", "1.2.3.4 IP::TTL IP::CheckSum"]),
    "one hop": ("IP/TCP", [Hop("1.2.3.4")], ["1.2.3.4"]),
    "MSS": ("IP/TCP/MSS", [bump_mss, Hop("1.1.1.1"), Hop("1.2.3.4")],
            [f"1.1.1.1 {BASE}", "1.2.3.4 TCP::CheckSum IP::TTL IP::CheckSum "
             "TCPOptionMaxSegSize::MaxSegSize"]),
    "ECN": ("IP/TCP", [set_ecn, Hop("1.1.1.1"), Hop("1.2.3.4")],
            ["1.1.1.1 IP::ExpCongestionNot IP::CheckSum",
             "1.2.3.4 IP::ExpCongestionNot IP::TTL IP::CheckSum"]),
    "IPID": ("ip{id=7}/TCP", [bump("IP", "id"), Hop("1.1.1.1"), Hop("1.2.3.4")],
             ["1.1.1.1 IP::Identification IP::CheckSum",
              "1.2.3.4 IP::Identification IP::TTL IP::CheckSum"]),
    "WIN": ("IP/TCP", [bump("TCP", "window"), Hop("1.1.1.1"), Hop("1.2.3.4")],
            ["1.1.1.1 TCP::WindowsSize TCP::CheckSum",
             "1.2.3.4 TCP::WindowsSize TCP::CheckSum IP::TTL IP::CheckSum"]),
    "SEQ": ("IP/tcp{dst=80,seq=5}", [bump("TCP", "seq"), Hop("1.1.1.1"), Hop("1.2.3.4")],
            ["1.1.1.1 TCP::SeqNumber TCP::CheckSum",
             "1.2.3.4 TCP::SeqNumber TCP::CheckSum IP::TTL IP::CheckSum"]),
    "LIMITED": ("IP/TCP/MSS", [bump_mss, bump("TCP", "window"), Hop("1.1.1.1", 70),
                               Hop("2.2.2.2"), Hop("1.2.3.4")],
                ["1.1.1.1  [PARTIAL] TCP::WindowsSize TCP::CheckSum"] +
                [f"{hop} TCP::WindowsSize TCP::CheckSum IP::TTL IP::CheckSum "
                 "TCPOptionMaxSegSize::MaxSegSize" for hop in ("2.2.2.2", "1.2.3.4")]),
    "MULTI1": ("ip{id=7}/tcp{dst=80,seq=5}/MSS", [
        bump_mss, Hop("1.1.1.1"), bump("IP", "id"), Hop("2.2.2.2"), bump("TCP", "seq"),
        Hop("3.3.3.3"), bump("TCP", "window"), Hop("4.4.4.4"), set_ecn, Hop("5.5.5.5"),
        Hop("1.2.3.4")], [
        f"1.1.1.1 {BASE}",
        "2.2.2.2 TCP::CheckSum IP::Identification IP::TTL IP::CheckSum "
        "TCPOptionMaxSegSize::MaxSegSize",
        "3.3.3.3 TCP::SeqNumber TCP::CheckSum IP::Identification IP::TTL IP::CheckSum "
        "TCPOptionMaxSegSize::MaxSegSize",
        "4.4.4.4 TCP::SeqNumber TCP::WindowsSize TCP::CheckSum IP::Identification IP::TTL "
        "IP::CheckSum TCPOptionMaxSegSize::MaxSegSize",
        *[f"{hop} TCP::SeqNumber TCP::WindowsSize TCP::CheckSum IP::ExpCongestionNot "
          "IP::Identification IP::TTL IP::CheckSum TCPOptionMaxSegSize::MaxSegSize"
          for hop in ("5.5.5.5", "1.2.3.4")]]),
}


@pytest.mark.parametrize("name", LABS)
def test_lab(lab, name):
    probe, elements, lines = LABS[name]
    status, out = lab(elements, "-s", SCRIPTS / "changes.lua", "1.2.3.4", probe)
    want = ["towards 1.2.3.4"] + [f"{ttl}: {line} " for ttl, line in enumerate(lines, 1)]
    assert (status, out.splitlines()) == (0, want)


class OriginalJson:
    """Reads what the original prints with -j, and refuses anything else."""

    def __init__(self, text, verbose=False, named=False):
        self.verbose = verbose
        assert text.count("\n") == 1 and text.endswith("\n")
        root = json.loads(text)
        if "addr" in root:
            assert list(root) == ["addr", "name", "max_hops", "Hops"]
            assert isinstance(root["addr"], str) and isinstance(root["name"], str)
            assert type(root["max_hops"]) is int
        else:
            assert list(root) == ["Hops"]
        self.hops = [self.hop(hop, named) for hop in root["Hops"]]

    def hop(self, hop, named):
        assert type(hop["hop"]) is int and isinstance(hop["from"], str)
        if hop["from"] == "*":
            assert list(hop) == ["hop", "from"]
            return hop
        keys = [key for key in hop if key != "ICMPExtensions"]
        assert keys == ["hop", "from", "delay", *(["name"] if named else []), "Modifications",
                        "Additions", "Deletions"]
        assert type(hop["delay"]) is int and hop["delay"] >= 0
        for key in ("Modifications", "Additions", "Deletions", "ICMPExtensions"):
            for item in hop.get(key, []):
                self.item(key, item)
        return hop

    def item(self, key, item):
        if not self.verbose:
            assert isinstance(item, str)
            return
        (name, value), = item.items()
        assert isinstance(name, str) and isinstance(value, dict)
        if key != "Modifications":
            assert list(value) == ["Info"] and value["Info"].startswith("< ")
        elif value:
            assert list(value) == ["Expected", "Received"]


def strip_mss(packet):
    packet["TCP"].options = [each for each in packet["TCP"].options if each[0] != "MSS"]
    return settle(packet)


def test_json_byte_for_byte(lab):
    probe, elements, _ = LABS["WIN"]
    status, out = lab(elements, "-j", "-p", probe)
    hop = '{ "hop": %d, "from": "%s", "delay": 0, "Modifications": [ %s ], "Additions": [ ], ' \
        '"Deletions": [ ] }'
    assert status == 0 and out == \
        '{ "addr": "1.2.3.4", "name": "1.2.3.4", "max_hops": 64, "Hops": [ ' + hop % (
            1, "1.1.1.1", '"TCP::WindowsSize", "TCP::CheckSum"') + ", " + hop % (
            2, "1.2.3.4", '"TCP::WindowsSize", "TCP::CheckSum", "IP::TTL", "IP::CheckSum"') + \
        " ] }\n"
    OriginalJson(out)


def test_json_verbose(lab):
    elements = [Hop("1.1.1.1"), strip_mss, bump("TCP", "window"), Hop("1.2.3.4")]
    status, out = lab(elements, "-j", "-v", "-p", "IP/TCP/MSS/SACKP")
    hop = OriginalJson(out, verbose=True).hops[1]
    assert status == 0
    assert {"TCP::WindowsSize": {"Expected": "5840", "Received": "5940"}} in hop["Modifications"]
    assert hop["Deletions"] == [{"TCPOptionMaxSegSize": {
        "Info": "< TCPOptionMaxSegSize (4 bytes) :: "
                "Kind = 2 , Length = 4 , MaxSegSize = 1460 , >"}}]
    status, out = lab(elements, "-j", "-v", "-M", "2", "-p", "IP/TCP/MSS/SACKP")
    assert status == 0 and OriginalJson(out, verbose=True).hops[0]["hop"] == 2


FTP_LAB = [Hop("3.3.3.3"), syn_answer, Hop("1.2.3.4")]


def test_ftp_gateway(lab):
    status, out = lab([Nat(), *FTP_LAB], "-s", SCRIPTS / "ftp_gateway.lua", "1.2.3.4")
    assert (status, out) == (1, "a gateway for FTP before 3.3.3.3\n")
    status, out = lab(FTP_LAB, "-s", SCRIPTS / "ftp_gateway.lua", "1.2.3.4")
    assert (status, out) == (0, "no gateway for FTP seen\n")
