# SPDX-License-Identifier: BSD-2-Clause
"""mbtest box in the way of real traffic: between two interfaces, and on an NFQUEUE."""
import itertools
import json
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from conftest import PATIENCE, RELEASE, TOP, as_nobody, eventually, run_program
from laboratory import PYTHON, Hosts

pytestmark = pytest.mark.live

MBTEST = RELEASE / "mbtest"
EMPTY = "return path {}"
STRIP = 'return path { box.strip { kind = 8, on = "any" }, box.seq_rewrite {} }'
TRANSFER = """
import os, socket, sys, threading
data = os.urandom(8 << 20)
s = socket.create_connection((sys.argv[1], 80), timeout=600)
def send(): s.sendall(data); s.shutdown(socket.SHUT_WR)
threading.Thread(target=send, daemon=True).start()
back = b""
while True:
    part = s.recv(1 << 16)
    if not part: break
    back += part
print(back == data)
"""
ECHO = """
import socket, threading
def serve(c):
    while True:
        part = c.recv(1 << 16)
        if not part: break
        c.sendall(part)
    c.close()
s = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
print("up", flush=True)
while True:
    c, _ = s.accept()
    threading.Thread(target=serve, args=(c,), daemon=True).start()
"""


class Lab(Hosts):
    """Hosts 0 (client), 1 (the box), 2 (server), joined by veth; a queue needs one alone."""

    def up(self):
        for number in range(3):
            self.add(number)
        for number, middle, last in ((0, "in", 2), (2, "out", 3)):
            self.join(number, "e", 1, middle)
            self.set(1, f"net.ipv6.conf.{middle}.disable_ipv6", 1)
            self.address(number, "e", 1, last)
            self.inside(1, "ip", "link", "set", middle, "up")


@pytest.fixture(name="lab", scope="module")
def fixture_lab():
    lab = Lab()
    try:
        lab.up()
        lab.serve(2, PYTHON, "-c", ECHO)
        yield lab
    finally:
        lab.down()


class Box:
    """A running mbtest box."""

    def __init__(self, lab, path, text, *arguments, number=1):
        path.write_text(text)
        self.child = lab.start(number, MBTEST, "box", path, "--json", *arguments)
        assert eventually(self.is_ready)

    def is_ready(self):
        """It has the queue, or its four sockets: each interface has one to read, one to write."""
        process = pathlib.Path(f"/proc/{self.child.pid}")
        if (process / "exe").resolve() != MBTEST.resolve():
            return False
        queues = process / "net/netfilter/nfnetlink_queue"
        sockets = [line.split() for line in (process / "net/packet").read_text().splitlines()[1:]]
        bound = [socket for socket in sockets if socket[4] != "0"]
        return len(bound) == 4 or (queues.exists() and queues.read_text() != "")

    def stop(self, how=signal.SIGINT):
        """(exit status, summary, standard error) after being told to end."""
        if how is not None:
            self.child.send_signal(how)
        out, err = self.child.communicate(timeout=PATIENCE)
        return self.child.returncode, json.loads(out) if out else None, err


@pytest.fixture(name="bridge")
def fixture_bridge(lab, tmp_path):
    return lambda text, *arguments: Box(lab, tmp_path / "path.lua", text, "--in", "in", "--out",
                                        "out", *arguments)


def transfer(lab, address):
    """8 MiB there and back through whatever is in the way."""
    return run_program(*lab.enter(0), PYTHON, "-c", TRANSFER, address)


# ---- two interfaces ----

@pytest.mark.parametrize("address", ["198.18.1.3", "fd00:1::3"])
def test_large_segments_cross(lab, bridge, address):
    """Offloads are on: what comes are segments of 64 KiB without checksums."""
    box = bridge(STRIP)
    done = transfer(lab, address)
    status, summary, err = box.stop()
    assert done.out == "True\n", (done, summary)
    assert status == 0 and err == "" and summary["schema"] == "mbkit.box/1"
    assert summary["packets"]["to_server"] > (8 << 20) // 1500
    assert summary["packets"] == summary["sent"] and summary["passed"] > 0
    hits = {each["name"]: each["hits"] for each in summary["boxes"]}
    assert hits["strip"] == 1   # a SYN that offers no timestamps is answered without
    assert hits["seq-rewrite"] > 1000


def test_what_leaves_is_as_on_a_wire(lab, bridge, tmp_path):
    """No frame over the MTU, every checksum right, the option gone; told by scapy."""
    scapy = pytest.importorskip("scapy.all")
    before, after = tmp_path / "before.pcap", tmp_path / "after.pcap"
    box = bridge(STRIP, "--pcap-before", before, "--pcap-after", after)
    assert transfer(lab, "198.18.1.3").out == "True\n"
    assert box.stop()[0] == 0
    kinds = []
    for name in before, after:
        packets = [packet for packet in itertools.islice(scapy.PcapReader(str(name)), 250)
                   if scapy.TCP in packet]
        for packet in packets:
            assert len(packet) <= 1500
            told = packet[scapy.IP].chksum, packet[scapy.TCP].chksum
            del packet[scapy.IP].chksum, packet[scapy.TCP].chksum
            again = scapy.IP(bytes(packet))
            assert told == (again[scapy.IP].chksum, again[scapy.TCP].chksum)
        syn, = [packet for packet in packets if packet[scapy.TCP].flags == "S"]
        kinds.append([option for option, _ in syn[scapy.TCP].options])
    assert "Timestamp" in kinds[0] and "Timestamp" not in kinds[1]


FRAMES = """
import socket, struct, sys
# tag, two tags, an ARP question for a stranger, no protocol at all, IPv4 that is broken
MAC = b"\\x02mbkit" * 2
UDP = bytes.fromhex("4500001d0001000040110000c6120102c61201630001000200090000" "2e")
VLAN = struct.pack("!HH", 0x8100, 0x2007)
frames = [MAC + VLAN + b"\\x08\\x00" + UDP,
          MAC + struct.pack("!HH", 0x88a8, 9) + VLAN + b"\\x08\\x00" + UDP,
          MAC + b"\\x08\\x06" + bytes.fromhex("0001080006040001") + bytes(20),
          MAC + b"\\x88\\xb5" + b"anything", MAC + b"\\x08\\x00" + b"broken"]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("e", 3))
if sys.argv[1] == "send":
    for frame in frames: s.send(frame)
else:
    s.setsockopt(263, 8, 1); s.settimeout(600); left = list(frames); print("up", flush=True)
    while left:
        data, about, _, _ = s.recvmsg(2000, 100)
        status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", about[0][2])
        if status & 16: data = data[:12] + struct.pack("!HH", tpid, tci) + data[12:]
        left = [f for f in left if data[:len(f)] != f]
    print("all")
"""


def test_every_frame_crosses(lab, bridge):
    """Tagged, not IP, not anything: what no box is for goes over unchanged."""
    box = bridge(EMPTY)
    reader = lab.start(2, PYTHON, "-c", FRAMES, "read")
    assert reader.stdout.readline() == "up\n"
    lab.inside(0, PYTHON, "-c", FRAMES, "send")
    assert reader.communicate(timeout=PATIENCE)[0] == "all\n"
    status, summary, _ = box.stop()
    assert status == 0 and summary["packets"]["to_server"] >= 3 and summary["passed"] >= 2


def test_boxes_may_hold_and_make_packets(lab, bridge):
    box = bridge('return path { box.split { mss = 400 }, box.delay { time = "2ms" } }')
    assert transfer(lab, "fd00:1::3").out == "True\n"
    status, summary, _ = box.stop()
    sent, came = (summary[name]["to_server"] for name in ("sent", "packets"))
    # Pieces of at most 400 bytes, and ACKs: how many of these, the kernels' pace tells.
    assert status == 0 and sent >= (8 << 20) // 400 and sent > came, summary


OVERTAKE = """
import itertools, socket, sys, time
SYN = bytes.fromhex("02006d626b6902006d626b690800"
    "4500008b000140004006abe2c6120102c61201630bb8005000000001000000005002ffff10160000") + b"."*99
OTHER = bytes.fromhex("02006d626b6902006d626b690800"
    "4500002b000100004011ec37c6120102c6120163000100090017032e") + b"other" * 3
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("e", 3))
if sys.argv[1] == "send":
    s.send(SYN)
    for i in itertools.count():
        s.send(OTHER)
        if i > 5000: time.sleep(0.001)
s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)   # SO_RCVBUFFORCE: however slow this is
print("up", flush=True)
while SYN != (data := s.recv(2000)):
    assert data[:14] != SYN[:14] or data == OTHER, data
print("whole")
"""


def test_what_boxes_hold_outlasts_the_ring(lab, bridge):
    """More frames come while it is held than there are places for them to come in."""
    text = 'box.reorder { on = "syn", after = 1000, time = "3600s" }'
    box = bridge(f"return path {{ {', '.join([text] * 5)} }}")
    reader = lab.start(2, PYTHON, "-c", OVERTAKE, "read")
    assert reader.stdout.readline() == "up\n"
    sender = lab.start(0, PYTHON, "-c", OVERTAKE, "send")
    assert reader.communicate(timeout=PATIENCE)[0] == "whole\n"
    sender.kill()
    _, summary, _ = box.stop()
    assert summary["packets"]["to_server"] > 5000


@pytest.mark.parametrize("what", ["reorder", "loss"])
@pytest.mark.parametrize("address", ["198.18.1.3", "fd00:1::3"])
def test_a_trace_whose_first_syn_is_overtaken(lab, bridge, address, what):
    """By the next one, or lost: the server is not a hop farther away, and its port not closed."""
    box = bridge('return path { box.%s { from = 1, ["until"] = 1, on = "syn" } }' % what)
    family = ["-6"] if ":" in address else []
    report = run_program(*lab.enter(0), RELEASE / "tracebox", "-n", "--json", *family,
                         address).json()
    _, summary, _ = box.stop()
    assert [hop["reply"] for hop in report["hops"]] == ["syn-ack"], report
    assert report["destination"]["ttl"] == 1 and report["destination"]["reply"] == "syn-ack"
    assert summary["boxes"][0]["hits"] == 1


def test_interface_that_vanishes(lab, tmp_path):
    lab.inside(1, "ip", "link", "add", "x", "type", "veth", "peer", "name", "y")
    for device in "xy":
        lab.inside(1, "ip", "link", "set", device, "up")
    box = Box(lab, tmp_path / "path.lua", EMPTY, "--in", "x", "--out", "y")
    lab.inside(1, "ip", "link", "del", "x")
    status, summary, err = box.stop(None)
    assert status == 2 and summary is None
    assert re.fullmatch(r"mbtest: the interface [xy] has gone\n", err)


def test_interface_that_goes_down_comes_back(lab, bridge):
    box = bridge(EMPTY)
    for state in "down", "up":
        lab.inside(1, "ip", "link", "set", "in", state)
    assert transfer(lab, "198.18.1.3").out == "True\n"
    assert box.stop(signal.SIGTERM)[0] == 0


BROKEN = """return { help = "fails on its third packet", any_form = true,
	packet = function(self, packet, dir)
		n = (n or 0) + 1
		if n == 3 then error("no more") end
	end }
"""
USE_BROKEN = 'return path { box_file("%s/broken.lua") {} }'


def test_a_box_that_fails_closed(lab, bridge, tmp_path):
    (tmp_path / "broken.lua").write_text(BROKEN)
    box = bridge(USE_BROKEN % tmp_path)
    client = lab.start(0, PYTHON, "-c",
                       "import socket; socket.create_connection(('198.18.1.3', 80), 600)")
    status, summary, err = box.stop(None)
    client.kill()
    assert status == 2 and summary is None and err.count("\n") == 1
    assert "broken.lua:4: no more" in err


def test_a_box_that_fails_open(lab, bridge, tmp_path):
    (tmp_path / "broken.lua").write_text(BROKEN)
    box = bridge(USE_BROKEN % tmp_path, "--fail", "open")
    assert transfer(lab, "198.18.1.3").out == "True\n"
    status, summary, err = box.stop()
    assert status == 2 and "broken.lua:4: no more" in err and err.count("\n") == 1
    assert summary["packets"] == summary["sent"] and "no more" in summary["error"]
    assert [each["dropped"] for each in summary["boxes"]] == [0] and summary["dropped"] == 0


@pytest.mark.parametrize("arguments, sentence", [
    ([], "either --in and --out or --nfqueue are needed"),
    (["--in", "in"], "either --in and --out or --nfqueue are needed"),
    (["--in", "in", "--out", "out", "--nfqueue", "1"], "either --in and --out or --nfqueue"),
    (["--in", "in", "--out", "in"], "--in and --out must be two interfaces"),
    (["--in", "in", "--out", "nosuch"], "there is no interface nosuch"),
    (["--in", "in", "--out", "out", "--to-server", "::1"], "--to-server goes with --nfqueue"),
    (["--in", "lo", "--out", "out"], "lo is no Ethernet interface"),
    (["--nfqueue", "70000"], "--nfqueue must be a whole number from 0 to 65535"),
    (["--in", "in", "--out", "out", "--fail", "ajar"], "--fail is one of closed, open"),
    (["--in", "in", "--out", "out", "--pcap-after", "/no/x"], "cannot write /no/x"),
])
def test_wrong_usage_is_one_sentence(lab, tmp_path, arguments, sentence):
    (tmp_path / "path.lua").write_text(EMPTY)
    done = run_program(*lab.enter(1), MBTEST, "box", tmp_path / "path.lua", "--pcap-before",
                       tmp_path / "before", *arguments)
    assert done.status == 2 and done.out == "" and done.err.count("\n") == 1, done
    assert done.err.startswith("mbtest: " + sentence), done
    assert not (tmp_path / "before").exists()


@pytest.mark.parametrize("arguments, sentence", [
    (["--in", "in", "--out", "out"], "an interface between two others needs root (CAP_NET_RAW)"),
    (["--nfqueue", "5"], "needs root (CAP_NET_ADMIN); packets come to it by a rule: iptables"),
])
def test_who_is_not_root_is_told(lab, arguments, sentence):
    done = run_program(*lab.enter(1), *as_nobody(MBTEST), MBTEST, "box",
                       TOP / "scripts/paths/strip.lua", *arguments)
    assert done.status == 2 and done.err.count("\n") == 1 and sentence in done.err, done


# ---- NFQUEUE ----

@pytest.fixture(name="queue", scope="module")
def fixture_queue():
    """A host whose own TCP goes through queue 5; skips when the kernel or iptables cannot."""
    lab = Hosts()
    if shutil.which("iptables") is None:
        pytest.skip("needs iptables")
    try:
        lab.add(0)
        lab.inside(0, "ip", "link", "set", "lo", "mtu", "1500")
        rule = [*lab.enter(0), "iptables", "-A", "OUTPUT", "-o", "lo", "-p", "tcp", "-m", "mark",
                "!", "--mark", "0x6d62", "-j", "NFQUEUE", "--queue-num", "5"]
        if subprocess.run(rule, check=False, capture_output=True).returncode != 0:
            pytest.skip("this kernel has no NFQUEUE for iptables")
        lab.serve(0, PYTHON, "-c", ECHO)
        yield lab
    finally:
        lab.down()


@pytest.mark.parametrize("text, more", [
    (STRIP, False),
    ('return path { box.split { mss = 700 }, box.strip { kind = 8, on = "any" } }', True),
], ids=["edit", "make"])
def test_packets_of_a_queue(queue, tmp_path, text, more):
    box = Box(queue, tmp_path / "path.lua", text, "--nfqueue", "5", number=0)
    done = transfer(queue, "127.0.0.1")
    status, summary, err = box.stop()
    assert done.out == "True\n", (done, summary)
    assert status == 0 and err == ""
    hits = {each["name"]: each["hits"] for each in summary["boxes"]}
    assert hits["strip"] == 1 and min(summary["packets"].values()) > 1000
    assert (summary["sent"]["to_server"] > summary["packets"]["to_server"]) == more


def test_queue_that_another_has(queue, tmp_path):
    box = Box(queue, tmp_path / "path.lua", EMPTY, "--nfqueue", "5", number=0)
    done = run_program(*queue.enter(0), MBTEST, "box", tmp_path / "path.lua", "--nfqueue", "5")
    assert done.status == 2 and done.err == \
        "mbtest: queue 5 is taken by another program\n", done
    assert box.stop()[0] == 0
