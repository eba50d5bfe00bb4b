# SPDX-License-Identifier: BSD-2-Clause
"""Boxes of the IP header, of single TCP options, and of the MTU over captures that scapy builds:
what must come out is built, cut, put together and summed up by scapy, byte for byte."""
import random

import pytest

scapy = pytest.importorskip("scapy.all")
from scapy.all import (ICMP, IP, TCP, UDP, ICMPv6DestUnreach, ICMPv6EchoRequest,  # noqa: E402
                       ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPOption, IPOption_NOP,
                       IPOption_Router_Alert, IPOption_RR, IPv6, IPv6ExtHdrDestOpt,
                       IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, PadN, Raw, defragment, defragment6,
                       fragment, fragment6, raw)

from test_boxes import CLIENT, SERVER, pass_through  # noqa: E402

MF, DF = 1, 2
OPTIONS = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 2)), ("NOP", None), ("WScale", 7)]
SECURITY = IPOption(bytes.fromhex("820b010203040506070809"))  # copied into fragments
RECORD = IPOption_RR(routers=["0.0.0.0", "0.0.0.0"])           # not copied


def parse(packet):
    return IP(packet) if packet[0] >> 4 == 4 else IPv6(packet)


def check(packet):
    """Lengths and checksums are those that scapy computes."""
    again = parse(packet)
    if isinstance(again, IP):
        del again.chksum, again.len
        if again.frag or again.flags & MF:
            header = again.ihl * 4
            again.remove_payload()
            assert raw(again / Raw(packet[header:])) == packet
            return
    else:
        del again.plen
        if IPv6ExtHdrFragment in again:
            return
    for layer in (TCP, UDP, ICMP, ICMPv6EchoRequest, ICMPv6PacketTooBig, ICMPv6TimeExceeded,
                  ICMPv6DestUnreach):
        if layer in again:
            if layer in (TCP, UDP, ICMP):
                del again[layer].chksum
            else:
                del again[layer].cksum
            break
    assert raw(again) == packet


def changed(packet, **fields):
    """The packet with other fields in its IP header, and the header's checksum right."""
    ip = parse(packet)
    header = ip.ihl * 4 if isinstance(ip, IP) else 40
    ip.remove_payload()
    assert raw(ip) == packet[:header]
    for name, value in fields.items():
        setattr(ip, name, value)
    if isinstance(ip, IP):
        del ip.chksum
    return raw(ip) + packet[header:]


def traffic_class(packet):
    return parse(packet).tos if packet[0] >> 4 == 4 else parse(packet).tc


def with_class(packet, value):
    return changed(packet, **{"tos" if packet[0] >> 4 == 4 else "tc": value})


def ends(family, direction):
    src, dst = CLIENT[family], SERVER[family]
    return (src, dst) if direction == "up" else (dst, src)


def ip_header(rng, family, direction="up", df=None):
    src, dst = ends(family, direction)
    if family == 6:
        header = IPv6(src=src, dst=dst, tc=rng.randrange(256), hlim=rng.randrange(256),
                      fl=rng.getrandbits(20))
        return header / IPv6ExtHdrHopByHop(options=PadN(optdata=bytes(4))) \
            if rng.random() < 0.2 else header
    options = rng.choice(([], [], [IPOption_Router_Alert()], [IPOption_NOP(), RECORD]))
    flags = rng.choice((0, DF)) if df is None else df
    return IP(src=src, dst=dst, tos=rng.randrange(256), ttl=rng.randrange(256),
              id=rng.getrandbits(16), flags=flags, options=options)


def transport(rng, family, direction="up"):
    ports = (40000, 80) if direction == "up" else (80, 40000)
    kind = rng.choice(("tcp", "tcp", "udp", "icmp"))
    if kind == "tcp":
        return TCP(sport=ports[0], dport=ports[1], seq=rng.getrandbits(32), flags="A",
                   options=OPTIONS if rng.random() < 0.5 else [])
    if kind == "udp":
        return UDP(sport=ports[0], dport=ports[1])
    return ICMP() if family == 4 else ICMPv6EchoRequest()


def some_packets(seed, count=120, df=None):
    """Packets of both families and directions; the first goes to the server."""
    rng = random.Random(seed)
    packets = []
    for number in range(count):
        family, direction = rng.choice((4, 6)), rng.choice(("up", "down")) if number else "up"
        packets.append(raw(ip_header(rng, family, direction, df) / transport(rng, family, direction)
                           / Raw(rng.randbytes(rng.randrange(60)))))
    whole = IP(src=CLIENT[4], dst=SERVER[4], id=4711, tos=3) / UDP() / Raw(rng.randbytes(100))
    return packets + [raw(piece) for piece in fragment(whole, 48)]


def syn(family=4, flags="S", options=(), payload=b"", direction="up"):
    """Options as scapy names them, or as bytes."""
    src, dst = ends(family, direction)
    ports = (40000, 80) if direction == "up" else (80, 40000)
    ip = IP(src=src, dst=dst) if family == 4 else IPv6(src=src, dst=dst)
    return raw(ip / TCP(sport=ports[0], dport=ports[1], seq=1000, flags=flags, options=options)
               / Raw(payload))


@pytest.fixture(name="through")
def fixture_through(mbtest, tmp_path):
    """What comes out of boxes; all of it is whole."""
    def through(boxes, packets):
        for packet in packets:
            check(packet)
        out = pass_through(mbtest, tmp_path, boxes, packets)
        for packet in out:
            check(packet)
        return out
    return through


# ---- fields ----

@pytest.mark.parametrize("parameters, ttl", [
    ("", lambda old: 64),
    ("value = 3", lambda old: 3),
    ("op = 'raise', value = 100", lambda old: min(old + 100, 255)),
    ("op = 'lower', value = 100", lambda old: max(old - 100, 0)),
])
def test_ttl(through, parameters, ttl):
    packets = some_packets("ttl")
    assert through(f"box.ttl {{ {parameters} }}", packets) == [
        changed(packet, ttl=ttl(packet[8])) if packet[0] >> 4 == 4
        else changed(packet, hlim=ttl(packet[7])) for packet in packets]


@pytest.mark.parametrize("parameters, dscp", [
    ("", lambda old: 0),
    ("value = 46", lambda old: 46),
    ("value = 0, mask = 56", lambda old: old & 7),
    ("value = 43, mask = 15", lambda old: old & 48 | 11),
    ("value = 10, only = 11", lambda old: 10 if old == 11 else old),
    ("value = 9, only = 0", lambda old: old or 9),
])
def test_dscp(through, parameters, dscp):
    packets = some_packets("dscp", 300)
    assert through(f"box.dscp {{ {parameters} }}", packets) == [
        with_class(packet, dscp(traffic_class(packet) >> 2) << 2 | traffic_class(packet) & 3)
        for packet in packets]


NOT_ECT, ECT1, ECT0, CE = range(4)


@pytest.mark.parametrize("parameters, ecn", [
    ("", lambda old: NOT_ECT),
    ("value = 'ce'", lambda old: CE if old else NOT_ECT),
    ("value = 'ce', only = 'any'", lambda old: CE),
    ("value = 'ect1', only = 'ect0'", lambda old: ECT1 if old == ECT0 else old),
    ("value = 'ect0', only = 'ect1'", lambda old: ECT0 if old == ECT1 else old),
    ("value = 'ect0', only = 'not-ect'", lambda old: old or ECT0),
    ("only = 'ce'", lambda old: NOT_ECT if old == CE else old),
])
def test_ecn(through, parameters, ecn):
    packets = some_packets("ecn")
    assert through(f"box.ecn {{ {parameters} }}", packets) == [
        with_class(packet, traffic_class(packet) & 0xfc | ecn(traffic_class(packet) & 3))
        for packet in packets]


def has_id(packet):
    """Whole IPv4: what the box ipid is about."""
    return packet[0] >> 4 == 4 and not parse(packet).frag and not parse(packet).flags & MF


@pytest.mark.parametrize("parameters, ids", [
    ("", lambda number: 0),
    ("value = 7", lambda number: 7),
    ("op = 'count', value = 65530", lambda number: (65530 + number) % 65536),
])
def test_ipid(through, parameters, ids):
    packets, number, want = some_packets("ipid"), 0, []
    for packet in packets:
        want.append(changed(packet, id=ids(number)) if has_id(packet) else packet)
        number += has_id(packet)
    assert through(f"box.ipid {{ {parameters} }}", packets) == want


def test_ipid_random(through):
    packets = some_packets("random")
    out = through("box.ipid { op = 'random' }", packets)
    ids = [parse(packet).id for packet in out if has_id(packet)]
    assert len(set(ids)) > len(ids) * 0.95
    assert out == [changed(packet, id=parse(new).id) if has_id(packet) else packet
                   for packet, new in zip(packets, out)]


@pytest.mark.parametrize("parameters, flags", [
    ("", lambda old: old & ~DF), ("op = 'set'", lambda old: old | DF)])
def test_df(through, parameters, flags):
    packets = some_packets("df")
    assert through(f"box.df {{ {parameters} }}", packets) == [
        changed(packet, flags=flags(int(parse(packet).flags))) if packet[0] >> 4 == 4 else packet
        for packet in packets]


# ---- fragments ----

def long_packet(family, length=2000, options=(), df=DF, ip_id=99, layer=None):
    src, dst = ends(family, "up")
    payload = random.Random(length).randbytes(length)
    layer = layer or TCP(sport=40000, dport=80, options=OPTIONS)
    if family == 4:
        return raw(IP(src=src, dst=dst, id=ip_id, flags=df, tos=5, options=list(options)) / layer
                   / Raw(payload))
    header = IPv6(src=src, dst=dst, tc=5, fl=77)
    for option in options:
        header /= option
    return raw(header / layer / Raw(payload))


def reassembled(packets):
    """What scapy makes of fragments in any order."""
    if packets[0][0] >> 4 == 6:
        again = defragment6([IPv6(packet) for packet in packets])
        return raw(again)
    whole, = defragment([IP(packet) for packet in packets])
    del whole.chksum, whole.len
    return raw(whole)


def cut_up(through, size, order, *packets):
    return through(f"box.fragment {{ size = {size}, order = '{order}' }}", list(packets))


@pytest.mark.parametrize("order", ["forwards", "backwards"])
@pytest.mark.parametrize("size", [68, 100, 575, 576, 1500, 2039])
def test_fragment(through, size, order):
    packet = long_packet(4)
    free = IP(changed(packet, flags=0))
    want = [raw(piece) for piece in fragment(free, (size - 20) // 8 * 8)]
    out = cut_up(through, size, order, packet)
    assert out == (want if order == "forwards" else want[::-1])
    assert all(len(piece) <= size for piece in out) and len(out) > 1
    assert reassembled(out) == raw(free)


def test_fragment_leaves_what_fits(through):
    packet = long_packet(4)
    assert cut_up(through, len(packet), "forwards", packet) == [packet]
    assert len(cut_up(through, len(packet) - 1, "forwards", packet)) == 2


def test_fragment_obeys_df_when_told(through):
    packets = [long_packet(4), long_packet(4, df=0)]
    out = through("box.fragment { df = 'obey' }", packets)
    assert out[0] == packets[0]
    assert len(out) == 5 and reassembled(out[1:]) == packets[1]


def test_fragment_needs_an_id(through):
    out = through("box.fragment {}", [long_packet(4, ip_id=0), long_packet(4, ip_id=0)])
    ids = [parse(packet).id for packet in out]
    assert 0 not in ids and len(set(ids[:4])) == len(set(ids[4:])) == 1 and ids[0] != ids[4]
    assert reassembled(out[:4]) == changed(long_packet(4, df=0), id=ids[0])


def test_fragment_of_options(through):
    """RFC 791 3.1: what is to be copied stands in all fragments, the rest in the first alone."""
    packet = long_packet(4, options=[RECORD, SECURITY], df=0)
    out = cut_up(through, 500, "forwards", packet)
    record, security = raw(RECORD), raw(SECURITY)
    assert packet[20:42] == record + security
    for number, piece in enumerate(out):
        want = record if number == 0 else b"\1" * len(record)
        assert piece[20:42] == want + security
    assert reassembled(out) == packet


@pytest.mark.parametrize("size", [100, 128, 264])
def test_fragments_of_fragments(through, size):
    packet = long_packet(4, df=0)
    out = through(f"box.fragment {{ size = 512 }}, box.fragment {{ size = {size} }}", [packet])
    assert all(len(piece) <= size for piece in out)
    assert sum(not parse(piece).flags & MF for piece in out) == 1
    assert reassembled(out) == packet


HOP_BY_HOP = IPv6ExtHdrHopByHop(options=PadN(optdata=bytes(12)))


def long_header(options):
    """Bytes that each IPv6 fragment repeats: up to the hop-by-hop options."""
    return 40 + sum(len(raw(option)) for option in options
                    if isinstance(option, IPv6ExtHdrHopByHop))


@pytest.mark.parametrize("options", [(), (HOP_BY_HOP,), (HOP_BY_HOP, IPv6ExtHdrDestOpt())])
@pytest.mark.parametrize("size", [200, 1280, 1281, 1999])
@pytest.mark.parametrize("order", ["forwards", "backwards"])
def test_fragment_in_ipv6(through, size, options, order):
    packet = long_packet(6, options=options)
    out = cut_up(through, size, order, packet)
    if order == "backwards":
        out = out[::-1]
    header = long_header(options)
    assert all(len(piece) <= size for piece in out)
    headers = [IPv6ExtHdrFragment(piece[header:header + 8]) for piece in out]
    assert len({each.id for each in headers}) == 1
    room = (size - header - 8) // 8 * 8
    assert [each.offset * 8 for each in headers] == list(range(0, len(packet) - header, room))
    assert [each.m for each in headers] == [1] * (len(out) - 1) + [0]
    assert b"".join(piece[header + 8:] for piece in out) == packet[header:]
    assert all(piece[:4] == packet[:4] and piece[7:40] == packet[7:40] for piece in out)
    assert reassembled(out) == packet


def test_fragment_in_ipv6_is_what_a_sender_would_do(through):
    packet = long_packet(6)
    out = cut_up(through, 1280, "forwards", packet)
    number = IPv6ExtHdrFragment(out[0][40:48]).id
    ip = IPv6(packet)
    ready = IPv6(src=ip.src, dst=ip.dst, tc=5, fl=77) / IPv6ExtHdrFragment(id=number) / ip.payload
    assert out == [raw(piece) for piece in fragment6(ready, 1280)]


def test_fragment_leaves_fragments_of_ipv6(through):
    ip = IPv6(long_packet(6))
    ready = IPv6(src=ip.src, dst=ip.dst) / IPv6ExtHdrFragment(id=3) / ip.payload
    packets = [raw(piece) for piece in fragment6(ready, 1280)]
    assert cut_up(through, 300, "forwards", *packets) == packets


# ---- IPv4 options ----

def with_options(*options, payload=b"payload"):
    src, dst = ends(4, "up")
    return raw(IP(src=src, dst=dst, id=5, options=list(options)) / TCP(sport=40000, dport=80)
               / Raw(payload))


ALERT = IPOption_Router_Alert()
NOP = IPOption_NOP()


@pytest.mark.parametrize("parameters, before, after", [
    ("", [ALERT], []),
    ("", [NOP, RECORD, ALERT, SECURITY], []),
    ("kind = 7", [ALERT, RECORD, SECURITY], [ALERT, SECURITY]),
    ("kind = 130", [ALERT, RECORD, SECURITY], [ALERT, RECORD]),
    ("kind = 148", [ALERT, NOP, RECORD], [NOP, RECORD]),
    ("kind = 68", [ALERT, NOP, RECORD], [ALERT, NOP, RECORD]),
    ("op = 'nop'", [ALERT, RECORD], [NOP] * 15),
    ("op = 'nop', kind = 7", [ALERT, RECORD, NOP], [ALERT] + [NOP] * 12),
    ("op = 'add'", [], [ALERT]),
    ("op = 'add'", [RECORD], [RECORD, ALERT]),
    ("op = 'add', option = '07070400000000'", [ALERT], [ALERT, IPOption_RR(routers=["0.0.0.0"])]),
])
def test_ip_options(through, parameters, before, after):
    packets = [with_options(*before), with_options(*before, payload=b"more"), long_packet(6)]
    assert through(f"box.ip_options {{ {parameters} }}", packets) == [
        with_options(*after), with_options(*after, payload=b"more"), packets[2]]


def test_ip_options_add_needs_room(through):
    full = with_options(*[NOP] * 37)
    assert through("box.ip_options { op = 'add' }", [full]) == [full]
    room = with_options(*[NOP] * 36)
    assert through("box.ip_options { op = 'add' }", [room]) == [with_options(*[NOP] * 36, ALERT)]


def test_ip_options_drop(through):
    packets = [with_options(), with_options(ALERT), with_options(NOP), with_options(RECORD),
               long_packet(6)]
    assert through("box.ip_options { op = 'drop' }", packets) == [
        packets[0], packets[2], packets[4]]
    assert through("box.ip_options { op = 'drop', kind = 7 }", packets) == [
        packets[0], packets[1], packets[2], packets[4]]


def test_ip_options_of_fragments(through):
    packet = long_packet(4, df=0)
    pieces = [raw(piece) for piece in fragment(IP(packet), 800)]
    out = through("box.ip_options { op = 'add' }", pieces)
    assert reassembled(out) == long_packet(4, options=[ALERT], df=0)
    assert through("box.ip_options {}", out) == pieces


# ---- single TCP options ----

@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("parameters, announced, passed", [
    ("", 1460, 1360), ("", 1360, 1360), ("", 1359, 1359), ("", None, None),
    ("value = 536", 1460, 536), ("value = 9000", 1460, 1460),
    ("value = 9000, raise = true", 1460, 9000), ("raise = true", 1460, 1360),
    ("add = true", None, {4: 536, 6: 1220}), ("add = true, value = 300", None, 300),
    ("add = true", 1460, 1360),
])
def test_mss_clamp(through, family, parameters, announced, passed):
    if isinstance(passed, dict):
        passed = passed[family]

    def options(mss):
        return [("WScale", 7), ("NOP", None)] + ([("MSS", mss)] if mss else [])

    def packets(mss):
        return [syn(family, "S", options(mss)), syn(family, "SA", options(mss), direction="down")]

    # A segment in the middle and a reset announce nothing.
    others = [syn(family, "A", options(1460)), syn(family, "SR", options(1460))]
    out = through(f"box.mss_clamp {{ {parameters} }}", packets(announced) + others)
    want = packets(passed)
    if announced is None and passed is not None:
        assert [TCP(raw(parse(packet).payload)).options for packet in out[:2]] == [
            TCP(raw(parse(packet).payload)).options for packet in want]
    assert out == want + others


def test_mss_clamp_leaves_what_makes_no_sense(through):
    packet = bytearray(syn(options=[("MSS", 1460)]))
    packet[41:44] = bytes([2, 1, 1])
    packet = IP(bytes(packet))
    del packet[TCP].chksum
    assert through("box.mss_clamp { value = 1 }", [raw(packet)]) == [raw(packet)]


BEFORE = [("MSS", 1460), ("SAckOK", b""), ("WScale", 7), ("Timestamp", (5, 6)), ("NOP", None)]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("how, after", [
    ("gap", BEFORE[:2] + BEFORE[3:4]),
    ("nop", BEFORE[:2] + [("NOP", None)] * 3 + BEFORE[3:]),
    ("zero", BEFORE[:2] + [("WScale", 0)] + BEFORE[3:]),
])
def test_wscale_strip(through, family, how, after):
    packets = [syn(family, "S", BEFORE, b"x"), syn(family, "SA", BEFORE, direction="down"),
               syn(family, "A", BEFORE, b"data")]
    assert through(f"box.wscale_strip {{ how = '{how}' }}", packets) == [
        syn(family, "S", after, b"x"), syn(family, "SA", after, direction="down"), packets[2]]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("how, after", [
    ("gap", BEFORE[:3] + BEFORE[4:]), ("nop", BEFORE[:3] + [("NOP", None)] * 11)])
def test_ts_strip(through, family, how, after):
    packets = [syn(family, flags, BEFORE, b"data") for flags in ("S", "A", "PA", "FA")]
    bare = syn(family, "A", BEFORE[:3], b"data")
    assert through(f"box.ts_strip {{ how = '{how}' }}", packets + [bare]) == [
        syn(family, flags, after, b"data") for flags in ("S", "A", "PA", "FA")] + [bare]


# ---- mtu ----

def too_big(family, mtu, quoted, address=None):
    """The error as scapy builds it, from the box's own address."""
    if family == 4:
        return raw(IP(src=address or "198.18.1.254", dst=CLIENT[4], tos=0xc0, id=0)
                   / ICMP(type=3, code=4, nexthopmtu=mtu) / Raw(quoted))
    return raw(IPv6(src=address or "fd00:1::254", dst=CLIENT[6], hlim=64)
               / ICMPv6PacketTooBig(mtu=mtu) / Raw(quoted))


@pytest.mark.parametrize("family", [4, 6])
def test_mtu_answers(through, family):
    packet, fits = long_packet(family, 1500), long_packet(family, 100)
    quoted = packet[:576 - 28] if family == 4 else packet[:1280 - 48]
    out = through("box.mtu {}", [fits, packet, fits])
    assert out == [fits, too_big(family, 1400, quoted), fits]


@pytest.mark.parametrize("family", [4, 6])
def test_mtu_is_the_last_size_that_passes(through, family):
    packet = long_packet(family, 1500)
    assert through(f"box.mtu {{ size = {len(packet)} }}", [packet]) == [packet]
    out, = through(f"box.mtu {{ size = {len(packet) - 1} }}", [packet])
    assert len(out) < len(packet)


@pytest.mark.parametrize("family", [4, 6])
def test_mtu_is_silent(through, family):
    packets = [long_packet(family, 100), long_packet(family, 1500), long_packet(family, 10)]
    assert through("box.mtu { answer = 'none' }", packets) == [packets[0], packets[2]]


@pytest.mark.parametrize("family, parameters, mtu, quote, address", [
    (4, "quote = 'rfc792'", 1400, 28, None),
    (6, "quote = 'rfc792'", 1400, 48, None),
    (4, "told = 0", 0, 548, None),
    (4, "told = 296, size = 500", 296, 548, None),
    (6, "told = 65535", 65535, 1232, None),
    (4, "address = '203.0.113.9'", 1400, 548, "203.0.113.9"),
    (6, "address6 = '2001:db8::9'", 1400, 1232, "2001:db8::9"),
])
def test_mtu_tells(through, family, parameters, mtu, quote, address):
    packet = long_packet(family, 1500)
    assert through(f"box.mtu {{ {parameters} }}", [packet]) == [
        too_big(family, mtu, packet[:quote], address)]


def test_mtu_with_a_length_of_the_quote(through):
    packet = long_packet(4, 1500)
    out, = through("box.mtu { quote = 'rfc4884' }", [packet])
    icmp = IP(out)[ICMP]
    assert (icmp.type, icmp.code, icmp.nexthopmtu) == (3, 4, 1400)
    assert out[28:28 + icmp.length * 4] == packet[:icmp.length * 4] and icmp.length >= 32


def test_mtu_fragments_what_may_be(through):
    packet = long_packet(4, 3000, df=0)
    out = through("box.mtu { size = 1000 }", [packet])
    assert out == [raw(piece) for piece in fragment(IP(packet), 976)]
    assert reassembled(out) == packet


@pytest.mark.parametrize("family", [4, 6])
def test_mtu_never_answers_an_error(through, family):
    layer = ICMP(type=11) if family == 4 else ICMPv6TimeExceeded()
    packet = long_packet(family, 1500, layer=layer)
    assert through("box.mtu {}", [packet]) == []


def test_mtu_of_the_way_back(through):
    first, packet = syn(), long_packet(4, 1500)
    ip = IP(packet)
    ip.src, ip.dst = ip.dst, ip.src
    del ip.chksum, ip[TCP].chksum
    out = through("box.mtu { direction = 'to-client' }", [first, packet, raw(ip)])
    assert out[:2] == [first, packet]
    assert IP(out[2]).dst == SERVER[4] and IP(out[2])[ICMP].nexthopmtu == 1400


# ---- the common parameters ----

@pytest.mark.parametrize("box, parameters", [
    ("ttl", ""), ("dscp", "value = 1"), ("ecn", "value = 'ce', only = 'any'"), ("ipid", ""),
    ("df", ""), ("fragment", "size = 68"), ("ip_options", "op = 'add'"), ("mss_clamp", "value = 9"),
    ("wscale_strip", ""), ("ts_strip", ""), ("mtu", "size = 68")])
def test_only_what_is_meant(through, box, parameters):
    """Of four SYNs each way, the second to the client is meant."""
    def packet(direction):
        src, dst = ends(4, direction)
        options = [("MSS", 1460), ("WScale", 7), ("Timestamp", (1, 2))]
        return raw(IP(src=src, dst=dst, id=1, flags=DF, ttl=9) / TCP(flags="S", options=options)
                   / Raw("x" * 50))

    packets = [packet("up"), packet("down")] * 4
    when = "direction = 'to-client', on = 'syn', from = 2, ['until'] = 2, "
    out = through(f"box.{box} {{ {when} {parameters} }}", packets)
    assert out[:3] == packets[:3] and out[-4:] == packets[4:]
    assert out[3:-4] != packets[3:4] and out[3:-4]
