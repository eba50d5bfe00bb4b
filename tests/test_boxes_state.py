# SPDX-License-Identifier: BSD-2-Clause
"""Boxes that follow a connection: firewall, ack-proxy and split-tcp over conversations that scapy
builds. What must come out is said packet by packet, from RFC 9293 and the boxes' own words."""
import pytest

scapy = pytest.importorskip("scapy.all")

from test_boxes import ACK, FIN, PSH, SYN, build, look, meanings, pass_through  # noqa: E402

RST = 0x04
WSCALE = bytes([3, 3, 2])
CAPABLE = bytes([30, 4, 1, 0x81])
MSS = bytes([2, 4, 5, 0xb4])


@pytest.fixture(name="through")
def fixture_through(mbtest, tmp_path):
    """What comes out of boxes, in order, as packets looked at."""
    def through(boxes, packets):
        return [look(packet) for packet in pass_through(mbtest, tmp_path, boxes, packets)]
    return through


def up(seq, payload=b"", flags=ACK, ack=5001, options=b"", family=4):
    return build(family, "up", seq, ack, flags, options, payload)


def down(seq, payload=b"", flags=ACK, ack=1001, options=b"", family=4, window=1000):
    return build(family, "down", seq, ack, flags, options, payload, window=window)


def opened(family=4, options=b""):
    """The three packets that open a connection: 1001 and 5001 are the first bytes."""
    return [up(1000, b"", SYN, 0, options, family),
            down(5000, b"", SYN | ACK, 1001, options, family), up(1001, family=family)]


def is_refusal(packet, refused):
    """What RFC 9293 3.10.7.1 answers to a segment of no connection."""
    seq, ack, flags = (refused.ack, 0, RST) if refused.flags & ACK else (
        0, refused.seq + len(refused.payload) + bool(refused.flags & SYN), RST | ACK)
    return (packet.seq, packet.ack, packet.flags, packet.payload) == (seq, ack, flags, b"") and \
        (packet.src, packet.sport, packet.dst, packet.dport) == (
            refused.dst, refused.dport, refused.src, refused.sport)


# ---- firewall ----

HANDSHAKE = opened()
SACK = bytes([5, 10]) + (1011).to_bytes(4, "big")
STORIES = [
    # parameter, what comes before, what is refused, what still passes
    ("unknown_options", [], up(1000, b"", SYN, 0, CAPABLE), [up(1000, b"", SYN, 0, MSS)]),
    ("unknown_options", HANDSHAKE[:1], down(5000, b"", SYN | ACK, 1001, CAPABLE), []),
    ("syn_data", [], up(1000, b"early", SYN, 0), HANDSHAKE),
    ("holes", HANDSHAKE, up(1002, b"late"), []),
    ("holes", HANDSHAKE + [up(1001, b"abc"), down(5001, b"xyz")], down(5005, b"late"), []),
    ("unseen_acks", HANDSHAKE + [up(1001, b"abc")], down(5001, ack=1005), []),
    ("unseen_acks", HANDSHAKE, down(5001, options=SACK + (1021).to_bytes(4, "big")), []),
    ("unknown_flows", [], up(1001, b"stray"), HANDSHAKE),
    ("unknown_flows", HANDSHAKE + [down(5001, b"", RST)], up(1001, b"after the end"), []),
    # Windows are 1000.
    ("out_of_window", HANDSHAKE, up(1901, bytes(101)), []),
    ("out_of_window", HANDSHAKE + [up(1001 + 500 * n, bytes(500), ack=5001) for n in range(2)] + [
        down(5001, ack=2001), up(2001, bytes(900)), down(5001, ack=2901)], up(1001, bytes(899)),
     []),
    # One byte may go into a window that is closed, to probe it.
    ("out_of_window", HANDSHAKE + [up(1001, bytes(1000)), down(5001, ack=2001, window=0),
                                   up(2001, b"a")], up(2001, b"ab"), []),
]


@pytest.mark.parametrize("action", ["drop", "reset"])
@pytest.mark.parametrize("parameter, before, refused, after", STORIES)
def test_firewall_refuses(through, action, parameter, before, refused, after):
    boxes = f"box.firewall {{ {parameter} = '{action}' }}"
    # A dropped segment leaves the connection as it was, and a reset one ends it.
    got = through(boxes, before + [refused] + (after if action == "drop" or not before else []))
    want = [look(packet) for packet in before]
    assert got[:len(want)] == want
    rest = got[len(want):]
    if action == "reset":
        assert is_refusal(rest.pop(0), look(refused))
    assert rest == [look(packet) for packet in (
        after if action == "drop" or not before else [])]


@pytest.mark.parametrize("family", [4, 6])
def test_firewall_passes_what_is_right(through, family):
    """Retransmissions, zero-window probes, SACK of seen data, scaled windows, FINs."""
    # The window of a SYN/ACK is not scaled (RFC 7323 2.2), that of the next ACK is.
    packets = opened(family, WSCALE) + [
        down(5001, family=family), up(1001, bytes(3000), family=family),
        up(1001, bytes(10), family=family),
        down(5001, ack=2001, options=SACK + (1021).to_bytes(4, "big"), family=family),
        up(4001, bytes(1000), family=family),       # up to 1001 + 4 * 1000
        down(5001, bytes(7), ack=5001, family=family),
        up(5001, b"", FIN | ACK, 5008, family=family),
        down(5008, b"", FIN | ACK, 5002, family=family), up(5002, ack=5009, family=family)]
    every = ", ".join(f"{name} = 'drop'" for name in (
        "unknown_options", "syn_data", "holes", "unseen_acks", "out_of_window", "unknown_flows"))
    assert through(f"box.firewall {{ {every} }}", packets) == list(map(look, packets))


def test_firewall_is_off_by_default(through):
    packets = [packet for _, before, refused, after in STORIES for packet in before + [refused]
               + after]
    assert through("box.firewall {}", packets) == [look(packet) for packet in packets]


def test_firewall_window_counts_from_the_scaled_one(through):
    packets = opened(4, WSCALE) + [up(1001, bytes(1001)), down(5001), up(1001, bytes(3999)),
                                   up(5000, b"ab"), up(5000, b"a")]
    got = through("box.firewall { out_of_window = 'drop' }", packets)
    assert got == [look(packet) for packet in packets[:3] + packets[4:6] + packets[7:]]
    # One side alone has the option: nobody scales (RFC 7323 2.2).
    packets = [up(1000, b"", SYN, 0, WSCALE)] + opened()[1:] + [up(1001, bytes(1001))]
    assert len(through("box.firewall { out_of_window = 'drop' }", packets)) == 3


def test_firewall_behind_a_hole_all_is_hole(through):
    """IMC 2011: nothing passes until what is missing has come."""
    late = [up(1004, b"def"), up(1007, b"ghi")]
    packets = HANDSHAKE + late + [up(1001, b"abc")] + late
    got = through("box.firewall { holes = 'drop' }", packets)
    assert got == [look(packet) for packet in packets[:3] + packets[5:]]


def test_firewall_forgets(through):
    """Packets are a millisecond apart: the eighth comes four after the fourth."""
    other = [build(4, "up", 1, 0, SYN, sport=40001)] * 4
    packets = HANDSHAKE + [up(1001, b"a")] + other + [up(1002, b"b")]
    strict = "box.firewall {{ unknown_flows = 'drop', idle = '{}' }}"
    assert len(through(strict.format("5ms"), packets)) == 9
    assert len(through(strict.format("4ms"), packets)) == 8
    # A new SYN begins it anew.
    assert len(through(strict.format("4ms"), packets + HANDSHAKE)) == 11


def test_firewall_resets_both_ends(through):
    packets = HANDSHAKE + [up(1001, b"abc"), down(5001, b"xy", ack=1002), up(1005, b"hole"),
                           up(1004, b"too late")]
    got = through("box.firewall { holes = 'reset', resets = 'both', unknown_flows = 'drop' }",
                  packets)
    assert got[:5] == [look(packet) for packet in packets[:5]]
    to_sender, to_receiver = got[5:]
    assert is_refusal(to_sender, look(packets[5]))
    # What the receiver expects next, so that it is accepted at once (RFC 5961 3.2).
    assert (to_receiver.seq, to_receiver.ack, to_receiver.flags, to_receiver.dport) == (
        1002, 5003, RST | ACK, 80)


@pytest.mark.parametrize("knows, passes", [("2,3,4,5,8,30", True), ("2", False), ("", False)])
def test_firewall_knows_options(through, knows, passes):
    packets = [up(1000, b"", SYN, 0, MSS + CAPABLE)]
    box = f"box.firewall {{ unknown_options = 'drop', knows = '{knows}' }}"
    assert len(through(box, packets)) == passes


@pytest.mark.parametrize("knows", ["x", "1", "256", "3,", "2;3", "3000"])
def test_option_lists_are_read(mbtest, tmp_path, knows):
    path = tmp_path / "path.lua"
    path.write_text(f"return path {{ box.firewall {{ knows = '{knows}' }} }}")
    run = mbtest("pcap", path, tmp_path / "no.pcap", tmp_path / "out.pcap")
    assert run.status == 2 and "parameter knows" in run.err and "path.lua:1:" in run.err


# ---- ack-proxy ----

DSS = bytes([30, 8, 0x20, 1, 1, 2, 3, 4])


def stamp(value, echo):
    return bytes([8, 10]) + value.to_bytes(4, "big") + echo.to_bytes(4, "big")


def proxied(data, *, ack, window, seq=5001, options=b""):
    """A segment to the server and, before it, what the proxy says to the client."""
    return [look(build(4, "down", seq, ack, ACK, options, window=window)), look(data)]


def test_ack_proxy_acknowledges_at_once(through):
    """The window that it offers ends where the server's does."""
    packets = opened() + [up(1001, b"abcde", options=DSS), up(1006, b"fg"),
                          down(5001, ack=1008, window=700)]
    want = list(map(look, opened())) + proxied(packets[3], ack=1006, window=995) + proxied(
        packets[4], ack=1008, window=993) + [look(packets[5])]
    assert through("box.ack_proxy { direction = 'to-server' }", packets) == want


@pytest.mark.parametrize("family", [4, 6])
def test_ack_proxy_scales_windows(through, family):
    packets = opened(family, WSCALE) + [down(5001, family=family),
                                        up(1001, bytes(402), family=family),
                                        down(5001, ack=1403, family=family)]
    got = through("box.ack_proxy {}", packets)
    assert (got[4].ack, got[4].window) == (1403, (4000 - 402) // 4)
    assert got[3:4] + got[5:] == list(map(look, packets[3:]))


@pytest.mark.parametrize("acks", ["translate", "swallow"])
def test_ack_proxy_and_the_receivers_acks(through, acks):
    """An ACK of half of it becomes one of all that the client was told of; SACK makes no sense."""
    block = bytes([5, 10]) + (1001).to_bytes(4, "big") + (1003).to_bytes(4, "big")
    packets = opened() + [up(1001, b"abcde"), up(1006, b"fghij"),
                          down(5001, ack=1006, options=DSS + block), down(5001, ack=1011)]
    got = through(f"box.ack_proxy {{ acks = '{acks}' }}", packets)
    assert [(packet.ack, packet.window) for packet in got[7:]] == [(1011, 995), (1011, 1000)]
    assert meanings(got[7].options) == ([(30, DSS)] if acks == "translate" else [])


def test_ack_proxy_raises_acks_on_data(through):
    packets = opened() + [up(1001, b"abcde"), up(1006, b"fghij"),
                          down(5001, b"answer", ack=1003), down(5007, ack=1011)]
    got = through("box.ack_proxy { acks = 'swallow', direction = 'to-server' }", packets)
    assert got[7:] == [look(down(5001, b"answer", ack=1011, window=992)), look(packets[6])]


def test_ack_proxy_repeats_by_itself(through):
    """Nobody answers: twice, without the option that it does not know, then both hear of it."""
    data = up(1001, b"abcde", options=MSS + DSS)
    got = through("box.ack_proxy { timeout = '10ms', tries = 2, direction = 'to-server' }",
                  opened() + [data])
    again = look(up(1001, b"abcde", options=MSS))
    assert got[4] == look(data) and len(got) == 9
    for packet in got[5:7]:
        assert packet._replace(options=b"") == again._replace(options=b"")
        assert meanings(packet.options) == [(2, MSS)]
    assert [(packet.dport, packet.seq, packet.ack, packet.flags) for packet in got[7:]] == [
        (80, 1001, 5001, RST | ACK), (40000, 5001, 1006, RST | ACK)]


def test_ack_proxy_repeats_what_the_sender_would_say_now(through):
    """No receiver takes the acknowledgement and the time of long ago (RFC 5961, RFC 7323)."""
    packets = [up(1000, b"", SYN, 0, stamp(100, 0)),
               down(5000, b"", SYN | ACK, 1001, stamp(900, 100)),
               up(1001, b"abc", options=stamp(102, 900)),
               down(5001, bytes(500), ack=1001, options=stamp(903, 100)),
               up(1004, ack=5501, options=stamp(109, 903))]
    got = through("box.ack_proxy { timeout = '10ms', direction = 'to-server' }", packets)
    want = up(1001, b"abc", ack=5501, options=stamp(109, 903))
    assert [packet for packet in got if packet.dport == 80 and packet.payload][1:2] == [look(want)]


def test_ack_proxy_stops_when_the_receiver_has_it(through):
    packets = opened() + [up(1001, b"abcde"), up(1006, b"fg"), down(5001, ack=1006)]
    got = through("box.ack_proxy { timeout = '10ms', tries = 1 }", packets)
    # The second alone is repeated.
    assert got[8] == look(up(1006, b"fg")) and len(got) == 11


@pytest.mark.parametrize("count, repeated", [(2, 0), (3, 1), (4, 1)])
def test_ack_proxy_takes_three_duplicates_for_a_loss(through, count, repeated):
    lost = up(1001, b"abcde")
    packets = opened() + [lost, up(1006, b"f"), up(1007, b"g"), up(1008, b"h")] + \
        [down(5001)] * count + [down(5001, ack=1009)]
    got = through("box.ack_proxy { direction = 'to-server' }", packets)
    # Of the duplicates the client sees none, the server sees its segment again once.
    assert got[11:] == [look(lost)] * repeated + [look(packets[-1])]


def test_ack_proxy_begins_in_mid_stream(through):
    """Data before those that it keeps are the receiver's to acknowledge; then come its own."""
    packets = opened() + [up(1001, b"abc"), up(1004, b"def"), up(1007, b"ghi"),
                          down(5001, ack=1004), down(5001, ack=1010)]
    got = through("box.ack_proxy { from = '3B', direction = 'to-server' }", packets)
    assert got[:6] == list(map(look, packets[:6]))
    assert [(packet.ack, packet.window) for packet in got[6:]] == [(1010, 994), (1010, 1000)]


def test_ack_proxy_offers_no_window_past_the_edge(through):
    got = through("box.ack_proxy {}", opened() + [up(1001, bytes(1001)), down(5001, ack=2002)])
    assert (got[3].ack, got[3].window) == (2002, 0)


def test_ack_proxy_leaves_what_is_out_of_order(through):
    packets = opened() + [up(1004, b"def"), down(5001), up(1001, b"abc"), down(5001, ack=1007)]
    got = through("box.ack_proxy {}", packets)
    assert got[3:5] == list(map(look, packets[3:5]))
    assert got[5:7] == proxied(packets[5], ack=1004, window=997)
    assert got[7:] == [look(packets[6])]


def test_ack_proxy_keeps_no_more_than_its_buffer(through):
    packets = opened() + [up(1001, b"abc"), up(1004, b"def"), down(5001, ack=1007)]
    got = through("box.ack_proxy { buffer = 5 }", packets)
    assert got[3:5] == proxied(packets[3], ack=1004, window=997)
    assert got[5:] == list(map(look, packets[4:]))


def test_ack_proxy_acknowledges_again(through):
    """Sent again: what it said was lost."""
    packets = opened() + [up(1001, b"abc"), up(1001, b"abc"), down(5001, ack=1004)]
    got = through("box.ack_proxy {}", packets)
    assert got[3:7] == proxied(packets[3], ack=1004, window=997) * 2


@pytest.mark.parametrize("knows", ["8", "2,3"])
def test_ack_proxy_has_timestamps(through, knows):
    packets = [up(1000, b"", SYN, 0, stamp(100, 0)),
               down(5000, b"", SYN | ACK, 1001, stamp(900, 100)),
               up(1001, options=stamp(101, 900)), up(1001, b"abc", options=stamp(102, 900)),
               down(5001, ack=1004, options=stamp(903, 102))]
    got = through(f"box.ack_proxy {{ knows = '{knows}' }}", packets)
    assert meanings(got[3].options) == ([(8, stamp(900, 102))] if knows == "8" else [])
    assert got[3].ack == 1004


# ---- split-tcp ----

CAPABLE_V1 = bytes([30, 4, 0x01, 0x01])


def told(packet):
    return packet.seq, packet.ack, packet.flags, packet.payload


def mptcp(packet):
    """Subtypes of the MPTCP options of a packet."""
    return [option[2] >> 4 for kind, option in meanings(packet.options) if kind == 30]


@pytest.fixture(name="split")
def fixture_split(through):
    """A client that sends "ping", and a server that answers, on both sides of a split-tcp: what
    each of them is told by the proxy. The first runs tell which numbers it has chosen."""
    def split(parameters, family=4, options=b""):
        def run(packets):
            out = through(f"box.split_tcp {{ {parameters} }}", packets)
            return ([packet for packet in out if packet.dport == 40000],
                    [packet for packet in out if packet.dport == 80])
        syn = up(1000, b"", SYN, 0, options, family)
        to_client, to_server = run([syn])
        assert to_client and not to_server
        isn = to_client[0].seq
        talk = [syn, up(1001, ack=isn + 1, family=family),
                up(1001, b"ping", ACK | PSH, isn + 1, family=family)]
        _, to_server = run(talk)
        front = to_server[0].seq
        talk += [down(700, b"", SYN | ACK, front + 1, family=family),
                 down(701, b"pong", ACK | PSH, front + 5, family=family)]
        return (isn, front) + run(talk)
    return split


@pytest.mark.parametrize("family", [4, 6])
def test_split_tcp_is_two_connections(split, family):
    isn, front, to_client, to_server = split("", family, MSS)
    assert told(to_client[0]) == (isn, 1001, SYN | ACK, b"")
    assert told(to_server[0]) == (front, 0, SYN, b"") and front != 1000
    # Each side hears in its own numbers what the other said.
    assert (isn + 1, 1005, b"pong") in [(packet.seq, packet.ack, packet.payload)
                                        for packet in to_client]
    assert (front + 1, 701, b"ping") in [(packet.seq, packet.ack, packet.payload)
                                         for packet in to_server]
    client, server = look(up(1, family=family)), look(down(1, family=family))
    assert {(packet.src, packet.sport) for packet in to_client} == {(server.src, 80)}
    assert {(packet.src, packet.sport) for packet in to_server} == {(client.src, 40000)}


@pytest.mark.parametrize("knows, client, server", [
    ("none", [], []), ("client", [0], []), ("server", [], [0]), ("both", [0], [0])])
def test_split_tcp_knows_mptcp_on_a_side(split, knows, client, server):
    _, _, to_client, to_server = split(f"mptcp = '{knows}'", 4, CAPABLE_V1)
    assert (mptcp(to_client[0]), mptcp(to_server[0])) == (client, server)


@pytest.mark.parametrize("version", [0, 1])
def test_split_tcp_offers_a_version(split, version):
    _, _, _, to_server = split(f"mptcp = 'server', version = {version}")
    (_, offer), = [option for option in meanings(to_server[0].options) if option[0] == 30]
    assert offer[2] & 15 == version


def test_split_tcp_leaves_others_alone(through):
    """Connections that it did not see begin."""
    packets = [up(1001, b"late"), down(5000, b"", SYN | ACK), down(5001, b"x")]
    assert through("box.split_tcp {}", packets) == list(map(look, packets))
