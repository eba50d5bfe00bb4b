# SPDX-License-Identifier: BSD-2-Clause
"""What the analysis says of the captures, against hashlib and tshark: keys, tokens, data sequence
numbers and HMACs are computed here from the bytes alone."""
import hashlib
import hmac
import pathlib
import re
import shutil
import struct
import subprocess

import pytest

CAPTURES = pathlib.Path(__file__).resolve().parent / "data" / "captures"
UNIT = pathlib.Path(__file__).resolve().parent / "unit" / "test_analyze_captures.c"


def packets(path):
    """The IPv4 packets of a classic pcap of link type RAW."""
    data, at = path.read_bytes(), 24
    while at < len(data):
        length, = struct.unpack_from("<I", data, at + 8)
        packet = data[at + 16:at + 16 + length]
        at += 16 + length
        if packet[0] >> 4 == 4 and packet[9] == 6:
            yield packet


def mptcp_options(packet):
    """Options of kind 30, and the flags of the TCP header."""
    tcp = packet[(packet[0] & 15) * 4:]
    at, end = 20, (tcp[12] >> 4) * 4
    while at < end and tcp[at] != 0:
        length = 1 if tcp[at] == 1 else tcp[at + 1]
        if tcp[at] == 30:
            yield tcp[13], tcp[at:at + length]
        at += length


def keys_of(path):
    """Both keys, from the third packet of the handshake."""
    for packet in packets(path):
        for flags, option in mptcp_options(packet):
            if option[2] >> 4 == 0 and len(option) >= 20 and not flags & 2:
                return option[2] & 15, option[4:12], option[12:20]
    raise AssertionError(f"{path}: no MP_CAPABLE with two keys")


def cases():
    """The table of keys in the unit test, so that both are held to the same capture."""
    row = r'\{ "(\w+)", 0x(\w+), 0x(\w+), (\d), (true|false) \}'
    return re.findall(row, UNIT.read_text())


def test_the_table_is_found():
    assert len(cases()) >= 5


@pytest.mark.parametrize("name, key_a, key_b, version, checksum", cases())
def test_keys(name, key_a, key_b, version, checksum):
    found = keys_of(CAPTURES / f"{name}.pcap")
    assert found == (int(version), bytes.fromhex(key_a), bytes.fromhex(key_b))
    syn = next(option for _, option in mptcp_options(next(packets(CAPTURES / f"{name}.pcap"))))
    assert bool(syn[3] & 0x80) == (checksum == "true")


def test_join_numbers():
    """Tokens, IDSNs and HMACs of v1_join_csum, as the unit test has them."""
    path, text = CAPTURES / "v1_join_csum.pcap", UNIT.read_text()
    version, key_a, key_b = keys_of(path)
    assert version == 1
    for key in (key_a, key_b):
        digest = hashlib.sha256(key).digest()
        assert f"0x{key.hex()}" in text
        assert f"0x{digest[:4].hex()}" in text
        assert f"0x{digest[24:].hex()}" in text
    joins = [option for packet in packets(path) for _, option in mptcp_options(packet)
             if option[2] >> 4 == 1]
    syn, synack, third = joins[:3]
    nonce_a, nonce_b = syn[8:12], synack[12:16]
    assert hmac.digest(key_b + key_a, nonce_b + nonce_a, "sha256")[:8] == synack[4:12]
    assert hmac.digest(key_a + key_b, nonce_a + nonce_b, "sha256")[:20] == third[4:24]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name, number, what", [
    ("j_mod_pp_1p_csum.client", 45, "6"), ("j_mod_pp_1p_csum.client", 46, "6"),
    ("j_mod_pp_1p_csum.client", 48, "2"), ("g_mid_p1_pp_1p_c2s.server", 44, ""),
])
def test_packet_numbers_against_tshark(name, number, what):
    """The packets that the unit tests name carry what they are named for."""
    run = subprocess.run(
        ["tshark", "-r", CAPTURES / f"{name}.pcap", "-Y", f"frame.number=={number}",
         "-T", "fields", "-e", "tcp.options.mptcp.subtype", "-e", "tcp.len"],
        capture_output=True, text=True, check=True)
    subtypes, length = run.stdout.rstrip("\n").split("\t")
    assert what in subtypes.split(","), run.stdout
    assert what == "6" or int(length) > 0
