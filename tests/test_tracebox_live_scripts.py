# SPDX-License-Identifier: BSD-2-Clause
"""What scripts ask of the kernel, through real routers: filters that keep answers from it as long
as they are open, sniffers that take packets, and nothing left behind."""
import shutil
import subprocess
import time

import pytest

from conftest import PATIENCE, RELEASE, TOP
from laboratory import PYTHON, TARGET, laboratory

pytestmark = [pytest.mark.live,
              pytest.mark.skipif(shutil.which("nft") is None, reason="needs nftables")]

lab, clean = laboratory()

ECHO = "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n" \
       "s.bind(('', 7777)); print('up', flush=True)\n" \
       "while True: data, peer = s.recvfrom(99); s.sendto(data, peer)\n"


class Script:
    """A script that says where it is and goes on when told to."""

    def __init__(self, lab, text, *arguments):
        self.lab = lab
        self.child = lab.start(
            0, RELEASE / "tracebox", "-n", *arguments, "-l",
            "io.stdout:setvbuf('no')\nfunction pause(word) print(word); io.read() end\n" + text,
            stdin=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.communicate()

    def said(self):
        return self.child.stdout.readline().strip()

    def go_on(self):
        self.child.stdin.write("\n")
        self.child.stdin.flush()

    def end(self):
        out, err = self.child.communicate("\n", timeout=PATIENCE)
        assert self.child.returncode == 0 and err == "", err
        return out.split()

    def rules(self):
        return self.lab.inside(0, "nft", "list", "ruleset").stdout

    def kernel_spoke(self, seconds):
        """Whether router 1 counted what the client's kernel is not to say, waiting so long."""
        end = time.monotonic() + seconds
        while True:
            text = self.lab.inside(1, "nft", "list", "ruleset").stdout
            if "packets 0 bytes 0" not in text:
                return True
            if time.monotonic() > end:
                return False
            time.sleep(0.02)


def count(lab, rule):
    """Let router 1 count what comes from the client, for kernel_spoke."""
    lab.forward(1, f'iifname "left" {rule} counter')


def count_resets(lab, version, ports):
    """Those from these ports: earlier connections may have been left half open."""
    family = {"IP": "ipv4", "IPv6": "ipv6"}[version]
    count(lab, f"meta nfproto {family} tcp sport {ports} tcp flags & rst == rst")


@pytest.mark.parametrize("version", TARGET)
def test_a_filter_guards_an_exchange_until_it_is_closed(lab, version):
    count_resets(lab, version, "4321")
    with Script(lab, f"""
            syn = {version} / tcp{{dst = 80, src = 4321}} / MSS / EDOREQUEST / NOP / NOP
            fp = filter(syn)
            pause("open")
            pc = syn:sendrecv{{timeout = 20}}
            print(pc:destination())
            pause(pc:__tostring():find("SYN ACK") and "answered" or "silent")
            fp:close()
            fp:close()
            pause("closed")
            """, TARGET[version]) as script:
        assert script.said() == "open"
        assert "dport 4321" in script.rules() and "sport 80" in script.rules()
        script.go_on()
        assert script.said() == {"IP": "198.18.1.1", "IPv6": "fd00:1::1"}[version]
        assert script.said() == "answered"
        assert script.rules().count("drop") == 1 and not script.kernel_spoke(0.2)
        script.go_on()
        # The server says its SYN/ACK again after a second; now nobody is in the kernel's way.
        assert script.said() == "closed" and "drop" not in script.rules()
        assert script.kernel_spoke(20)
        assert script.end() == []
    assert lab.inside(0, "nft", "list", "ruleset").stdout == ""


def test_a_filter_for_datagrams(lab):
    lab.serve(5, PYTHON, "-c", ECHO)
    count(lab, "icmp type destination-unreachable")
    with Script(lab, """
            p = IP / udp{dst = 7777, src = 4322} / raw "hello"
            fp = filter(p)
            pause(p:sendrecv{}:payload():data())
            fp:close()
            pause(p:sendrecv{}:payload():data())
            """, TARGET["IP"]) as script:
        assert script.said() == "hello" and not script.kernel_spoke(0.2)
        script.go_on()
        assert script.said() == "hello" and script.kernel_spoke(20)
        script.end()


def test_without_a_filter_a_trace_guards_itself(lab):
    """At the server's distance alone, so that the prober itself has nothing to reset."""
    count_resets(lab, "IP", "4323")
    with Script(lab, "syn = IP / tcp{dst = 80, src = 4323}\n"
                     "pause(tracebox(syn):tcp():getflags())", "-M", "5", "-m", "5",
                TARGET["IP"]) as script:
        assert script.said() == "18"
        assert "dport 4323" in script.rules() and not script.kernel_spoke(1.5)
        script.end()


@pytest.mark.parametrize("version, port, key", [
    ("IP", 4400, "'-p', 'tcp', '--sport', '80'"),
    ("IPv6", 4400, "'-p', 'tcp', '-m', 'tcp', '--sport', 80"),
    ("IP", 4500, "'-p', 'tcp', '-s', '198.18.5.2', '-d', '198.18.1.1'")])
def test_a_sniffer_takes_what_comes(lab, version, port, key):
    """Three SYNs are answered: the script has the answers and the kernel has not, until stop."""
    count_resets(lab, version, f"{port + 1}-{port + 3}")
    with Script(lab, f"""
            s = TbxSniffer.new{{{key}}}
            s:start()
            for i = 1, 3 do ({version} / tcp{{dst = 80, src = {port} + i}} / MSS):send() end
            local seen, count = {{}}, 0
            while count < 3 do    -- the server says again what nobody answers
                local p = s:recv(20)
                local port = p:tcp():getdest()
                if not seen[port] then
                    seen[port], count = true, count + 1
                    print(port, p:tcp():getflags())
                end
            end
            pause("taken")
            s:stop()
            print(s:recv(1))
            pause("stopped")
            """, TARGET[version]) as script:
        taken = sorted(script.said() for _ in range(3))
        assert taken == [f"{port + i}\t18" for i in (1, 2, 3)]
        assert script.said() == "taken" and not script.kernel_spoke(0.2)
        assert script.rules().count("drop") == 1
        script.go_on()
        assert script.said() == "nil" and script.said() == "stopped"
        assert "drop" not in script.rules()
        script.end()


def test_sniffers_beside_a_trace(lab):
    with Script(lab, """
            snif({'-p', 'icmp', '-s', '198.18.5.2'})
            print(getmetatable(_sniffer) == TbxSniffer)
            p = IP / ICMPEchoReq(7, 8) / raw "x"
            p:send()
            reply = _sniffer:recv(20)
            print(reply:icmp() ~= nil, reply:payload():data())
            _sniffer:stop()
            t = TbxSniffer.new{'-p', 'udp'}
            t:start()
            u = TbxSniffer.new{'-p', 'icmp', '-s', '198.18.2.2'}
            u:start()
            print(tracebox(IP / tcp{dst = 80}):tcp():getflags())
            print(u:recv(0):source(), t:recv(0.1))
            more = u:recv(0)    -- a probe that is answered late has been repeated
            print(more == nil or more:source() == "198.18.2.2")
            """, TARGET["IP"]) as script:
        assert script.said() == "true" and script.said() == "true\tx"
        assert script.said() == "18" and script.said() == "198.18.2.2\tnil"
        assert script.said() == "true"
        script.end()


def test_a_sniffer_with_a_callback(lab):
    """It goes on until the callback returns a number other than 0."""
    with Script(lab, """
            n = 0
            print("up")
            TbxSniffer.new{'-p', 'icmp', '-s', '198.18.5.2'}:start(function(p)
                n = n + 1
                return n == 3 and 1 or n == 2 and 0 or true
            end)
            print(n)
            """) as script:
        assert script.said() == "up"
        lab.start(5, RELEASE / "tracebox", "-l", "for i = 1, 100 do\n"
                  "(ip{dst = '198.18.1.1'} / ICMPEchoReq(9, i)):send() sleep(100) end")
        assert script.said() == "3"
        script.end()
    assert lab.inside(0, "nft", "list", "ruleset").stdout == ""


PROBES = TOP / "scripts" / "probes"


def shipped(lab, name):
    run = lab.trace("-s", PROBES / f"{name}.lua", TARGET["IP"])
    assert run.err == "", run
    return run.status, run.out.splitlines()


def test_fragments_through_routers(lab):
    """Who follows connections puts fragments together first: one alone stays with him."""
    whole = ["packets of 1228 bytes are not cut", "fragments go as far as whole packets",
             "a SYN in two fragments is answered"]
    assert shipped(lab, "fragments") == (0, whole)
    lab.rules(3, "table inet c { chain f { type filter hook forward priority 0; "
                 "ct state established counter; }; }")
    status, lines = shipped(lab, "fragments")
    assert (status, lines[0], lines[2]) == (1, whole[0], whole[2])
    assert lines[1] == "a fragment without its rest does not get between hop 2 (198.18.2.2) " \
        "and hop 3 (198.18.3.2)"
    lab.inside(2, "ip", "link", "set", "right", "mtu", "600")
    try:
        # The router answers before it sends on: who sees the fragments is behind it.
        lab.rules(3, "table inet c { }")
        assert shipped(lab, "fragments")[1][0] == "packets of 1228 bytes are cut into fragments " \
            "between hop 2 (198.18.2.2) and hop 3 (198.18.3.2)"
    finally:
        lab.inside(2, "ip", "link", "set", "right", "mtu", "1500")


def test_state_in_routers(lab):
    assert shipped(lab, "stateful")[0] == 0
    lab.rules(2, "table inet c { chain f { type filter hook forward priority 0; ct state new "
                 "tcp flags & (fin | syn | rst | ack) != syn drop; }; }")
    status, lines = shipped(lab, "stateful")
    assert status == 1
    assert lines[2] == "an ACK of no connection is refused between hop 2 (198.18.2.2) and hop 3 " \
        "(198.18.3.2)", lines
