# SPDX-License-Identifier: BSD-2-Clause
"""Boxes that translate ports or sequence numbers and the packets that ICMP errors quote: the client
finds its own packet quoted, as far as it is; scapy builds and sums up both."""
import pytest

scapy = pytest.importorskip("scapy.all")
from scapy.all import (ICMP, IP, TCP, ICMPv6DestUnreach, ICMPv6TimeExceeded, IPv6,  # noqa: E402
                       Raw, raw)

from test_boxes import CLIENT, SERVER, pass_through  # noqa: E402
from test_boxes_ip import check, parse  # noqa: E402


@pytest.fixture(name="through")
def fixture_through(mbtest, tmp_path):
    """What comes out of boxes behind the handshake; segments are whole."""
    def through(boxes, packets):
        out = pass_through(mbtest, tmp_path, boxes, packets)
        for packet in out:
            if isinstance(parse(packet).payload, TCP):
                check(packet)
        return out[2:]
    return through


def segment(family, direction="up", port=80, payload=b"payload", **fields):
    """A segment between the client's port 40000 and a port of the server."""
    ends, ports = (CLIENT[family], SERVER[family]), (40000, port)
    if direction == "down":
        ends, ports = ends[::-1], ports[::-1]
    ip = IP(src=ends[0], dst=ends[1], id=8) if family == 4 else IPv6(src=ends[0], dst=ends[1])
    return raw(ip / TCP(sport=ports[0], dport=ports[1], **fields) / Raw(payload))


def handshake(family, port=80):
    """SYN and SYN/ACK as they come to the box; the server listens on a port."""
    return [segment(family, seq=1000, flags="S", payload=b""),
            segment(family, "down", port, b"", seq=5000, ack=1001, flags="SA")]


def time_exceeded(family, quoted):
    """A router behind the box tells the client."""
    if family == 4:
        return raw(IP(src="203.0.113.1", dst=CLIENT[4]) / ICMP(type=11) / Raw(quoted))
    return raw(IPv6(src="fd00:99::1", dst=CLIENT[6]) / ICMPv6TimeExceeded() / Raw(quoted))


def refused(family, quoted):
    """The client tells the server that it listens on no such port."""
    if family == 4:
        return raw(IP(src=CLIENT[4], dst=SERVER[4]) / ICMP(type=3, code=3) / Raw(quoted))
    return raw(IPv6(src=CLIENT[6], dst=SERVER[6]) / ICMPv6DestUnreach(code=4) / Raw(quoted))


def quoted_length(family, cut):
    """Bytes of a quote that ends cut bytes into the TCP header."""
    return None if cut is None else (20 if family == 4 else 40) + cut


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("cut, right", [
    (8, 8), (12, 12), (16, 16), (17, 16), (18, 18), (20, 20), (None, None)])
def test_port_map(through, family, cut, right):
    """All that is quoted is right, but half a checksum."""
    cut, right = quoted_length(family, cut), quoted_length(family, right)
    front, behind = (segment(family, port=port, seq=1001, ack=5001, flags="A")
                     for port in (80, 8080))
    packets = handshake(family, 8080) + [front, time_exceeded(family, behind[:cut])]
    assert through("box.port_map { map = '80:8080' }", packets) == [
        behind, time_exceeded(family, front[:right] + (behind[right:cut] if cut else b""))]
    assert through("box.port_map { map = '80:8080', quotes = 'leave' }", packets) == [
        behind, packets[3]]


@pytest.mark.parametrize("family", [4, 6])
def test_port_map_to_the_server(through, family):
    front, behind = (segment(family, "down", port, seq=5001, flags="A") for port in (80, 8080))
    packets = handshake(family, 8080) + [behind, refused(family, front)]
    assert through("box.port_map { map = '80:8080' }", packets) == [front, refused(family, behind)]
    # A connection that was never mapped is nobody's.
    strange = refused(family, front.replace(b"\x9c\x40", b"\x9c\x41", 1))
    assert through("box.port_map { map = '80:8080' }", packets[:2] + [strange]) == [strange]


OFFSET = 70000
EDGES = (105101, 105201, 105301, 105401)


def selective(family, offset):
    """A segment with SACK blocks, as it is behind a box that moves both directions."""
    blocks = tuple(edge - offset for edge in EDGES)
    return segment(family, seq=1001 + offset, ack=105001 - offset, flags="A",
                   options=[("NOP", None), ("SAck", blocks), ("NOP", None)])


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("cut, moved", [
    (8, 8),
    (12, 8),        # whether it acknowledges is not quoted
    (14, 14),
    (18, 18),       # with the checksum
    (20, 20),
    (26, 23),       # the first edge is cut
    (31, 31),       # two edges are there
    (None, None),
])
def test_seq_rewrite(through, family, cut, moved):
    cut, moved = quoted_length(family, cut), quoted_length(family, moved)
    front, behind = selective(family, 0), selective(family, OFFSET)
    packets = handshake(family) + [front, time_exceeded(family, behind[:cut])]
    # What is not quoted, or cut, is not moved: the checksum is that of such a packet.
    want = parse(front[:moved] + (behind[moved:] if moved else b""))
    del want[TCP].chksum
    assert through(f"box.seq_rewrite {{ offset = {OFFSET}, quotes = 'translate' }}", packets) == [
        behind, time_exceeded(family, raw(want)[:cut])]
    assert through(f"box.seq_rewrite {{ offset = {OFFSET} }}", packets) == [behind, packets[3]]


@pytest.mark.parametrize("family", [4, 6])
def test_seq_rewrite_to_the_server(through, family):
    """The client tells about a segment as the box had made it."""
    behind = segment(family, "down", seq=5001, ack=1001 + OFFSET, flags="A")
    front = segment(family, "down", seq=5001 + OFFSET, ack=1001, flags="A")
    packets = handshake(family) + [behind, refused(family, front)]
    assert through(f"box.seq_rewrite {{ offset = {OFFSET}, quotes = 'translate' }}", packets) == [
        front, refused(family, behind)]


def padded(family, quoted):
    """RFC 4884: the quote is filled up with zeros, and its length told."""
    quoted += bytes(128 - len(quoted))
    if family == 4:
        return raw(IP(src="203.0.113.1", dst=CLIENT[4]) / ICMP(type=11, length=32) / Raw(quoted))
    return raw(IPv6(src="fd00:99::1", dst=CLIENT[6]) / ICMPv6TimeExceeded(length=16) / Raw(quoted))


BOXES = ["box.port_map { map = '80:8080' }",
         f"box.seq_rewrite {{ offset = {OFFSET}, quotes = 'translate' }}"]


@pytest.mark.parametrize("boxes", BOXES)
@pytest.mark.parametrize("family", [4, 6])
def test_padding_is_not_quoted(through, family, boxes):
    """Zeros behind eight bytes are no checksum that could follow."""
    front = segment(family, seq=1001, ack=5001, flags="A")
    behind, = through(boxes, handshake(family, 8080 if "8080" in boxes else 80) + [front])
    cut = quoted_length(family, 8)
    packets = handshake(family, 8080 if "8080" in boxes else 80) + [
        front, padded(family, behind[:cut])]
    assert through(boxes, packets)[1] == padded(family, front[:cut])


@pytest.mark.parametrize("family", [4, 6])
def test_what_follows_the_packet_is_not_quoted(through, family):
    """Bytes of the link behind twelve quoted ones are no flags."""
    front, behind = selective(family, 0), selective(family, OFFSET)
    cut = quoted_length(family, 12)
    packets = handshake(family) + [front, time_exceeded(family, behind[:cut]) + b"\xff" * 20]
    want = front[:cut - 4] + behind[cut - 4:cut]
    assert through(BOXES[1], packets) == [behind, time_exceeded(family, want) + b"\xff" * 20]


@pytest.mark.parametrize("family", [4, 6])
def test_seq_rewrite_leaves_strangers(through, family):
    packets = handshake(family) + [
        time_exceeded(family, segment(family, port=81, seq=1, flags="A")),
        time_exceeded(family, b"nothing that was sent"), time_exceeded(family, b"")]
    assert through("box.seq_rewrite { quotes = 'translate' }", packets) == packets[2:]
    boxes = "box.seq_rewrite { direction = 'to-client', on = 'rst', quotes = 'translate' }"
    packets[2] = time_exceeded(family, segment(family, seq=1001, flags="A"))
    assert through(boxes, packets) == packets[2:]
