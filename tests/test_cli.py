# SPDX-License-Identifier: BSD-2-Clause
"""mbtest as a user meets it: help, exit statuses, bad input, and every form of output."""
import json
import pathlib
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import BUILD, ENVIRONMENT, TOP, as_nobody, run_program

COMMANDS = ["run", "survey", "list", "selftest", "explore", "net", "box", "pcap", "new"]
CAPTURE = TOP / "tests/data/captures/v1_join_csum.pcap"
ONE = "capable-syn-strip-client-1"

RESULT_FIELDS = """schema suite scenario version checksum client server family path direction
    sender outcome expected rules broken differs pass intact expect_intact damage box_hits bytes
    elapsed_ms clock seed hash why blame""".split()


def suite(tmp_path, text, name="suite.lua"):
    path = tmp_path / name
    path.write_text('suite "own"\n' + text)
    return path


def scenario(boxes="", expect='"mptcp"', more=""):
    return (f'scenario {{ name = "one", paths = {{ path {{ {boxes} }} }}, '
            f'expect = {{ {expect} }}, {more} }}')


def assert_wrong(run, *words):
    """Exit 2, nothing on stdout, one sentence with these words on stderr."""
    assert run.status == 2 and run.out == "", run
    assert len(run.err.strip().splitlines()) == 1 and run.err.startswith("mbtest: "), run
    for word in words:
        assert word in run.err, run


# ---- help and versions ----

def test_help_names_the_commands(mbtest):
    run = mbtest("--help")
    assert run.status == 0 and run.err == ""
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", run.out, re.M), run


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(mbtest, command):
    run = mbtest(command, "--help")
    assert run.status == 0 and run.err == ""
    assert run.out.startswith(f"usage: mbtest {command} ")
    examples = run.out.split("examples:\n")[1].splitlines()
    assert len(examples) == 2 and all(line.startswith("  mbtest ") for line in examples)
    assert all(len(line) <= 80 for line in run.out.splitlines()), run


@pytest.mark.parametrize("arguments", [["--version"]] + [[c, "--version"] for c in COMMANDS])
def test_version(mbtest, arguments):
    run = mbtest(*arguments)
    assert run.status == 0 and re.fullmatch(r"mbtest \d+\.\d+\.\d+\n", run.out)


# ---- bad input ----

@pytest.mark.parametrize("arguments, words", [
    ([], ["a command is needed"]),
    (["frob"], ["frob"]),
    (["run", "nosuch"], ["no suite nosuch"]),
    (["run", "./nosuch.lua"], ["nosuch.lua", "No such file"]),
    (["run", "--nosuch"], ["--nosuch"]),
    (["run", "-xy"], ["no option -x"]),
    (["run", "--client", "sim:anon", "--mptcp", "1"], ["nothing is left", "sim:anon", "v0 only"]),
    (["run", "--seed"], ["--seed"]),
    (["run", "--jobs", "0"], ["--jobs", "1 to 64"]),
    (["run", "--repeat", "x"], ["--repeat"]),
    (["run", "--mptcp", "2"], ["--mptcp", "both"]),
    (["run", "--checksum", "maybe"], ["--checksum"]),
    (["run", "--family", "5"], ["--family"]),
    (["run", "--bytes", "0"], ["--bytes"]),
    (["run", "--client", "windows"], ["--client", "kernel"]),
    (["run", "--fault", "none"], ["no fault none"]),
    (["run", "--only", "zzz"], ["zzz"]),
    (["run", "--log"], ["--log is for one scenario"]),
    (["run", "--json", "--tap"], ["--json, --tap and --by-rule"]),
    (["run", "--blame", "me"], ["--blame", "client"]),
    (["run", "--by-rule", "--tap"], ["--json, --tap and --by-rule"]),
    (["run", "--only", ONE, "--junit", "/nosuch/file"], ["/nosuch/file"]),
    (["run", "--only", ONE, "--keep", "/proc/nosuch"], ["/proc/nosuch"]),
    (["list", "nosuch"], ["nosuch"]),
    (["list", "boxes", "rules"], ["rules"]),
    (["pcap", "one"], ["usage", "PIPELINE.lua"][1:]),
    (["selftest", "nosuch"], ["no suite nosuch"]),
])
def test_bad_arguments(mbtest, arguments, words):
    assert_wrong(mbtest(*arguments), *words)


@pytest.mark.parametrize("text, line, words", [
    ("scenario { name = ", 2, ["unexpected symbol"]),
    (scenario("box.nosuch {}"), 2, ["no box nosuch"]),
    (scenario("box.strip { knd = 30 }"), 2, ["strip", "knd"]),
    (scenario("box.strip { kind = 300 }"), 2, ["strip", "kind", "2..255"]),
    (scenario('box.strip { on = "never" }'), 2, ["strip", "on", "never"]),
    (scenario("\nlink { loss = 2 }"), 3, ["loss"]),
    (scenario("link { speed = 2 }"), 2, ["speed"]),
    (scenario(expect='"fine"'), 2, ["no outcome fine (see mbtest(1))"]),
    (scenario(more='rules = { "F99" }'), 2, ["no rule F99 (see mbtest list rules)"]),
    (scenario(more='sender = "nobody"'), 2, ["sender", "nobody"]),
    (scenario(more="subflows = 99"), 2, ["subflows"]),
    (scenario(more="typo = 1"), 2, ["typo"]),
    (scenario("nil, hop {}, nil, hop {}"), 2, ["a list has no gaps"]),
    (scenario("delay = 5"), 2, ['no field "delay"']),
    (scenario("hop 'x'"), 2, ["hop needs a table"]),
    (scenario("hop {}, " * 65), 2, ["at most 64 elements"]),
    (scenario(expect='"mptcp", intct = true'), 2, ['no field "intct"']),
    (scenario(expect='"mptcp", damage = "some"'), 2, ["damage", "some"]),
    (scenario(more='profiles = { clint = "anon" }'), 2, ['no field "clint"']),
    (scenario(more="versions = 1"), 2, ["versions must be a table"]),
    (scenario(more="versions = { 2 }"), 2, ["versions cannot hold 2"]),
    (scenario(more="checksums = { 'on' }"), 2, ["checksums cannot hold on"]),
    (scenario(more="case = { family = 5 }"), 2, ["case cannot hold 5"]),
    (scenario(more="case = { seed = 5 }"), 2, ["case cannot hold 5"]),
    (scenario("box.strip"), 2, ["as in box.strip {}"]),
    ("error('mine')", 2, ["mine"]),
])
def test_bad_suite(mbtest, tmp_path, text, line, words):
    path = suite(tmp_path, text)
    assert_wrong(mbtest("run", path), f"{path.name}:{line}:", *words)


def test_suite_without_scenario(mbtest, tmp_path):
    assert_wrong(mbtest("run", suite(tmp_path, "")), "no scenario")


def test_kernel_needs_root(tmp_path):
    done = run_program(*as_nobody(BUILD / "mbtest"), BUILD / "mbtest", "run", "--client", "kernel",
                       cwd=tmp_path)
    assert done.status == 2 and done.out == "" and "root" in done.err


def test_unwritable_output(tmp_path):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([BUILD / "mbtest", "run", "--only", ONE], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False, env=ENVIRONMENT)
    assert done.returncode == 2 and "cannot write the output" in done.stderr


@pytest.mark.parametrize("words", [
    ["mbtest", "run", "--only", ONE], ["mpprobe", "analyze", CAPTURE], ["tracebox", "--version"]])
def test_output_that_is_closed(words):
    """No file or socket of a program's own takes its place."""
    done = run_program("sh", "-c", 'exec "$@" >&-', "sh", BUILD / words[0], *words[1:])
    assert done.status == 2 and "cannot write the output" in done.err, done


def test_no_partial_junit_is_left(mbtest, tmp_path):
    box = tmp_path / "broken.lua"
    box.write_text('return { help = "x", packet = function() error("oops") end }')
    path = suite(tmp_path, scenario(f'box_file "{box}" {{}}'))
    junit = tmp_path / "junit.xml"
    assert_wrong(mbtest("run", path, "--junit", junit), "broken.lua:1:", "oops")
    assert not junit.exists()


# ---- results ----

def test_json_of_a_result(mbtest):
    run = mbtest("run", "--only", ONE, "--json")
    assert run.status == 0 and run.err == ""
    rows = run.lines()
    assert len(rows) == 4
    for row, line in zip(rows, run.out.splitlines()):
        assert line.startswith('{"schema":"mbkit.result/1",')
        assert set(RESULT_FIELDS) <= set(row)
        assert row["suite"] == "classic" and row["scenario"] == ONE
        assert row["client"] == row["server"] == "sim" and row["clock"] == "virtual"
        assert (row["outcome"], row["expected"], row["rules"]) == ("tcp", ["tcp"], ["F1", "F2"])
        assert (row["path"], row["direction"], row["sender"]) == (1, "to-server", "client")
        assert row["pass"] and row["intact"] and row["expect_intact"] and row["damage"] is None
        assert row["broken"] == [] and row["differs"] == [] and row["box_hits"] >= 1
        assert row["bytes"] == 65536 and row["elapsed_ms"] > 0 and row["seed"] == 1
        assert re.fullmatch("[0-9a-f]{16}", row["hash"]) and row["why"]
    assert sorted((row["version"], row["checksum"]) for row in rows) == [
        (0, False), (0, True), (1, False), (1, True)]


@pytest.mark.parametrize("option, value, count", [
    ("--mptcp", "0", 2), ("--mptcp", "both", 4), ("--checksum", "on", 2), ("--family", "6", 4),
    ("--family", "both", 8),
])
def test_cases(mbtest, option, value, count):
    assert len(mbtest("run", "--only", ONE, "--json", option, value).lines()) == count


def test_a_failure(mbtest, tmp_path):
    path = suite(tmp_path, scenario(expect='"tcp"'))
    run = mbtest("run", path, "--json", "--mptcp", "1", "--checksum", "on")
    assert run.status == 1
    (row,) = run.lines()
    assert not row["pass"] and row["outcome"] == "mptcp" and row["expected"] == ["tcp"]
    assert "mptcp is not expected" in row["why"]


def test_table(mbtest, tmp_path):
    run = mbtest("run", "--only", "flip-mid-*")
    assert run.status == 0 and "\033" not in run.out
    assert all(len(line.rstrip()) <= 80 for line in run.out.splitlines()), run
    assert re.search(r"^modify payload +v0 .* 24/24 *$", run.out, re.M), run
    assert run.out.endswith("48 of 48 results as the rules have it\n")
    run = mbtest("run", suite(tmp_path, scenario(expect='"tcp"')))
    assert run.status == 1 and re.search(r"^FAIL one v0 plain\n     mptcp is not", run.out, re.M)


def test_by_rule(mbtest):
    """What the table says of a rule is what the results say, and ours stands beside."""
    arguments = ("run", "classic", "--mptcp", "1", "--only", "*join-hmac-*-client")
    rows = mbtest(*arguments, "--fault", "accept-any-hmac", "--json").lines()
    run = mbtest(*arguments, "--fault", "accept-any-hmac", "--by-rule")
    assert run.status == 1 and all(len(line) <= 140 for line in run.out.splitlines())
    table = {line.split()[0]: line.split()[2:] for line in run.out.splitlines()
             if re.match(r"[FO]\d", line)}
    for name in {rule for row in rows for rule in row["exercised"]}:
        tried = [row for row in rows if name in row["exercised"]]
        broken = [row for row in tried if name in {rule["rule"] for rule in row["broken"]}]
        assert table[name][1] == f"{len(tried) - len(broken)}/{len(tried)}", (name, run)
        kept, tried = table[name][0].split("/") if table[name][0] != "-" else (0, 0)
        assert kept == tried, (name, run)
    (packet,) = re.findall(r"^F40 .* classic/join-hmac-ack3-client v1 plain\n.*\n"
                           r"      server, packet (\d+): ", run.out, re.M)
    (broken,) = {rule["packet"] for row in rows for rule in row["broken"] if rule["rule"] == "F40"
                 and not row["checksum"]}
    assert int(packet) == broken
    alone = mbtest(*arguments, "--by-rule")
    assert alone.status == 0 and re.search(r"^F40   must             2/2$", alone.out, re.M), alone


@pytest.mark.parametrize("form", ["--tap", "--by-rule", "--json", None])
def test_whose_fault(mbtest, tmp_path, form):
    """A server that answers a plain SYN with MP_CAPABLE: the client did nothing wrong."""
    arguments = ["run", "--only", "capable-syn-strip-*-1", "--mptcp", "1", "--fault",
                 "capable-unasked"] + [form] * (form is not None)
    both = mbtest(*arguments)
    ends = {end: mbtest(*arguments, "--blame", end, "--junit", tmp_path / end)
            for end in ("client", "server")}
    assert (both.status, ends["client"].status, ends["server"].status) == (1, 0, 1)
    assert ends["server"].out == both.out
    assert 'failures="0"' in (tmp_path / "client").read_text()
    assert 'failures="6"' in (tmp_path / "server").read_text()
    if form == "--json":
        for row in ends["client"].lines():
            assert row["blame"] == ["server"] and not row["pass"]
    elif form == "--tap":
        assert both.out.count("\nnot ok ") == 6 and "\nnot ok " not in ends["client"].out
    else:
        for run in both, ends["client"]:
            assert run.out.endswith("0 of 6 results as the rules have it\n"
                                    "the client (sim) is to blame for none\n"
                                    "the server (sim) is to blame for 6: F1 6\n"), run
    if form is None:
        assert both.out.count("FAIL ") == 6 and "FAIL " not in ends["client"].out


def test_both_are_to_blame(mbtest):
    """Each leaves out mappings that F8 asks for; of the two only one is told of as broken."""
    arguments = ("run", "--only", "result-5-split-both-1", "--mptcp", "1", "--checksum", "on",
                 "--fault", "lazy-mapping")
    (row,) = mbtest(*arguments, "--json").lines()
    assert row["blame"] == ["client", "server"]
    assert {rule["end"] for rule in row["broken"]} == {"client"}
    for end in "client", "server":
        assert mbtest(*arguments, "--blame", end).status == 1
    assert re.search(r"the server \(sim\) is to blame for 1: F8 1$", mbtest(*arguments).out, re.M)


def test_nobody_is_to_blame_for_a_wrong_scenario(mbtest, tmp_path):
    path = suite(tmp_path, scenario(expect='"tcp"'))
    run = mbtest("run", path, "--fault", "capable-unasked", "--mptcp", "1", "--checksum", "on")
    assert run.status == 1 and run.out.endswith("nobody is to blame for 1\n"), run
    run = mbtest("run", path, "--mptcp", "1", "--checksum", "on")
    assert run.status == 1 and "to blame" not in run.out


def test_repeat_lists_every_outcome(mbtest, tmp_path):
    path = suite(tmp_path, scenario("box.blackhole { chance = 0.02 }", '"mptcp"',
                                    'needs_box = false'))
    run = mbtest("run", path, "--repeat", "3", "--mptcp", "1", "--checksum", "off")
    assert re.search(r"one v1 plain: .*x\d", run.out), run


def test_names_of_any_length(mbtest, tmp_path):
    """What is kept is in the folder that was named, and nowhere else."""
    folder = tmp_path.joinpath(*[letter * 200 for letter in "abcdef"])
    folder.mkdir(parents=True)
    run = mbtest("run", suite(tmp_path, scenario(expect='"tcp"')), "--mptcp", "1", "--checksum",
                 "on", "--keep", folder)
    assert run.status == 1 and {path.name for path in folder.iterdir()} == {
        "one-v1-checksum-ip4.client.pcap", "one-v1-checksum-ip4.server.pcap"}
    run = mbtest("explore", "--seeds", "1..100", "--fault", "deliver-unmapped", "--stop", "1",
                 "--keep", folder, "--resume", folder / "state", "--json")
    (found,) = run.json()["violations"]
    assert {path.suffix for path in folder.iterdir()} == {".lua", ".pcap", ""}
    assert mbtest("run", found["scenario"], "--fault", "deliver-unmapped").status == 1
    run = mbtest("pcap", TOP / "scripts/paths/strip.lua", CAPTURE, folder / "out.pcap")
    assert run.status == 0 and (folder / "out.pcap").exists(), run


def test_races_leave_a_capture_of_each_outcome(mbtest, tmp_path):
    """Nothing of what came out the same each time and passed; each file holds packets."""
    path = suite(tmp_path, scenario("box.blackhole { chance = 0.02 }", '"mptcp"',
                                    'needs_box = false')
                 + scenario(expect='"mptcp"').replace('"one"', '"two"'))
    keep = tmp_path / "keep"
    run = mbtest("run", path, "--repeat", "8", "--mptcp", "1", "--checksum", "off", "--keep", keep)
    line = re.search(r"^race one v1 plain:((?: \S+ x\d)+)$", run.out, re.M)
    outcomes = re.findall(r"(\S+) x", line[1])
    assert len(outcomes) > 1 and "\n1 of 2 came out in more than one way\n" in run.out, run
    names = sorted(entry.name for entry in keep.iterdir())
    found = [re.fullmatch(r"one-v1-plain-ip4\.seed\d\.(\S+)\.(client|server)\.pcap", name).groups()
             for name in names]
    assert sorted(set(found)) == sorted((outcome, end) for outcome in outcomes
                                        for end in ("client", "server")), names
    assert len(found) == len(set(found)) and all((keep / name).stat().st_size > 24
                                                 for name in names)


def test_tap(mbtest, tmp_path):
    text = scenario(expect='"mptcp"') + "\n" + scenario(expect='"tcp"').replace("one", "two")
    run = mbtest("run", suite(tmp_path, text), "--tap", "--mptcp", "1")
    lines = run.out.splitlines()
    assert run.status == 1 and lines[:2] == ["TAP version 13", "1..4"]
    assert [line for line in lines if re.match("(not )?ok ", line)] == [
        "ok 1 - own/one v1 plain", "ok 2 - own/one v1 checksum",
        "not ok 3 - own/two v1 plain", "not ok 4 - own/two v1 checksum"]
    block = lines[lines.index("not ok 3 - own/two v1 plain") + 1:]
    assert block[0] == "  ---" and block[1] == "  outcome: mptcp" and block[4] == "  ..."


def test_junit(mbtest, tmp_path):
    text = scenario(expect='"mptcp"') + "\n" + scenario(expect='"tcp"').replace("one", "t<o&")
    junit = tmp_path / "junit.xml"
    run = mbtest("run", suite(tmp_path, text), "--junit", junit, "--mptcp", "1")
    assert run.status == 1
    root = ElementTree.parse(junit).getroot()
    assert (root.get("tests"), root.get("failures")) == ("4", "2")
    cases = root.findall("testcase")
    assert [case.get("name") for case in cases][2] == "t<o& v1 plain"
    assert [case.find("failure") is not None for case in cases] == [False, False, True, True]


def test_log(mbtest):
    run = mbtest("run", "--only", ONE, "--mptcp", "1", "--checksum", "on", "--log")
    assert run.status == 0 and "1 of 1 results" in run.out
    assert "client send" in run.err and "strip" in run.err


def test_keep(mbtest, tmp_path):
    path = suite(tmp_path, scenario(expect='"tcp"'))
    folder = tmp_path / "kept"
    mbtest("run", path, "--keep", folder, "--mptcp", "1", "--checksum", "on")
    names = sorted(kept.name for kept in folder.iterdir())
    assert names == ["one-v1-checksum-ip4.client.pcap", "one-v1-checksum-ip4.server.pcap"]
    for name in names:
        data = (folder / name).read_bytes()
        assert int.from_bytes(data[20:24], "little") in (101, 12)     # LINKTYPE_RAW, DLT_RAW
        assert data[40] >> 4 == 4


def test_v0_is_left_out_with_a_kernel(mbtest):
    run = mbtest("run", "--client", "kernel", "--mptcp", "0")
    assert run.status == 2 and run.out == ""


# ---- the catalogue ----

def test_catalogue(catalogue):
    assert list(catalogue)[0] == "schema" and catalogue["schema"] == "mbkit.catalogue/1"
    boxes = {box["box"]: box for box in catalogue["boxes"]}
    files = {path.stem.replace("_", "-")
             for folder in ("mbtest/box/*.c", "lua/box/*.lua") for path in TOP.glob(folder)}
    assert set(boxes) == files
    assert [p["param"] for p in boxes["flip"]["params"]] == ["offset", "mask"]
    assert {suite["suite"] for suite in catalogue["suites"]} == {
        path.stem for path in TOP.glob("lua/suites/*.lua")}
    assert {"ignore-checksum", "never-fall-back", "deliver-unmapped", "accept-any-hmac"} <= {
        fault["fault"] for fault in catalogue["faults"]}
    rules = {rule["rule"]: rule["scenarios"] for rule in catalogue["rules"]}
    assert ONE in rules["F1"] and ONE not in rules["F21"] and rules["F21"]


@pytest.mark.parametrize("word", ["boxes", "suites", "scenarios", "faults", "rules"])
def test_one_part_of_the_catalogue(mbtest_release, catalogue, word):
    if word != "rules":  # which takes seconds each time
        part = mbtest_release("list", word, "--json").json()
        assert part == {"schema": catalogue["schema"], word: catalogue[word]}
    text = mbtest_release("list", word)
    assert text.status == 0 and text.out
    assert all(len(line) <= 80 for line in text.out.splitlines()), text
    if word != "rules":
        return
    named = dict(re.findall(r"^(\w+) +(?:must|should|may|open) (?:.*\n)+?    scenarios: (.*)$",
                            text.out, re.M))
    assert set(named) == {rule["rule"] for rule in catalogue["rules"]}
    for rule in catalogue["rules"]:
        names = named[rule["rule"]].removesuffix(" ...").split(", ")
        assert names == rule["scenarios"][:len(names)], rule
        assert named[rule["rule"]].endswith(" ...") == (len(names) < len(rule["scenarios"])), rule


# ---- mbtest pcap ----

def records(path):
    """(microseconds, bytes) of each packet of a little-endian capture file."""
    data = pathlib.Path(path).read_bytes()
    offset, out = 24, []
    while offset < len(data):
        seconds, fraction, length, _ = (int.from_bytes(data[offset + i:offset + i + 4], "little")
                                        for i in (0, 4, 8, 12))
        out.append((seconds, fraction, data[offset + 16:offset + 16 + length]))
        offset += 16 + length
    return out


def test_pcap_strips_every_option(mbtest, tmp_path):
    path = suite(tmp_path, scenario("box.strip { kind = 30 }"))
    run = mbtest("pcap", path, CAPTURE, tmp_path / "out.pcap")
    assert run.status == 0 and run.out == "" and run.err == ""
    before, after = records(CAPTURE), records(tmp_path / "out.pcap")
    assert len(after) == len(before)
    scapy = pytest.importorskip("scapy.all")
    for _, _, data in after:
        packet = scapy.IP(data) if data[0] >> 4 == 4 else scapy.IPv6(data)
        if scapy.TCP not in packet:
            continue
        assert all(option[0] != 30 for option in packet[scapy.TCP].options)
        checksum = packet[scapy.TCP].chksum
        del packet[scapy.TCP].chksum
        assert type(packet)(bytes(packet))[scapy.TCP].chksum == checksum


# What stands in front of IPv4, or IPv6, in a frame of a link type (tcpdump.org/linktypes.html).
LINKS = {
    "ethernet": (1, bytes(12) + b"\x08\x00", bytes(12) + b"\x86\xdd"),
    "vlan": (1, bytes(12) + b"\x81\x00\x00\x05\x08\x00",
             bytes(12) + b"\x88\xa8\x00\x05\x81\x00\x00\x06\x86\xdd"),
    "pppoe": (1, bytes(12) + b"\x88\x64\x11\x00\x00\x01\x00\x00\x00\x21",
              bytes(12) + b"\x88\x64\x11\x00\x00\x01\x00\x00\x00\x57"),
    "raw": (101, b"", b""),
    "null": (0, b"\x02\x00\x00\x00", b"\x00\x00\x00\x1e"),
    "loop": (108, b"\x00\x00\x00\x02", b"\x00\x00\x00\x1c"),
    "sll": (113, bytes(14) + b"\x08\x00", bytes(14) + b"\x86\xdd"),
    "sll2": (276, b"\x08\x00" + bytes(18), b"\x86\xdd" + bytes(18)),
}


@pytest.mark.parametrize("link", LINKS)
def test_pcap_of_many_links(mbtest, tmp_path, link):
    """Each IP packet passes, whatever is around it; what has none is left out, and said to be."""
    scapy = pytest.importorskip("scapy.all")
    kind, *fronts = LINKS[link]
    packets, want = ([scapy.raw(ip / scapy.TCP(sport=40000, dport=80, options=options)) for ip in
                      (scapy.IP(src="198.18.1.2", dst="198.18.100.2"),
                       scapy.IPv6(src="fd00:1::2", dst="fd00:100::2"))]
                     for options in ([(30, b"\x01\x81")], [("NOP", None)] * 4))
    frames = [front + packet for front, packet in zip(fronts, packets)]
    others = [bytes(60), b"\x08"] if len(fronts[0]) > 4 else []
    scapy.wrpcap(str(tmp_path / "in.pcap"), [scapy.Raw(each) for each in frames + others],
                 linktype=kind)
    (tmp_path / "path.lua").write_text("return path { box.nop {} }")
    run = mbtest("pcap", tmp_path / "path.lua", tmp_path / "in.pcap", tmp_path / "out.pcap")
    assert run.status == 0 and run.out == "", run
    assert run.err == (f"mbtest: 2 frames of {tmp_path}/in.pcap without IP are left out\n"
                       if others else ""), run
    assert [bytes(each.original) for each in scapy.rdpcap(str(tmp_path / "out.pcap"))] == want


def test_pcap_takes_a_path_file(mbtest, tmp_path):
    """The file that tracebox --sim takes gives what the same boxes of a suite file give."""
    (tmp_path / "path.lua").write_text("return path { hop {}, box.strip { kind = 30 } }\n")
    path = suite(tmp_path, scenario("box.strip { kind = 30 }"))
    assert mbtest("pcap", tmp_path / "path.lua", CAPTURE, tmp_path / "a.pcap").status == 0
    assert mbtest("pcap", path, CAPTURE, tmp_path / "b.pcap").status == 0
    assert records(tmp_path / "a.pcap") == records(tmp_path / "b.pcap") != records(CAPTURE)
    (tmp_path / "neither.lua").write_text("local nothing = 1\n")
    assert_wrong(mbtest("pcap", tmp_path / "neither.lua", CAPTURE, tmp_path / "c.pcap"),
                 "neither.lua", "returns no path")
    (tmp_path / "bare.lua").write_text("return box.strip {}\n")
    assert_wrong(mbtest("pcap", tmp_path / "bare.lua", CAPTURE, tmp_path / "c.pcap"),
                 "bare.lua: return path { ... }, and this inside")
    assert not (tmp_path / "c.pcap").exists()


@pytest.mark.parametrize("server, changed", [(None, "to-server"), ("198.18.31.1", "to-client")])
def test_pcap_tells_the_direction(mbtest, tmp_path, server, changed):
    """The first SYN's sender is the client, unless told who the server is."""
    path = suite(tmp_path, scenario('box.strip { kind = 30, on = "syn", direction = "to-server" }'))
    told = ["--to-server", server] if server else []
    mbtest("pcap", *told, path, CAPTURE, tmp_path / "out.pcap")
    same = sum(a[2] == b[2] for a, b in zip(records(tmp_path / "out.pcap"), [
        (0, 0, record[2][-len(out[2]):]) for record, out in
        zip(records(CAPTURE), records(tmp_path / "out.pcap"))]))
    assert (same < len(records(CAPTURE))) == (changed == "to-server")


def test_pcap_counts(mbtest, tmp_path):
    """What each box did, against what came out."""
    path = suite(tmp_path, scenario("box.strip { kind = 30 }, box.loss { every = 10 }"))
    told = mbtest("pcap", "--json", path, CAPTURE, tmp_path / "out.pcap").json()
    came, went = len(records(CAPTURE)), len(records(tmp_path / "out.pcap"))
    assert told["schema"] == "mbkit.box/1" and sum(told["packets"].values()) == came == 163
    assert sum(told["sent"].values()) == went and told["dropped"] == came - went == 16
    strip, loss = told["boxes"]
    assert strip["name"] == "strip" and strip["dropped"] == 0 and 0 < strip["hits"] <= came
    assert loss["name"] == "loss" and loss["hits"] == loss["dropped"] == 16


def test_pcap_bad_captures(mbtest, tmp_path):
    path = suite(tmp_path, scenario("box.strip {}"))
    out = tmp_path / "out.pcap"
    garbage = tmp_path / "garbage.pcap"
    garbage.write_bytes(b"this is no capture at all, by any reading of it")
    assert_wrong(mbtest("pcap", path, garbage, out), "garbage.pcap")
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(CAPTURE.read_bytes()[:3000])
    assert_wrong(mbtest("pcap", path, cut, out), "cut.pcap", "cut")
    foreign = tmp_path / "foreign.pcap"
    data = bytearray(CAPTURE.read_bytes())
    data[20:24] = (127).to_bytes(4, "little")
    foreign.write_bytes(data)
    assert_wrong(mbtest("pcap", path, foreign, out), "foreign.pcap", "127")
    assert_wrong(mbtest("pcap", path, tmp_path / "none.pcap", out), "none.pcap")
    assert not out.exists()
    assert_wrong(mbtest("pcap", path, CAPTURE, "/nosuch/out.pcap"), "/nosuch/out.pcap")


def test_json_is_one_object_a_line(mbtest):
    run = mbtest("run", "--only", "capable-*", "--json")
    assert all(isinstance(json.loads(line), dict) for line in run.out.splitlines())


# ---- new ----

def test_new_box(mbtest, tmp_path):
    """What it writes works as it says, and is not written twice."""
    run = mbtest("new", "box", "another", "--json", cwd=tmp_path)
    assert run.json() == {"schema": "mbkit.new/1", "file": "another.lua"}
    run = mbtest("new", "box", "my-own", cwd=tmp_path)
    assert (run.status, run.out, run.err) == (0, "wrote my_own.lua\n", "")
    text = (tmp_path / "my_own.lua").read_text()
    assert text.startswith("-- my_own.lua") and "NAME" not in text.replace("NAMES", "")
    (tmp_path / "suite.lua").write_text(
        "scenario { name = 'one', expect = { 'tcp' }, paths = { path { box_file 'my_own.lua' "
        "{ most = 1, direction = 'to-server' } } } }")
    rows = mbtest("run", tmp_path / "suite.lua", "--json", cwd=tmp_path).lines()
    assert rows and all(row["pass"] and row["box_hits"] == 1 for row in rows)
    (tmp_path / "my_own.lua").write_text("mine")
    run = mbtest("new", "box", "my-own", cwd=tmp_path)
    assert run.status == 2 and run.out == "" and "my_own.lua" in run.err
    assert (tmp_path / "my_own.lua").read_text() == "mine"


@pytest.mark.parametrize("arguments", [
    [], ["box"], ["suite", "x"], ["box", "a", "b"], ["box", ""], ["box", "../x"], ["box", "Nat"],
    ["box", "1st"], ["box", "x" * 41], ["--nosuch", "box", "x"]])
def test_new_refuses(mbtest, tmp_path, arguments):
    run = mbtest("new", *arguments, cwd=tmp_path)
    assert run.status == 2 and run.out == "" and run.err.count("\n") == 1
    assert not list(tmp_path.iterdir())
