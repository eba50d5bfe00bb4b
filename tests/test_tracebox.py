# SPDX-License-Identifier: BSD-2-Clause
"""tracebox on simulated paths whose truth is known, and its command line."""
import json
import os
import stat
import subprocess
import tarfile
import xml.etree.ElementTree

import pytest

from conftest import BUILD, ENVIRONMENT, TOP
from simulated import PROBE, Path, found, tracebox

# Fields that no box of the catalogue changes, with the value they get; all else is suite trace's.
FIELDS = [("IP", "tcp.window", 77), ("IP", "tcp.urgent", 9), ("IP", "ip.ttl", None),
          ("IPv6", "tcp.window", 77), ("IPv6", "ip6.flow-label", 5)]


@pytest.mark.parametrize("probe, field, value", FIELDS)
def test_a_field_is_found_between_two_hops(boxes, probe, field, value):
    """And a TTL, which routers must change, is not."""
    path = Path(boxes, ["full"] * 3)
    if value is None:
        path.box(2, "box.ttl { op = 'lower', value = 1, direction = 'to-server' }")
    else:
        path.field(2, field, value)
    run = path.trace("-n", "--json", "-p", PROBE.replace("IP", probe, 1))
    truth = [] if value is None else [(field, "modified", None, 1, 2, "exact")]
    assert found(run) == truth, run


def test_what_a_short_quote_does_not_show_is_looked_for_behind_it(boxes):
    path = Path(boxes, ["full", "full", "rfc792", "rfc792", "full"]).box(3, "box.nop {}")
    run = path.trace("-n", "--json", "-p", PROBE)
    assert found(run) == [("tcp.option.mptcp.mp_capable", "removed", "nop", 2, 5, "bounded")], run


def test_a_checksum_tells_of_a_change_that_no_quote_shows(boxes):
    path = Path(boxes, ["bytes:20"] * 4).mss(3)
    run = path.trace("-n", "--json", "-p", PROBE)
    assert found(run) == [("tcp.checksum", "modified", None, 2, 3, "exact")], run


@pytest.mark.parametrize("server, version, mptcp", [
    ("mptcp", 1, {"supported": True, "mirrored": False, "version": 1}),
    ("mptcp", 0, {"supported": True, "mirrored": False, "version": 0}),
    ("tcp", 1, {"supported": False, "mirrored": False, "version": None}),
])
def test_the_destination_speaks_mptcp_or_not(boxes, server, version, mptcp):
    run = Path(boxes, ["full"] * 2, server).trace("-n", "--json", "--mptcp", version)
    destination = run.json()["destination"]
    assert destination == {"reached": True, "ttl": 3, "reply": "syn-ack", "mptcp": mptcp}, run


def test_mirrored_options_are_no_support(boxes):
    path = Path(boxes, ["full"] * 3, "tcp").box(2, 'box.mirror {}')
    for version in (0, 1):
        mptcp = path.trace("-n", "--json", "--mptcp", version).json()["destination"]["mptcp"]
        assert mptcp == {"supported": False, "mirrored": True, "version": None}


def test_a_closed_port_and_a_silent_server(boxes):
    run = Path(boxes, ["full"] * 2, "closed").trace("-n", "--json")
    assert run.json()["destination"]["reply"] == "rst", run
    assert run.json()["destination"]["ttl"] == 3
    run = Path(boxes, ["full"] * 2, "closed").trace("-n", "-m", "2")
    assert run.out.endswith("(198.18.202.1); the destination is farther away\n"), run
    (boxes / "circle.lua").write_text("local row = { hop {} } for i = 1, 6 do row[i + 1] ="
                                      " hop { addr = '198.18.9.' .. i % 2 } end return path(row)")
    run = tracebox("--sim", boxes / "circle.lua", "-n", "-m", "7")
    assert run.out.endswith("; the packets go round in circles from hop 3 (198.18.9.0) on\n"), run
    run = tracebox("--sim", boxes / "circle.lua", "-n", "-m", "5")
    assert run.out.endswith("; the destination is farther away\n"), run
    run = Path(boxes, ["full"] * 2, "silent").trace("-n", "--json")
    assert run.json()["destination"] == {"reached": False, "ttl": None, "reply": "none", "mptcp":
        {"supported": False, "mirrored": False, "version": None}}, run
    assert [hop["reply"] for hop in run.json()["hops"]] == ["time-exceeded"] * 2 + ["none"] * 8


def test_json_has_the_fields_of_the_contract(boxes):
    run = Path(boxes, ["full", "silent"]).trace("-n", "--json", "-p", PROBE)
    report = run.json()
    assert list(report)[0] == "schema" and report["schema"] == "mbkit.trace/1"
    assert report["target"] == {"name": "server", "addr": "198.18.100.2", "port": 80}
    assert report["probe"] == PROBE
    hop, silent, last = report["hops"]
    assert {"ttl": 1, "addr": "198.18.201.1", "name": None, "reply": "time-exceeded",
            "quote": {"kind": "full", "bytes": 68}, "changes": [],
            "icmp_extensions": []}.items() <= hop.items()
    assert 10 <= hop["rtt_ms"] < 11
    assert (silent["addr"], silent["reply"], silent["quote"]) == (None, "none", None)
    assert last["reply"] == "syn-ack" and report["sent"] >= 5 and report["elapsed_ms"] > 10
    assert len(run.out.splitlines()) == 1


def test_text_names_the_place_in_words(boxes):
    path = Path(boxes, ["full"] * 4).box(3, "box.nop {}")
    run = path.trace("-n", "--mptcp", "1", "server")
    assert run.out.splitlines()[0] == "tracebox to 198.18.100.2 (server): 64 hops max"
    assert run.out.splitlines()[3] == "3: 198.18.203.1 10ms -tcp.option.mptcp.mp_capable"
    assert run.out.splitlines()[-1] == \
        "MP_CAPABLE is removed from SYNs (overwritten with NOPs) between hop 2 (198.18.202.1) " \
        "and hop 3 (198.18.203.1); the server then answers as plain TCP"
    run = Path(boxes, ["full"] * 2).trace("-n", "--mptcp", "1")
    assert run.out.splitlines()[-1] == "Nothing is changed as far as hop 2 (198.18.202.1); " \
        "the server answers with Multipath TCP version 1"


@pytest.mark.parametrize("fields, status", [
    ("tcp.option.mptcp.mp_capable", 1), ("tcp.option.mptcp", 1), ("tcp.window", 0),
    ("tcp.window,tcp.option.mptcp", 1), ("tcp.option.mss", 0), ("tcp.option", 1),
    ("tcp.option.30", 1), ("tcp.option.mptcp.0", 1), ("tcp.option.2,tcp.option.mptcp.1", 0),
])
def test_fail_on_change(boxes, fields, status):
    path = Path(boxes, ["full"] * 3).box(2, "box.nop {}")
    assert path.trace("-n", "--mptcp", "1", "--fail-on-change", fields).status == status


def test_svg_is_a_picture_with_the_change_marked(boxes, tmp_path):
    path = Path(boxes, ["full"] * 3).box(2, "box.nop {}").mss(3)
    run = path.trace("-n", "--mptcp", "1", "--svg", tmp_path / "path.svg")
    assert run.status == 0, run
    root = xml.etree.ElementTree.parse(tmp_path / "path.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == space + "svg"
    assert len([line for line in root.iter(space + "line")
                if line.get("class") == "finding"]) == 2
    assert len(list(root.iter(space + "circle"))) == 5


def test_svg_has_room_for_every_number_and_text(tmp_path):
    """Several changes in one place, one around a silent hop, and addresses as long as they get."""
    text = ("return path { hop {}, hop { addr6 = '2001:db8:1234:5678:9abc:def0:1234:1' },"
            " box.nop {}, box.mss_clamp {}, box.ts_strip {}, hop {}, hop { quote = 'silent' },"
            " box.wscale_strip {}, hop {} }")
    (tmp_path / "path.lua").write_text(text)
    run = tracebox("--sim", tmp_path / "path.lua", "-p",
                   "IPv6/TCP/MSS/SACKP/TS/WSCALE/MPCAPABLE", "--svg", tmp_path / "path.svg")
    assert run.status == 0, run
    root = xml.etree.ElementTree.parse(tmp_path / "path.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    texts = list(root.iter(space + "text"))
    numbers = [(int(each.get("x")), int(each.get("y"))) for each in texts
               if each.get("class") == "number"]
    circles = sorted(int(each.get("cx")) for each in root.iter(space + "circle"))
    assert len(numbers) == len(set(numbers)) == 4
    assert all(min(abs(x - circle) for circle in circles) > 20 for x, _ in numbers)
    assert min(one - other for one, other in zip(circles[1:], circles)) > 35 * 5
    height = int(root.get("height"))
    assert root.get("viewBox") == f"0 0 {root.get('width')} {height}"
    assert all(0 < int(each.get("y")) < height for each in texts)
    assert any(each.text.startswith("path to server (fd00:100::2)") for each in texts)


def test_a_capture_holds_what_was_sent_and_received(boxes, tmp_path):
    run = Path(boxes, ["full"] * 3).trace("-n", "--json", "-f", tmp_path / "out.pcap")
    data = (tmp_path / "out.pcap").read_bytes()
    assert run.status == 0 and data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"), run
    assert data[20] == 101    # link type RAW


# ---- the original's JSON ----

def test_original_json(boxes):
    path = Path(boxes, ["full", "full", "silent"]).box(2, "box.strip {}").field(2, "ip.id", 9)
    report = path.trace("-n", "-j", "--mptcp", "0").json()
    assert (report["addr"], report["name"], report["max_hops"]) == ("198.18.100.2", "server", 64)
    first, second, third, last = report["Hops"]
    assert first["hop"] == 1 and first["from"] == "198.18.201.1"
    assert 10000 <= first["delay"] < 11000
    assert (first["Modifications"], first["Additions"], first["Deletions"]) == ([], [], [])
    assert second["Modifications"] == ["TCP::DataOffset", "TCP::CheckSum", "IP::TotalLength",
                                       "IP::Identification", "IP::TTL", "IP::CheckSum"]
    assert second["Deletions"] == ["TCPOptionMPTCPCapable"]
    assert third == {"hop": 3, "from": "*"}
    assert last["from"] == "198.18.100.2" and last["Modifications"] == []


def test_original_json_verbose_and_from_a_later_hop(boxes):
    path = Path(boxes, ["full", "full"]).mss(2)
    report = path.trace("-n", "-j", "-v", "-M", "2", "-p", "IP/TCP/MSS").json()
    assert list(report) == ["Hops"]
    assert {"TCPOptionMaxSegSize::MaxSegSize": {"Expected": "1460", "Received": "1400"}} in \
        report["Hops"][0]["Modifications"]


# ---- bad input: one sentence, exit 2, nothing on standard output ----

@pytest.mark.parametrize("arguments, said", [
    ([], "a destination host is needed"),
    (["-p", "IP/TCP", "-l", "x=1", "h"], "at the same time"),
    (["-m", "0", "h"], "last TTL"),
    (["-m", "256", "h"], "last TTL"),
    (["-M", "9", "-m", "3", "h"], "first TTL (9) is behind the last (3)"),
    (["-t", "soon", "h"], "at most 3600 seconds"),
    (["-t", "0", "h"], "more than 0"),
    (["h", "-t", "0"], "more than 0"),
    (["h", "-n", "g"], "one host is traced, and there is g, too"),
    (["-l", "x=1", "--json", "h"], "without --json"),
    (["-l", "x=1", "--fail-on-change", "tcp.seq", "h"], "without --fail-on-change"),
    (["-l", "x=1", "--svg", "no/such/file", "h"], "--svg is about one trace"),
    (["--shard", "1/2", "h"], "--shard goes with --targets"),
    (["--sim", "scripts/paths/strip.lua", "-i", "lo"], "no interface"),
    (["-n", "no.such.invalid"], "tracebox: no.such.invalid has no IPv4 address: "),
    (["-n", "fd00::1"], "fd00::1 has no IPv4 address: it is one of IPv6 (option -6)"),
    (["-n", "198.18.1.2:443"], "198.18.1.2:443 is no name of a host, and no address"),
    (["-n", "http://h/"], "http://h/ is no name of a host, and no address"),
    (["-p", "IP/TCP/(nil + 1)", "h"], "tracebox: Lua error: probe:1: attempt"),
    (["-C", "h"], "not supported"),
    (["-c", "http://x", "h"], "not supported"),
    (["--no-such", "h"], "no option --no-such"),
    (["--fail-on-change", "tcp.nothing", "h"], 'no field "tcp.nothing"'),
    (["-j", "--json", "h"], "at the same time"),
    (["--sim", "no/such/file.lua"], "no/such/file.lua"),
])
def test_wrong_use(arguments, said):
    run = tracebox(*arguments)
    assert run.status == 2 and run.out == "", run
    assert said in run.err and len(run.err.splitlines()) == 1, run


@pytest.mark.parametrize("probe, said", [
    ("IP", "not a packet"),
    ("IP/TCP/", "unexpected symbol"),
    ("IP/nothing", "nil"),
    ("7", "not a packet"),
    ("tcp{}/raw('x')", "IPv4 or IPv6"),
    ("IP/tcp{dst='x'}", "dst is not an integer"),
    ("ip{dst='1.2.3'}/TCP", "destination address is not valid"),
    ("IP/TCP/raw(string.rep('x', 70000))", "too long"),
    ("IP/TCP/MSS/MSS/MSS/MSS/MSS/MSS/MSS/MSS/MSS/MSS/MSS", "room for 40"),
    ("MSS/IP/TCP", "does not begin with its IP header"),
    ("error('own words')", "own words"),
])
def test_a_probe_that_is_none(boxes, probe, said):
    run = Path(boxes, ["full"]).trace("-p", probe)
    assert run.status == 2 and run.out == "", run
    assert said in run.err and len(run.err.splitlines()) == 1, run


@pytest.mark.parametrize("text, said", [
    ("return 7", "path { ... }"),
    ("return path { box.nothing {} }", "nothing"),
    ("return path { delay = 5 }", 'no field "delay"'),
    ("return { hop {}, 5 }", "path.lua: scenario path: a path holds boxes, links and hops"),
    ("return path { hop { quote = 'half' } }", "quote"),
    ("return path { hop {}, server = 'none' }", "path.lua: server"),
    ("return path {", "path.lua:1"),
])
def test_a_path_file_that_is_none(tmp_path, text, said):
    (tmp_path / "path.lua").write_text(text)
    run = tracebox("--sim", tmp_path / "path.lua")
    assert run.status == 2 and run.out == "", run
    assert said in run.err and len(run.err.splitlines()) == 1, run


@pytest.mark.parametrize("option", ["-f", "--svg", "--bundle"])
@pytest.mark.parametrize("output", ["--json", "-j", None])
def test_files_that_cannot_be_written(boxes, tmp_path, option, output):
    """Known before anything is sent: nothing is printed, nothing is left."""
    path = Path(boxes, ["full"])
    (tmp_path / "folder").mkdir()
    for name in ("/nowhere/file", tmp_path / "folder", "/dev/null/file"):
        run = path.trace("-n", *([output] if output else []), option, name)
        assert run.status == 2 and run.out == "" and len(run.err.splitlines()) == 1, run
        assert run.err.startswith(f"tracebox: cannot write {name}: "), run
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
    assert path.trace("-n", option, tmp_path / "good").status == 0
    assert path.trace("-n", option, tmp_path / "good").status == 0    # again


def test_a_device_that_is_full(boxes):
    """It stays a device, and what cannot be kept is not told of."""
    path = Path(boxes, ["full"])
    for option in ("-f", "--svg"):
        run = path.trace("-n", "--json", option, "/dev/full")
        assert run.status == 2 and run.out == "" and "cannot write /dev/full" in run.err, run
        assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


@pytest.mark.parametrize("arguments", [
    [], ["--json"], ["-j"], ["--matrix", "80"], ["--established"], ["-l", "print('x')"],
    ["--targets", "-"], ["--help"], ["--version"]])
def test_an_output_that_is_full(boxes, arguments):
    (boxes / "path.lua").write_text("return path { hop {}, hop {} }")
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([BUILD / "tracebox", "--sim", boxes / "path.lua", *arguments],
                              input="server\n" * 3, stdout=full, stderr=subprocess.PIPE, text=True,
                              check=False, env=ENVIRONMENT)
    assert done.returncode == 2, done
    assert done.stderr.startswith("tracebox: cannot write the output"), done
    assert done.stderr.count("\n") == 1


def test_a_capture_into_a_pipe(boxes, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    run = Path(boxes, ["full"]).trace("-n", "-f", tmp_path / "pipe")
    assert run.status == 0 and (tmp_path / "pipe").is_fifo(), run
    assert os.read(reader, 65536)[20] == 101
    os.close(reader)


@pytest.mark.parametrize("option, text, said", [
    ("-l", "x = 1\ny = nil + 1", "(command line):2: attempt to perform arithmetic"),
    ("-l", "x = 1\n\ny = = 1", "(command line):3: unexpected symbol"),
    ("-l", "\nprobe = IP / nil", "(command line):2: only layers and packets can be put together, "
                                 "not a nil"),
    ("-l", "\n\nmss('many')", "(command line):3: mss is not an integer"),
    ("-l", "\nip{ttl='x'}", "(command line):2: ttl is not an integer"),
    ("-l", "\nset_ttl_range{min_ttl=9, max_ttl=2}", "(command line):2: Invalid TTL range"),
    ("-l", "set_ttl_range{max_ttl=256}", "Invalid TTL range: [1 <= 256]"),
    ("-l", "set_ttl_range{min_ttl=0}", "Invalid TTL range: [0 <= 64]"),
    ("-l", "\nfunction cb()\nerror('mine') end\ntracebox(ip{dst='198.18.100.2'}/TCP, "
           "{callback='cb'})", "(command line):3: mine"),
    ("-l", "error({})", "table"), ("-l", "error()", "nil"),
    ("-l", "\ntracebox(IP/TCP)", "(command line):2: Tracebox error: You need to specify a dest"),
    ("-l", "\n\ntracebox(ip{dst='1.2.3'}/TCP)", "(command line):3: Tracebox error: The specified"),
    ("-l", "\nlocal p = IP/TCP\nfor i = 1, 11 do p = p/MSS end\np:hexdump()",
     "(command line):4: TCP options take 44 bytes"),
    ("-p", "IP/TCP/", "probe:1: unexpected symbol near <eof>"),
    ("-p", "IP/\nTCP/nothing", "probe:2: only layers and packets"),
    ("-p", "IP/\n\n(nil + 1)", "probe:3: attempt to perform arithmetic"),
    ("-p", "IP/TCP/\nip{ttl='x'}", "probe:2: ttl is not an integer"),
])
def test_lua_errors_name_the_line(boxes, option, text, said):
    run = Path(boxes, ["full"]).trace("-n", option, text)
    assert run.status == 2 and run.out == "" and said in run.err, run
    assert len(run.err.splitlines()) == 1, run


@pytest.mark.parametrize("arguments, said", [
    (["-m", "0"], "last TTL"), (["-m", "256"], "last TTL"), (["-m", "x"], "last TTL"),
    (["-m", "-1"], "last TTL"), (["-M", "0"], "first TTL"), (["-M", "256"], "first TTL"),
    (["-M", "65"], "first TTL (65) is behind the last (64)"), (["-M", ""], "first TTL"),
])
def test_ranges_of_ttl(boxes, arguments, said):
    run = Path(boxes, ["full"]).trace(*arguments)
    assert run.status == 2 and run.out == "" and said in run.err, run
    assert len(run.err.splitlines()) == 1, run
    assert Path(boxes, ["full"]).trace("-n", "-m", "255", "-M", "1").status == 0


def test_help_names_every_option_and_two_examples():
    run = tracebox("--help")
    assert run.status == 0
    for option in ("-n", "-6", "-u", "-d PORT", "-p PROBE", "-s FILE", "--json", "--sim PATH.lua"):
        assert option in run.out
    assert run.out.count("  tracebox ") == 2 and max(map(len, run.out.splitlines())) <= 80
    assert tracebox("--version").out.startswith("tracebox ")


def test_options_stand_before_and_behind_the_host():
    run = tracebox("--sim", TOP / "scripts/paths/strip.lua", "server", "-n", "--json", "-m", "2")
    assert len(run.json()["hops"]) == 2
    run = tracebox("--sim", TOP / "scripts/paths/strip.lua", "server", "-l",
                   "print(table.concat(argv, ' '))", "-n", "--", "--json")
    assert run.status == 0 and run.out == "server --json\n", run


def test_a_long_path(boxes):
    run = Path(boxes, ["full"] * 60).trace("-n", "--json")
    assert run.json()["destination"]["ttl"] == 61 and found(run) == []


def test_the_shipped_path_is_traced():
    run = tracebox("--sim", TOP / "scripts/paths/strip.lua", "--mptcp", "1", "--json")
    assert json.loads(run.out)["findings"][0]["field"] == "tcp.option.mptcp.mp_capable"


# ---- several probes, and everything in one file ----

def test_matrix_is_a_table_of_ports_and_options(boxes):
    path = Path(boxes, ["full"] * 3, "tcp").box(2, "box.nop {}").mss(3)
    run = path.trace("-n", "--matrix", "80,81")
    rows = {line[:16].strip(): line[16:].split() for line in run.out.splitlines()}
    assert run.status == 0 and rows["port"] == ["80", "81"]
    assert rows["MP_CAPABLE"] == rows["MP_JOIN"] == ["removed", "1-2"] * 2
    assert rows["MSS"] == ["modified", "2-3"] * 2
    assert rows["timestamp"] == rows["Fast Open"] == ["kept"] * 2
    assert rows["answer"] == ["plain", "TCP", "rst"] and rows["other fields"] == ["-", "-"]
    reports = path.trace("-n", "--json", "--matrix", "80,81").lines()
    assert [report["target"]["port"] for report in reports] == [80, 80, 81, 81]
    assert path.trace("-n", "--matrix", "80", "--fail-on-change", "tcp.option.mss").status == 1


def test_matrix_says_what_no_quote_shows(boxes):
    rows = Path(boxes, ["rfc792"] * 2).trace("-n", "--matrix", "80").out.splitlines()
    assert rows[1].split() == ["MSS", "?"]


@pytest.mark.parametrize("ports", ["", "80,", ",80", "a", "65536", "-1", "80,,81",
                                   ",".join(["1"] * 17)])
def test_matrix_of_wrong_ports(boxes, ports):
    run = Path(boxes, ["full"]).trace("-n", "--matrix", ports)
    assert run.status == 2 and run.out == "" and "--matrix" in run.err, run


def test_bundle_holds_all_there_is_to_know(boxes, tmp_path):
    path = Path(boxes, ["full"] * 3).box(2, "box.nop {}")
    run = path.trace("-n", "--mptcp", "1", "--bundle", tmp_path / "b.tar.gz", "it's")
    assert run.status == 0, run
    with tarfile.open(tmp_path / "b.tar.gz") as bundle:
        files = {member.name.removeprefix("tracebox/"): bundle.extractfile(member).read()
                 for member in bundle.getmembers()}
    assert set(files) == {"command.txt", "versions.txt", "trace.json", "trace.txt", "trace.pcap"}
    report = json.loads(files["trace.json"])
    assert report["findings"][0]["field"] == "tcp.option.mptcp.mp_capable"
    assert b"'it'\\''s'" in files["command.txt"] and b"tracebox " in files["versions.txt"]
    assert b"MP_CAPABLE is removed" in files["trace.txt"]
    (tmp_path / "t.pcap").write_bytes(files["trace.pcap"])
    from scapy.utils import rdpcap
    assert len(rdpcap(str(tmp_path / "t.pcap"))) > report["sent"]
    assert [entry.name for entry in tmp_path.iterdir() if "pcap" in entry.name] == ["t.pcap"]
    run = path.trace("-n", "--bundle", "/no/where.tar.gz")
    assert run.status == 2 and "/no/where.tar.gz" in run.err, run


def test_completed_probes_are_told_of(boxes):
    path = Path(boxes, ["full"])
    run = path.trace("-n", "-w", "-p", "IP/TCP/wscale(7)")
    assert run.status == 0 and run.err == "tracebox: 1 byte of padding behind the TCP options\n"
    assert path.trace("-n", "-w", "-p", "IP/TCP/MSS").err == ""
    assert path.trace("-n", "-p", "IP/TCP/wscale(7)").err == ""
