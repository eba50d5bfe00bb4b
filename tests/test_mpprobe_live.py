# SPDX-License-Identifier: BSD-2-Clause
"""mpprobe connect and serve against the kernel's own Multipath TCP, in two namespaces joined by two
links: what arrives, what the kernel counts, what tshark reads, and what is left behind."""
import json
import shutil
import signal
import struct
import subprocess

import pytest

from conftest import LONG, PATIENCE, RELEASE, eventually, run_program
from laboratory import COUNTED, PYTHON, Hosts, run

pytestmark = [pytest.mark.live, pytest.mark.kernel_mptcp]

MEBI = 1 << 20

# Port, protocol, and what must be counted before anything is sent back.
ECHO = COUNTED + """
import socket, sys, threading
s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, int(sys.argv[2]))
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('::', int(sys.argv[1]))); s.listen()
def serve(c, before):
    try:
        while data := c.recv(65536):
            if before is not None:
                wait_for(sys.argv[3], before)
                before = None
            c.sendall(data)
        c.shutdown(1)
    except OSError:
        pass
    c.close()
print('up', flush=True)
while True:
    before = count(sys.argv[3]) if len(sys.argv) > 3 else None
    threading.Thread(target=serve, args=(s.accept()[0], before), daemon=True).start()
"""

# Address, port, protocol, bytes, how they begin, and what must be counted before the rest is sent.
CLIENT = COUNTED + """
import socket, sys, threading
host, port, protocol, size, head = *sys.argv[1:2], *map(int, sys.argv[2:5]), sys.argv[5]
before = count(sys.argv[6]) if len(sys.argv) > 6 else None
s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_STREAM, protocol)
s.settimeout(600)
s.connect((host, port))
data = head.encode() + bytes(i * 31 % 251 for i in range(size - len(head)))
def write():
    s.sendall(data[:1000])
    if before is not None:
        wait_for(sys.argv[6], before)
    s.sendall(data[1000:])
    s.shutdown(1)
writer = threading.Thread(target=write); writer.start()
got = b''
while part := s.recv(65536):
    got += part
writer.join()
print('same' if got == data else got.decode())
"""

FLOOD = """
import random, socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
rng = random.Random(5)
dst = socket.inet_aton('198.18.1.2')
for number in range(int(sys.argv[1])):
    src = struct.pack('>I', 0x0a000000 + rng.randrange(1 << 24))
    tcp = struct.pack('>HHIIBBHHH', rng.randrange(1024, 65536), 6000, rng.randrange(1 << 32), 0,
                      7 << 4, 2, 1000, 0, 0) + bytes.fromhex('020405b41e040101')
    both = src + dst + struct.pack('>BBH', 0, 6, len(tcp)) + tcp
    total = sum(struct.unpack(f'>{len(both) // 2}H', both))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    tcp = tcp[:16] + struct.pack('>H', ~total & 0xffff) + tcp[18:]
    ip = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(tcp), number & 0xffff, 0, 64, 6, 0) + src + dst
    s.sendto(ip + tcp, ('198.18.1.2', 0))
"""


class Lab(Hosts):
    """Hosts "a" and "b" with two links; a is 198.18.N.1 and fd00:N::1 on link N, b is 2."""

    def up(self):
        settings = ["net.mptcp.blackhole_timeout=0", "net.ipv4.tcp_no_metrics_save=1"]
        for name in ("all", "default"):
            settings += [f"net.ipv4.conf.{name}.rp_filter=0",
                         f"net.ipv6.conf.{name}.router_solicitations=0"]
        for side in "ab":
            self.add(side, settings)
        for link in (1, 2):
            self.join("a", f"link{link}", "b", f"link{link}")
            self.address("a", f"link{link}", link, 1)
            self.address("b", f"link{link}", link, 2)
        self.inside("b", "ip", "route", "add", "10.0.0.0/8", "via", "198.18.1.1")
        for side in "ab":
            self.inside(side, "ip", "mptcp", "limits", "set", "subflow", "8",
                        "add_addr_accepted", "8")

    def connect(self, *arguments):
        done = run_program(*self.enter("a"), RELEASE / "mpprobe", "connect", "--json",
                           *arguments)
        assert done.status == 0 and done.err == "", done
        return json.loads(done.out)

    def client(self, host, protocol, size, head="", counted=()):
        return self.inside("a", PYTHON, "-c", CLIENT, host, "6000", str(protocol),
                           str(size), head, *counted).stdout

    def tables(self, side):
        return self.inside(side, "nft", "list", "tables").stdout


@pytest.fixture(scope="module")
def lab():
    made = Lab()
    try:
        made.up()
        made.serve("b", PYTHON, "-c", ECHO, 5001, 262)
        made.serve("b", PYTHON, "-c", ECHO, 5002, 0)
        yield made
    finally:
        made.down()


@pytest.fixture
def served(lab):
    child = lab.serve("b", RELEASE / "mpprobe", "serve", "--port", "6000")
    yield child
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=PATIENCE) == 0
    assert lab.tables("b") == ""


# ---- connect: the kernel is the server ----

@pytest.mark.parametrize("host", ["198.18.1.2", "[fd00:1::2]"])
@pytest.mark.parametrize("checksum", [False, True])
def test_a_transfer(lab, host, checksum):
    """A mebibyte there and back: intact, as Multipath TCP, by the packets and by the kernel."""
    before = lab.mptcp_counters("b")
    options = ["--checksum"] if checksum else []
    told = lab.connect("--bytes", MEBI, *options, f"{host}:5001")
    assert (told["sent"], told["received"], told["echo"]) == (MEBI, MEBI, True)
    assert told["end"] == "closed by both sides"
    assert told["mptcp"]["supported"] and told["mptcp"]["version"] == 1
    assert not told["mptcp"]["mirrored"]
    connection = told["connection"]
    assert connection["outcome"] == "mptcp" and connection["checksum"] is checksum
    (subflow,) = connection["subflows"]
    assert (subflow["bytes_client"], subflow["bytes_server"]) == (MEBI, MEBI)
    assert subflow["checksum_failures"] == subflow["gaps"] == 0
    after = lab.mptcp_counters("b")
    assert after["MPCapableSYNRX"] == before["MPCapableSYNRX"] + 1
    assert after["MPCapableACKRX"] == before["MPCapableACKRX"] + 1
    for name in ("DataCsumErr", "MPCapableFallbackACK", "MPFallbackTokenInit", "MPFailRx"):
        assert after.get(name, 0) == before.get(name, 0), name


def test_further_subflows(lab, tmp_path):
    """From the same address and by another interface; tshark reads the packets as we do."""
    before = lab.mptcp_counters("b")
    pcap = tmp_path / "x.pcap"
    told = lab.connect("--bytes", MEBI, "--join", 1, "--via", "link2", "--checksum", "--pcap",
                       pcap, "198.18.1.2:5001")
    assert told["echo"] and told["joins_asked"] == 2 and told["join_refusal"] is None
    subflows = told["connection"]["subflows"]
    assert [subflow["src"].split(":")[0] for subflow in subflows] == [
        "198.18.1.1", "198.18.1.1", "198.18.2.1"]
    for subflow in subflows[1:]:
        assert (subflow["join"]["hmac_synack"], subflow["join"]["hmac_ack"]) == ("ok", "ok")
        assert subflow["bytes_client"] > 0 and subflow["checksum_failures"] == 0
    after = lab.mptcp_counters("b")
    for name in ("MPJoinSynRx", "MPJoinAckRx"):
        assert after[name] == before[name] + 2
    for name in ("MPJoinAckHMacFailure", "MPJoinNoTokenFound", "DataCsumErr"):
        assert after[name] == before[name]
    analyzed = run_program(RELEASE / "mpprobe", "analyze", "--json", pcap).json()
    assert analyzed["connections"][0]["subflows"] == subflows
    if shutil.which("tshark"):
        text = run("tshark", "-r", pcap, "-Y", "_ws.malformed || tcp.checksum.status == 0").stdout
        assert text == ""
        tokens = run("tshark", "-r", pcap, "-T", "fields", "-e", "tcp.options.mptcp.recvtok",
                     "-Y", "tcp.options.mptcp.recvtok").stdout.split()
        assert {f"{int(token):08x}" for token in tokens} == {told["connection"]["token_server"]}


def test_an_address_is_announced(lab):
    lab.inside("b", "ip", "mptcp", "endpoint", "add", "198.18.2.2", "dev", "link2", "signal")
    try:
        lab.serve("b", PYTHON, "-c", ECHO, 5004, 262, "EchoAdd")
        told = lab.connect("--bytes", 20000, "198.18.1.2:5004")
    finally:
        lab.inside("b", "ip", "mptcp", "endpoint", "flush")
    (address,) = told["connection"]["addresses"]
    assert (address["op"], address["by"], address["addr"]) == ("add", "server", "198.18.2.2")
    assert address["hmac"] == "ok" and address["echoed"]


@pytest.fixture
def narrow(lab):
    """A server behind side b, over a link of 1,300 bytes that it does not tell of in its SYN."""
    try:
        lab.add("c")
        lab.inside("b", "ip", "link", "add", "link3", "mtu", "1300", "type", "veth", "peer", "name",
                   "link3", "mtu", "1300", "netns", lab.name("c"))
        for side, last in (("b", 1), ("c", 2)):
            lab.inside(side, "ip", "addr", "add", f"198.18.3.{last}/24", "dev", "link3")
            lab.inside(side, "ip", "link", "set", "link3", "up")
        lab.inside("c", "ip", "route", "add", "default", "via", "198.18.3.1", "advmss", "1460")
        lab.inside("a", "ip", "route", "add", "198.18.3.0/24", "via", "198.18.1.2")
        lab.set("b", "net.ipv4.ip_forward", 1)
        lab.serve("c", PYTHON, "-c", ECHO, 5001, 262)
        yield "198.18.3.2:5001"
    finally:
        lab.set("b", "net.ipv4.ip_forward", 0)
        subprocess.run([*lab.enter("a"), "ip", "route", "del", "198.18.3.0/24"], check=False)
        subprocess.run([*lab.enter("b"), "ip", "link", "del", "link3"], check=False)


def test_a_smaller_path_mtu(lab, narrow, tmp_path):
    """A router's ICMP error makes our segments smaller; what was too big comes in pieces."""
    pcap = tmp_path / "x.pcap"
    told = lab.connect("--bytes", 200000, "--checksum", "--pcap", pcap, narrow)
    assert told["echo"] and told["connection"]["outcome"] == "mptcp"
    assert told["connection"]["subflows"][0]["checksum_failures"] == 0
    data, at, sent = pcap.read_bytes(), 24, []
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        packet = data[at + 16:at + 16 + length]
        if packet[12:16] == bytes([198, 18, 1, 1]):
            sent.append(int.from_bytes(packet[2:4], "big"))
        at += 16 + length
    assert max(sent[:20]) >= 1496 and max(sent[40:]) == 1300
    assert sum(size > 1300 for size in sent) <= 20


def test_a_plain_server(lab):
    told = lab.connect("--bytes", 100000, "--join", 1, "198.18.1.2:5002")
    assert told["echo"] and not told["mptcp"]["supported"]
    assert told["connection"]["outcome"] == "tcp"
    assert told["connection"]["fallback"]["rule"] == "F2"
    assert told["joins_asked"] == 0 and "plain TCP" in told["join_refusal"]


def test_nobody_listens(lab):
    told = lab.connect("198.18.1.2:5003")
    assert told["end"] == "refused" and told["connection"]["outcome"] == "refused"


def test_a_path_by_http(lab, tmp_path):
    (tmp_path / "page").write_text("what was asked for\n")
    child = lab.serve("b", PYTHON, "-c",
                      "import functools as f, http.server as h\n"
                      "s = h.HTTPServer(('198.18.1.2', 8000), f.partial("
                      f"h.SimpleHTTPRequestHandler, directory='{tmp_path}'))\n"
                      "print('up', flush=True); s.handle_request()")
    told = lab.connect("--get", "/page", "--output", tmp_path / "got", "198.18.1.2:8000")
    assert told["http_status"] == "HTTP/1.0 200 OK", told
    assert (tmp_path / "got").read_bytes().endswith(b"\r\n\r\nwhat was asked for\n")
    child.wait(timeout=PATIENCE)


def test_nothing_partial_is_left(lab, tmp_path):
    done = run_program(*lab.enter("a"), RELEASE / "mpprobe", "connect", "--output",
                       tmp_path / "got", "--pcap", tmp_path / "x.pcap", "203.0.113.1")
    assert done.status == 2 and done.out == "" and "no route" in done.err
    assert list(tmp_path.iterdir()) == []


# ---- serve: the kernel is the client ----

@pytest.mark.parametrize("host, protocol", [
    ("198.18.1.2", 262), ("fd00:1::2", 262), ("198.18.1.2", 0)])
def test_echo(lab, served, host, protocol):
    before = lab.mptcp_counters("a")
    assert lab.client(host, protocol, MEBI) == "same\n"
    line = served.stdout.readline()
    assert f"{MEBI} bytes received, {MEBI} sent back, closed" in line
    assert ("v1, 1 subflow" if protocol else "TCP: F1") in line
    after = lab.mptcp_counters("a")
    assert after["MPCapableSYNACKRX"] == before["MPCapableSYNACKRX"] + (protocol == 262)
    assert after["MPCapableFallbackSYNACK"] == before["MPCapableFallbackSYNACK"]
    assert after["DataCsumErr"] == before["DataCsumErr"]


def test_the_kernel_joins(lab, served):
    lab.inside("a", "ip", "mptcp", "endpoint", "add", "198.18.2.1", "dev", "link2", "subflow")
    before = lab.mptcp_counters("a")
    try:
        assert lab.client("198.18.1.2", 262, MEBI, counted=["MPJoinSynAckRx"]) == "same\n"
    finally:
        lab.inside("a", "ip", "mptcp", "endpoint", "flush")
    assert "v1, 2 subflows" in served.stdout.readline()
    after = lab.mptcp_counters("a")
    assert after["MPJoinSynAckRx"] == before["MPJoinSynAckRx"] + 1
    assert after["MPJoinSynAckHMacFailure"] == before["MPJoinSynAckHMacFailure"]


def test_headers(lab, served):
    """The SYN comes back as it was sent: 8,000 bytes are asked with, fewer answered."""
    text = lab.client("198.18.1.2", 262, 8000, "mbkit-headers/1\n")
    lines = text.splitlines()
    assert lines[0] == "mbkit-headers/1" and len(text) < 8000
    words = [line.split() for line in lines[1:]]
    assert [word for word, _ in words[:3]] == ["received", "sent", "received"]
    syn, synack = (bytes.fromhex(value) for _, value in words[:2])
    assert syn[12:20] == bytes([198, 18, 1, 1, 198, 18, 1, 2]) and syn[33] == 2
    assert b"\x1e\x04\x01" in syn[40:] and synack[33] == 18 and b"\x1e\x0c\x01" in synack[40:]
    assert "of headers sent" in served.stdout.readline()


def test_ourselves(lab, served):
    """Both ends are ours: version 0, which no kernel speaks."""
    told = lab.connect("--mptcp", 0, "--checksum", "--bytes", 300000, "--via", "link2",
                       "198.18.1.2:6000")
    assert told["echo"] and told["connection"]["version"] == 0
    assert told["connection"]["outcome"] == "mptcp"
    assert len(told["connection"]["subflows"]) == 2
    assert "v0 with checksums, 2 subflows" in served.stdout.readline()


# ---- floods, and the end ----

def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":", 1) for line in file)


def traffic(lab):
    """Packets and bytes that side a sent and received on the first link."""
    stats = json.loads(lab.inside("a", "ip", "-s", "-j", "link", "show", "link1").stdout)[0]
    both = stats["stats64"]
    return both["tx"]["packets"], both["rx"]["packets"], both["tx"]["bytes"], both["rx"]["bytes"]


@pytest.mark.long
def test_a_flood_of_syns(lab, served):
    """Memory does not grow with it, no SYN gets two packets, and others are still served."""
    assert lab.client("198.18.1.2", 262, 1000) == "same\n"
    served.stdout.readline()
    lab.inside("a", PYTHON, "-c", FLOOD, "3000")
    before, first = int(status_of(served.pid)["VmHWM"].split()[0]), traffic(lab)
    syns = 1000000 if LONG else 60000
    lab.inside("a", PYTHON, "-c", FLOOD, str(syns), timeout=3600)
    assert lab.client("198.18.1.2", 262, 1000) == "same\n"
    after, last = int(status_of(served.pid)["VmHWM"].split()[0]), traffic(lab)
    assert after < before + 2048, (before, after)
    sent, received, sent_bytes, received_bytes = (b - a for a, b in zip(first, last))
    assert sent >= syns and received <= sent
    if LONG:
        print(f"{syns} SYNs, {received} answers: memory grew by {after - before} KiB")
    assert received_bytes <= sent_bytes + 8 * received    # an MP_CAPABLE with a key is longer by 8


def test_privileges_are_given_up(served):
    status = status_of(served.pid)
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0


def test_killed_it_leaves_nothing(lab):
    child = lab.serve("b", RELEASE / "mpprobe", "serve", "--port", "6001")
    assert "mbkit" in lab.tables("b")
    child.kill()
    child.wait()
    assert eventually(lambda: lab.tables("b") == "")
    lab.serve("b", RELEASE / "mpprobe", "serve", "--port", "6001").kill()
    assert eventually(lambda: lab.tables("b") == "")


def test_a_server_tells_programs(lab):
    child = lab.serve("b", RELEASE / "mpprobe", "serve", "--port", "6002", "--json", "--count", "2")
    lab.connect("--bytes", "1000", "198.18.1.2:6002", "--checksum")
    lab.connect("--bytes", "500", "[fd00:1::2]:6002", "--mptcp", "0")
    first, second = [json.loads(child.stdout.readline()) for _ in range(2)]
    assert child.wait(timeout=PATIENCE) == 0
    assert (first["schema"], first["version"], first["checksum"]) == ("mbkit.serve/1", 1, True)
    assert first["mptcp"] and first["received"] == first["answered"] == 1000
    assert second["client"].startswith("[fd00:1::1]:") and second["version"] == 0
    assert (second["answer"], second["end"], second["fallback"]) == ("echo", "closed", None)


def test_a_port_that_is_in_use(lab, served):
    """Of our own, or of a server of the kernel's; it goes on undisturbed."""
    done = run_program(*lab.enter("b"), RELEASE / "mpprobe", "serve", "--port", "6000")
    assert done.status == 2 and done.out == "" and done.err == "mpprobe: port 6000 is in use\n"
    assert lab.connect("--bytes", "1000", "198.18.1.2:6000")["echo"]


def test_who_may_not(lab):
    done = run_program(*lab.enter("a"), "setpriv", "--bounding-set=-all", "--inh-caps=-all",
                       RELEASE / "mpprobe", "connect", "198.18.1.2")
    assert done.status == 2 and done.out == "" and "CAP_NET_RAW" in done.err
