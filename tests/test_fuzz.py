# SPDX-License-Identifier: BSD-2-Clause
"""Every fuzz target over a bounded number of made inputs, under the sanitizers; make fuzz looks
further. The captures in tests/data lend their packets as seeds."""
import pathlib
import struct

import pytest

from conftest import BUILD, run_program

TESTS = pathlib.Path(__file__).resolve().parent
TARGETS = sorted(source.stem for source in (TESTS / "fuzz").glob("fuzz_*.c"))
INPUTS = 20000
PACKETS_A_CAPTURE = 8


def packets_of(path):
    """The bytes of each packet in a classic pcap file, little-endian."""
    data = path.read_bytes()
    assert data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"), path
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16:at + 16 + length]
        at += 16 + length


@pytest.fixture(scope="session")
def seeds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds")
    for capture in sorted((TESTS / "data").rglob("*.pcap")):
        for number, packet in enumerate(packets_of(capture)):
            if number < PACKETS_A_CAPTURE:
                (folder / f"{capture.stem}.{number}").write_bytes(packet)
    return folder


@pytest.mark.parametrize("target", TARGETS)
def test_target_survives(target, seeds):
    own = sorted((TESTS / "fuzz" / "seeds" / target).glob("*"))
    run = run_program(BUILD / "fuzz" / target, 1, INPUTS, *own, *sorted(seeds.iterdir()),
                      timeout=120)
    assert run.status == 0, run
