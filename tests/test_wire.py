# SPDX-License-Identifier: BSD-2-Clause
"""probe/wire against others: scapy on random packets, tshark on the captures, and the notation on
every packet of the captures. unit/wire_tool does what a line says and answers in JSON."""
import ipaddress
import pathlib
import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_EOL, IPOption_RR, in4_chksum
from scapy.layers.inet6 import (ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop,
                                IPv6ExtHdrSegmentRouting, in6_chksum)
from scapy.utils import checksum

from conftest import BUILD, PATIENCE, run_program
from test_fuzz import packets_of

DATA = pathlib.Path(__file__).resolve().parent / "data" / "captures"
CAPTURES = sorted(DATA.rglob("*.pcap"))
TOOL = BUILD / "unit" / "wire_tool"

# No example may depend on how busy the machine is.
SETTINGS = settings(max_examples=25, deadline=None, derandomize=True,
                    suppress_health_check=list(HealthCheck))


def tool(lines):
    """Run wire_tool over lines; one answer a line."""
    run = run_program(TOOL, input="\n".join(lines) + "\n")
    assert run.status == 0, run
    answers = run.lines()
    assert len(answers) == len(lines)
    return answers


# ---- captures ----

@pytest.mark.parametrize("capture", CAPTURES, ids=[path.stem for path in CAPTURES])
def test_every_packet_of_a_capture_survives_the_notation(capture):
    packets = [packet.hex() for packet in packets_of(capture)]
    texts = [answer["text"] for answer in tool([f"text {packet}" for packet in packets])]
    # Some taps saw ARP, which is no IP packet.
    assert not [text for text in texts if text.startswith(("raw 4", "raw 6"))]
    assert [answer["hex"] for answer in tool([f"read {text}" for text in texts])] == packets


@pytest.mark.parametrize("capture", CAPTURES, ids=[path.stem for path in CAPTURES])
def test_every_option_of_a_capture_is_decoded_and_encoded(capture):
    answers = tool([f"parse {packet.hex()}" for packet in packets_of(capture)])
    options = [option for answer in answers for option in answer["options"]]
    kinds = [option for option in options if option["kind"] == 30]
    assert kinds or "server" in capture.stem or "e_mpc" in capture.stem
    for option in kinds:
        assert option["emitted"] == option["hex"]
        assert option["text"].startswith("mptcp ")
    assert not [option for option in options if option["text"].startswith("kind ")
                and option["kind"] == 30]


@pytest.mark.parametrize("capture", CAPTURES, ids=[path.stem for path in CAPTURES])
def test_short_text_of_a_capture_reads_back_to_the_same_options(capture):
    packets = [packet.hex() for packet in packets_of(capture) if packet[0] >> 4 in (4, 6)]
    texts = [answer["text"] for answer in tool([f"short {packet}" for packet in packets])]
    assert max(len(text) for text in texts) < 400
    again = tool([f"parse {answer['hex']}" for answer in tool([f"read {text}" for text in texts])])
    for packet, parsed in zip(tool([f"parse {packet}" for packet in packets]), again):
        assert parsed["options"] == packet["options"]
        for name in ("tcp.seq", "tcp.ack", "tcp.flags", "tcp.window", "ip.ttl", "ip.length"):
            assert parsed["fields"].get(name) == packet["fields"].get(name)


# Where tshark and we have a name for the same bytes; its numbers may be decimal or hex.
TSHARK = {
    "mptcp dss": {"ack8": "rawdataack", "ack4": "rawdataack", "dsn8": "rawdataseqno",
                  "dsn4": "rawdataseqno", "ssn": "subflowseqno", "len": "datalvllen",
                  "sum": "checksum"},
    "mptcp capable": {"key": "sendkey", "peer": "recvkey"},
    "mptcp join": {"token": "recvtok", "nonce": "sendrand", "hmac": "sendtrunchmac",
                   "id": "addrid"},
    "mptcp add_addr": {"id": "addrid", "port": "port", "addr": "ipv4",
                       "hmac": "addaddrtrunchmac"},
}
HEX = {"ack8", "ack4", "dsn8", "dsn4", "key", "peer", "token", "nonce", "hmac", "sum"}


def number_of(word, text):
    if word == "addr":
        return text
    return int(text, 16 if word in HEX or text.startswith("0x") else 10)


def our_words(options, wanted):
    """(tshark's field, value) of each item in the MPTCP options of a packet."""
    for option in options:
        for name, words in wanted.items():
            items = option["text"].split()
            if not option["text"].startswith(name):
                continue
            for word, value in zip(items, items[1:]):
                if word in words and not (word == "hmac" and len(value) > 16):
                    yield words[word], number_of(word, value)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="needs tshark")
@pytest.mark.parametrize("capture", [path for path in CAPTURES if path.stem[:2] in ("v0", "v1")],
                         ids=lambda path: path.stem)
def test_tshark_reads_the_same_mptcp_options(capture):
    fields = sorted({field for words in TSHARK.values() for field in words.values()})
    command = ["tshark", "-n", "-r", capture, "-T", "fields", "-E", "separator=;"]
    for field in fields:
        command += ["-e", f"tcp.options.mptcp.{field}"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True,
                           timeout=PATIENCE).stdout.splitlines()
    answers = tool([f"parse {packet.hex()}" for packet in packets_of(capture)])
    assert len(lines) == len(answers)
    compared = 0
    for line, answer in zip(lines, answers):
        theirs = {field: [value for value in values.split(",") if value]
                  for field, values in zip(fields, line.split(";"))}
        # An IPv6 address of ADD_ADDR has another field, and MP_CAPABLE's checksum is none of DSS.
        for field, value in our_words(answer["options"], TSHARK):
            if field == "ipv4" and ":" in str(value) or not theirs[field]:
                continue
            compared += 1
            values = [text if field == "ipv4" else int(text, 0) for text in theirs[field]]
            assert value in values, (field, line, answer["options"])
    assert compared > 5


# ---- scapy ----

ADDR4 = st.integers(0x01000001, 0xdfffffff).map(
    lambda n: ".".join(str(n >> shift & 255) for shift in (24, 16, 8, 0)))
ADDR6 = st.integers(1, 2**64).map(lambda n: str(ipaddress.IPv6Address((0xfd00 << 112) + n)))
U8 = st.integers(0, 2**8 - 1)
U16 = st.integers(0, 2**16 - 1)
U32 = st.integers(0, 2**32 - 1)

OPTION = st.one_of(
    st.tuples(st.just("MSS"), U16),
    st.tuples(st.just("WScale"), U8),
    st.just(("SAckOK", b"")),
    st.just(("NOP", None)),
    st.tuples(st.just("Timestamp"), st.tuples(U32, U32)),
    st.tuples(st.just("SAck"), st.tuples(U32, U32)),
    st.tuples(st.sampled_from([30, 34, 77, 200, 253, 254]), st.binary(max_size=12)),
)


def option_len(option):
    sizes = {"MSS": 4, "WScale": 3, "SAckOK": 2, "NOP": 1, "Timestamp": 10, "SAck": 10}
    return sizes.get(option[0]) or 2 + len(option[1])


@st.composite
def option_lists(draw):
    options, room = [], 40
    for option in draw(st.lists(OPTION, max_size=8)):
        if option_len(option) <= room:
            options.append(option)
            room -= option_len(option)
    return options


@st.composite
def ip_headers(draw):
    if draw(st.booleans()):
        return IP(src=draw(ADDR4), dst=draw(ADDR4), id=draw(U16), tos=draw(U8), ttl=draw(U8),
                  flags=draw(st.sampled_from(["", "DF"])),
                  options=draw(st.sampled_from([[], [IPOption_RR(routers=["0.0.0.0"]),
                                                     IPOption_EOL()]])))
    header = IPv6(src=draw(ADDR6), dst=draw(ADDR6), fl=draw(st.integers(0, 0xfffff)), tc=draw(U8),
                  hlim=draw(U8))
    extension = draw(st.sampled_from([None, IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt(), "srh"]))
    if extension == "srh":
        last = draw(ADDR6)
        extension = IPv6ExtHdrSegmentRouting(addresses=[last, header.dst], segleft=1, lastentry=1)
    return header / extension if extension is not None else header


@st.composite
def tcp_packets(draw):
    tcp = TCP(sport=draw(U16), dport=draw(U16), seq=draw(U32), ack=draw(U32),
              flags=draw(st.integers(0, 0x1ff)), window=draw(U16), urgptr=draw(U16),
              options=draw(option_lists()))
    return draw(ip_headers()) / tcp / draw(st.binary(max_size=40))


@st.composite
def packets(draw):
    kind = draw(st.integers(0, 3))
    if kind < 2:
        return draw(tcp_packets())
    header, data = draw(ip_headers()), draw(st.binary(max_size=40))
    if kind == 2:
        return header / UDP(sport=draw(U16), dport=draw(U16)) / data
    if IP in header:
        return header / ICMP(id=draw(U16), seq=draw(U16)) / data
    return header / ICMPv6EchoRequest(id=draw(U16), seq=draw(U16), data=data)


# Where the checksum stands in the transport header, by protocol number.
CHECKSUM_AT = {1: 2, 6: 16, 17: 6, 58: 2}


def check_by_scapy(raw, l4, protocol):
    """Lengths and checksums are what scapy's functions say; l4 is where the transport begins."""
    packet = (IP if raw[0] >> 4 == 4 else IPv6)(raw)
    at = l4 + CHECKSUM_AT[protocol]
    blank = raw[l4:at] + b"\0\0" + raw[at + 2:]
    if IP in packet:
        assert packet.len == len(raw)
        assert packet.chksum == checksum(raw[:10] + b"\0\0" + raw[12:l4])
        wanted = checksum(blank) if protocol == 1 else in4_chksum(protocol, packet, blank)
    else:
        assert packet.plen == len(raw) - 40
        # The last segment takes the place of the destination.
        if l4 > 40 and IPv6ExtHdrSegmentRouting in packet:
            packet = IPv6(src=packet.src, dst=packet[IPv6ExtHdrSegmentRouting].addresses[0])
        wanted = in6_chksum(protocol, packet, blank)
    assert int.from_bytes(raw[at:at + 2], "big") == wanted


def scapy_fields(packet):
    """What scapy says of the fields that both name."""
    fields = {}
    if IP in packet:
        ip = packet[IP]
        fields |= {"ip.src": ip.src, "ip.dst": ip.dst, "ip.id": ip.id, "ip.ttl": ip.ttl,
                   "ip.dscp": ip.tos >> 2, "ip.ecn": ip.tos & 3, "ip.length": ip.len,
                   "ip.flags": int(ip.flags), "ip.header-length": ip.ihl,
                   "ip.checksum": hex(ip.chksum)}
    else:
        ip = packet[IPv6]
        fields |= {"ip6.hop-limit": ip.hlim, "ip6.flow-label": hex(ip.fl), "ip6.length": ip.plen,
                   "ip6.dscp": ip.tc >> 2, "ip6.ecn": ip.tc & 3, "ip6.next-header": ip.nh}
    if TCP in packet:
        tcp = packet[TCP]
        fields |= {"tcp.sport": tcp.sport, "tcp.dport": tcp.dport, "tcp.seq": tcp.seq,
                   "tcp.ack": tcp.ack, "tcp.window": tcp.window, "tcp.urgent": tcp.urgptr,
                   "tcp.offset": tcp.dataofs, "tcp.checksum": hex(tcp.chksum),
                   "payload": bytes(tcp.payload).hex()}
    if UDP in packet:
        udp = packet[UDP]
        fields |= {"udp.sport": udp.sport, "udp.dport": udp.dport, "udp.length": udp.len,
                   "udp.checksum": hex(udp.chksum)}
    return {name: str(value) for name, value in fields.items()}


@SETTINGS
@given(st.lists(packets(), min_size=1, max_size=8))
def test_scapy_reads_the_same_fields_and_checksums(built):
    raws = [bytes(packet) for packet in built]
    for raw, answer in zip(raws, tool([f"parse {raw.hex()}" for raw in raws])):
        again = (IP if raw[0] >> 4 == 4 else IPv6)(raw)
        assert answer["form"] in ("tcp", "udp", "icmp")
        assert answer["ip_ok"] and answer["l4_ok"]
        theirs = scapy_fields(again)
        assert {name: answer["fields"][name] for name in theirs} == theirs
        if TCP in again:
            kinds = [option["kind"] for option in answer["options"] if option["kind"] > 1]
            names = {"MSS": 2, "WScale": 3, "SAckOK": 4, "SAck": 5, "Timestamp": 8}
            wanted = [names.get(name, name) for name, _ in built[raws.index(raw)][TCP].options]
            assert kinds == [kind for kind in wanted if kind != "NOP"]


@SETTINGS
@given(st.lists(packets(), min_size=1, max_size=8), st.data())
def test_the_notation_loses_nothing_even_of_damaged_packets(built, data):
    raws = []
    for packet in built:
        raw = bytearray(bytes(packet))
        for _ in range(data.draw(st.integers(0, 3))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(U8)
        raws.append(bytes(raw[:data.draw(st.integers(1, len(raw)))]
                          if data.draw(st.booleans()) else raw) + data.draw(st.binary(max_size=4)))
    texts = [answer["text"] for answer in tool([f"text {raw.hex()}" for raw in raws])]
    assert [answer["hex"] for answer in tool([f"read {text}" for text in texts])] == \
        [raw.hex() for raw in raws]


@SETTINGS
@given(st.lists(tcp_packets(), min_size=1, max_size=6), st.integers(0, 7), st.integers(0, 2))
def test_an_option_removed_leaves_what_scapy_would_build(built, index, how):
    built = [packet for packet in built if len(packet[TCP].options) > index]
    if not built:
        return
    raws = [bytes(packet).hex() for packet in built]
    before = tool([f"parse {raw}" for raw in raws])
    edited = [answer["hex"] for answer in tool([f"remove {index} {how} {raw}" for raw in raws])]
    for old, new, raw in zip(before, tool([f"parse {packet}" for packet in edited]), edited):
        assert new["ip_ok"] and new["l4_ok"]
        check_by_scapy(bytes.fromhex(raw), new["l4"], 6)
        rest = [option["hex"] for n, option in enumerate(old["options"])
                if option["kind"] > 1 and n != index]
        if how == 2 and old["options"][index]["kind"] != 0:
            rest = [option["hex"] for option in old["options"][:index] if option["kind"] > 1]
        assert [option["hex"] for option in new["options"] if option["kind"] > 1] == rest
        assert new["fields"]["payload"] == old["fields"]["payload"]


SETTABLE = st.one_of(
    st.tuples(st.sampled_from(["tcp.sport", "tcp.window", "tcp.urgent", "ip.id"]), U16),
    st.tuples(st.sampled_from(["tcp.seq", "tcp.ack"]), U32),
    st.tuples(st.sampled_from(["ip.ttl", "ip6.hop-limit"]), U8),
    st.tuples(st.sampled_from(["ip.dscp", "ip6.dscp"]), st.integers(0, 63)),
    st.tuples(st.sampled_from(["ip.src", "ip.dst"]), ADDR4),
    st.tuples(st.just("ip6.src"), ADDR6),
    st.tuples(st.just("tcp.flags"), st.sampled_from(["S", "S.", "FP.U", "-", "SEWe"])),
)


@SETTINGS
@given(st.lists(tcp_packets(), min_size=1, max_size=6), SETTABLE)
def test_a_field_that_is_set_is_the_only_change(built, change):
    name, value = change
    version = "ip6." if name.startswith("ip6.") else "ip." if name.startswith("ip.") else ""
    built = [packet for packet in built
             if version == "" or (IP in packet) == (version == "ip.")]
    if not built:
        return
    raws = [bytes(packet).hex() for packet in built]
    edited = [answer["hex"] for answer in tool([f"set {name} {value} {raw}" for raw in raws])]
    parsed = tool([f"parse {packet}" for packet in edited])
    diffs = tool([f"diff 9999 {raw} {packet}" for raw, packet in zip(raws, edited)])
    for answer, changes in zip(parsed, diffs):
        assert answer["ip_ok"] and answer["l4_ok"]
        assert answer["fields"][name] == str(value)
        assert {change["field"] for change in changes if not change["follows"]} <= {name}


def test_a_field_refuses_what_does_not_fit():
    syn = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / TCP()).hex()
    for name, value in [("tcp.sport", "65536"), ("tcp.flags", "512"), ("tcp.flags", "X"),
                        ("ip.src", "fd00::1"), ("ip6.src", "fd00::1"), ("ip.ttl", "-1"),
                        ("ip.ttl", "1x"), ("no.such", "1"), ("udp.sport", "1"),
                        ("payload", "00")]:
        assert "error" in tool([f"set {name} {value} {syn}"])[0], (name, value)


# ---- ICMP ----

@SETTINGS
@given(st.lists(tcp_packets(), min_size=1, max_size=6), st.integers(0, 3), st.integers(2, 20))
def test_scapy_reads_the_errors_we_build(built, quote, words):
    quote_bytes = 4 * words
    raws = [bytes(packet) for packet in built]
    answers = tool([f"answer {quote} {quote_bytes} {raw.hex()}" for raw in raws])
    errors = tool([f"icmp {answer['hex']}" for answer in answers])
    for raw, answer, read in zip(raws, answers, errors):
        error = bytes.fromhex(answer["hex"])
        is_v4 = raw[0] >> 4 == 4
        check_by_scapy(error, 20 if is_v4 else 40, 1 if is_v4 else 58)
        packet = (IP if is_v4 else IPv6)(error)
        offset = 28 if is_v4 else 48
        assert read["kind"] == "time-exceeded"
        assert error[read["quote_offset"]:][:read["known"]] == raw[:read["known"]]
        if is_v4:
            assert packet[ICMP].type == 11 and packet.dst == IP(raw).src
            header = (raw[0] & 15) * 4
            if quote == 0:
                assert len(error) - offset == min(header + 8, len(raw))
            elif quote == 1:
                assert len(error) - offset == min(header + quote_bytes, len(raw))
            elif quote == 2:
                assert len(error) - offset == min(len(raw), 548)
        if quote == 3:
            assert read["quote"] == "rfc4884" and read["ok"]
            assert read["objects"] == [{"class": 1, "type": 1, "body": "03e81507"}]
            assert read["quote_length"] >= 128


# ---- the document ----

def test_every_example_of_the_document_is_read():
    text = (pathlib.Path(__file__).resolve().parent.parent / "doc" / "notation.md").read_text()
    examples = [line for block in text.split("```")[1::2] for line in block.strip().split("\n")]
    assert len(examples) > 4
    for line, answer in zip(examples, tool([f"read {line}" for line in examples])):
        assert "hex" in answer, (line, answer)
        short, full = tool([f"short {answer['hex']}", f"text {answer['hex']}"])
        # An ICMP error's payload is not in its short text, so that the comment cannot come back.
        assert line in (short["text"], full["text"]) or "[time-exceeded" in line, (short, full)
