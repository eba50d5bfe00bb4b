# SPDX-License-Identifier: BSD-2-Clause
"""The probe language and the Lua API of the original tracebox, byte for byte where it said which,
and its habits with scripts; offline mode."""
import struct
import subprocess

import pytest

from conftest import BUILD, PATIENCE, run_program

PATH = """return path { hop {}, hop {}, %s hop {}, hop {}, server = "%s" }
"""


@pytest.fixture
def script(tmp_path):
    """Run a text as a script over a simulated path with these boxes in front of hop 3."""
    def run(text, *arguments, boxes="", server="tcp", options=()):
        (tmp_path / "path.lua").write_text(PATH % (boxes, server))
        (tmp_path / "script.lua").write_text(text)
        return run_program(BUILD / "tracebox", "--sim", tmp_path / "path.lua", *options, "-s",
                           tmp_path / "script.lua", *arguments)
    return run


def ok(run):
    assert run.status == 0 and run.err == "", run
    return run.out


# ---- bytes on the wire, as the fact sheet of the original gives them ----

@pytest.mark.parametrize("layers, wire", [
    ("MSS", "020405b4"), ("WSCALE", "03030e01"), ("SACKP", "01010402"), ("EDO", "ed040006"),
    ("NOP/NOP/NOP/EOL", "01010100"), ("TFO", "01012202"), ("mss(9000)", "02042328"),
    ("SACK{1,2,3,4}", "01010512" + "00000001" "00000002" "00000003" "00000004"),
    ("SACK{{1,2}}", "0101050a" + "00000001" "00000002"),
    ("timestamp{val=1,ecr=2}/NOP/NOP", "080a" "00000001" "00000002" "0101"),
    ("EDOREQUEST/NOP/NOP", "ed020101"),
    ("mpcapable{skey=1}", "1e0c0081" "0000000000000001"),
    ("mpcapable{skey=1,csum=false}", "1e0c0001" "0000000000000001"),
    ("mpcapable{version=1}", "1e040181"),
    ("mpjoin{token=1,nonce=2,id=3,backup=true}", "1e0c1103" "00000001" "00000002"),
    ("TCPOption.new{kind=77,length=4,data={1,2}}", "4d040102"),
    ("wscale(7)", "03030700"),
])
def test_options_on_the_wire(script, layers, wire):
    out = ok(script(f"p = IP/TCP/{layers}; b = p:bytes()\n"
                    "print((string.char(table.unpack(b, 41)):gsub('.', function(c)\n"
                    "return ('%02x'):format(c:byte()) end)), b[33] >> 4, b[3] * 256 + b[4])"))
    digits, words, total = out.split()
    assert digits == wire
    assert int(words) == 5 + len(wire) // 8 and int(total) == 40 + len(wire) // 2


def test_headers_against_scapy(script):
    """Lengths and checksums of packets of every kind, computed by scapy from the same fields."""
    from scapy.all import ICMP, IP, IPv6, TCP, UDP, ICMPv6EchoRequest, Raw
    out = ok(script("""
        local function show(p)
            p:iplayer():source(p:ip() and "192.0.2.1" or "fd00::1")
            print((string.char(table.unpack(p:bytes())):gsub(".", function(c)
                return ("%02x"):format(c:byte()) end)))
        end
        local four, six = ip{dst="192.0.2.2", id=7, ttl=9, dscp=3, ecn=1}, ipv6{dst="fd00::2",
            tc=5, flowlabel=77, hoplimit=9}
        local t = tcp{src=5, dst=6, seq=7, ack=8, win=9, flags=24}
        show(four/t/MSS/raw("hello")); show(six/t/MSS/raw("hello"))
        show(four/udp{src=5, dst=6}/raw("odd")); show(six/udp{src=5, dst=6}/raw("odd"))
        show(four/ICMPEchoReq(1, 2)/raw("x")); show(six/ICMPEchoReq(1, 2)/raw("x"))
        """))
    four = dict(src="192.0.2.1", dst="192.0.2.2", id=7, ttl=9, tos=3 << 2 | 1, flags="DF")
    six = dict(src="fd00::1", dst="fd00::2", tc=5, fl=77, hlim=9)
    tcp = dict(sport=5, dport=6, seq=7, ack=8, window=9, flags="PA", options=[("MSS", 1460)])
    want = [IP(**four) / TCP(**tcp) / Raw(b"hello"), IPv6(**six) / TCP(**tcp) / Raw(b"hello"),
            IP(**four) / UDP(sport=5, dport=6) / Raw(b"odd"),
            IPv6(**six) / UDP(sport=5, dport=6) / Raw(b"odd"),
            IP(**four) / ICMP(id=1, seq=2) / Raw(b"x"),
            IPv6(**six) / ICMPv6EchoRequest(id=1, seq=2) / Raw(b"x")]
    assert out.split() == [bytes(packet).hex() for packet in want]


def test_extended_data_offset(script):
    """The offset covers options up to EDO alone; its own header length covers all, in words."""
    ok(script("""
        b = (IP/TCP/EDO/MSS/MPCAPABLE/raw('Hello World!')):bytes()
        assert(b[33] == 0x60 and b[42] == 4 and b[44] == 10, b[44])
        for i, v in ipairs{2, 4, 5, 180, 30, 12, 0, 129} do assert(b[44 + i] == v) end
        assert(#(IP/TCP/EDO/MSS):hexdump() > 0)
        """))


# ---- the language ----

@pytest.mark.parametrize("text", [
    "assert(ip{id=0}:id() == 0); assert(ip{}:id() ~= ip{}:id() or ip{}:id() ~= ip{}:id())",
    "p = IP/TCP; q = p/MSS; assert(p == q and p:size() == 44)",
    "before = SACKP:size(); q = SACKP/MSS; assert(SACKP:size() == before)",
    "assert((IP + TCP):size() == 40 and (IP .. TCP):size() == 40)",
    "p = IP/TCP/raw{65, 66}; assert(p:payload():data() == 'AB' and p:payload():bytes()[2] == 66)",
    "p = ip{dst='1.2.3.4'}/tcp{dst=40}; assert(p:get(IP):dest() == '1.2.3.4')\n"
    "assert(p:get(TCP):getdest() == 40 and p:get(MPCAPABLE) == nil)\n"
    "assert(p:destination() == '1.2.3.4' and p:dest() == '1.2.3.4')",
    "assert((IP/TCP/MSS):get(MSS):kind() == 2)",
    "p = IP/TCP/MSS/MSS; assert(#p:getall(MSS) == 2)",
    "t = tcp{flags=18}; assert(t:hasflags(TCP.SYN) == 2 and t:hasflags(TCP.RST) == 0)\n"
    "assert(t:setwin(7) == 7 and t:getwin() == 7 and t:offset() == 5)",
    "old = set_ttl_range{min_ttl=2, max_ttl=9}; assert(old.min_ttl == 1 and old.max_ttl == 64)",
    "ok, e = pcall(set_ttl_range, {min_ttl=5, max_ttl=2}); assert(e:find('Invalid TTL range'))",
    "ok, e = pcall(ip); assert(e:find('table expected, got no value'), e)",
    "ok, e = pcall(tcp, {dst='a'}); assert(e:find('dst is not an integer'), e)",
    "ok, e = pcall(icmp, {}); assert(e:find('type is missing'), e)",
    "ok, e = pcall(tracebox, TCP/MSS); assert(e:find('IPv4 or IPv6 header'), e)",
    "ok, e = pcall(tracebox, IP/TCP, {callback='no'}); assert(e:find('is not a function'), e)",
    "assert(unpack{7} == 7 and loadstring('return 8')() == 8 and bit32.band(12, 10) == 8)\n"
    "assert(bit32.lshift(1, 31) == 2147483648 and bit32.bnot(0) == 4294967295)",
    "for _ = 1, 99 do local r = random(5); assert(r >= 0 and r < 5) end; assert(random() == 0)",
    "assert(dn4('127.0.0.1') and dn6('::1') == nil or true)",
    "assert((ip{dst='198.18.100.2'}/tcp{dst=80}):send() == nil)",
    "assert(IP.new{id=3}:id() == 3 and TCP.SYN == 2 and TCPEDO.EDOEXT == 6)",
    "assert(tostring(IP):find('^< IP %(20 bytes%) :: Version = 4 , HeaderLength = 5 , '), IP)",
    "assert(tostring(TCP):find('Flags = %( SYN %)', 1))",
    "assert(tostring(raw'a\\1') == '< RawLayer (2 bytes) :: Payload = a\\\\x1>')",
])
def test_language(script, text):
    ok(script(text))


def test_arguments_and_status(script):
    ok(script("assert(argv[1] == 'Hello' and argv[2] == 'Wor' and argv[3] == 'ld' and\n"
              "argv[4] == nil and #argv == 3)", "Hello", "Wor", "ld"))
    assert script("return 5").status == 5
    assert script("x = 1").status == 0


@pytest.mark.parametrize("text, said", [
    ("error('of mine')", "script.lua:1: of mine"),
    ("x =", "script.lua:1:"),
    ("tracebox(IP/TCP)", "destination"),
    ("local function deep() return nil + 1 end\ndeep()", "script.lua:1:"),
])
def test_a_script_that_fails(script, text, said):
    run = script(text)
    assert run.status == 2 and run.out == "" and said in run.err, run
    assert len(run.err.splitlines()) == 1


def test_sleep_takes_what_it_says(script):
    """The original dropped the milliseconds."""
    ok(script("local t = os.clock(); local before = os.time(); sleep(1100)\n"
              "assert(os.time() - before >= 1)"))


# ---- tracing from a script ----

def test_callback_is_called_for_every_hop(script):
    out = ok(script("""
        function cb(ttl, ip, mods)
            print(ttl, ip, mods:received() ~= nil, mods:partial(), mods:__tostring())
            assert(mods:original():tcp())
        end
        reply = tracebox(IP/TCP/MSS, {callback="cb"})
        print(reply:tcp():getflags(), reply:source())
        """, "server", boxes='box.strip { kind = 2 }, hop { quote = "silent" },'
             ' hop { quote = "rfc792" },'))
    lines = [line.split("\t") for line in out.splitlines()]
    assert [line[:4] for line in lines[:-1]] == [
        ["1", "198.18.201.1", "true", "0"], ["2", "198.18.202.1", "true", "0"],
        ["3", "nil", "false", "0"], ["4", "198.18.204.1", "true", "1"],
        ["5", "198.18.205.1", "true", "0"], ["6", "198.18.206.1", "true", "0"],
        ["7", "198.18.100.2", "true", "0"]]
    assert lines[0][4] == "" and lines[1][4] == "IP::TTL IP::CheckSum "
    assert lines[3][4] == " [PARTIAL] IP::TotalLength IP::TTL IP::CheckSum "
    assert lines[4][4] == "TCP::DataOffset TCP::CheckSum IP::TotalLength IP::TTL IP::CheckSum " \
        "-TCPOptionMaxSegSize "
    assert lines[6][4] == ""
    assert lines[7] == ["18", "198.18.100.2"]


def test_callback_stops_the_trace(script):
    out = ok(script("function cb(ttl) print(ttl); return ttl == 2 and 1 end\n"
                    "print(tracebox(IP/TCP, {callback='cb'}))", "server"))
    assert out.splitlines() == ["1", "2", "nil"]


def test_callback_that_fails(script):
    run = script("function cb() error('in mine') end\ntracebox(IP/TCP, {callback='cb'})", "server")
    assert run.status == 2 and "in mine" in run.err and run.out == "", run


def test_sendrecv(script):
    out = ok(script("""
        syn = IP / tcp{dst=80} / MSS / EDOREQUEST / NOP / NOP
        pc = syn:sendrecv{timeout=20}
        print(pc:destination(), pc:__tostring():find("SYN ACK") ~= nil,
            pc:__tostring():find("EDO") ~= nil)
        """, "server"))
    assert out.split() == ["198.18.1.2", "true", "false"]
    assert ok(script("print((IP/TCP):sendrecv{timeout=1})", "server", server="silent")) == "nil\n"


def test_a_chunk_on_the_command_line(tmp_path):
    (tmp_path / "path.lua").write_text(PATH % ("", "tcp"))
    run = run_program(BUILD / "tracebox", "--sim", tmp_path / "path.lua", "-l",
                      "print(tracebox(IP/TCP):source())", "server")
    assert ok(run) == "198.18.100.2\n"


def test_mptcp_version_of_scripts_is_the_originals(script):
    text = "print(#(IP/TCP/MPCAPABLE):bytes())"
    assert ok(script(text)) == "52\n"
    assert ok(script(text, options=("--mptcp", "1"))) == "44\n"


# ---- offline ----

PCAP_HEADER = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101)


class Responder:
    """Reads probes from one FIFO and answers each into another, as the original's Click labs."""

    def __init__(self, folder):
        self.out, self.in_ = folder / "out", folder / "in"
        subprocess.run(["mkfifo", self.out, self.in_], check=True)

    def trace(self, answers, *arguments):
        from scapy.all import ICMP, IP, Raw
        command = [BUILD / "tracebox", "-n", "-S", *arguments, "-i",
                   f"pcap:{self.out}:{self.in_}", "1.2.3.4"]
        child = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        with open(self.out, "rb") as probes, open(self.in_, "wb") as replies:
            replies.write(PCAP_HEADER)
            replies.flush()
            assert probes.read(24)[20] == 101
            for source, edit in answers:
                length = struct.unpack("<IIII", probes.read(16))[2]
                probe = IP(probes.read(length))
                quote = edit(probe)
                if isinstance(quote, bytes):   # a whole ICMP message
                    reply = bytes(IP(src=source, dst=probe.src, proto=1) / Raw(quote))
                else:
                    for layer in (IP, "TCP"):
                        del quote[layer].chksum
                    reply = bytes(IP(src=source, dst=probe.src) / ICMP(type=11) /
                                  Raw(bytes(quote)))
                replies.write(struct.pack("<IIII", 0, 0, len(reply), len(reply)) + reply)
                replies.flush()
        out, err = child.communicate(timeout=PATIENCE)
        return child.returncode, out, err


@pytest.fixture
def responder(tmp_path):
    return Responder(tmp_path)


def same(probe):
    return probe


def bigger_mss(probe):
    probe["TCP"].options = [("MSS", 1560)]
    return probe


def test_offline_sends_one_probe_and_reads_one_answer(responder):
    status, out, err = responder.trace([("1.1.1.2", bigger_mss), ("9.9.9.9", bigger_mss)],
                                       "-m", "2", "-p", "IP/TCP/MSS")
    assert (status, err) == (0, "")
    assert out.splitlines()[:3] == ["tracebox to 1.2.3.4 (1.2.3.4): 2 hops max",
                                    "1: 1.1.1.2 0ms tcp.option.mss",
                                    "2: 9.9.9.9 0ms tcp.option.mss"]


def test_offline_with_the_originals_changes(responder):
    import json
    status, out, _ = responder.trace([("1.1.1.2", bigger_mss), ("9.9.9.9", same)],
                                     "-m", "2", "-j", "-p", "IP/TCP/MSS")
    hops = json.loads(out)["Hops"]
    assert status == 0 and [hop["delay"] for hop in hops] == [0, 0]
    assert hops[0]["Modifications"] == ["TCP::CheckSum", "TCPOptionMaxSegSize::MaxSegSize"]
    assert hops[1]["Modifications"] == []


def test_offline_captures_that_cannot_be(tmp_path):
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
    for device, said in [("pcap:x", "-i pcap:OUT:IN"), ("pcap::", "-i pcap:OUT:IN"),
                         (f"pcap:{tmp_path}/out:/no/file", "/no/file"),
                         (f"pcap:/no/dir/out:{empty}", "/no/dir/out")]:
        run = run_program(BUILD / "tracebox", "-n", "-i", device, "1.2.3.4")
        assert run.status == 2 and said in run.err and run.out == "", run
        assert len(run.err.splitlines()) == 1


def test_offline_end_of_the_answers_is_said(tmp_path):
    (tmp_path / "in").write_bytes(PCAP_HEADER)
    run = run_program(BUILD / "tracebox", "-n", "-i", f"pcap:{tmp_path}/out:{tmp_path}/in",
                      "1.2.3.4")
    assert run.status == 2 and "ends before" in run.err, run
