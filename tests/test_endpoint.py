# SPDX-License-Identifier: BSD-2-Clause
"""The endpoint's packets under an independent eye: hashlib and hmac recompute every key, token,
IDSN, HMAC and DSS checksum from the bytes alone, tshark dissects them and finds nothing malformed.
There is no v0 peer to try against, so this is what v0 stands on."""
import hashlib
import hmac
import os
import shutil
import struct
import subprocess

import pytest

from conftest import BUILD, ENVIRONMENT, PATIENCE, run_program

CONNECTIONS = [f"v{version}_{kind}" for version in (0, 1)
               for kind in ("plain", "checksum", "checksum_narrow")]
ENDS = [f"v{version}_{kind}" for version in (0, 1)
        for kind in ("fail", "fail_of_two", "fastclose")] + ["v1_fastclose_on_ack"]
SIGNALS = ["v0_signals", "v1_signals"]
CAPABLE, JOIN, DSS, ADD_ADDR, REMOVE_ADDR, PRIO, FAIL, FASTCLOSE, TCPRST = range(9)
SYN, RST, ACK = 2, 4, 16


def digest(version, key):
    """Token and IDSN of a key (RFC 6824 and RFC 8684, 3.1)."""
    value = (hashlib.sha256 if version else hashlib.sha1)(key).digest()
    return value[:4], int.from_bytes(value[-8:], "big")


def join_hmac(version, own, other, own_nonce, other_nonce):
    return hmac.new(own + other, own_nonce + other_nonce,
                    hashlib.sha256 if version else hashlib.sha1).digest()


def ones_complement(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


class Packet:
    """One IPv4 TCP packet, read by hand."""

    def __init__(self, data):
        assert data[0] == 0x45 and data[9] == 6 and len(data) == int.from_bytes(data[2:4], "big")
        tcp = data[20:]
        pseudo = data[12:20] + struct.pack(">HH", 6, len(tcp))
        assert ones_complement(data[:20]) == 0xffff
        assert ones_complement(pseudo + tcp) == 0xffff
        self.bytes = data
        self.src = (data[12:16], int.from_bytes(tcp[0:2], "big"))
        self.dst = (data[16:20], int.from_bytes(tcp[2:4], "big"))
        self.seq, self.ack = struct.unpack(">II", tcp[4:12])
        self.flags = tcp[13]
        length = (tcp[12] >> 4) * 4
        self.payload = tcp[length:]
        self.options = []
        at, rest = 0, tcp[20:length]
        while at < len(rest):
            if rest[at] == 1:
                at += 1
                continue
            assert rest[at] != 0 and rest[at + 1] >= 2, "EOL or bad option length"
            self.options.append(rest[at:at + rest[at + 1]])
            at += rest[at + 1]
        assert at == len(rest), "option past the header"
        assert len(rest) <= 40
        self.mptcp = [option for option in self.options if option[0] == 30]

    def option(self, subtype):
        return next((o for o in self.mptcp if o[2] >> 4 == subtype), None)


def read_dss(option):
    """Fields of a DSS by name, None where absent; narrow numbers stay narrow."""
    flags, at, fields = option[3], 4, {"fin": bool(option[3] & 16)}

    def take(count):
        nonlocal at
        at += count
        return int.from_bytes(option[at - count:at], "big")

    fields["ack"] = (take(8 if flags & 2 else 4), bool(flags & 2)) if flags & 1 else None
    fields["mapping"] = None
    if flags & 4:
        dsn = (take(8 if flags & 8 else 4), bool(flags & 8))
        fields["mapping"] = (*dsn, take(4), take(2))
        fields["checksum"] = option[at:at + 2] if at < len(option) else None
        at += 2 if at < len(option) else 0
    assert at == len(option), option.hex()
    return fields


def near(reference, value, wide):
    """The 64-bit number meant (RFC 8684 3.3.1)."""
    if wide:
        return value
    return reference + ((value - reference + 2 ** 31) % 2 ** 32 - 2 ** 31)


class Connection:
    """What the packets of one connection say, checked on the way."""

    def __init__(self, packets, version):
        self.version = version
        self.keys = {}
        self.nonces = {}
        self.iss = {}
        self.idsn = {}
        self.client = packets[0].src
        self.server = packets[0].dst
        self.checksum = False
        self.counts = dict.fromkeys(
            ("join", "mapping", "checksum", "capable_data", "fin", "fail", "infinite", "fastclose",
             "fastclose_on_reset", "tcprst", "flagged", "add", "port", "echo", "remove", "prio",
             "prio_of_address", "backup"), 0)
        self.addresses = {}     # what is told: (side, address, port) by ID and side
        self.used = {}          # address by (side, ID), as joins use them
        for packet in packets:
            self.take(packet)

    def side(self, packet):
        """Clients live at addresses ending in 1, servers at those ending in 2."""
        return "client" if packet.src[0][3] == 1 else "server"

    def sides(self, packet):
        """Who sent it, and the other."""
        own = self.side(packet)
        return own, "client" if own == "server" else "server"

    def take(self, packet):
        if packet.flags & SYN:
            self.iss[packet.src, packet.dst] = packet.seq
        for option in packet.mptcp:
            assert option[1] == len(option)
            self.HANDLERS[option[2] >> 4](self, packet, option)

    def capable(self, packet, option):
        assert option[2] == self.version and option[3] & 0x3f == 1
        flags = packet.flags & (SYN | ACK)
        if flags == SYN:
            assert len(option) == (4 if self.version else 12)
            if not self.version:
                self.learn("client", option[4:12])
            self.checksum |= bool(option[3] & 0x80)
            return
        if flags == SYN | ACK:
            assert len(option) == 12
            self.learn("server", option[4:12])
            self.checksum |= bool(option[3] & 0x80)
            return
        assert self.side(packet) == "client" and bool(option[3] & 0x80) == self.checksum
        self.learn("client", option[4:12])
        assert option[12:20] == self.keys["server"]
        assert len(option) == (20 if not packet.payload else 24 if self.checksum else 22)
        if packet.payload:
            assert self.version == 1
            self.counts["capable_data"] += 1
            length = int.from_bytes(option[20:22], "big")
            assert length == len(packet.payload)
            self.check_sum(packet, self.idsn["client"] + 1, 1, length, packet.payload,
                           option[22:24])

    def learn(self, side, key):
        assert self.keys.setdefault(side, key) == key
        self.idsn[side] = digest(self.version, key)[1]

    def join(self, packet, option):
        flow = packet.src, packet.dst
        back = packet.dst, packet.src
        self.counts["join"] += 1
        own, other = self.sides(packet)
        if len(option) != 24:
            first = (self.client if own == "client" else self.server)[0]
            assert (option[3] == 0) == (packet.src[0] == first), "ID 0 is the first subflow's"
            assert self.used.setdefault((own, option[3]), packet.src[0]) == packet.src[0]
        self.counts["backup"] += len(option) < 24 and option[2] & 1
        if len(option) == 12:
            assert packet.flags & (SYN | ACK) == SYN
            assert option[4:8] == digest(self.version, self.keys[other])[0]
            self.nonces[flow] = option[8:12]
        elif len(option) == 16:
            assert packet.flags & (SYN | ACK) == SYN | ACK
            self.nonces[flow] = option[12:16]
            assert option[4:12] == join_hmac(self.version, self.keys[own], self.keys[other],
                                             self.nonces[flow], self.nonces[back])[:8]
        else:
            assert len(option) == 24 and not packet.flags & SYN and not packet.payload
            assert option[4:24] == join_hmac(self.version, self.keys[own], self.keys[other],
                                             self.nonces[flow], self.nonces[back])[:20]

    def dss(self, packet, option):
        side = self.side(packet)
        other = "client" if side == "server" else "server"
        fields = read_dss(option)
        if fields["ack"] is not None:
            ack = near(self.idsn[other] + 1, *fields["ack"])
            assert 0 < ack - self.idsn[other] < 2 ** 24
        if fields["mapping"] is None:
            return
        number, wide, ssn, length = fields["mapping"]
        dsn = near(self.idsn[side] + 1, number, wide)
        assert 0 < dsn - self.idsn[side] < 2 ** 24
        if length == 0:
            self.counts["infinite"] += 1
            assert not fields["checksum"] or fields["checksum"] == b"\0\0"
            return
        if fields["fin"]:
            self.counts["fin"] += 1
            assert (ssn, length) == (0, 1) and not packet.payload
        else:
            self.counts["mapping"] += 1
            assert length == len(packet.payload)
            assert ssn == (packet.seq - self.iss[packet.src, packet.dst]) % 2 ** 32
        assert bool(fields["checksum"]) == self.checksum
        if self.checksum:
            self.check_sum(packet, dsn, ssn, length, packet.payload, fields["checksum"])

    def check_sum(self, packet, dsn, ssn, length, payload, field):
        if not self.checksum:
            return
        self.counts["checksum"] += 1
        pseudo = struct.pack(">QIHH", dsn % 2 ** 64, ssn, length, 0)
        right = ones_complement(payload + b"\0" * (len(payload) % 2) + pseudo + field) == 0xffff
        self.counts["flagged"] += not right

    def fail(self, packet, option):
        self.counts["fail"] += 1
        assert len(option) == 12 and option[2:4] == b"\x60\0"
        other = "client" if self.side(packet) == "server" else "server"
        assert 0 < int.from_bytes(option[4:12], "big") - self.idsn[other] < 2 ** 24

    def fastclose(self, packet, option):
        self.counts["fastclose"] += 1
        assert len(option) == 12 and option[4:12] == self.keys["server"]
        self.counts["fastclose_on_reset"] += bool(packet.flags & RST)

    def tcprst(self, packet, option):
        self.counts["tcprst"] += 1
        assert self.version == 1 and len(option) == 4 and packet.flags & RST

    def add_addr(self, packet, option):
        """RFC 8684 and RFC 6824, 3.4.1: the whole option is known from address, port and keys."""
        own, other = self.sides(packet)
        body = option[3:]
        assert not packet.payload
        if self.version and option[2] == 0x31:
            self.counts["echo"] += 1
            assert self.addresses[other, body[0]] == body
            return
        self.counts["add"] += 1
        if self.version:
            body, mac = body[:-8], body[-8:]
            assert option[2] == 0x30
            message = body if len(body) in (7, 19) else body + b"\0\0"
            assert mac == hmac.new(self.keys[own] + self.keys[other], message,
                                   hashlib.sha256).digest()[-8:]
        else:
            assert option[2] == (0x34 if len(body) in (5, 7) else 0x36)
        assert len(body) in (5, 7, 17, 19)
        self.counts["port"] += len(body) in (7, 19)
        assert self.addresses.setdefault((own, body[0]), body) == body
        addr = body[1:5] if len(body) < 17 else body[1:17]
        assert self.used.setdefault((own, body[0]), addr) == addr

    def remove_addr(self, packet, option):
        self.counts["remove"] += 1
        own = self.side(packet)
        assert option[2] == 0x40 and len(option) == 3 + 2
        assert [self.used[own, one] for one in option[3:]] == [b"\xc6\x12\x01\x01",
                                                             b"\xc6\x12\x02\x01"]

    def prio(self, packet, option):
        self.counts["prio"] += 1
        assert option[2] in (0x50, 0x51) and not packet.payload
        if len(option) == 4:    # RFC 6824 3.3.8: by address
            assert self.version == 0 and (self.sides(packet)[0], option[3]) in self.used
            self.counts["prio_of_address"] += 1
        assert len(option) in (3, 4)

    HANDLERS = {CAPABLE: capable, JOIN: join, DSS: dss, FAIL: fail, FASTCLOSE: fastclose,
                TCPRST: tcprst, ADD_ADDR: add_addr, REMOVE_ADDR: remove_addr, PRIO: prio}


@pytest.fixture(scope="module")
def dumps(tmp_path_factory):
    """name -> (packets, pcap file), made once."""
    folder = tmp_path_factory.mktemp("oracle")
    made = {}

    def make(name):
        if name in made:
            return made[name]
        dump = folder / f"{name}.txt"
        run = run_program(BUILD / "unit" / "test_endpoint_oracle", name,
                          env=dict(ENVIRONMENT, PIPE_DUMP=str(dump)))
        assert run.status == 0, run
        packets, pcap = [], struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101)
        for line in dump.read_text().splitlines():
            at, data = int(line.split()[0]), bytes.fromhex(line.split()[1])
            packets.append(Packet(data))
            pcap += struct.pack("<IIII", at // 10 ** 9, at % 10 ** 9 // 1000, len(data), len(data))
            pcap += data
        (folder / f"{name}.pcap").write_bytes(pcap)
        made[name] = packets, folder / f"{name}.pcap"
        return made[name]

    return make


@pytest.mark.parametrize("name", CONNECTIONS)
def test_every_value_is_right(dumps, name):
    connection = Connection(dumps(name)[0], int(name[1]))
    counts = connection.counts
    assert connection.checksum == ("checksum" in name)
    assert counts["join"] == 3
    assert counts["mapping"] > 100 and counts["fin"] >= 2
    assert counts["capable_data"] == connection.version
    assert counts["flagged"] == 0
    if connection.checksum:
        assert counts["checksum"] >= counts["mapping"]


@pytest.mark.parametrize("name", ENDS)
def test_ends_are_right(dumps, name):
    version, kind = int(name[1]), name[3:]
    counts = Connection(dumps(name)[0], version).counts
    if kind == "fail":
        assert counts["fail"] == (2 if version else 1)
        # The side that reports may send an infinite mapping of its own, with its FIN (O4).
        assert counts["infinite"] in (1, 2) and counts["flagged"] == 1
    elif kind == "fail_of_two":
        assert counts["fail"] == 1 and counts["infinite"] == 0 and counts["flagged"] == 1
        assert counts["tcprst"] == version
    elif kind == "fastclose":
        assert counts["fastclose"] == (2 if version else 1)
        assert counts["fastclose_on_reset"] == (2 if version else 0)
    else:   # option A of RFC 8684 3.5
        assert (counts["fastclose"], counts["fastclose_on_reset"]) == (1, 0)


@pytest.mark.parametrize("name", SIGNALS)
def test_signals_are_right(dumps, name):
    version = int(name[1])
    connection = Connection(dumps(name)[0], version)
    counts = connection.counts
    told = {("client", b"\xc6\x12\x04\x01"), ("server", b"\xc6\x12\x01\x02"),
            ("server", b"\xc6\x12\x03\x02\x13\x8d"),
            ("server", bytes.fromhex("fd000032000000000000000000000002")),
            ("server", bytes.fromhex("fd000032000000000000000000000003138e"))}
    assert {(own, body[1:]) for (own, _), body in connection.addresses.items()} == told
    if version:
        assert (counts["add"], counts["echo"], counts["port"]) == (5, 5, 2)
        assert counts["prio"] > 3 and counts["prio_of_address"] == 0
    else:   # on every subflow there is, RFC 6824 3.4.1
        assert counts["add"] >= 3 and counts["port"] >= 3 and counts["echo"] == 0
        assert (counts["prio"], counts["prio_of_address"]) == (4, 1)
    assert counts["remove"] == 1 and counts["backup"] > 0
    assert counts["flagged"] == 0


def test_a_wrong_value_is_found(dumps):
    """The oracle itself: a key, an HMAC, a checksum and a DSN changed by one bit are each seen."""
    packets, _ = dumps("v1_checksum")
    for subtype, length in ((CAPABLE, 20), (JOIN, 16), (JOIN, 24), (DSS, 28)):
        index = next(i for i, p in enumerate(packets) if (p.option(subtype) or b"") and
                     len(p.option(subtype)) == length and (subtype != DSS or p.payload))
        option = packets[index].option(subtype)
        for at in (5, len(option) - 1):
            wrong = Packet(packets[index].bytes)
            bad = bytearray(option)
            bad[at] ^= 1
            wrong.mptcp = [bytes(bad) if o == option else o for o in wrong.mptcp]
            changed = packets[:index] + [wrong] + packets[index + 1:]
            try:
                found = Connection(changed, 1).counts["flagged"] > 0
            except AssertionError:
                found = True
            assert found, (subtype, at)


def tshark(pcap, display_filter, *fields):
    command = ["tshark", "-r", pcap, "-o", "tcp.analyze_sequence_numbers:TRUE", "-Y",
               display_filter, "-T", "fields"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True,
                          env=dict(os.environ, LC_ALL="C"))
    return done.stdout.splitlines()


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", CONNECTIONS + ENDS + SIGNALS)
def test_tshark_agrees(dumps, name):
    packets, pcap = dumps(name)
    version = int(name[1])
    assert tshark(pcap, "_ws.malformed || tcp.option.len.invalid", "frame.number") == []
    keys = Connection(packets, version).keys
    tokens = {f"0x{digest(version, key)[0].hex()}" for key in keys.values()}
    idsns = {str(digest(version, key)[1]) for key in keys.values()}
    seen_tokens = set(" ".join(tshark(pcap, "mptcp.expected_token",
                                      "mptcp.expected_token")).replace(",", " ").split())
    seen_idsns = set(" ".join(tshark(pcap, "mptcp.expected_idsn",
                                     "mptcp.expected_idsn")).replace(",", " ").split())
    assert seen_tokens and {f"0x{int(t, 0):08x}" for t in seen_tokens} <= tokens
    assert seen_idsns and seen_idsns <= idsns
