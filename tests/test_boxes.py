# SPDX-License-Identifier: BSD-2-Clause
"""Boxes over captures of packets that scapy builds, against what scapy and a few lines of Python
say must come out: lengths, checksums, options, streams. Both families, seeded."""
import collections
import random

import pytest

scapy = pytest.importorskip("scapy.all")
from scapy.all import IP, TCP, IPv6, Raw, in4_chksum, in6_chksum, raw  # noqa: E402
from scapy.utils import checksum, rdpcap, wrpcap  # noqa: E402

CLIENT = {4: "198.18.1.2", 6: "fd00:1::2"}
SERVER = {4: "198.18.100.2", 6: "fd00:100::2"}
SYN, PSH, ACK, FIN = 0x02, 0x08, 0x10, 0x01

PIPELINE = """
suite "boxes"
scenario {{ name = "pipeline", help = "boxes over a capture", expect = {{ "tcp" }},
	paths = {{ path {{ {boxes} }} }} }}
"""

Seen = collections.namedtuple(
    "Seen", "version seq ack flags window sport dport src dst options payload")


def build(family, direction, seq, ack, flags, options=b"", payload=b"", sport=40000, dport=80,
          window=1000):
    """One packet as bytes; options are padded with NOPs in front."""
    options = b"\x01" * (-len(options) % 4) + options
    ends = [(CLIENT[family], sport), (SERVER[family], dport)]
    (src, source), (dst, destination) = ends if direction == "up" else reversed(ends)
    ip = IP(src=src, dst=dst, id=77, flags="DF") if family == 4 else IPv6(src=src, dst=dst)
    tcp = TCP(sport=source, dport=destination, seq=seq % 2**32, ack=ack % 2**32, flags=flags,
              dataofs=5 + len(options) // 4, window=window)
    return raw(ip / tcp / Raw(options + payload))


def pass_through(mbtest, tmp_path, boxes, packets):
    """What comes out of the boxes; packets are one millisecond apart."""
    lua, before, after = (tmp_path / name for name in ("boxes.lua", "in.pcap", "out.pcap"))
    lua.write_text(PIPELINE.format(boxes=boxes))
    records = []
    for number, packet in enumerate(packets):
        record = Raw(packet)
        record.time = 1000 + number / 1000
        records.append(record)
    wrpcap(str(before), records, linktype=101)
    run = mbtest("pcap", lua, before, after)
    assert run.status == 0, run
    return [bytes(packet.original) for packet in rdpcap(str(after))]


def look(packet):
    """Fields of a packet, after lengths and checksums have been found right."""
    version = packet[0] >> 4
    if version == 4:
        ip = IP(packet)
        assert ip.len == len(packet)
        assert checksum(packet[:ip.ihl * 4]) == 0
        tcp = packet[ip.ihl * 4:]
        ip.remove_payload()
        assert in4_chksum(6, ip, tcp[:16] + b"\0\0" + tcp[18:]) == int.from_bytes(tcp[16:18], "big")
    else:
        ip = IPv6(packet)
        assert ip.plen == len(packet) - 40
        tcp = packet[40:]
        assert in6_chksum(6, ip, tcp[:16] + b"\0\0" + tcp[18:]) == int.from_bytes(tcp[16:18], "big")
    header = TCP(tcp)
    length = header.dataofs * 4
    return Seen(version, header.seq, header.ack, int(header.flags), header.window, header.sport,
                header.dport, ip.src, ip.dst, tcp[20:length], tcp[length:])


def meanings(options):
    """The options of a header without its padding, as (kind, bytes)."""
    found, at = [], 0
    while at < len(options) and options[at] != 0:
        length = 1 if options[at] == 1 else options[at + 1]
        if options[at] != 1:
            found.append((options[at], options[at:at + length]))
        at += length
    return found


def some_options(rng):
    """A few options in random order, at most 40 bytes."""
    known = [
        bytes([2, 4]) + rng.randbytes(2),
        bytes([3, 3]) + rng.randbytes(1),
        bytes([4, 2]),
        bytes([8, 10]) + rng.randbytes(8),
        bytes([5, 10]) + rng.randbytes(8),
        bytes([30, 8, 0x20, 1]) + rng.randbytes(4),
        bytes([30, 12, 0x00, 0x81]) + rng.randbytes(8),
        bytes([30, 4, 0x50, 0]),
        bytes([77, 5]) + rng.randbytes(3),
        bytes([1]),
    ]
    options = b""
    for option in rng.sample(known, rng.randrange(len(known))):
        if len(options) + len(option) <= 40:
            options += option
    return options


def random_packets(seed, count=200):
    rng = random.Random(seed)
    for _ in range(count):
        yield build(rng.choice((4, 6)), rng.choice(("up", "down")), rng.getrandbits(32),
                    rng.getrandbits(32), rng.choice((ACK, ACK | PSH, SYN, SYN | ACK, ACK | FIN)),
                    some_options(rng), rng.randbytes(rng.randrange(200)))


def same_but(before, after, *fields):
    """Two packets are the same in all but the named fields."""
    assert before._replace(**{field: None for field in fields}) == \
        after._replace(**{field: None for field in fields})


@pytest.fixture(name="through")
def fixture_through(mbtest, tmp_path):
    def through(boxes, packets):
        packets = list(packets)
        out = pass_through(mbtest, tmp_path, boxes, packets)
        return [look(packet) for packet in packets], [look(packet) for packet in out]
    return through


def is_chosen(option, kind, subtype):
    return option[0] == kind and (subtype is None or option[1][2] >> 4 == subtype)


@pytest.mark.parametrize("kind,subtype,name", [
    (30, None, "any"), (30, 2, "dss"), (30, 0, "mp_capable"), (8, None, "any"), (77, None, "any")])
def test_strip(through, kind, subtype, name):
    before, after = through(f'box.strip {{ kind = {kind}, subtype = "{name}" }}',
                            random_packets(kind))
    assert len(before) == len(after)
    for old, new in zip(before, after):
        same_but(old, new, "options")
        left = [option for option in meanings(old.options) if not is_chosen(option, kind, subtype)]
        assert meanings(new.options) == left
        removed = sum(len(option[1]) for option in meanings(old.options)) - \
            sum(len(option[1]) for option in left)
        if removed == 0:
            assert new.options == old.options
        assert len(new.options) <= len(old.options) - removed // 4 * 4


@pytest.mark.parametrize("kind", [30, 8, 77])
def test_nop(through, kind):
    before, after = through(f"box.nop {{ kind = {kind} }}", random_packets(kind))
    assert len(before) == len(after)
    for old, new in zip(before, after):
        same_but(old, new, "options")
        want = old.options
        for option in meanings(old.options):
            if option[0] == kind:
                want = want.replace(option[1], b"\1" * len(option[1]), 1)
        assert new.options == want


@pytest.mark.parametrize("kind", [30, 8, 77])
def test_eol(through, kind):
    before, after = through(f"box.eol {{ kind = {kind} }}", random_packets(kind))
    assert len(before) == len(after)
    for old, new in zip(before, after):
        same_but(old, new, "options")
        chosen = [option[1] for option in meanings(old.options) if option[0] == kind][:1]
        want = old.options.replace(chosen[0], bytes(len(chosen[0])), 1) if chosen else old.options
        assert new.options == want


def flow(family, direction, payload, size, options=b"", first=1001):
    """A handshake, then a payload in segments of a size, as packets."""
    yield build(family, "up", 1000, 0, SYN)
    yield build(family, "down", 5000, 1001, SYN | ACK)
    yield build(family, "up", 1001, 5001, ACK)
    base, other = (first, 5001) if direction == "up" else (5001, first)
    for at in range(0, len(payload), size):
        yield build(family, direction, base + at, other, ACK | PSH, options, payload[at:at + size])


def stream_of(seen, direction, base):
    """The bytes of one direction, by sequence number."""
    stream = {}
    for packet in seen:
        if (packet.dport == 80) == (direction == "up"):
            for at, byte in enumerate(packet.payload):
                assert stream.setdefault((packet.seq + at - base) % 2**32, byte) == byte
    assert sorted(stream) == list(range(len(stream)))
    return bytes(stream[at] for at in sorted(stream))


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("options", ["copy", "first", "last", "none"])
def test_split(through, family, options):
    payload, dss = random.Random(1).randbytes(3001), bytes([30, 8, 0x20, 1, 1, 2, 3, 4])
    before, after = through(f'box.split {{ mss = 300, options = "{options}" }}',
                            flow(family, "up", payload, 1000, dss))
    assert stream_of(after, "up", 1001) == payload
    data = [packet for packet in after if packet.payload]
    assert [len(packet.payload) for packet in data] == [300, 300, 300, 100] * 3 + [1]
    keeps = {"copy": [True] * 4, "first": [True, False, False, False],
             "last": [False, False, False, True], "none": [False] * 4}[options]
    for packet, keep in zip(data, keeps * 3 + [True]):
        assert meanings(packet.options) == ([(30, dss)] if keep else [])
        assert bool(packet.flags & PSH) == (len(packet.payload) != 300)
    assert before[:3] == after[:3]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("options", ["first", "last", "none", "both", "same"])
def test_coalesce(through, family, options):
    payload = random.Random(2).randbytes(2000)
    packets = list(flow(family, "down", payload, 200))
    packets = packets[:3] + [
        build(family, "down", 5001 + 200 * n, 1001, ACK, bytes([30, 8, 0x20, 1, 0, 0, 0, n]),
              payload[200 * n:200 * n + 200]) for n in range(10)]
    before, after = through(f'box.coalesce {{ count = 2, options = "{options}" }}', packets)
    assert stream_of(after, "down", 5001) == payload
    data = [packet for packet in after if packet.payload]
    if options == "same":
        assert after == before
        return
    assert [len(packet.payload) for packet in data] == [400] * 5
    for number, packet in enumerate(data):
        found = [option[1][7] for option in meanings(packet.options)]
        assert found == {"first": [2 * number], "last": [2 * number + 1], "none": [],
                         "both": [2 * number, 2 * number + 1]}[options]


@pytest.mark.parametrize("family", [4, 6])
def test_split_then_coalesce(through, family):
    payload = random.Random(3).randbytes(20000)
    boxes = "box.split { mss = 333 }, box.coalesce { size = 2500, options = 'last' }"
    before, after = through(boxes,
                            flow(family, "up", payload, 1400))
    assert stream_of(after, "up", 1001) == payload
    assert len(after) < len(before)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("old,new", [("MARK", "mark"), ("MARK", "longer mark"), ("MARK", "m"),
                                     ("MARK", "")])
def test_rewrite(through, family, old, new):
    rng = random.Random(4)
    payload = bytearray(rng.choices(range(97, 123), k=4000))
    for at in (10, 20, 999, 2500, 3996):
        payload[at:at + 4] = b"MARK"
    packets = list(flow(family, "up", bytes(payload), 500))
    # Retransmissions, cut otherwise; and the receiver acknowledges all of its own stream.
    for _ in range(50):
        at = rng.randrange(4000)
        packets.append(build(family, "up", 1001 + at, 5001, ACK, b"",
                             bytes(payload[at:at + rng.randrange(1, 600)])))
    found = [at for at in (10, 20, 999, 2500, 3996) if at % 500 <= 496]
    want, last = b"", 0
    for at in found:
        want += bytes(payload[last:at]) + new.encode()
        last = at + 4
    want += bytes(payload[last:])
    packets.append(build(family, "down", 5001, 1001 + len(want), ACK))
    _, after = through(f'box.rewrite {{ pattern = "{old}", replacement = "{new}" }}', packets)
    assert stream_of(after, "up", 1001) == want
    assert after[-1].ack == 1001 + 4000


@pytest.mark.parametrize("family", [4, 6])
def test_flip(through, family):
    payload = random.Random(5).randbytes(1000)
    box = "box.flip { offset = 3, mask = 129, on = 'data', from = '250B', ['until'] = '250B' }"
    _, after = through(box,
                       flow(family, "down", payload, 100))
    want = bytearray(payload)
    want[203] ^= 129
    assert stream_of(after, "down", 5001) == bytes(want)


@pytest.mark.parametrize("family", [4, 6])
def test_seq_rewrite(through, family):
    payload = random.Random(6).randbytes(1000)
    sack = bytes([5, 10]) + (1201).to_bytes(4, "big") + (1301).to_bytes(4, "big")
    packets = list(flow(family, "up", payload, 100))
    packets.append(build(family, "down", 5001, 1101, ACK, sack))
    before, after = through("box.seq_rewrite { offset = 4294967000 }", packets)
    for old, new in zip(before, after):
        same_but(old, new, "seq", "ack", "options")
        assert (new.seq - old.seq) % 2**32 == 4294967000
        assert (old.ack - new.ack) % 2**32 == (4294967000 if old.flags & ACK else 0)
    edges = after[-1].options[-8:]
    assert [(int.from_bytes(edges[at:at + 4], "big") + 4294967000) % 2**32 for at in (0, 4)] == [
        1201, 1301]


@pytest.mark.parametrize("family", [4, 6])
def test_seq_rewrite_at_random(through, family):
    """SYNs between the same addresses and ports are moved alike, those of other flows are not."""
    syns = [build(family, "up", seq, 0, SYN) for seq in (1000, 900, 1000)]
    other = build(family, "up", 1000, 0, SYN, sport=40001)
    before, after = through("box.seq_rewrite {}", [*syns, other])
    moved = [(new.seq - old.seq) % 2**32 for old, new in zip(before, after)]
    assert moved[0] != 0 and moved[:3] == [moved[0]] * 3 and moved[3] not in (0, moved[0])


@pytest.mark.parametrize("family", [4, 6])
def test_nat(through, family):
    packets = list(flow(family, "up", b"hello", 5))
    before, after = through("box.nat { first_port = 1234 }", [packets[0], packets[2], packets[3]])
    outside = {4: "198.18.1.200", 6: "fd00:1::200"}[family]
    for old, new in zip(before, after):
        same_but(old, new, "src", "sport")
        assert (new.src, new.sport) == (outside, 1234)


def test_port_map(through):
    packets = list(flow(4, "up", b"hello", 5))
    before, after = through("box.port_map { map = '80:8080' }",
                            [packets[0], packets[2], packets[3]])
    for old, new in zip(before, after):
        same_but(old, new, "dport")
        assert new.dport == 8080


@pytest.mark.parametrize("boxes,want", [
    ("box.loss { every = 3 }", "abdegh"),
    ("box.duplicate { every = 4 }", "abcddefghh"),
    ("box.reorder { from = 2, ['until'] = 2, after = 3 }", "acdebfgh"),
    ("box.delay { time = '2.5ms', from = 1, ['until'] = 2 }", "cadbefgh"),
    ("box.blackhole { from = 3, heal = '2ms' }", "abefgh"),
    ("box.rate { rate = 1000000000 }", "abcdefgh"),
])
def test_delivery(through, boxes, want):
    packets = [build(4, "up", 1 + n, 1, ACK, b"", letter.encode()) for n, letter in
               enumerate("abcdefgh")]
    before, after = through(boxes, packets)
    assert "".join(packet.payload.decode() for packet in after) == want
    assert set(after) <= set(before)


def test_checksums_may_be_left_wrong(mbtest, tmp_path):
    packet = build(4, "up", 1, 1, ACK, bytes([30, 8, 0x20, 1, 1, 2, 3, 4]), b"data")
    out, = pass_through(mbtest, tmp_path, "box.strip { checksum = 'leave' }", [packet])
    assert out[36:38] == packet[36:38]
    with pytest.raises(AssertionError):
        look(out)


def test_wrong_checksums_stay_wrong(mbtest, tmp_path):
    packet = bytearray(build(4, "up", 1, 1, ACK, bytes([30, 8, 0x20, 1, 1, 2, 3, 4]), b"data"))
    packet[36] ^= 0x40
    out, = pass_through(mbtest, tmp_path, "box.strip {}", [bytes(packet)])
    with pytest.raises(AssertionError):
        look(out)


def test_option_edit_reorder(through):
    """Chosen options stand last, in their order; the others keep theirs."""
    before, after = through("box.option_edit { op = 'reorder', kind = 30 }", random_packets(9))
    moved = 0
    for old, new in zip(before, after):
        same_but(old, new, "options")
        options = meanings(old.options)
        want = [one for one in options if one[0] != 30] + [one for one in options if one[0] == 30]
        assert meanings(new.options) == want
        moved += options != want
    assert moved > 20


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("parameters, kinds", [
    ("", {30}), ("kinds = 254", {254}), ("kinds = '30,254'", {30, 254}),
    ("kinds = { 30, 254 }, on = 'synack'", {30, 254}), ("kinds = 253", set())])
def test_mirror(through, family, parameters, kinds):
    """The SYN's own options, each and in order, in the SYN/ACK of its connection alone."""
    sent = bytes([2, 4, 5, 180, 30, 4, 1, 129, 254, 4, 7, 8, 30, 4, 16, 9])
    answer = bytes([2, 4, 4, 0, 30, 4, 77, 77])
    packets = [build(family, "up", 9, 0, SYN, sent),
               build(family, "down", 5, 10, SYN | ACK, answer),
               build(family, "down", 5, 10, SYN | ACK, answer, sport=40001),
               build(family, "up", 10, 6, ACK, sent)]
    before, after = through(f"box.mirror {{ {parameters} }}", packets)
    assert after[0] == before[0] and after[2:] == before[2:]
    same_but(before[1], after[1], "options")
    assert meanings(after[1].options) == \
        [one for one in meanings(answer) if one[0] not in kinds] + \
        [one for one in meanings(sent) if one[0] in kinds]


CAPABLE = bytes([30, 12, 0, 129]) + bytes(range(8))


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("box, want", [
    ("option_edit { op = 'corrupt', value = 3 }", CAPABLE[:-1] + b"\x04"),
    ("option_edit { op = 'truncate', value = 4 }", bytes([30, 8]) + CAPABLE[2:8]),
    ("option_edit { op = 'truncate', value = 11 }", CAPABLE),
    ("option_edit { op = 'duplicate' }", CAPABLE * 2),
    ("option_edit { op = 'flag', value = 64 }", CAPABLE[:3] + b"\xc1" + CAPABLE[4:]),
    ("option_edit { op = 'version', value = 1 }", CAPABLE[:2] + b"\x01" + CAPABLE[3:]),
    ("option_edit { op = 'add', kind = 77, value = 5 }", CAPABLE + bytes([77, 3, 5])),
    ("option_edit { subtype = 'dss' }", CAPABLE),
    ("option_bytes { bytes = 'ff' }", CAPABLE[:-1] + b"\xf8"),
    ("option_bytes { at = 2, bytes = '1001' }", CAPABLE[:2] + b"\x10\x80" + CAPABLE[4:]),
    ("option_bytes { op = 'set', at = 3, bytes = '40' }", CAPABLE[:3] + b"\x40" + CAPABLE[4:]),
    ("option_bytes { op = 'clear', at = 3, bytes = 'f0' }", CAPABLE[:3] + b"\x01" + CAPABLE[4:]),
    ("option_bytes { op = 'extend', bytes = 'aabb' }",
     bytes([30, 14]) + CAPABLE[2:] + b"\xaa\xbb"),
    ("option_bytes { length = 4, bytes = 'ff' }", CAPABLE),
    ("option_bytes { at = 11, bytes = 'ffff' }", CAPABLE),
])
def test_what_becomes_of_an_option(through, family, box, want):
    mss = bytes([2, 4, 5, 180])
    before, after = through(f"box.{box}", [build(family, "up", 1, 0, SYN, mss + CAPABLE)])
    same_but(before[0], after[0], "options")
    assert after[0].options.rstrip(b"\0") == mss + want


DSS = bytes([30, 8, 0x20, 1, 0, 0, 0, 9])


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("parameters, forged", [
    ("", [("up", 7, 101, ACK, b"")]),
    ("back = true", [("down", 101, 7, ACK, b"")]),
    ("flags = 'rst'", [("up", 7, 101, ACK | 4, b"")]),
    ("flags = 'rst', back = true, instead = true", [("down", 101, 7, ACK | 4, b"")]),
    ("option = '1e0420ff'", [("up", 7, 101, ACK, bytes([30, 4, 32, 255]))]),
    ("copy = true, back = true", [("down", 101, 7, ACK, DSS)]),
    ("count = 2, seq = -1", [("up", 6, 101, ACK, b"")] * 2),
    ("subtype = 'mp_fail'", []),
])
def test_forge(through, family, parameters, forged):
    """What it sends comes behind the packet, which is as it was, or instead of it."""
    packets = [build(family, "up", 1, 0, SYN), build(family, "down", 100, 2, SYN | ACK),
               build(family, "up", 2, 101, ACK), build(family, "down", 101, 2, ACK),
               build(family, "up", 2, 101, ACK | PSH, DSS, b"hello"),
               build(family, "up", 7, 101, ACK | PSH, DSS, b"again")]
    made = [build(family, *fields) for fields in forged]
    want = packets[:4] + packets[4:5] * ("instead" not in parameters) + made + packets[5:]
    before, after = through(f"box.forge {{ on = 'data', {parameters} }}", packets)
    assert after == [look(packet) for packet in want]
    assert before[:4] == after[:4]
