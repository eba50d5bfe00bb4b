# SPDX-License-Identifier: BSD-2-Clause
"""A path of kernel routers in namespaces, and the fixtures with which tests stand in it."""
import os
import subprocess

import pytest

from conftest import RELEASE, run_program

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
    return subprocess.run(command, capture_output=True, text=True, check=True, **options)


class Lab:
    """Client 0, routers 1..4, server 5; link i+1 between i and i+1 is 198.18.<i+1>.0/24."""

    def __init__(self):
        worker = os.environ.get("PYTEST_XDIST_WORKER", "")
        self.prefix = f"mbk{os.getpid() % 100000}{worker}"
        self.count = ROUTERS + 2
        self.children = []
        self.ruled = set()   # numbers of those that a test has given rules

    def name(self, number):
        return f"{self.prefix}.{number}"

    def enter(self, number):
        """The words before a command that is to run inside; "ip netns exec" would mount things."""
        return "nsenter", f"--net=/run/netns/{self.name(number)}"

    def inside(self, number, *command, **options):
        return run(*self.enter(number), *command, **options)

    def set(self, number, name, value):
        """A setting of the kernel; not every kernel has each of them."""
        subprocess.run([*self.enter(number), "sh", "-c", 'echo "$1" >"$2"', "sh", str(value),
                        "/proc/sys/" + name.replace(".", "/")], check=False, capture_output=True)

    def up(self):
        for i in range(self.count):
            run("ip", "netns", "add", self.name(i))
            for setting in SETTINGS:
                name, value = setting.split("=", 1)
                self.set(i, name, value)
            self.inside(i, "ip", "link", "set", "lo", "up")
        for i in range(self.count - 1):
            run("ip", "link", "add", "right", "netns", self.name(i), "type", "veth", "peer",
                "name", "left", "netns", self.name(i + 1))
            for who, device, last in ((i, "right", 1), (i + 1, "left", 2)):
                self.inside(who, "ip", "addr", "add", f"198.18.{i + 1}.{last}/24", "dev", device)
                self.inside(who, "ip", "addr", "add", f"fd00:{i + 1}::{last}/64", "dev", device,
                            "nodad")
                self.inside(who, "ip", "link", "set", device, "up")
        for i in range(self.count):
            if i < self.count - 1:
                self.inside(i, "ip", "route", "add", "default", "via", f"198.18.{i + 1}.2")
                self.inside(i, "ip", "-6", "route", "add", "default", "via", f"fd00:{i + 1}::2")
            for j in range(1, i):
                self.inside(i, "ip", "route", "add", f"198.18.{j}.0/24", "via", f"198.18.{i}.1")
                self.inside(i, "ip", "-6", "route", "add", f"fd00:{j}::/64", "via", f"fd00:{i}::1")

    def down(self):
        for child in self.children:
            child.kill()
            child.wait()
        for i in range(self.count):
            subprocess.run(["ip", "netns", "del", self.name(i)], check=False, capture_output=True)

    def listen(self, port, protocol):
        """A server that accepts connections over both families."""
        text = ("import socket\n"
                f"s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, {protocol})\n"
                "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
                f"s.bind(('::', {port})); s.listen(); print('up', flush=True)\n"
                "while True: s.accept()\n")
        child = subprocess.Popen([*self.enter(self.count - 1), "/usr/bin/python3", "-c", text],
                                 stdout=subprocess.PIPE)
        self.children.append(child)
        return child.stdout.readline() == b"up\n"

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
