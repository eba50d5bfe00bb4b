# SPDX-License-Identifier: BSD-2-Clause
"""How fast tracebox traces, beside traceroute and mtr in the same run.

Paths are of build/bench/bench_path, which answers whatever expires one round trip later, and once
of thirty kernel routers that keep their limits of ICMP messages. Needs root; everything happens in
network namespaces made here.
"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
PATH = TOP / "build/bench/bench_path"
TRACEBOX = TOP / "build/tracebox"
ROUND_TRIP = 50                         # ms
ROUTERS = 30                            # and the server behind them
TARGET = "198.19.0.1"
TRACEROUTE = ["traceroute", "-T", "-n", "-m", "31"]
AT_ONCE = ["-q", "1", "-N", "64"]
MTR = ["mtr", "--tcp", "-n", "-r", "-c", "1", "-m", "31"]
ROUNDS = 5
TARGETS = 1000
RATE = 10000
KERNEL_TARGET = f"198.18.{ROUTERS + 1}.2"

# What is silent, and the words of bench_path for it.
PATHS = {
    "all answer": [],
    "10 silent": ["-s", "3,6,9,12,15,18,21,24,27,30"],
    "10 silent in a row": ["-s", "11-20"],
    "silent destination": ["-d"],
}


class Cost:
    """What one command cost on one path: the least of several runs, and the median of time."""

    def __init__(self, path, command, rounds=ROUNDS):
        runs = [run_once(path, command) for _ in range(rounds)]
        self.seconds = min(run[0] for run in runs)
        self.median = statistics.median(run[0] for run in runs)
        self.cpu = min(run[1] for run in runs)
        self.bytes = max(run[2] for run in runs)
        self.packets = max(run[3] for run in runs)


def run_once(path, command):
    """Seconds, seconds of the processor, bytes, packets of one run."""
    done = subprocess.run([PATH, *path, *command], cwd=TOP, check=True, capture_output=True,
                          text=True, timeout=120)
    seconds, cpu, size, packets, status = done.stdout.split()
    if status != "0":
        raise RuntimeError(f"{command} ended with {status}: {done.stderr}")
    return float(seconds), float(cpu), int(size), int(packets)


def baselines():
    """Who else is here, and a sentence for each who is not."""
    here, missing = {}, []
    for name, command in (("traceroute", TRACEROUTE), ("traceroute -q1 -N64", TRACEROUTE + AT_ONCE),
                          ("mtr", MTR)):
        if shutil.which(command[0]):
            here[name] = command
        elif not missing or command[0] not in missing[-1]:
            missing.append(f"{command[0]} is not installed: nothing is compared with it")
    return here, missing


def one_target(measure):
    """One trace on each path: seconds and packets."""
    others, missing = baselines()
    measures = []
    for name, words in PATHS.items():
        path = ["-h", str(ROUTERS), "-r", str(ROUND_TRIP), *words]
        ours = Cost(path, [TRACEBOX, "-n", "-m", "31", TARGET])
        bound = measure(f"30 hops, {name}", ours.seconds, "s", "one round trip", ROUND_TRIP / 1000,
                        "less")
        measures.append(bound | {"median": round(ours.median, 3)})
        for other, command in others.items():
            # Once is enough for who takes many times as long.
            cost = Cost(path, [*command, TARGET], 1 if other == "mtr" else 3)
            measures.append(measure(f"30 hops, {name}", ours.seconds, "s", other, cost.seconds,
                                    "less"))
            if other == "traceroute":
                measures.append(measure(f"30 hops, {name}: packets", ours.packets, "packets",
                                        other, cost.packets, "less"))
    return measures, missing


def campaign(measure):
    """Many targets behind ten routers: seconds, processor and memory."""
    with tempfile.TemporaryDirectory() as folder:
        targets, out = pathlib.Path(folder, "targets"), pathlib.Path(folder, "out")
        targets.write_text("".join(f"198.19.{i // 200}.{i % 200 + 1}\n" for i in range(TARGETS)))
        path = ["-h", "10", "-r", str(ROUND_TRIP), "-o", out]
        ours = Cost(path, [TRACEBOX, "-n", "-m", "11", "--json", "--rate", str(RATE), "--targets",
                           targets])
        hops = [hop for line in out.read_text().splitlines() for hop in json.loads(line)["hops"]]
    answered = sum(hop["reply"] != "none" for hop in hops)
    name = f"{TARGETS} targets x 10 hops"
    bound = TARGETS * 11 / RATE + ROUND_TRIP / 1000
    return [
        measure(name, ours.seconds, "s", f"the probes at {RATE}/s and a round trip", bound, "less")
        | {"median": round(ours.median, 3)},
        measure(f"{name}: answered", answered, "hops", "asked", TARGETS * 11, "more"),
        measure(f"{name}: processor", ours.cpu / TARGETS * 1000, "ms/target", "the bound",
                0.2, "less"),
        measure(f"{name}: memory", ours.bytes / 2**20, "MiB", "the bound", 64, "less"),
    ]


class Routers:
    """A chain of namespaces: routers 1..30 and a server, with what limits the kernel has."""

    def __init__(self):
        self.names = [f"mbkb{os.getpid()}.{i}" for i in range(1, ROUTERS + 2)]

    def __enter__(self):
        lines = []
        for i, name in enumerate(self.names, 1):
            subprocess.run(["ip", "netns", "add", name], check=True)
            lines += [f"link add right netns {name} type veth peer name left netns {after}"
                      for after in self.names[i:i + 1]]
        self.batch([], lines)
        for i, name in enumerate(self.names, 1):
            lines = ["link set lo up"]
            if i > 1:
                lines += [f"addr add 198.18.{i}.2/24 dev left", "link set left up",
                          f"route add 198.18.0.0/24 via 198.18.{i}.1"]
            if i <= ROUTERS:
                lines += [f"addr add 198.18.{i + 1}.1/24 dev right", "link set right up",
                          f"route add default via 198.18.{i + 1}.2"]
            self.batch(["-n", name], lines)
            subprocess.run([*self.inside(i), "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"],
                           check=True)
        return self

    def __exit__(self, *_):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    @staticmethod
    def batch(options, lines):
        subprocess.run(["ip", *options, "-batch", "-"], input="\n".join(lines) + "\n", text=True,
                       check=True)

    def inside(self, number):
        return ["nsenter", f"--net=/run/netns/{self.names[number - 1]}"]

    def setting(self, name):
        """A setting of the first router."""
        return subprocess.run([*self.inside(1), "cat", f"/proc/sys/net/ipv4/{name}"], check=True,
                              capture_output=True, text=True).stdout.strip()


def kernel_routers(measure):
    """A trace through kernel routers that answer as sparingly as they do by default."""
    with Routers() as routers, tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "out")
        command = [*routers.inside(1), PATH, "-k", "-r", str(ROUND_TRIP), "-o", out, TRACEBOX,
                   "-n", "-m", "31", "--json", KERNEL_TARGET]
        done = subprocess.run(command, cwd=TOP, check=True, capture_output=True, text=True,
                              timeout=120)
        hops = json.loads(out.read_text())["hops"]
        limits = f"{routers.setting('icmp_ratelimit')} ms, {routers.setting('icmp_ratemask')}"
    answered = sum(hop["reply"] != "none" for hop in hops)
    name = "30 kernel routers with default ICMP limits"
    return [
        measure(name, float(done.stdout.split()[0]), "s", "one round trip", ROUND_TRIP / 1000,
                "less") | {"limits": limits},
        measure(f"{name}: answered", answered, "hops", "asked", ROUTERS + 1, "more"),
    ]


def measures(measure):
    """All of them, and sentences about what could not be compared."""
    ours, missing = one_target(measure)
    return ours + campaign(measure) + kernel_routers(measure), missing
