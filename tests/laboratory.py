# SPDX-License-Identifier: BSD-2-Clause
"""Hosts in network namespaces, a path of kernel routers made of them, and the fixtures with which
tests stand in it."""
import itertools
import os
import subprocess

import pytest

from conftest import PATIENCE, RELEASE, run_program

PYTHON = "/usr/bin/python3"
ROUTERS = 4
TARGET = {"IP": "198.18.5.2", "IPv6": "fd00:5::2"}
SETTINGS = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.icmp_ratemask=0",
            "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
            "net.ipv6.icmp.ratemask=", "net.ipv6.conf.all.accept_dad=0",
            "net.ipv6.conf.default.accept_dad=0"]

# For programs inside. The kernel's worker takes its time: wait until what it does has been counted.
COUNTED = """
import time
def count(name):
    with open('/proc/self/net/netstat') as file:
        names, values = [line.split() for line in file if line.startswith('MPTcpExt')]
    return int(dict(zip(names, values))[name])
def wait_for(name, before):
    while count(name) == before:
        time.sleep(0.01)
"""


def run(*command, **options):
    options.setdefault("timeout", PATIENCE)
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=True, **options)


class Hosts:
    """Network namespaces, each with a name that is unique on this machine, and what runs inside."""
    made = itertools.count()

    def __init__(self):
        worker = os.environ.get("PYTEST_XDIST_WORKER", "")
        self.prefix = f"mbk{os.getpid() % 100000}{worker}.{next(self.made)}"
        self.hosts = []
        self.children = []

    def name(self, host):
        return f"{self.prefix}.{host}"

    def enter(self, host):
        """The words before a command that is to run inside; "ip netns exec" would mount things."""
        return "nsenter", f"--net=/run/netns/{self.name(host)}"

    def inside(self, host, *command, **options):
        return run(*self.enter(host), *command, **options)

    def set(self, host, name, value):
        """A setting of the kernel; not every kernel has each of them."""
        subprocess.run([*self.enter(host), "sh", "-c", 'echo "$1" >"$2"', "sh", str(value),
                        "/proc/sys/" + name.replace(".", "/")], check=False, capture_output=True)

    def add(self, host, settings=()):
        """A new host, of itself alone; settings are "net.ipv4.ip_forward=1"."""
        run("ip", "netns", "add", self.name(host))
        self.hosts.append(host)
        for setting in settings:
            self.set(host, *setting.split("=", 1))
        self.inside(host, "ip", "link", "set", "lo", "up")

    def join(self, one, device, other, other_device):
        """A link between two hosts, down and without addresses."""
        run("ip", "link", "add", device, "netns", self.name(one), "type", "veth", "peer", "name",
            other_device, "netns", self.name(other))

    def address(self, host, device, link, last):
        """198.18.<link>.<last> and fd00:<link>::<last> for a device, which then is up."""
        self.inside(host, "ip", "addr", "add", f"198.18.{link}.{last}/24", "dev", device)
        self.inside(host, "ip", "addr", "add", f"fd00:{link}::{last}/64", "dev", device, "nodad")
        self.inside(host, "ip", "link", "set", device, "up")

    def start(self, host, *command, **options):
        """A program that ends with the hosts at the latest."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        child = subprocess.Popen([*self.enter(host), *map(str, command)], **options)
        self.children.append(child)
        return child

    def serve(self, host, *command):
        """The same, once it has said something."""
        child = self.start(host, *command)
        assert child.stdout.readline(), child.stderr.read()
        return child

    def mptcp_counters(self, host):
        """The kernel's counts of Multipath TCP."""
        text = self.inside(host, "cat", "/proc/net/netstat").stdout
        names, values = [line.split()[1:] for line in text.splitlines()
                         if line.startswith("MPTcpExt:")]
        return dict(zip(names, map(int, values)))

    def down(self):
        for child in self.children:
            child.kill()
            child.wait()
        for host in self.hosts:
            subprocess.run(["ip", "netns", "del", self.name(host)], check=False,
                           capture_output=True)


class Lab(Hosts):
    """Client 0, routers 1..4, server 5; link i+1 between i and i+1 is 198.18.<i+1>.0/24."""

    def __init__(self):
        super().__init__()
        self.count = ROUTERS + 2
        self.ruled = set()   # numbers of those that a test has given rules

    def up(self):
        for i in range(self.count):
            self.add(i, SETTINGS)
        for i in range(self.count - 1):
            self.join(i, "right", i + 1, "left")
            self.address(i, "right", i + 1, 1)
            self.address(i + 1, "left", i + 1, 2)
        for i in range(self.count):
            if i < self.count - 1:
                self.inside(i, "ip", "route", "add", "default", "via", f"198.18.{i + 1}.2")
                self.inside(i, "ip", "-6", "route", "add", "default", "via", f"fd00:{i + 1}::2")
            for j in range(1, i):
                self.inside(i, "ip", "route", "add", f"198.18.{j}.0/24", "via", f"198.18.{i}.1")
                self.inside(i, "ip", "-6", "route", "add", f"fd00:{j}::/64", "via", f"fd00:{i}::1")

    def listen(self, port, protocol):
        """A server that accepts connections over both families; false when it cannot be."""
        text = ("import socket\n"
                f"s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, {protocol})\n"
                "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
                f"s.bind(('::', {port})); s.listen(); print('up', flush=True)\n"
                "while True: s.accept()\n")
        return self.start(self.count - 1, PYTHON, "-c", text).stdout.readline() == "up\n"

    def rules(self, number, text):
        """Replace the rules of a router; skips the test when this kernel does not know them."""
        self.ruled.add(number)
        self.inside(number, "nft", "flush", "ruleset")
        done = subprocess.run([*self.enter(number), "nft", "-f", "-"], input=text, text=True,
                              capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip("no such rule here: " + done.stderr.splitlines()[0])

    def clean(self):
        """Take those of the last test away; the guards of programs that run are not among them."""
        while self.ruled:
            self.inside(self.ruled.pop(), "nft", "flush", "ruleset")

    def forward(self, number, rule):
        self.rules(number, "table inet t { chain f { type filter hook forward priority 0; "
                           f"{rule}; }}; }}")

    def trace(self, *arguments):
        return run_program(*self.enter(0), RELEASE / "tracebox", "-n", *arguments)

    def meet(self):
        """Every host looks for its neighbours once: what waits for that may come out of order."""
        for version, target in TARGET.items():
            self.trace("-p", f"{version}/TCP", target)


def listen_80(made):
    assert made.listen(80, 0)


def laboratory(prepare=listen_80):
    """The fixtures "lab", one for a module, in which prepare starts servers, and "clean"."""
    @pytest.fixture(name="lab", scope="module")
    def fixture_lab():
        made = Lab()
        try:
            made.up()
            made.meet()
            prepare(made)
            yield made
        finally:
            made.down()

    @pytest.fixture(name="clean", autouse=True)
    def fixture_clean(lab):
        yield
        lab.clean()

    return fixture_lab, fixture_clean
