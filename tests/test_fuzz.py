# SPDX-License-Identifier: BSD-2-Clause
"""Every fuzz target over a bounded number of made inputs, under the sanitizers; make fuzz looks
further. The captures in tests/data lend their packets as seeds."""
import pathlib
import struct
import time

import pytest

from conftest import BUILD, ENVIRONMENT, LONG, PATIENCE, peak_memory, run_program

TESTS = pathlib.Path(__file__).resolve().parent
TARGETS = sorted(source.stem for source in (TESTS / "fuzz").glob("fuzz_*.c"))
BOXES = [target for target in TARGETS if target.endswith("_boxes")]
# Each input goes through every box, and as many rows of packets as there are of them.
INPUTS = {target: 4000 if target in BOXES else 20000 for target in TARGETS}
GROWTH_KIB = 8192
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
    run = run_program(BUILD / "fuzz" / target, 1, INPUTS[target], *own, *sorted(seeds.iterdir()))
    assert run.status == 0, run


def peak_of(target, seed, count):
    """The most memory that a run needed, in KiB, and how long it took."""
    options = ENVIRONMENT.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
    start = time.monotonic()
    peak = peak_memory(BUILD / "fuzz" / target, seed, count, timeout=7200 if LONG else PATIENCE,
                       env=ENVIRONMENT | {"ASAN_OPTIONS": options})
    return peak // 1024, time.monotonic() - start


@pytest.mark.long
@pytest.mark.parametrize("target", BOXES)
def test_memory_is_flat_under_packets_of_any_shape(target):
    """make long: for a minute, as many packets as there is time for, through every box."""
    few, seconds = peak_of(target, 2, 500)
    count = int(500 * 60 / seconds) if LONG else 2000
    many, seconds = peak_of(target, 3, count)
    assert many < few + GROWTH_KIB, (few, many)
    if LONG:
        print(f"{target}: {count} inputs in {seconds:.0f} s, memory {few} to {many} KiB")
