# SPDX-License-Identifier: BSD-2-Clause
"""How fast mbtest box forwards, beside forwarders that do nothing, and how true mbtest net is to
what a path says. Needs root.

Three namespaces in a row, joined by veth pairs without offloads. A flood of MTU-size segments, more
than any forwarder passes on, comes from a core of its own; the forwarders have another, and take
turns, so that what else the machine does meets all alike. One and the same forwarder differs by a
tenth and more from second to second, as caches and memory are others' too: so turns are short and
many. A ratio is the median of those of the rounds. Counted is what arrives at the far end. What
veth leaves to softirqs is done on the core that sends: the flood's puts frames into the forwarder's
ring, and the forwarder's hands them to the far host, which drops what is not for its address.
"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
MBTEST = TOP / "build/mbtest"
FORWARD = TOP / "build/bench/bench_forward"
FLOOD = TOP / "build/bench/bench_flood"
PIPELINE = TOP / "build/bench/bench_pipeline"
PATHS = TOP / "tests/bench/paths"
CORES = sorted(os.sched_getaffinity(0))
ROUNDS = 27
WARM = 5000             # packets that are not counted
SAMPLE = 0.12           # seconds
PATIENCE = 20
BUSY = 0.9              # of its core's time: what a flood must make a forwarder
SECONDS = 2
SEGMENT = 1448          # bytes of payload with timestamps, and what a packet carries at least
PORT_WAIT = 0.5
PING = """
import socket, sys, time
s = socket.create_connection((sys.argv[1], 7)); s.setsockopt(6, 1, 1)
for i in range(600):
    start = time.perf_counter_ns(); s.send(b"x"); s.recv(1)
    if i >= 100: print(time.perf_counter_ns() - start)
"""
ECHO = """
import socket
l = socket.create_server(("", 7)); print("up", flush=True)
while True:
    s, _ = l.accept(); s.setsockopt(6, 1, 1)
    while (d := s.recv(9)): s.send(d)
"""


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True,
                          text=True, timeout=120, **options).stdout


class Row:
    """Client, middle, server; and beside them a direct link of the two ends."""

    def __init__(self):
        self.names = [f"mbb{os.getpid()}.{i}" for i in range(3)]
        self.children = []
        self.far = None

    def words(self, number, *command):
        return ["nsenter", f"--net=/run/netns/{self.names[number]}", *map(str, command)]

    def inside(self, number, *command):
        return run(*self.words(number, *command))

    def start(self, number, *command, **options):
        child = subprocess.Popen(self.words(number, *command), cwd=TOP, text=True, **options)
        self.children.append(child)
        return child

    def join(self, one, device, other, device_there):
        run("ip", "link", "add", device, "netns", self.names[one], "type", "veth", "peer", "name",
            device_there, "netns", self.names[other])
        for number, name in ((one, device), (other, device_there)):
            self.inside(number, "ethtool", "-K", name, "tso", "off", "gso", "off", "gro", "off",
                        "tx", "off")
            run("ip", "-n", self.names[number], "link", "set", name, "up")

    def __enter__(self):
        for name in self.names:
            run("ip", "netns", "add", name)
        self.join(0, "e", 1, "in")
        self.join(2, "e", 1, "out")
        self.join(0, "direct", 2, "direct")
        for number in 0, 2:
            # windows that need no growing: a box that takes timestamps out hinders that
            for setting in "tcp_rmem", "tcp_wmem":
                self.inside(number, "sh", "-c", 'echo 4096 4194304 4194304 > '
                            f"/proc/sys/net/ipv4/{setting}")
            for net, device in (1, "e"), (2, "direct"):
                run("ip", "-n", self.names[number], "addr", "add",
                    f"198.18.{net}.{number + 1}/24", "dev", device)
        self.far = self.start(2, "/usr/bin/python3", "-c", ECHO, stdout=subprocess.PIPE)
        self.far.stdout.readline()
        return self

    def __exit__(self, *_):
        for child in self.children:
            child.kill()
            child.wait()
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def forwarded(self, command, what):
        """What what() says while this command is in the middle."""
        child = self.start(1, *command, stdout=subprocess.DEVNULL)
        time.sleep(PORT_WAIT)
        try:
            return what()
        finally:
            child.terminate()
            child.wait()

    def delivered(self):
        """Packets that have come to the far end."""
        lines = pathlib.Path(f"/proc/{self.far.pid}/net/dev").read_text("ascii").splitlines()
        return next(int(line.split()[2]) for line in lines if line.split()[0] == "e:")

    def wait_delivered(self, packets):
        """Until so many more have come to the far end."""
        deadline, begin = time.monotonic() + PATIENCE, self.delivered()
        while self.delivered() < begin + packets:
            if time.monotonic() > deadline:
                raise RuntimeError("nothing passes")
            time.sleep(0.01)

    def flooded(self, command):
        """Packets a second that this command passes on, and nanoseconds of its CPU for each."""
        child = self.start(1, "taskset", "-c", CORES[-1], *command, stdout=subprocess.DEVNULL)
        clock = ~child.pid << 3 | 2    # clock_getcpuclockid(3)

        def now():
            return time.monotonic(), self.delivered(), time.clock_gettime_ns(clock)
        try:
            self.wait_delivered(WARM)
            start = now()
            time.sleep(SAMPLE)
            self.wait_delivered(WARM)
            end = now()
        finally:
            child.terminate()
            child.wait()
        seconds, packets, cpu = (after - before for before, after in zip(start, end))
        return packets / seconds, cpu / packets

    def stream(self):
        """Packets a second of one TCP stream."""
        server = self.start(2, "iperf3", "-s", stdout=subprocess.DEVNULL)
        time.sleep(PORT_WAIT)
        try:
            done = json.loads(self.inside(0, "iperf3", "-c", "198.18.1.3", "-t", SECONDS, "-J"))
        finally:
            server.kill()    # it may wait for an end of the stream that never comes
            server.wait()
        return done["end"]["sum_received"]["bits_per_second"] / 8 / SEGMENT

    def round_trip(self, address):
        """Median of a byte there and back, in microseconds."""
        out = self.inside(0, "/usr/bin/python3", "-c", PING, address)
        return statistics.median(int(line) for line in out.split()) / 1000


def box(name):
    return [MBTEST, "box", PATHS / f"{name}.lua", "--in", "in", "--out", "out"]


def rates(row):
    """Of each forwarder, a list of what each round measured."""
    ways = {"bare": [FORWARD, "ring", "in", "out"], "single": [FORWARD, "single", "in", "out"]}
    ways |= {name: box(name) for name in ("c_all", "strip_c_all", "strip_lua_all", "strip_c_tenth",
                                          "strip_lua_tenth", "none")}
    got = {name: [] for name in ways}
    flood = row.start(0, "taskset", "-c", CORES[0], FLOOD, "e")
    for number in range(ROUNDS):
        # there and back, so that what drifts favours none
        for name in list(ways)[::1 if number % 2 == 0 else -1]:
            got[name].append(row.flooded(ways[name]))
    flood.terminate()
    flood.wait()
    return got


def beside(measure, got, which):
    """A line for two ways of the same rounds: their rates, or the CPU they take for a packet."""
    name, way, baseline_name, baseline = which[:4]
    index, scale, unit, better = (1, 1, "ns/packet", "less") if which[4:] else \
                                 (0, 1000, "kpps", "more")
    pairs = [(one[index], other[index]) for one, other in zip(got[way], got[baseline])]
    value, base = (statistics.median(column) / scale for column in zip(*pairs))
    return measure(name, value, unit, baseline_name, base, better,
                   [one / other for one, other in pairs])


def scapy_rate(row):
    """Packets a second through scapy behind an NFQUEUE, on the client's own loopback."""
    name = row.names[0]
    run("ip", "-n", name, "link", "set", "lo", "up", "mtu", "1500")
    row.inside(0, "iptables", "-A", "OUTPUT", "-o", "lo", "-p", "tcp", "-j", "NFQUEUE",
               "--queue-num", "5")
    queue = row.start(0, "/usr/bin/python3", "tests/bench/scapy_queue.py", "5",
                      stdout=subprocess.PIPE)
    queue.stdout.readline()
    row.start(0, "iperf3", "-s", stdout=subprocess.DEVNULL)
    time.sleep(PORT_WAIT)
    done = json.loads(row.inside(0, "iperf3", "-c", "127.0.0.1", "-t", "4", "-J"))
    return done["end"]["sum_received"]["bits_per_second"] / 8 / SEGMENT


def inline(measure):
    """Boxes between two interfaces."""
    with Row() as row:
        got = rates(row)
        direct = row.round_trip("198.18.2.3")
        through = row.forwarded(box("c_all"), lambda: row.round_trip("198.18.1.3"))
        stream = row.forwarded(box("c_all"), row.stream)
        scapy = scapy_rate(row)
    share = statistics.median(rate * cpu / 1e9 for rate, cpu in got["bare"])
    if share < BUSY:
        print(f"bench.py: the bare forwarder ran {share:.0%} of the time: somebody else has its "
              "core, or the flood is too small; hold CPU against CPU, not rates", file=sys.stderr)
    both, lua = "inline, strip + seq-rewrite", "inline, strip in Lua"
    lines = [(both, "c_all", "a bridge without boxes", "none"),
             (both + ", CPU", "c_all", "a bridge without boxes", "none", "cpu"),
             (both, "c_all", "a bare ring forwarder", "bare"),
             (both + ", CPU", "c_all", "a bare ring forwarder", "bare", "cpu"),
             (both, "c_all", "one packet a call", "single"),
             (both + ", CPU", "c_all", "one packet a call", "single", "cpu"),
             (lua + ", one in ten", "strip_lua_tenth", "in C", "strip_c_tenth"),
             (lua + ", one in ten, CPU", "strip_lua_tenth", "in C", "strip_c_tenth", "cpu"),
             (lua + ", all", "strip_lua_all", "in C", "strip_c_all"),
             (lua + ", all, CPU", "strip_lua_all", "in C", "strip_c_all", "cpu")]
    return [beside(measure, got, line) for line in lines] + [
        measure("inline, one TCP stream", stream / 1000, "kpps", "scapy + NFQUEUE", scapy / 1000,
                "more"),
        measure("inline, round trip", through, "us", "a cable", direct, "less"),
        measure("inline, round trip added", through - direct, "us", "60 us", 60.0, "less"),
    ]


def pipelines(measure):
    """What boxes cost without any system call."""
    names = ["none", "five"]
    out = run(PIPELINE, *(f"tests/bench/paths/{name}.lua" for name in names), cwd=TOP)
    cost = dict(zip(names, (float(line.split()[1]) for line in out.splitlines())))
    return [measure("a pipeline of five boxes", cost["five"], "ns/packet", "1 us", 1000.0, "less"),
            measure("a pipeline of five boxes", cost["five"], "ns/packet", "a pipeline of none",
                    cost["none"], "less")]


def net(path, *words):
    """What a client inside a path printed, as iperf3's JSON."""
    return json.loads(run(MBTEST, "net", PATHS / f"{path}.lua", "--family", "4", "--quiet",
                          "--server", "iperf3 -s >/dev/null", "--", "iperf3", "-J", "-c", "server",
                          *words))


def fidelity(measure):
    """What mbtest net makes of a path, against what the path says."""
    link = net("link", "-t", "8", "-O", "2")
    wanted = 100e6 * SEGMENT / 1500    # what headers leave of the rate
    rate = link["end"]["sum_received"]["bits_per_second"]
    ping = run(MBTEST, "net", PATHS / "link.lua", "--quiet", "--family", "4", "--server",
               f"/usr/bin/python3 -c '{ECHO}'", "--", "/usr/bin/python3", "-c",
               PING.replace("600", "150"), "server")
    trip = statistics.median(int(line) for line in ping.split()) / 1e6
    loss = net("loss", "-u", "-b", "60M", "-l", "1000", "-k", "100000")["end"]["sum"]
    return [
        measure("net, TCP over 100 Mbit/s, 20 ms", rate / 1e6, "Mbit/s", "the rate", 100.0, "more"),
        measure("net, TCP over 100 Mbit/s, 20 ms", rate / 1e6, "Mbit/s", "less headers",
                wanted / 1e6, "more"),
        measure("net, round trip of 20 ms", trip, "ms", "asked", 20.0, "less"),
        measure("net, loss of 1 %", loss["lost_packets"] / loss["packets"] * 100, "%", "asked", 1.0,
                "less"),
    ]


def measures(measure):
    """All of it, and a sentence for each part that could not be measured."""
    missing = [f"{name} is not installed: inline boxes and live paths are left out"
               for name in ("iperf3", "ethtool", "iptables") if shutil.which(name) is None]
    results = pipelines(measure)
    if not missing:
        results += inline(measure) + fidelity(measure)
    return results, missing[:1]
