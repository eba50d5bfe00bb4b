# SPDX-License-Identifier: BSD-2-Clause
"""tracebox --established against the kernel's own Multipath TCP, through kernel routers that damage
established segments: findings at their hops, and a server that notices nothing."""
import json
import select
import shutil
import signal

import pytest

from conftest import PATIENCE, RELEASE, eventually
from laboratory import PYTHON, TARGET, laboratory

pytestmark = [pytest.mark.live, pytest.mark.kernel_mptcp,
              pytest.mark.skipif(shutil.which("nft") is None, reason="needs nftables")]

# Reads a stream to its end, answers a little, closes; a line for each connection.
SERVER = """
import json, socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, int(sys.argv[2]))
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("::", int(sys.argv[1])))
s.listen()
print("up", flush=True)
while True:
    c, _ = s.accept()
    got, error = b"", None
    try:
        while part := c.recv(65536):
            got += part
        c.sendall(b"that is all")
    except OSError as e:
        error = str(e)
    c.close()
    print(json.dumps({"got": got.decode("latin-1"), "error": error}), flush=True)
"""
MPTCP, TCP = 262, 0
DSS = "tcp.option.mptcp.dss"
FAMILY = {"IP": [], "IPv6": ["-6"]}
DATA, ACKS = "meta length > 250", "meta length < 150 tcp flags & (syn | fin | rst) == 0"


class Server:
    def __init__(self, lab, port, protocol):
        self.lab, self.port = lab, port
        self.child = lab.serve(lab.count - 1, PYTHON, "-c", SERVER, port, protocol)

    def connection(self):
        """What the next connection brought."""
        ready, _, _ = select.select([self.child.stdout], [], [], PATIENCE)
        assert ready, "no connection has ended"
        return json.loads(self.child.stdout.readline())

    def counters(self):
        """All of them that count resets and MPTCP's trouble, at the server."""
        text = self.lab.inside(self.lab.count - 1, "cat", "/proc/net/netstat",
                               "/proc/net/snmp").stdout.splitlines()
        values = {}
        for names, numbers in zip(text[::2], text[1::2]):
            kind = names.split(":")[0]
            values |= {f"{kind}.{name}": int(number)
                       for name, number in zip(names.split()[1:], numbers.split()[1:])}
        return values


def prepare(made):
    made.mptcp = Server(made, 8000, MPTCP)
    made.tcp = Server(made, 8001, TCP)


lab, clean = laboratory(prepare)


def trace(lab, version, *arguments, server=None):
    server = server or lab.mptcp
    run = lab.trace("--established", "-d", server.port, "--json", *FAMILY[version], *arguments,
                    TARGET[version])
    assert (run.status, run.err) == (0, ""), run
    return run.json()


def found(report, direction=None):
    return [(f["field"], f["change"], f["how"], "+".join(f["segments"]), f["after"]["ttl"],
             f["before"]["ttl"], f["certainty"]) for f in report["findings"]
            if direction in (None, f["direction"])]


def arrived_whole(server, report):
    """The application got the request, to its last byte, and a clean end."""
    connection = server.connection()
    got = connection["got"]
    assert connection["error"] is None and len(got) == report["connection"]["written"]
    assert got.startswith("HEAD / HTTP/1.1\r\n") and got.endswith("\r\n\r\n")
    fill = got[got.index("X-Fill: ") + 8:-4]
    start = len(got) - 4 - len(fill)
    assert fill == "".join(chr(97 + i % 26) for i in range(start, start + len(fill)))
    assert report["connection"]["end"] == "clean", report


# Tcp.OutRsts is none of them: a last ACK that crosses a repeated FIN is answered by one.
QUIET = ("Tcp.EstabResets", "Tcp.InErrs", "TcpExt.TCPAbortOnData",
         "MPTcpExt.MPRstTx", "MPTcpExt.MPFailTx",
         "MPTcpExt.DSSNotMatching", "MPTcpExt.DSSCorruptionReset", "MPTcpExt.DataCsumErr",
         "MPTcpExt.InfiniteMapTx", "MPTcpExt.RcvPruned")


@pytest.mark.parametrize("version", FAMILY)
def test_a_clean_path_and_an_unhurt_connection(lab, version):
    before = lab.mptcp.counters()
    report = trace(lab, version)
    arrived_whole(lab.mptcp, report)
    after = lab.mptcp.counters()
    assert found(report) == [] and report["connection"]["mode"] == "mptcp", report
    assert report["destination"] == {"reached": True, "ttl": 5, "reply": "ack", "mptcp": {
        "supported": True, "mirrored": False, "version": 1}}
    assert [hop["reply"] for hop in report["hops"]] == ["time-exceeded"] * 4 + ["ack"]
    known = [name for name in QUIET if name in after]
    assert len(known) > 5 and [name for name in known if after[name] != before[name]] == []
    assert after["MPTcpExt.MPCapableACKRX"] == before["MPTcpExt.MPCapableACKRX"] + 1
    assert report["connection"]["read"] == len("that is all")


DAMAGE = {
    "data": (f"{DATA} reset tcp option mptcp", (DSS, "removed", "nop", "data"), "tcp"),
    "acks": (f"{ACKS} reset tcp option mptcp", (DSS, "removed", "nop", "ack"), None),
    "window": ("tcp flags & syn == 0 tcp window set 777",
               ("tcp.window", "modified", None, "data+ack"), "mptcp"),
}
DAMAGE4 = {"dscp": ("ip dscp set 10", ("ip.dscp", "modified", None, "data+ack"), "mptcp"),
           "ecn": ("ip ecn set ce", ("ip.ecn", "modified", None, "data+ack"), "mptcp"),
           "seq": (f"{DATA} ip ttl < 10 tcp sequence set 777",
                   ("tcp.seq", "modified", None, "data"), "mptcp")}
DAMAGE6 = {"dscp": ("ip6 dscp set 10", ("ip6.dscp", "modified", None, "data+ack"), "mptcp"),
           "seq": (f"{DATA} ip6 hoplimit < 10 tcp sequence set 777",
                   ("tcp.seq", "modified", None, "data"), "mptcp")}
CASES = [("IP", *each) for each in (DAMAGE | DAMAGE4).values()] + \
    [("IPv6", *each) for each in (DAMAGE | DAMAGE6).values()]


@pytest.mark.parametrize("router, version, rule, change, mode",
                         [(1 + i % 3, *case) for i, case in enumerate(CASES)])
def test_damage_is_found_at_its_hop(lab, router, version, rule, change, mode):
    lab.forward(router, f'iifname "left" {rule}')
    report = trace(lab, version)
    arrived = lab.mptcp.connection()
    assert found(report) == [(*change, router, router + 1, "exact")], report
    assert mode in (None, report["connection"]["mode"]), report
    assert len(arrived["got"]) == report["connection"]["written"]
    # When the data overtake the handshake's ACK, it stays Multipath TCP, whose DATA_FIN is lost.
    assert arrived["error"] is None or (mode is None and report["connection"]["end"] == "aborted")
    if mode == "tcp":
        assert report["verdict"].endswith("; the server then acknowledges as plain TCP"), report


@pytest.mark.parametrize("version", FAMILY)
@pytest.mark.parametrize("mptcp", ["0", "1"])
def test_a_server_of_plain_tcp(lab, version, mptcp):
    before = lab.tcp.counters()
    lab.forward(2, 'iifname "left" tcp flags & syn == 0 tcp window set 777')
    report = trace(lab, version, "--mptcp", mptcp, server=lab.tcp)
    arrived_whole(lab.tcp, report)
    assert found(report) == [("tcp.window", "modified", None, "data+ack", 2, 3, "exact")], report
    assert report["connection"]["mode"] == "tcp"
    assert report["destination"]["mptcp"]["supported"] is False
    assert lab.tcp.counters()["Tcp.EstabResets"] == before["Tcp.EstabResets"]


def test_a_port_that_is_closed(lab):
    report = lab.trace("--established", "--json", "-d", "81", "198.18.5.2").json()
    assert report["connection"]["end"] == "refused" and report["hops"] == []


@pytest.mark.parametrize("when", ["opening", "tracing"])
def test_an_interrupted_trace_closes_its_connection(lab, when):
    """Hops that are silent keep the trace going, a silent server the handshake."""
    if when == "opening":
        lab.forward(2, "tcp flags & syn == syn counter drop")
    else:
        for router in (1, 2, 3, 4):
            lab.rules(router, "table inet t { chain o { type filter hook output priority 0; "
                              "meta l4proto icmp drop; }; chain p { type filter hook prerouting "
                              "priority 0; ip ttl 1 tcp dport 8000 counter; }; }")
    before = lab.mptcp.counters()
    child = lab.start(0, RELEASE / "tracebox", "-n", "--established", "-d", "8000", "-t", "30",
                      "--json", TARGET["IP"])
    # The SYN, or a segment, has come no farther than a router.
    where = 2 if when == "opening" else 1
    assert eventually(lambda: "packets 0" not in lab.inside(where, "nft", "list",
                                                            "ruleset").stdout)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=PATIENCE)
    report = json.loads(out)
    assert (child.returncode, err) == (0, "")
    if when == "opening":
        assert report["connection"]["end"] != "clean" and report["hops"] == []
    else:
        arrived_whole(lab.mptcp, report)
        assert lab.mptcp.counters()["Tcp.EstabResets"] == before["Tcp.EstabResets"]
    assert lab.inside(0, "nft", "list", "ruleset").stdout == ""
