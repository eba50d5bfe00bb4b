# SPDX-License-Identifier: BSD-2-Clause
"""tracebox --reverse with mpprobe serve at the far end of kernel routers that damage the server's
segments, and with servers that are none, or answer whatever they like."""
import shutil
import signal

import pytest

from conftest import PATIENCE, RELEASE
from laboratory import PYTHON, TARGET, laboratory
from test_tracebox_established import DSS
from test_tracebox_established_live import ACKS, DATA, FAMILY, found

pytestmark = [pytest.mark.live,
              pytest.mark.skipif(shutil.which("nft") is None, reason="needs nftables")]
PORT, HOSTILE = 5001, 5002

# The answer to each second connection, in turn; a first one comes to its end.
ANSWERER = """
import socket
word = b"mbkit-reverse/1 aaaa\\n"
answers = [b"", b"nothing of the kind\\n", word, word + b"{}\\n{}\\n", b"mbkit-reverse/1 busy\\n",
           word + b"[" * 100000 + b"\\n", b"x" * 3000000, word + b"\\0\\xff\\n" * 500000]
s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("::", %d))
s.listen()
print("up", flush=True)
while True:
    c, _ = s.accept()
    first = c.recv(65536)
    try:
        if first.startswith(b"mbkit-reverse"):
            c.sendall(answers.pop(0))
        else:
            while c.recv(65536):
                pass
    except OSError:
        pass
    c.close()
""" % HOSTILE
ANSWERS = 8


def prepare(made):
    made.far = made.serve(made.count - 1, RELEASE / "mpprobe", "serve", "--port", PORT)


lab, clean = laboratory(prepare)


def trace(lab, version, *arguments, port=PORT):
    run = lab.trace("--reverse", "-d", port, "--json", *FAMILY[version], *arguments,
                    TARGET[version])
    assert (run.status, run.err) == (0, ""), run
    return run.json()


@pytest.mark.parametrize("version", FAMILY)
@pytest.mark.parametrize("mptcp", "01")
def test_a_clean_way_back(lab, version, mptcp):
    report = trace(lab, version, "--mptcp", mptcp)
    reverse = report["reverse"]
    assert report["findings"] == [] and reverse["connection"]["mode"] == "mptcp", report
    assert reverse["connection"]["version"] == int(mptcp)
    assert [hop["reply"] for hop in reverse["hops"]] == ["time-exceeded"] * 4 + ["ack"], report
    assert reverse["hops"][0]["addr"] == ("198.18.5.1" if version == "IP" else "fd00:5::1")
    assert reverse["hops"][4]["addr"] == ("198.18.1.1" if version == "IP" else "fd00:1::1")


DAMAGE = {
    "data": (f"{DATA} reset tcp option mptcp", (DSS, "removed", "nop", "data"), "tcp"),
    "acks": (f"{ACKS} reset tcp option mptcp", (DSS, "removed", "nop", "ack"), None),
    "window": ("tcp flags & syn == 0 tcp window set 777",
               ("tcp.window", "modified", None, "data+ack"), None),
}
DAMAGE4 = {"dscp": ("ip dscp set 10", ("ip.dscp", "modified", None, "data+ack"), "mptcp")}
DAMAGE6 = {"seq": (f"{DATA} ip6 hoplimit < 10 tcp sequence set 777",
                   ("tcp.seq", "modified", None, "data"), "mptcp")}
CASES = [("IP", *each) for each in (DAMAGE | DAMAGE4).values()] + \
    [("IPv6", *each) for each in (DAMAGE | DAMAGE6).values()]


@pytest.mark.parametrize("router, version, rule, change, mode",
                         [(2 + i % 3, *case) for i, case in enumerate(CASES)])
def test_damage_on_the_way_back_is_found_at_its_hop(lab, router, version, rule, change, mode):
    """What a router changes in forwarding shows at the next one; they count down to us."""
    lab.forward(router, f'iifname "right" {rule}')
    report = trace(lab, version)
    assert found(report, "reverse") == [(*change, 5 - router, 6 - router, "exact")], report
    assert found(report, "forward") == [], report
    assert mode in (None, report["reverse"]["connection"]["mode"]), report


def test_servers_that_answer_whatever_they_like(lab):
    lab.serve(lab.count - 1, PYTHON, "-c", ANSWERER)
    said = [trace(lab, "IP", port=HOSTILE)["reverse"] for _ in range(ANSWERS)]
    assert all(reverse.keys() == {"error", "verdict"} for reverse in said), said
    assert [reverse["error"].split()[2] for reverse in said] == \
        ["is", "is", "answer", "answer", "has", "answer", "is", "answer"], said


def test_nothing_is_left_behind(lab):
    trace(lab, "IP")
    lab.far.send_signal(signal.SIGINT)
    out, err = lab.far.communicate(timeout=PATIENCE)
    assert (lab.far.returncode, err) == (0, "")
    lines = out.splitlines()
    traced = [line for line in lines if " sent in a trace, " in line]
    assert len(traced) >= 1 and len(lines) == 2 * len(traced), out
    for i in (0, lab.count - 1):
        assert lab.inside(i, "nft", "list", "ruleset").stdout == ""
