# SPDX-License-Identifier: BSD-2-Clause
"""Where the original tracebox was wrong: a test for each place, by the number it has in the list of
them that the project began with."""
import json
import os
import struct
import subprocess
import tempfile

import pytest

from conftest import BUILD, as_nobody, run_program
from simulated import Path, found
from test_tracebox_scripts import PCAP_HEADER, responder  # noqa: F401

CHANGES = ("Modifications", "Additions", "Deletions")


def compat(run):
    """The original's change list per hop, with what routers must change left out."""
    noise = {"IP::TTL", "IP::CheckSum", "IPv6::HopLimit"}
    return [[name for key in CHANGES for name in hop.get(key, []) if name not in noise]
            for hop in run.json()["Hops"]]


@pytest.mark.parametrize("option", [
    "MPCAPABLE", "mpcapable{version=1}/SACKP/TS", "mpcapable{version=0}/SACKP",
    "TCPOption.new{kind=30,length=8,data={0x20,1,0,0,0,1}}/SACKP",
    "TCPOption.new{kind=30,length=8,data={0x30,5,198,18,1,9}}/SACKP",
    "TCPOption.new{kind=30,length=4,data={0x50,1}}/SACKP",
])
def test_1_multipath_options_of_both_versions(boxes, option):
    """On a clean path nothing has changed, whatever the subtype and length."""
    path = Path(boxes, ["full"] * 3)
    assert compat(path.trace("-n", "-j", "-p", f"IP/TCP/{option}")) == [[]] * 4
    assert found(path.trace("-n", "--json", "-p", f"IP/TCP/{option}")) == []


def test_1_each_subtype_by_its_name(boxes):
    path = Path(boxes, ["full"] * 2).box(2, "box.nop {}")
    run = path.trace("-n", "--json", "-p",
                     "IP/TCP/TCPOption.new{kind=30,length=8,data={0x20,1,0,0,0,1}}")
    assert found(run)[0][0] == "tcp.option.mptcp.dss", run


def test_2_a_whole_tcp_header_is_compared_without_options(boxes):
    path = Path(boxes, ["bytes:20"] * 2).field(2, "tcp.window", 9)
    run = path.trace("-n", "--json", "-p", "IP/TCP/MSS/MPCAPABLE")
    assert found(run) == [("tcp.window", "modified", None, 1, 2, "exact")], run
    assert compat(path.trace("-n", "-j", "-p", "IP/TCP/MSS"))[1] == \
        ["TCP::WindowsSize", "TCP::CheckSum"]


def test_3_zero_padding_is_no_data(boxes):
    path = Path(boxes, ["rfc4884"] * 2)
    assert found(path.trace("-n", "--json", "-p", "IP/TCP/MSS/MPCAPABLE")) == []
    assert compat(path.trace("-n", "-j", "-p", "IP/TCP/MSS/MPCAPABLE")) == [[]] * 3


@pytest.mark.parametrize("length", range(8, 33))
def test_4_a_cut_at_any_byte_removes_nothing(boxes, length):
    path = Path(boxes, [f"bytes:{length}"])
    assert compat(path.trace("-n", "-j", "-p", "IP/TCP/MSS/SACKP/MPCAPABLE")) == [[], []]
    assert found(path.trace("-n", "--json", "-p", "IP/TCP/MSS/SACKP/MPCAPABLE")) == []


def test_5_short_quotes_of_datagrams(boxes):
    path = Path(boxes, ["rfc792"] * 2, "silent")
    run = path.trace("-n", "-j", "-m", "2", "-p", "IP/udp{dst=53}/raw('some payload')")
    assert compat(run) == [[], []]
    run = path.trace("-n", "--json", "-m", "2", "-p", "IP/udp{dst=53}/raw('some payload')")
    assert found(run) == [] and run.json()["hops"][1]["quote"]["kind"] == "rfc792"


def test_6_every_instance_and_the_order(boxes):
    swap = boxes / "swap.lua"
    swap.write_text('return { help = "turns the options round", packet = function(self, p)\n'
                    'local b = p:option(4); p:remove(4); p:prepend(b); return PASS end }')
    path = Path(boxes, ["full"] * 3).box(2, f'box_file("{swap}") {{ on = "syn" }}')
    run = path.trace("-n", "--json", "-p", "IP/TCP/MSS/sackp()/wscale(1)/NOP/NOP/NOP")
    assert [change[0] for change in found(run)] == ["tcp.option-order"], run
    run = Path(boxes, ["full"] * 2).box(2, "box.nop { kind = 2 }").trace(
        "-n", "--json", "-p", "IP/TCP/MSS/mss(900)")
    assert [change[:3] for change in found(run)] == [("tcp.option.mss", "removed", "nop")] * 2
    assert [f["sent"] for f in run.json()["findings"]] == ["1460", "900"], run


def test_7_extended_data_offset_on_a_clean_path(boxes):
    path = Path(boxes, ["full"] * 2)
    assert compat(path.trace("-n", "-j", "-p", "IP/TCP/MSS/EDO"))[:2] == [[]] * 2
    assert found(path.trace("-n", "--json", "-p", "IP/TCP/EDO/MSS/MPCAPABLE")) == []


def test_8_ip_options_on_a_clean_path(boxes):
    path = Path(boxes, ["full"] * 2)
    run = path.trace("-n", "--json", "-p", "IP/ip_nop()/ip_nop()/ip_nop()/ip_eol()/TCP/MSS")
    assert found(run) == [] and len(run.json()["hops"]) == 3, run
    run = path.trace("-n", "-j", "-p", "IP/RR(2)/TCP/MSS")
    assert compat(run) == [[]] * 3


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def extended(probe, break_checksum):
    """Time exceeded (RFC 4884): MPLS label 299808 (RFC 4950), the incoming interface 7
    "xe0" (RFC 5837), and an object of a class that nobody knows."""
    objects = struct.pack(">HBBI", 8, 1, 1, 299808 << 12 | 1 << 8 | 63) + \
        struct.pack(">HBBI", 12, 2, 0x0a, 7) + b"\4xe0" + struct.pack(">HBBI", 8, 9, 1, 0xabcdef01)
    header = struct.pack(">HH", 0x2000, 0)
    header = struct.pack(">HH", 0x2000, checksum(header + objects) ^ break_checksum)
    body = bytes(probe).ljust(128, b"\0") + header + objects
    icmp = struct.pack(">BBHBBH", 11, 0, 0, 0, 32, 0)
    return struct.pack(">BBHBBH", 11, 0, checksum(icmp + body), 0, 32, 0) + body


@pytest.mark.parametrize("broken", [0, 1])
def test_9_extension_objects_one_by_one(responder, broken):
    def answer(probe):
        return extended(probe, broken)

    status, out, err = responder.trace([("1.1.1.2", answer)], "-m", "1", "--json", "-p",
                                       "IP/TCP/MSS")
    hop = json.loads(out)["hops"][0]
    assert (status, err, hop["changes"], hop["quote"]["kind"]) == (0, "", [], "rfc4884")
    mpls, interface, unknown = hop["icmp_extensions"]
    fits = not broken
    assert mpls == {"class": 1, "type": 1, "checksum_ok": fits, "mpls": [
        {"label": 299808, "traffic_class": 0, "bottom": True, "ttl": 63}]}
    assert interface == {"class": 2, "type": 10, "checksum_ok": fits, "interface":
                         {"role": "incoming", "index": 7, "name": "xe0"}}
    assert unknown == {"class": 9, "type": 1, "checksum_ok": fits, "bytes": "abcdef01"}
    assert json.loads(out)["findings"] == []


def test_10_an_answer_is_no_changed_probe(boxes):
    run = Path(boxes, ["full"] * 2, "tcp").trace("-n", "--json", "-p", "IP/TCP/MSS/MPCAPABLE")
    assert found(run) == [] and run.json()["hops"][-1]["changes"] == []
    assert "answers as plain TCP" in run.json()["verdict"]


def test_11_the_verdict_says_between_which_hops(boxes):
    run = Path(boxes, ["full"] * 3).box(3, "box.strip {}").trace("-n", "--json", "--mptcp", "1")
    assert run.json()["verdict"].startswith(
        "MP_CAPABLE is removed from SYNs between hop 2 (198.18.202.1) and hop 3 (198.18.203.1)")
    hop = run.json()["hops"][0]
    assert hop["icmp"] == {"type": 11, "code": 0} and hop["quote"] == {"kind": "full", "bytes": 68}


def test_12_a_rewritten_port_is_found_and_its_hops_are_not_lost(boxes):
    """Quotes that are translated back: tests/unit/test_trace_attribute.c."""
    run = Path(boxes, ["full"] * 3).field(2, "tcp.sport", 61000).trace("-n", "--json", "-m", "3")
    assert found(run) == [("tcp.sport", "modified", None, 1, 2, "exact")], run
    assert [hop["reply"] for hop in run.json()["hops"]] == ["time-exceeded"] * 3


def test_13_silent_hops_do_not_add_up(boxes):
    report = Path(boxes, ["silent"] * 9, "silent").trace("-n", "--json").json()
    assert report["elapsed_ms"] < 1600
    assert len(report["hops"]) == 8


def test_14_delays_across_a_second(boxes):
    path = Path(boxes, ["full"] * 2)
    path.boxes[1] = ['link { delay = "600ms" }']
    run = path.trace("-n", "-j", "-t", "5")
    assert all(1200000 <= hop["delay"] < 1210000 for hop in run.json()["Hops"]), run


def test_16_no_privilege_is_asked_for_that_is_not_needed():
    nobody = as_nobody(BUILD / "tracebox")
    with tempfile.NamedTemporaryFile("w", dir="/tmp", suffix=".lua") as path:
        path.write("return path { hop {} }\n")
        path.flush()
        os.chmod(path.name, 0o644)
        done = subprocess.run([*nobody, BUILD / "tracebox", "-n", "--sim", path.name], text=True,
                              capture_output=True, check=False)
    assert done.returncode == 0 and "198.18.100.2" in done.stdout, done


@pytest.mark.parametrize("arguments", [
    ["-p", "IP"], ["-l", "(IP/TCP):get(MSS):kind()"], ["-s", "/no/such/script"]])
def test_17_nothing_aborts(boxes, arguments):
    (boxes / "path.lua").write_text("return path { hop {} }")
    run = run_program(BUILD / "tracebox", "--sim", boxes / "path.lua", *arguments)
    assert run.status == 2 and len(run.err.splitlines()) == 1 and run.out == "", run


def test_17_end_of_an_offline_capture(tmp_path):
    (tmp_path / "in").write_bytes(PCAP_HEADER + struct.pack("<IIII", 0, 0, 40, 40) + b"x")
    run = run_program(BUILD / "tracebox", "-n", "-S", "-i",
                      f"pcap:{tmp_path}/out:{tmp_path}/in", "1.2.3.4")
    assert run.status == 2 and len(run.err.splitlines()) == 1, run
    (tmp_path / "text").write_text("this is no capture\n")
    for name in ("text", "nothing"):
        run = run_program(BUILD / "tracebox", "-n", "-S", "-i",
                          f"pcap:{tmp_path}/of-{name}:{tmp_path}/{name}", "1.2.3.4")
        assert run.status == 2 and f"cannot read {tmp_path}/{name}" in run.err, run
        assert not (tmp_path / f"of-{name}").exists()


def test_18_wrong_use_has_a_status(tmp_path):
    (tmp_path / "four.lua").write_text("return 4")
    assert run_program(BUILD / "tracebox", "-s", tmp_path / "four.lua").status == 4
    assert run_program(BUILD / "tracebox", "-l", "return 4").status == 0
    assert run_program(BUILD / "tracebox").status == 2
    assert run_program(BUILD / "tracebox", "--nothing").status == 2


def test_19_hops_of_ipv6_are_matched_whatever_they_quote(boxes):
    for quote in ("rfc792", "full", "rfc4884", "bytes:12"):
        report = Path(boxes, [quote] * 3).trace("-n", "--json", "-6").json()
        assert [hop["reply"] for hop in report["hops"]] == ["time-exceeded"] * 3 + ["syn-ack"]
        assert {hop["matched_by"] for hop in report["hops"]} == {"sequence"}, json.dumps(report)


def test_20_a_handshake_can_be_followed(boxes):
    (boxes / "path.lua").write_text("return path { hop {}, box.strip { on = 'data' }, hop {} }")
    text = ("set_ttl_range{max_ttl=3}; syn = IP/TCP/MSS/MPCAPABLE; reply = tracebox(syn)\n"
            "data = IP/tcp{src=syn:tcp():getsource(), dst=80, seq=syn:tcp():getseq() + 1,\n"
            "ack=reply:tcp():getseq() + 1, flags=24}/TCPOption.new{kind=30, data={0x20, 1, 0, 0,\n"
            "0, 1}}/raw('hello')\n"
            "function cb(ttl, ip, mods) print(ttl, mods) end\n"
            "print(tracebox(data, {callback='cb'}):tcp():getack() - syn:tcp():getseq())\n")
    run = run_program(BUILD / "tracebox", "--sim", boxes / "path.lua", "-l", text, "server")
    assert run.status == 0, run
    lines = run.out.splitlines()
    assert "-TCPOption" not in lines[0] and "-TCPOption" in lines[1], run
    assert lines[-1] == "6"
