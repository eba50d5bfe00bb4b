# SPDX-License-Identifier: BSD-2-Clause
"""tracebox --established on simulated paths whose truth is known: what becomes of data segments and
ACKs of a live connection, and that the connection does not notice. The simulated server answers
with the bytes it got."""
import itertools
import json
import struct
import tarfile

import pytest

from conftest import BUILD, run_program
from simulated import Path

DSS = "tcp.option.mptcp.dss"
QUOTES = ["full"] * 5


def trace(path, *arguments):
    return path.trace("-n", "--established", *arguments)


def found(run):
    """Findings as (field, change, how, segments, after, before, certainty)."""
    assert run.status == 0 and run.err == "", run
    return [(f["field"], f["change"], f["how"], "+".join(f["segments"]), f["after"]["ttl"],
             f["before"]["ttl"], f["certainty"]) for f in run.json()["findings"]]


class Capture:
    """The TCP packets of a capture at the client: (from client, seq, ttl, flags, payload)."""

    def __init__(self, file):
        data = file.read_bytes()
        self.packets = []
        at = 24
        while at < len(data):
            length = struct.unpack("<I", data[at + 8:at + 12])[0]
            self.read(data[at + 16:at + 16 + length])
            at += 16 + length

    def read(self, packet):
        if packet[0] >> 4 == 4:
            start, ttl, protocol = (packet[0] & 15) * 4, packet[8], packet[9]
        else:
            start, ttl, protocol = 40, packet[7], packet[6]
        if protocol != 6:
            return
        tcp = packet[start:]
        sport, _, seq = struct.unpack(">HHI", tcp[:8])
        self.packets.append((sport != 80, seq, ttl, tcp[13], tcp[(tcp[12] >> 4) * 4:]))

    def stream(self, from_client):
        """All bytes of a direction at their places; equal where they were sent more than once."""
        start = [p[1] for p in self.packets if p[0] == from_client and p[3] & 2][0] + 1
        bytes_ = {}
        for is_client, seq, _, flags, payload in self.packets:
            if is_client != from_client or flags & 2:
                continue
            for i, byte in enumerate(payload):
                place = (seq - start + i) % 2**32
                assert bytes_.setdefault(place, byte) == byte
        assert sorted(bytes_) == list(range(len(bytes_)))
        return bytes(bytes_[i] for i in range(len(bytes_)))

    def has(self, flag):
        return any(packet[3] & flag for packet in self.packets)


def whole(path, *arguments, clean=True):
    """Trace with a capture: what was sent came back from the server's application, whole, and both
    sides ended in peace, unless the path keeps them from it."""
    file = path.folder / "established.pcap"
    run = trace(path, "--json", "-f", file, *arguments)
    capture = Capture(file)
    assert capture.stream(True) == capture.stream(False) != b""
    if clean:
        assert run.json()["connection"]["end"] == "clean", run
        assert capture.has(1) and not capture.has(4)
    return run


# A box of each kind: what is added in front of a hop, and what must be found.
TRUTHS = {
    "strip-data": ('box.strip { kind = 30, on = "data" }', (DSS, "removed", "gap", "data")),
    "strip-ack": ('box.strip { kind = 30, on = "ack" }', (DSS, "removed", "gap", "ack")),
    "strip-both": ('box.strip { kind = 30, on = "data+ack" }',
                   (DSS, "removed", "gap", "data+ack")),
    "nop-data": ('box.nop { kind = 30, on = "data" }', (DSS, "removed", "nop", "data")),
    "nop-ack": ('box.nop { kind = 30, on = "ack" }', (DSS, "removed", "nop", "ack")),
    "eol-data": ('box.eol { kind = 30, on = "data" }', (DSS, "removed", "eol", "data")),
    "eol-ack": ('box.eol { kind = 30, on = "ack" }', (DSS, "removed", "eol", "ack")),
    "seq": ('box.seq_rewrite { direction = "to-server" }',
            ("tcp.seq", "modified", None, "data+ack")),
    "window": ("FIELD tcp.window 77", ("tcp.window", "modified", None, "data+ack")),
    "urgent": ("FIELD tcp.urgent 9", ("tcp.urgent", "modified", None, "data+ack")),
}
TRUTHS4 = {
    "dscp": ("FIELD ip.dscp 12", ("ip.dscp", "modified", None, "data+ack")),
    "ecn": ("FIELD ip.ecn 3", ("ip.ecn", "modified", None, "data+ack")),
}
TRUTHS6 = {
    "dscp": ("FIELD ip6.dscp 12", ("ip6.dscp", "modified", None, "data+ack")),
    "ecn": ("FIELD ip6.ecn 3", ("ip6.ecn", "modified", None, "data+ack")),
    "label": ("FIELD ip6.flow-label 5", ("ip6.flow-label", "modified", None, "data+ack")),
}
def add(path, at, text):
    if text.startswith("FIELD "):
        _, field, value = text.split()
        path.field(at, field, value)
    else:
        path.box(at, text)
    return path


def truths(version):
    return [(name, *truth) for name, truth in
            (TRUTHS | (TRUTHS4 if version == 4 else TRUTHS6)).items()]


CASES = [(family, mptcp, *case) for family in (4, 6) for case in truths(family)
         for mptcp in (0, 1)]
FAMILY = {4: [], 6: ["-6"]}


@pytest.mark.parametrize("family, mptcp, name, text, truth", CASES,
                         ids=[f"v{c[1]}-ip{c[0]}-{c[2]}" for c in CASES])
def test_a_box_is_found_between_two_hops(boxes, family, mptcp, name, text, truth):
    at = 1 + hash_of(name, family, mptcp) % 5
    path = add(Path(boxes, QUOTES), at, text)
    # A DATA_FIN goes on an ACK: without it nobody learns of the end.
    run = whole(path, "--mptcp", mptcp, *FAMILY[family], clean=not name.endswith("-ack"))
    assert found(run) == [(*truth, at - 1, at, "exact")], run
    kept = not truth[0] == DSS or truth[3] == "ack"
    assert run.json()["connection"]["mode"] == ("mptcp" if kept else "tcp"), run


def hash_of(*values):
    return sum(str(values).encode())


@pytest.mark.parametrize("family, mptcp", itertools.product((4, 6), (0, 1)))
@pytest.mark.parametrize("quotes", [QUOTES, ["rfc792"] * 3, ["bytes:20", "rfc4884", "bytes:40"],
                                    ["silent", "full", "silent", "rfc792", "silent"], ["full"],
                                    ["silent"] * 3])
def test_a_clean_path_has_no_finding_whatever_is_quoted(boxes, family, mptcp, quotes):
    run = whole(Path(boxes, quotes), "--mptcp", mptcp, *FAMILY[family])
    report = run.json()
    assert found(run) == [] and report["connection"]["mode"] == "mptcp", run
    assert report["destination"] == {"reached": True, "ttl": len(quotes) + 1, "reply": "ack",
                                     "mptcp": {"supported": True, "mirrored": False,
                                               "version": mptcp}}
    assert [hop["reply"] for hop in report["hops"]] == [
        "none" if quote == "silent" else "time-exceeded" for quote in quotes] + ["ack"], run
    for hop in report["hops"]:
        assert hop["reply"] == "none" or hop["matched_by"] in ("id", "length", "sequence"), run
    assert f"the server speaks Multipath TCP version {mptcp} to the end" in report["verdict"]


@pytest.mark.parametrize("mptcp", (0, 1))
def test_both_numbers_of_a_box_that_rewrites_both_directions(boxes, mptcp):
    run = whole(Path(boxes, QUOTES).box(3, "box.seq_rewrite {}"), "--mptcp", mptcp)
    assert found(run) == [(field, "modified", None, "data+ack", 2, 3, "exact")
                          for field in ("tcp.seq", "tcp.ack")], run


@pytest.mark.parametrize("name", ["strip-data", "nop-ack", "seq", "window"])
def test_a_silent_neighbour_bounds_the_place(boxes, name):
    text, truth = TRUTHS[name]
    path = add(Path(boxes, ["full", "silent", "full", "silent", "full"]), 3, text)
    assert found(trace(path, "--json")) == [(*truth, 1, 3, "bounded")]


@pytest.mark.parametrize("family", FAMILY)
def test_eight_bytes_show_the_sequence_number_alone(boxes, family):
    path = add(Path(boxes, ["rfc792"] * 4), 2, TRUTHS["seq"][0])
    add(path, 4, TRUTHS["window"][0])
    run = whole(path, *FAMILY[family])
    assert found(run) == [("tcp.seq", "modified", None, "data+ack", 1, 2, "exact")], run
    wanted = ["id" if family == 4 else "length"] * 3
    assert [hop["matched_by"] for hop in run.json()["hops"]][1:4] == wanted, run


@pytest.mark.parametrize("family", FAMILY)
@pytest.mark.parametrize("box", ["flip", 'rewrite'])
def test_payload_that_is_changed(boxes, family, box):
    what = {"flip": "offset = 70", "rewrite": 'pattern = "bcdefg", replacement = "BCDEFG"'}[box]
    path = Path(boxes, QUOTES).box(3, f'box.{box} {{ {what}, on = "data", '
                                      'direction = "to-server" }')
    run = trace(path, "--json", *FAMILY[family])
    assert found(run) == [("payload", "modified", None, "data", 2, 3, "exact")], run


def test_findings_at_three_places(boxes):
    path = Path(boxes, QUOTES)
    for at, name in ((2, "window"), (3, "strip-ack"), (5, "strip-data")):
        add(path, at, TRUTHS[name][0])
    assert found(trace(path, "--json")) == [
        ("tcp.window", "modified", None, "data+ack", 1, 2, "exact"),
        (DSS, "removed", "gap", "ack", 2, 3, "exact"),
        (DSS, "removed", "gap", "data", 4, 5, "exact")]


def test_the_first_data_alone(boxes):
    """Version 1 tells the first mapping by MP_CAPABLE: who removes that, and no DSS, is found."""
    path = Path(boxes, QUOTES).box(4, 'box.strip { subtype = "mp_capable", on = "data" }')
    run = whole(path)
    assert found(run) == [("tcp.option.mptcp.mp_capable", "removed", "gap", "data", 3, 4,
                           "exact")], run
    assert run.json()["connection"]["mode"] == "tcp"
    assert run.json()["verdict"].endswith("; the server then acknowledges as plain TCP"), run


def test_a_mapping_that_is_lost_later(boxes):
    """The first data passes, so that the connection is Multipath TCP, and then no DSS does."""
    path = Path(boxes, QUOTES).box(4, 'box.strip { subtype = "dss", on = "data", '
                                      'direction = "to-server" }')
    run = trace(path, "--json")
    assert found(run) == [(DSS, "removed", "gap", "data", 3, 4, "exact")], run
    assert run.json()["connection"]["mode"] != "mptcp", run


@pytest.mark.parametrize("server, box, said", [
    ("tcp", None, "the server answers as plain TCP"),
    ("mptcp", 'box.strip { on = "syn" }', "the server answers as plain TCP"),
    ("mptcp", 'box.strip { on = "synack" }', "the server answers as plain TCP"),
    ("mptcp", 'box.strip { on = "ack3+data" }', "the server then acknowledges as plain TCP"),
])
@pytest.mark.parametrize("mptcp", (0, 1))
def test_plain_tcp_is_traced_all_the_same(boxes, server, box, said, mptcp):
    path = Path(boxes, QUOTES, server)
    if box is not None:
        path.box(1, box)
    add(path, 4, TRUTHS["window"][0])
    run = whole(path, "--mptcp", mptcp)
    report = run.json()
    assert ("tcp.window", "modified", None, "data+ack", 3, 4, "exact") in found(run), run
    assert report["connection"]["mode"] == "tcp" and report["connection"]["fallback"], run
    assert report["destination"]["mptcp"]["supported"] is ("then" in said), run
    verdict = said.replace("answers", "then answers") if report["findings"] \
        else said.replace("then ", "")
    assert f"; {verdict}" in report["verdict"], run
    assert ("without --established" in report["verdict"]) is ("answers" in said), run


@pytest.mark.parametrize("server, end, said", [
    ("closed", "refused", "the server refuses the connection"),
    ("silent", "unanswered", "the destination does not answer")])
def test_no_connection(boxes, server, end, said):
    path = Path(boxes, QUOTES, server)
    run = trace(path, "--json")
    report = run.json()
    assert (run.status, run.err, report["hops"], report["findings"]) == (0, "", [], []), run
    assert report["connection"]["end"] == end and said in report["verdict"]
    run = trace(path)
    assert run.status == 0 and run.out.splitlines()[-1].endswith(said), run
    svg = boxes / "none.svg"
    assert trace(path, "--svg", svg).status == 0 and said in svg.read_text()


@pytest.mark.parametrize("quotes", [QUOTES, ["full", "silent", "full"]])
def test_what_is_sent_is_little(boxes, quotes):
    """Each kind of segment once a hop, thrice a silent one; one copy of the data reaches the
    server; ACKs go no farther than the last router."""
    file = boxes / "little.pcap"
    run = trace(Path(boxes, quotes), "--json", "-f", file)
    copies = [(ttl, bool(payload)) for client, _, ttl, _, payload in Capture(file).packets
              if client and ttl != 64]
    tries = [3 if quote == "silent" else 1 for quote in quotes]
    for ttl, count in enumerate(tries, 1):
        assert copies.count((ttl, True)) == copies.count((ttl, False)) == count
    assert copies.count((len(quotes) + 1, True)) == 1
    assert len(copies) == 2 * sum(tries) + 1 == run.json()["sent"]


def test_the_same_run_twice(boxes):
    path = add(Path(boxes, QUOTES), 3, TRUTHS["strip-data"][0])
    assert trace(path, "--json").out == trace(path, "--json").out


def test_reports(boxes, tmp_path):
    path = add(Path(boxes, ["full", "silent", "full", "full"]), 3, TRUTHS["strip-both"][0])
    bundle, svg = tmp_path / "b.tar.gz", tmp_path / "path.svg"
    run = trace(path, "--bundle", bundle, "--svg", svg, "--fail-on-change", "tcp.option.mptcp")
    assert run.status == 1 and run.err == "", run
    lines = run.out.splitlines()
    assert lines[2] == "2: *" and lines[3].endswith(
        " first-data: -tcp.option.mptcp.mp_capable -tcp.option.mptcp.dss"), run
    said = ("DSS is removed from data segments and ACKs between hop 1 (198.18.201.1) and hop 3 "
            "(198.18.203.1), the hops between them being silent or their quotes too short; "
            "the server then acknowledges as plain TCP")
    assert lines[-1] == said
    assert said.split(";", maxsplit=1)[0] in svg.read_text()
    with tarfile.open(bundle) as tar:
        report = json.load(tar.extractfile("tracebox/trace.json"))
        assert report["verdict"] == said
        assert len(tar.extractfile("tracebox/trace.pcap").read()) > 1000
    assert trace(path, "--fail-on-change", "tcp.window").status == 0


@pytest.mark.parametrize("arguments, said", [
    (["-u", "h"], "makes its own probes"), (["-p", "IP/TCP", "h"], "makes its own probes"),
    (["-j", "h"], "makes its own probes"), (["--targets", "-"], "makes its own probes"),
    (["-l", "print(1)", "h"], "makes its own probes"),
    (["-i", "pcap:a:b", "h"], "needs a network"),
    (["-q", "8", "--retries", "8", "-m", "100", "h"], "cannot tell 1616 probes apart"), ([], "")])
def test_what_does_not_go_with_it(arguments, said):
    run = run_program(BUILD / "tracebox", "--established", *arguments)
    assert run.status == 2 and run.out == "" and len(run.err.splitlines()) == 1, run
    assert said in run.err, run
