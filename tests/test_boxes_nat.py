# SPDX-License-Identifier: BSD-2-Clause
"""What an address translator does with packets that have no ports: echo has an identifier (RFC 3022
2.2), later fragments have the first one (RFC 4787 REQ-14). scapy builds, cuts and sums them up."""
import random

import pytest

scapy = pytest.importorskip("scapy.all")
from scapy.all import (ICMP, IP, UDP, ICMPv6EchoReply, ICMPv6EchoRequest,  # noqa: E402
                       ICMPv6TimeExceeded, IPv6, IPv6ExtHdrFragment, Raw, fragment, fragment6, raw)

from test_boxes import CLIENT, SERVER, pass_through  # noqa: E402

OUTSIDE = {4: "198.18.1.200", 6: "fd00:1::200"}
ROUTER = {4: "203.0.113.1", 6: "fd00:99::1"}
FAMILIES = pytest.mark.parametrize("family", [4, 6])


@pytest.fixture(name="through")
def fixture_through(mbtest, tmp_path):
    def through(boxes, packets):
        return pass_through(mbtest, tmp_path, boxes, packets)
    return through


def ip(family, src, dst, **fields):
    """The header; identification as the test has it."""
    if family == 6:
        return IPv6(src=src, dst=dst)
    return IP(src=src, dst=dst, id=fields.pop("id", 5))


def echo(family, src, dst, identifier, reply=False):
    if family == 4:
        return raw(ip(4, src, dst) / ICMP(type=0 if reply else 8, id=identifier, seq=3) / b"ping")
    kind = ICMPv6EchoReply if reply else ICMPv6EchoRequest
    return raw(ip(6, src, dst) / kind(id=identifier, seq=3, data=b"ping"))


def time_exceeded(family, dst, quoted):
    kind = ICMP(type=11) if family == 4 else ICMPv6TimeExceeded()
    return raw(ip(family, ROUTER[family], dst) / kind / Raw(quoted))


@FAMILIES
@pytest.mark.parametrize("mapping", ["endpoint-independent", "symmetric"])
def test_echo_there_and_back(through, family, mapping):
    """Two that ask with one identifier get two; answers and errors find back; strangers do not."""
    client, server, outside = CLIENT[family], SERVER[family], OUTSIDE[family]
    other = client[:-1] + "7"
    asked, told = echo(family, client, server, 7), echo(family, outside, server, 1234)
    out = through(f"box.nat {{ first_port = 1234, mapping = '{mapping}' }}", [
        asked, echo(family, other, server, 7),
        echo(family, server, outside, 1235, True), echo(family, server, outside, 1234, True),
        echo(family, server, outside, 99, True),
        time_exceeded(family, outside, told), time_exceeded(family, outside, told[:-4])])
    assert out == [told, echo(family, outside, server, 1235),
                   echo(family, server, other, 7, True), echo(family, server, client, 7, True),
                   time_exceeded(family, client, asked), time_exceeded(family, client, asked[:-4])]


@FAMILIES
def test_echo_to_another_server(through, family):
    """A destination has another address, but identifiers are not ports."""
    client, server, other = CLIENT[family], SERVER[family], SERVER[family][:-1] + "9"
    name = "address" if family == 4 else "address6"
    boxes = f"box.nat {{ kind = 'destination', {name} = '{other}', port = 8080 }}"
    out = through(boxes, [echo(family, client, server, 7), echo(family, other, client, 7, True)])
    assert out == [echo(family, client, other, 7), echo(family, server, client, 7, True)]


def datagram(family, src, dst, sport, dport, number, payload):
    """Its fragments, in order."""
    packet = UDP(sport=sport, dport=dport) / Raw(payload)
    if family == 4:
        return [raw(each) for each in fragment(ip(4, src, dst, id=number) / packet, 800)]
    whole = ip(6, src, dst) / IPv6ExtHdrFragment(id=number) / packet
    return [raw(each) for each in fragment6(IPv6(raw(whole)), 800)]


@FAMILIES
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2)])
def test_fragments_follow_the_first(through, family, order):
    """Of two clients at once, with one identification, and back: each has the first one's name."""
    client, server, outside = CLIENT[family], SERVER[family], OUTSIDE[family]
    other = client[:-1] + "7"
    payload = random.Random(1).randbytes(2500)
    sent = [datagram(family, source, server, 5000, 99, 5, payload) for source in (client, other)]
    answer = datagram(family, server, outside, 99, 1235, 6, payload)
    assert len(sent[0]) == len(answer) == 4
    out = through("box.nat { first_port = 1234 }",
                  [sent[which][number] for number in order for which in (0, 1)]
                  + [answer[number] for number in order])
    want = (datagram(family, outside, server, 1234, 99, 5, payload)
            + datagram(family, outside, server, 1235, 99, 5, payload)
            + datagram(family, server, other, 99, 5000, 6, payload))
    assert sorted(out) == sorted(want)
    if order[0] == 0:
        assert out[-4:] == [datagram(family, server, other, 99, 5000, 6, payload)[i] for i in order]


@FAMILIES
def test_fragments_without_a_first(through, family):
    """They are not let out with the name inside."""
    later = datagram(family, CLIENT[family], SERVER[family], 5000, 99, 5, bytes(2500))[1:]
    assert through("box.nat {}", later) == []
    assert through("box.delay { time = 0 }", later) == later


@FAMILIES
def test_several_addresses(through, family):
    """Each client keeps to one (RFC 4787 REQ-2), goes to the next where no port is left, and all
    answers find back; what is for none of the box's addresses passes."""
    clients = [CLIENT[family][:-1] + digit for digit in "245"]
    pool = [OUTSIDE[family][:-1] + digit for digit in "01"]

    def question(source, port, number):
        return raw(ip(family, source, SERVER[family]) / UDP(sport=port, dport=99) / bytes([number]))

    def answer(target, port, number):
        return raw(ip(family, SERVER[family], target) / UDP(sport=99, dport=port) / bytes([number]))

    asked = [(0, 5000), (1, 5000), (0, 5000), (0, 5001), (2, 5000), (1, 5001)]
    names = [(address, port) for address in pool for port in (7, 8)]
    stranger = answer(pool[0][:-1] + "2", 7, 99)
    out = through("box.nat { addresses = 2, first_port = 7, last_port = 8 }",
                  [question(clients[who], port, number) for number, (who, port) in enumerate(asked)]
                  + [answer(*name, 50) for name in names] + [stranger])
    seen = [scapy.IP(each) if family == 4 else IPv6(each) for each in out]
    named = [(each.src, each.sport) for each in seen[:5]]
    assert named[0] == named[2] and {named[0], named[1]} == set(names[:2]), named
    assert {named[3], named[4]} == set(names[2:]), named
    # The sixth asks for a fifth name, which there is not.
    back = [asked[named.index(name)] for name in names]
    assert out[5:] == [answer(clients[who], port, 50) for who, port in back] + [stranger]
