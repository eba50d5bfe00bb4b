# SPDX-License-Identifier: BSD-2-Clause
"""A trace while somebody off the path sends answers of his own: ICMP of every type and length,
quotes that name no probe, segments in the server's name with wrong numbers. He knows the addresses;
for segments he has even guessed the probes' port, for quotes he has not (with it a quote is as good
as one whose numbers a box has rewritten). Nothing of it may become a hop, a finding or the server's
answer."""
import shutil
import subprocess

import pytest

from conftest import BUILD, RELEASE, run_program
from laboratory import TARGET, laboratory
from test_tracebox_live import found

pytestmark = [pytest.mark.live,
              pytest.mark.skipif(shutil.which("nft") is None, reason="needs nftables")]

lab, clean = laboratory()

PORT = 41999
# The probes' ids go up from here, far from the forger's guess: in one run of 400 he would be right.
NUMBERED = {"IP": "IP:id(0x1000) and IP", "IPv6": "IPv6"}
# Runs in router 3: argv is the client's address, the server's, the source port of the probes.
FORGER = r"""
import random, socket, struct, sys
from scapy.all import ICMP, IP, IPv6, Raw, TCP, ICMPv6Unknown
from scapy.utils import checksum
me, server, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
rng = random.Random(5)
v6 = ":" in me
net = IPv6 if v6 else IP
nobody = "fd00:99::1" if v6 else "203.0.113.66"

def number():
    return rng.randrange(2 ** 32)

def quote():
    of = net(src=rng.choice([me, me, nobody]), dst=rng.choice([server, server, nobody]))
    if v6:
        of.tc, of.fl, of.hlim = rng.randrange(256), rng.randrange(2 ** 20), rng.randrange(256)
    else:
        # One guess at the 16 bits of the id, not a hundred: some would be right.
        of.id, of.tos, of.ttl = 0xbeef, rng.randrange(256), rng.randrange(256)
    of /= TCP(sport=rng.choice([port + 1, 7]), dport=rng.choice([80, 81]), seq=number(),
              window=rng.randrange(65536), options=[("MSS", 77)])
    return bytes(of)

def error():
    body = quote()
    body = body[:rng.randrange(len(body) + 1)]
    if rng.random() < 0.3:
        body = body.ljust(128, b"\0") + bytes(rng.randrange(256) for _ in range(rng.randrange(40)))
    if rng.random() < 0.2:
        body = bytes(rng.randrange(256) for _ in range(rng.randrange(200)))
    kind, code = rng.choice([11, 3, 3, 4, 5, 12, 0, 8, rng.randrange(256)]), rng.randrange(16)
    head = struct.pack(">I", rng.choice([0, 0x00080000, 0x00200000, rng.randrange(2 ** 32)]))
    if v6:
        kind = rng.choice([3, 1, 2, 4, 0, 127, rng.randrange(256)])
        return IPv6(src=nobody, dst=me) / ICMPv6Unknown(type=kind, code=code, msgbody=head + body)
    return IP(src=nobody, dst=me) / Raw(bytes(ICMP(type=kind, code=code))[:4] + head + body)

def segment():
    flags = rng.choice(["SA", "SA", "R", "RA", "S", "SRA"])
    ack = 0 if rng.random() < 0.1 else number()
    return net(src=server, dst=me) / TCP(sport=80, dport=port, flags=flags, seq=number(), ack=ack,
                                         options=[(30, b"\x01\x81" + b"x" * 8)])

s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
packets = []
for _ in range(300):
    packet = rng.choice([error, error, segment])()
    if not v6 and "Raw" in packet and "TCP" not in packet:
        packet.proto = 1
        data = packet["Raw"].load
        data = data[:2] + b"\0\0" + data[4:]
        packet["Raw"].load = data[:2] + struct.pack(">H", checksum(data)) + data[4:]
    packets.append(bytes(packet))
print("up", flush=True)
while True:
    for packet in packets:
        s.sendto(packet, (me, 0))
"""


@pytest.fixture
def forger(lab, tmp_path):
    (tmp_path / "forger.py").write_text(FORGER)
    children = []

    def start(version):
        me = {"IP": "198.18.1.1", "IPv6": "fd00:1::1"}[version]
        child = subprocess.Popen([*lab.enter(3), "/usr/bin/python3", tmp_path / "forger.py", me,
                                  TARGET[version], str(PORT)], stdout=subprocess.PIPE)
        children.append(child)
        assert child.stdout.readline() == b"up\n"
    yield start
    for child in children:
        child.kill()
        child.wait()


@pytest.mark.parametrize("version", TARGET)
@pytest.mark.parametrize("damaged", [False, True])
def test_forged_answers_are_nobodys(lab, forger, version, damaged):
    if damaged:
        lab.forward(2, "reset tcp option mptcp")
    forger(version)
    probe = f"{NUMBERED[version]}/tcp{{dst=80,src={PORT}}}/MSS/SACKP/MPCAPABLE"
    truth = [("tcp.option.mptcp.mp_capable", "removed", "nop", 2, 3, "exact")] if damaged else []
    routers = [f"198.18.{i}.2" if version == "IP" else f"fd00:{i}::2" for i in range(1, 6)]
    for build in (RELEASE, BUILD):
        report = run_program(*lab.enter(0), build / "tracebox", "-n", "--json", "-p", probe,
                             TARGET[version]).json()
        assert [hop["addr"] for hop in report["hops"]] == routers, report
        assert found(report) == truth, report
        assert report["destination"]["reply"] == "syn-ack", report
        assert report["destination"]["mptcp"] == \
            {"supported": False, "mirrored": False, "version": None}, report


def test_a_silent_path_stays_silent(lab, forger):
    """Only the forger answers, and he knows nothing."""
    lab.rules(1, "table inet q { chain f { type filter hook forward priority 0; tcp dport 80 drop;"
                 " }; chain o { type filter hook output priority 0; meta l4proto icmp drop; }; }")
    forger("IP")
    report = lab.trace("--json", "-t", "0.3", "-p",
                       f"{NUMBERED['IP']}/tcp{{dst=80,src={PORT}}}/MSS", TARGET["IP"]).json()
    assert [hop["reply"] for hop in report["hops"]] == ["none"] * len(report["hops"]), report
    assert report["destination"]["reached"] is False and found(report) == []
