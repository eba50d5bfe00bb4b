# SPDX-License-Identifier: BSD-2-Clause
"""tracebox --reverse on simulated paths whose truth is known: what becomes of the server's data
segments and ACKs on their way to us, told by the server."""
import json
import tarfile
import xml.etree.ElementTree

import pytest

from conftest import BUILD, run_program
from simulated import Path
from test_tracebox_established import DSS, FAMILY, QUOTES, TRUTHS, TRUTHS4, TRUTHS6

HOPS = len(QUOTES)
BACK = 'direction = "to-client"'


def trace(path, *arguments):
    return path.trace("-n", "--reverse", *arguments)


def found(run, direction="reverse"):
    """Findings of a direction as (field, change, how, segments, after, before, certainty)."""
    assert run.status == 0 and run.err == "", run
    return [(f["field"], f["change"], f["how"], "+".join(f["segments"]), f["after"]["ttl"],
             f["before"]["ttl"], f["certainty"]) for f in run.json()["findings"]
            if f["direction"] == direction]


def towards_us(text, folder):
    """A box of the other tests, turned around."""
    if text.startswith("FIELD "):
        _, field, value = text.split()
        return (f'box_file("{folder}/set_field.lua") {{ field = "{field}", value = {value}, '
                f'{BACK} }}')
    name, _, parameters = text.removesuffix("}").partition("{")
    given = [word for word in parameters.split(",") if word.strip() and "direction" not in word]
    return f"{name}{{ {', '.join([*given, BACK])} }}"


def truths(version):
    return [(name, *truth) for name, truth in
            (TRUTHS | (TRUTHS4 if version == 4 else TRUTHS6)).items()]


CASES = [(family, mptcp, *case) for family in (4, 6) for case in truths(family)
         for mptcp in (0, 1)]


@pytest.mark.parametrize("family, mptcp, name, text, truth", CASES,
                         ids=[f"v{c[1]}-ip{c[0]}-{c[2]}" for c in CASES])
def test_a_box_on_the_way_back_is_found(boxes, family, mptcp, name, text, truth):
    """In front of our hop N+2-k stands what is found in front of the server's k-th."""
    before = 1 + sum(str((name, family, mptcp)).encode()) % HOPS
    path = Path(boxes, QUOTES).box(HOPS + 2 - before, towards_us(text, boxes))
    run = trace(path, "--json", "--mptcp", mptcp, *FAMILY[family])
    assert found(run) == [(*truth, before - 1, before, "exact")], run
    # Who rewrites the server's numbers does the same with what we acknowledge.
    here = HOPS + 2 - before
    assert found(run, "forward") == ([("tcp.ack", "modified", None, "data+ack", here - 1, here,
                                       "exact")] if name == "seq" and here <= HOPS else []), run
    hops = run.json()["reverse"]["hops"]
    assert [hop["ttl"] for hop in hops] == list(range(1, HOPS + 2)) and hops[-1]["reply"] == "ack"
    addresses = [hop["addr"] for hop in run.json()["hops"]]
    assert [hop["addr"] for hop in hops[:-1]] == addresses[-2::-1], run


@pytest.mark.parametrize("quotes", [QUOTES, ["rfc792"] * 3, ["bytes:20", "rfc4884", "bytes:40"],
                                    ["silent", "full", "silent", "rfc792", "silent"], ["full"],
                                    ["silent"] * 3])
@pytest.mark.parametrize("family", FAMILY)
@pytest.mark.parametrize("mptcp", (0, 1))
def test_a_clean_way_back_has_no_finding_whatever_is_quoted(boxes, family, mptcp, quotes):
    run = trace(Path(boxes, quotes), "--json", "--mptcp", mptcp, *FAMILY[family])
    reverse = run.json()["reverse"]
    assert found(run) == found(run, "forward") == [], run
    assert reverse["connection"]["mode"] == "mptcp" and reverse["connection"]["end"] == "clean"
    assert [hop["reply"] for hop in reverse["hops"]] == [
        "none" if quote == "silent" else "time-exceeded" for quote in quotes[::-1]] + ["ack"], run
    for hop in reverse["hops"]:
        assert hop["reply"] == "none" or hop["matched_by"] in ("id", "length", "sequence"), run


def test_both_directions_each_at_its_place(boxes):
    path = Path(boxes, ["full", "silent", "full", "full", "full"])
    path.box(2, 'box.strip { kind = 30, on = "data", direction = "to-server" }')
    path.box(3, f'box.nop {{ kind = 30, on = "data", {BACK} }}').box(5, "box.seq_rewrite {}")
    run = trace(path, "--json")
    assert found(run, "forward") == [
        (DSS, "removed", "gap", "data", 1, 3, "bounded"),
        ("tcp.seq", "modified", None, "data+ack", 4, 5, "exact"),
        ("tcp.ack", "modified", None, "data+ack", 4, 5, "exact")], run
    assert found(run)[:2] == [
        ("tcp.seq", "modified", None, "data+ack", 1, 2, "exact"),
        ("tcp.ack", "modified", None, "data+ack", 1, 2, "exact")], run


def test_an_address_translator_is_no_obstacle(boxes):
    path = Path(boxes, QUOTES).box(1, "box.nat {}").box(
        4, f"box.dscp {{ value = 10, {BACK} }}")
    run = trace(path, "--json")
    assert ("ip.dscp", "modified", None, "data+ack", 2, 3, "exact") in found(run), run


def test_plain_tcp_is_traced_all_the_same(boxes):
    path = Path(boxes, QUOTES, "tcp").box(3, f"box.dscp {{ value = 10, {BACK} }}")
    run = trace(path, "--json")
    assert found(run) == [("ip.dscp", "modified", None, "data+ack", 3, 4, "exact")], run
    assert run.json()["reverse"]["connection"]["mode"] == "tcp"


@pytest.mark.parametrize("server", ["closed", "silent"])
def test_no_connection(boxes, server):
    run = trace(Path(boxes, QUOTES, server), "--json")
    assert run.status == 0 and run.json()["findings"] == [], run
    assert run.json()["reverse"]["error"] == "there is no connection"
    said = "nothing is known of the way back: there is no connection"
    assert run.json()["reverse"]["verdict"] == said
    run = trace(Path(boxes, QUOTES, server))
    assert run.out.splitlines()[-1] == said.capitalize(), run


def test_an_answer_that_is_damaged_is_not_believed(boxes):
    """A box that flips a bit of each segment spoils the answer as well."""
    path = Path(boxes, QUOTES).box(3, f'box.flip {{ offset = 70, on = "data", {BACK} }}')
    run = trace(path, "--json")
    assert found(run) == [], run
    assert run.json()["reverse"]["error"] == "the server's answer does not arrive as it was sent"


def test_reports(boxes, tmp_path):
    path = Path(boxes, ["full", "silent", "full", "full"]).box(
        3, f'box.strip {{ kind = 30, on = "data", {BACK} }}').box(
            4, 'box.dscp { value = 10, direction = "to-server" }')
    bundle, svg = tmp_path / "b.tar.gz", tmp_path / "path.svg"
    run = trace(path, "--bundle", bundle, "--svg", svg, "--fail-on-change", "tcp.option.mptcp")
    assert run.status == 1 and run.err == "", run
    said = ("On the way back DSS is removed from data segments between hop 2 (198.18.203.1) and "
            "hop 4 (198.18.201.1), the hops between them being silent or their quotes too short, "
            "counted from the server")
    lines = run.out.splitlines()
    assert lines[-1] == said, run
    at = lines.index("back from 198.18.100.2, hops counted from there:")
    assert [line.split(" ")[1] for line in lines[at + 1:at + 6]] == [
        "198.18.204.1", "198.18.203.1", "*", "198.18.201.1", "198.18.1.2"], run
    picture = xml.etree.ElementTree.parse(svg)
    texts = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("this host") == 2 and any(said[2:] in text for text in texts if text)
    marked = [line for line in picture.iter("{http://www.w3.org/2000/svg}line")
              if line.get("class") == "finding"]
    assert {line.get("y1") for line in marked} == {"90", "190"}
    with tarfile.open(bundle) as tar:
        assert said in tar.extractfile("tracebox/trace.txt").read().decode()
        report = json.load(tar.extractfile("tracebox/trace.json"))
    assert report["reverse"]["verdict"] == said[0].lower() + said[1:]
    assert trace(path, "--fail-on-change", "tcp.window").status == 0


def test_the_same_run_twice(boxes):
    path = Path(boxes, QUOTES).box(3, f"box.dscp {{ value = 10, {BACK} }}")
    assert trace(path, "--json").out == trace(path, "--json").out


@pytest.mark.parametrize("arguments, said", [
    (["-u", "h"], "--reverse makes its own probes"), (["-i", "pcap:a:b", "h"], "needs a network"),
    (["-q", "8", "--retries", "8", "-m", "100", "h"], "cannot tell 1616 probes apart"), ([], "")])
def test_what_does_not_go_with_it(arguments, said):
    run = run_program(BUILD / "tracebox", "--reverse", *arguments)
    assert run.status == 2 and run.out == "" and len(run.err.splitlines()) == 1, run
    assert said in run.err, run
