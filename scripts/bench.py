#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measure the toolkit against baselines of the same run: a table to read, and JSON (--out).

Every measure names its baseline and stands as a ratio to it, for absolute figures move with the
machine; where rounds were compared one by one, with the least and the greatest of their ratios.
What needs root is left out, with a line saying so, when not root.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import bench_inline
import bench_trace

TOP = pathlib.Path(__file__).resolve().parent.parent
SUITE = "tests/bench/strip.lua"
TUN = "tests/bench/tun.lua"
SCENARIOS = 8000
ROUNDS = 3
LIVE = "nat-*"   # none of these waits for a deadline, which would hide what is measured


def run(*command):
    """Seconds and peak memory in bytes of one command; it must not fail."""
    start = time.monotonic()
    with subprocess.Popen(command, cwd=TOP, stdout=subprocess.DEVNULL) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        sys.exit(f"bench.py: {' '.join(command)} ended with {child.returncode}")
    return time.monotonic() - start, usage.ru_maxrss * 1024


def measure(name, value, unit, baseline_name, baseline, better, ratios=None):
    """One line of the report; ratio is value over baseline, or the median of those given."""
    ratio = statistics.median(ratios) if ratios else value / baseline
    line = {"measure": name, "value": round(value, 3), "unit": unit, "baseline": baseline_name,
            "baseline_value": round(baseline, 3), "ratio": round(ratio, 3), "better": better}
    if ratios:
        line["spread"] = [round(min(ratios), 3), round(max(ratios), 3)]
    return line


def packets():
    """What a packet costs, in nanoseconds."""
    done = subprocess.run(["build/bench/bench_packet"], cwd=TOP, check=True, capture_output=True,
                          text=True)
    cost = {name: float(value) for name, value in
            (line.split() for line in done.stdout.splitlines())}
    return [
        measure("copy + parse", cost["parse"], "ns/packet", "copy alone", cost["copy"], "less"),
        measure("verify checksum", cost["verify"], "ns/packet", "checksum byte by byte",
                cost["naive_checksum"], "less"),
        measure("copy + parse + strip + settle", cost["strip"], "ns/packet", "copy alone",
                cost["copy"], "less"),
        measure("copy + parse + verify + strip + settle", cost["strip_verify"], "ns/packet",
                "checksum byte by byte", cost["naive_checksum"], "less"),
    ]


def streams():
    """A stream between two of our endpoints in the simulator; no less than 1 GiB/s is wanted."""
    done = subprocess.run(["build/bench/bench_stream"], cwd=TOP, check=True, capture_output=True,
                          text=True)
    rate = {name: float(value) for name, value in
            (line.split() for line in done.stdout.splitlines())}
    return [measure("stream, endpoint to endpoint", rate["stream"], "GiB/CPU-s",
                    "copies and checksums alone", rate["floor"], "more")]


def simulated():
    """Scenarios a second on one core: 64 KiB through strip on one path, no text log."""
    def once(only):
        return run("build/mbtest", "run", SUITE, "--only", only, "--mptcp", "1",
                   "--checksum", "off", "--jobs", "1", "--seed", "1", "--repeat", str(SCENARIOS))

    rate, bare, memory = 0.0, 0.0, 0
    for _ in range(ROUNDS):
        seconds, peak = once("strip")
        rate, memory = max(rate, SCENARIOS / seconds), max(memory, peak)
        bare = max(bare, SCENARIOS / once("bare")[0])
    start = run("build/mbtest", "--version")[1]
    return [
        measure("simulated scenarios", rate, "1/s", "the same without the box", bare, "more"),
        measure("peak memory of that", memory / 2**20, "MiB", "mbtest --version", start / 2**20,
                "less"),
    ]


def live():
    """Seconds of live scenarios between two kernels, side by side and one after another."""
    command = ["build/mbtest", "run", "classic", "--client", "kernel", "--server", "kernel",
               "--mptcp", "1", "--only", LIVE, "--json"]
    together = run(*command)[0]
    return [measure(f"classic {LIVE}, kernel to kernel", together, "s", "--jobs 1",
                    run(*command, "--jobs", "1")[0], "less")]


def tun():
    """MiB/s of a stream over TUN devices, our endpoint at one end, as a ratio to two kernels; no
    less than half is wanted."""
    best = {}
    ends = [("kernel", "kernel"), ("sim", "kernel"), ("kernel", "sim")]
    for client, server in ends * ROUNDS:
        done = subprocess.run(["build/mbtest", "run", TUN, "--client", client, "--server", server,
                               "--mptcp", "1", "--checksum", "off", "--json"], cwd=TOP,
                              capture_output=True, text=True, check=True)
        row = json.loads(done.stdout)
        rate = row["bytes"] / 2**20 / (row["elapsed_ms"] / 1000)
        best[client, server] = max(rate, best.get((client, server), 0))
    baseline = best.pop(ends[0])
    return [measure(f"stream over TUN, {client} to {server}", rate, "MiB/s", "kernel to kernel",
                    baseline, "more") for (client, server), rate in best.items()]


def table(measures):
    """For reading on 80 columns."""
    lines = []
    for each in measures:
        spread = ", {:.3g} to {:.3g}".format(*each["spread"]) if "spread" in each else ""
        lines.append(f"{each['measure']:<39} {each['value']:>9.4g} {each['unit']:<9} "
                     f"{each['ratio']:>6.3g} x {each['baseline']} ({each['baseline_value']:.4g})"
                     f"{spread}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", help="write the measures as JSON to this file")
    parser.add_argument("--no-live", action="store_true", help="leave out what needs root")
    options = parser.parse_args()
    measures = packets() + streams() + simulated()
    if options.no_live or os.geteuid() != 0:
        print("bench.py: the live suite and the traces are left out: they need root",
              file=sys.stderr)
    else:
        measures += live() + tun()
        for part in bench_trace, bench_inline:
            results, missing = part.measures(measure)
            measures += results
            for sentence in missing:
                print(f"bench.py: {sentence}", file=sys.stderr)
    print(table(measures))
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            json.dump({"schema": "mbkit.bench/1", "measures": measures}, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
