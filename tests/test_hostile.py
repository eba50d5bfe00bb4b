# SPDX-License-Identifier: BSD-2-Clause
"""Captures full of rubbish through every box of the catalogue: no crash, no leak, no hang."""
import pathlib
import random
import re
import struct

import pytest

CAPTURES = pathlib.Path(__file__).resolve().parent / "data" / "captures"
# What a box that has parameters without default is given.
GIVEN = {"time": "'5ms'", "map": "'80:8080'", "rate": "1000000", "pattern": "'a'",
         "replacement": "'bcd'"}


def real_packets():
    """Packets of the shipped captures (all of link type RAW, little-endian)."""
    for path in sorted(CAPTURES.rglob("*.pcap")):
        data, offset = path.read_bytes(), 24
        while offset < len(data):
            length = struct.unpack_from("<I", data, offset + 8)[0]
            yield data[offset + 16:offset + 16 + length]
            offset += 16 + length


def spoil(rng, packet):
    """Cut it, or change some of its bytes, mostly among the headers."""
    packet = bytearray(packet)
    if rng.random() < 0.2:
        del packet[rng.randrange(len(packet)):]
    for _ in range(rng.randrange(6)):
        if packet:
            packet[rng.randrange(min(len(packet), rng.choice([24, 60, 1500])))] = rng.randrange(256)
    return bytes(packet)


# Some of the noise is no byte long.
LEFT_OUT = r"mbtest: [0-9]+ frames of \S+ without IP are left out\n"


@pytest.fixture(scope="module")
def rubbish(tmp_path_factory):
    """A capture of 4,000 packets: noise, and real ones that were spoiled."""
    rng = random.Random(30)
    real = list(real_packets())
    out = bytearray(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
    for number in range(4000):
        if number % 4 == 0:
            packet = rng.randbytes(rng.randrange(200))
        else:
            packet = spoil(rng, rng.choice(real))
        out += struct.pack("<IIII", 1000, number, len(packet), len(packet)) + packet
    path = tmp_path_factory.mktemp("rubbish") / "rubbish.pcap"
    path.write_bytes(out)
    return path


def test_every_box_survives(mbtest, tmp_path, rubbish):
    for row in mbtest("list", "boxes", "--json").json()["boxes"]:
        given = ", ".join(f"{one['param']} = {GIVEN[one['param']]}" for one in row["params"]
                          if one["default"] is None)
        path = tmp_path / "path.lua"
        path.write_text(f"return path {{ box.{row['box'].replace('-', '_')} {{ {given} }} }}\n")
        run = mbtest("pcap", path, rubbish, tmp_path / "out.pcap")
        assert run.status == 0 and re.fullmatch(LEFT_OUT, run.err), run
        assert (tmp_path / "out.pcap").stat().st_size >= 24


def test_all_boxes_in_a_row_survive(mbtest, tmp_path, rubbish):
    path = tmp_path / "path.lua"
    path.write_text("""return path {
	box.nat {}, box.split { mss = 100 }, box.rewrite { pattern = "a", replacement = "bcd" },
	box.seq_rewrite { sack = "translate" }, box.coalesce { size = 9000 },
	box.fragment { size = 200 }, box.flip {}, box.mirror {}, box.eol {}, box.duplicate {},
	box.reorder {},
}
""")
    run = mbtest("pcap", path, rubbish, tmp_path / "out.pcap")
    assert run.status == 0 and re.fullmatch(LEFT_OUT, run.err), run


@pytest.mark.parametrize("seed", range(20))
def test_rubbish_as_a_capture_file(mbtest, tmp_path, rubbish, seed):
    """The file format itself spoiled: read, or refused with one sentence and no file left."""
    rng = random.Random(seed)
    data = bytearray(rubbish.read_bytes()[:rng.randrange(10, 60000)])
    for _ in range(rng.randrange(1, 8)):
        data[rng.randrange(min(len(data), rng.choice([24, 200])))] = rng.randrange(256)
    (tmp_path / "in.pcap").write_bytes(data)
    (tmp_path / "path.lua").write_text("return path { box.strip {} }\n")
    run = mbtest("pcap", tmp_path / "path.lua", tmp_path / "in.pcap", tmp_path / "out.pcap")
    assert run.status in (0, 2) and run.out == "", run
    if run.status == 2:
        assert run.err.startswith("mbtest: ") and run.err.count("\n") == 1
        assert not (tmp_path / "out.pcap").exists()
