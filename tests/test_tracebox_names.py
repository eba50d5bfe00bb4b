# SPDX-License-Identifier: BSD-2-Clause
"""Names: /etc/hosts, a name server of our own, one that says nothing. Everything happens in
namespaces of network and mounts that end with the command."""
import json
import pathlib
import re

import pytest

from conftest import RELEASE, run_program

pytestmark = pytest.mark.live

# Answers for hN.test and 127.0.0.N once so many different questions wait, and logs each of them.
SERVER = r"""
import socket, struct, sys
crowd, log = int(sys.argv[1]), open(sys.argv[2], "a", buffering=1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
open(sys.argv[3], "w").close()
waiting, asked = [], set()

def labels(text):
    return b"".join(bytes([len(l)]) + l.encode() for l in text.split(".")) + b"\0"

def reply(query):
    at, parts = 12, []
    while query[at]:
        parts.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    kind, = struct.unpack(">H", query[at + 1:at + 3])
    name, data = ".".join(parts), None
    if kind == 1 and name.startswith("h") and name.endswith(".test"):
        data = bytes([127, 0, 0, int(name[1:-5])])
    elif kind == 12 and name.endswith(".0.0.127.in-addr.arpa"):
        data = labels("h%d.test" % int(name.split(".")[0]))
    log.write("%d %s\n" % (kind, name))
    asked.add((kind, name))
    answer = b"" if data is None else b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60,
                                                                len(data)) + data
    return query[:2] + struct.pack(">HHHHH", 0x8180 if data else 0x8183, 1, bool(data), 0, 0) \
        + query[12:at + 5] + answer

while True:
    query, peer = s.recvfrom(4096)
    waiting.append((reply(query), peer))
    if len(asked) >= crowd:
        for answer, to in waiting:
            s.sendto(answer, to)
        waiting.clear()
"""

# $1 is the folder, $2 how many questions the server waits for; the rest is the command.
INSIDE = """
mount --bind "$1/hosts" /etc/hosts && mount --bind "$1/resolv.conf" /etc/resolv.conf &&
ip link set lo up || exit 77
folder=$1 crowd=$2
shift 2
/usr/bin/python3 "$folder/server.py" "$crowd" "$folder/log" "$folder/up" &
server=$!
while ! [ -e "$folder/up" ]; do sleep 0.02; done
"$@"
status=$?
kill $server
exit $status
"""


@pytest.fixture
def trace(tmp_path):
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n127.0.0.200 here.test\n")
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "log").write_text("")

    def run(*arguments, crowd=1):
        (tmp_path / "up").unlink(missing_ok=True)
        done = run_program("unshare", "--net", "--mount", "sh", "-c", INSIDE, "sh", tmp_path, crowd,
                           RELEASE / "tracebox", "-m", "2", *arguments)
        if done.status == 77:
            pytest.skip("no mounts here: " + done.err)
        done.asked = (tmp_path / "log").read_text().splitlines()
        return done
    return run


@pytest.fixture
def targets(tmp_path):
    def write(*names):
        (tmp_path / "targets").write_text("".join(f"{name}\n" for name in names))
        return tmp_path / "targets"
    return write


def test_hosts_go_before_servers(trace):
    run = trace("here.test")
    assert run.status == 0 and "1: here.test (127.0.0.200) " in run.out, run
    assert run.asked == [], run.asked


def test_servers_are_asked_both_ways(trace):
    run = trace("h7.test")
    assert run.status == 0 and "1: h7.test (127.0.0.7) " in run.out, run
    assert "1 h7.test" in run.asked and "12 7.0.0.127.in-addr.arpa" in run.asked
    run = trace("--json", "h8.test")
    assert [hop["name"] for hop in run.json()["hops"]] == ["h8.test"], run


def test_numbers_ask_nobody(trace):
    run = trace("-n", "127.0.0.9")
    assert run.status == 0 and "1: 127.0.0.9 " in run.out and run.asked == [], run


def test_a_name_that_nobody_has(trace):
    run = trace("nobody.test")
    assert (run.status, run.out) == (2, ""), run
    assert re.fullmatch(r"tracebox: .*nobody\.test has no IPv4 address: .*\n", run.err), run


def test_targets_are_looked_for_at_once(trace, targets):
    """The server says nothing before it has been asked for all of them."""
    names = [f"h{i}.test" for i in range(1, 21)]
    run = trace("-n", "--json", "--targets", targets(*names), crowd=len(names))
    reports = run.lines()
    assert sorted(r["target"]["name"] for r in reports) == sorted(names)
    assert {r["target"]["name"]: r["target"]["addr"] for r in reports} == \
        {f"h{i}.test": f"127.0.0.{i}" for i in range(1, 21)}
    assert run.status == 0 and all(r["destination"]["reached"] for r in reports)


def test_hops_are_looked_for_at_once(trace, targets):
    run = trace("--json", "--targets", targets(*[f"127.0.0.{i}" for i in range(1, 21)]), crowd=19)
    reports = run.lines()
    # localhost stands in /etc/hosts.
    assert sorted(r["hops"][0]["name"] for r in reports) == \
        sorted(["localhost"] + [f"h{i}.test" for i in range(2, 21)])


def test_a_bad_target_is_a_line(trace, targets):
    run = trace("-n", "--json", "--targets", targets("h3.test", "nobody.test", "127.0.0.4"))
    reports = {r["target"]["name"]: r for r in run.lines()}
    assert run.status == 0 and set(reports) == {"h3.test", "nobody.test", "127.0.0.4"}
    assert "nobody.test has no IPv4 address" in reports["nobody.test"]["error"]
    assert reports["h3.test"]["target"]["addr"] == "127.0.0.3"


def test_a_server_that_says_nothing_holds_nobody_up(trace, targets):
    """Waiting for each of them in turn would take minutes."""
    run = trace("127.0.0.5", crowd=1000)
    assert run.status == 0 and "1: 127.0.0.5 " in run.out, run
    run = trace("--json", "--targets", targets(*[f"127.0.0.{i}" for i in range(2, 42)]), crowd=1000)
    assert run.status == 0 and len(run.lines()) == 40
    assert all(r["hops"][0]["name"] is None and r["destination"]["reached"] for r in run.lines())
    run = trace("-n", "h5.test", crowd=1000)
    assert (run.status, run.out) == (2, "") and "h5.test has no IPv4 address" in run.err, run


def test_filters_are_told(trace, tmp_path):
    run = trace("-n", "-D", "--json", "-f", tmp_path / "c.pcap", "127.0.0.6")
    lines = run.err.splitlines()
    assert run.status == 0 and len(lines) == len(json.loads(run.out)["hops"]) == 1, run
    probe = pathlib.Path(tmp_path, "c.pcap").read_bytes()[24 + 16:]
    port = int.from_bytes(probe[20:22], "big")
    assert re.fullmatch(rf"Filter used at hop 1: .*icmp\[0\] == 11.*tcp and dst port {port}\)",
                        lines[0]), lines
