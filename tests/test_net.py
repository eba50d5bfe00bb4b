# SPDX-License-Identifier: BSD-2-Clause
"""mbtest net: real programs inside a live path. What is asserted is what went over the wire and
what the programs saw, never how long it took."""
import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess

import pytest

from conftest import PATIENCE, RELEASE, TOP, as_nobody, eventually, run_program
from laboratory import COUNTED

pytestmark = pytest.mark.live

PYTHON = "/usr/bin/python3"
MBTEST = RELEASE / "mbtest"
PATHS = TOP / "scripts" / "paths"
PLAIN = 'return path { link { delay = "1ms", rate = 0 } }'
FETCH = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())"
# The same when a second subflow is there: the first bytes of the question make the kernel ask.
JOINED_FETCH = COUNTED + r"""
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM, 262)
s.connect((sys.argv[1], 80))
s.send(f"GET {sys.argv[2]} HTTP/1.0\r\n".encode())
wait_for("MPJoinSynAckRx", 0)
s.send(b"\r\n")
while s.recv(65536):
    pass
"""
SETTINGS = {"client": ("198.18.1.2", "fd00:1::2"), "server": ("198.18.100.2", "fd00:100::2"),
            "hop1": ("198.18.201.1", "fd00:201::1"), "hop2": ("198.18.7.7", "fd00:202::1")}


@pytest.fixture(name="net")
def fixture_net(tmp_path):
    """net(path text, *options, "--", *command): the Run, with the summary as its attribute."""
    def run(lua, *arguments, **options):
        path, summary = tmp_path / "path.lua", tmp_path / "summary.json"
        path.write_text(lua)
        done = run_program(MBTEST, "net", path, "--json", "--summary", summary, *arguments,
                           **options)
        done.summary = json.loads(summary.read_text()) if summary.exists() else None
        return done
    return run


def fetch(url):
    return "--", PYTHON, "-c", FETCH, url


def connections(run):
    return [(each["protocol"], each["why"]) for each in run.summary["connections"]
            if each["server"].endswith(":80")]


# ---- what the command finds inside ----

def test_names_and_addresses_inside(net):
    text = 'return path { hop {}, hop { addr = "198.18.7.7" } }'
    code = ("import socket, sys\n"
            "for name in sys.argv[1:]:\n"
            "    print(name, *sorted({i[4][0] for i in socket.getaddrinfo(name, 1)}))\n"
            "print(socket.gethostbyaddr('198.18.201.1')[0])")
    outside = pathlib.Path("/etc/hosts").read_text()
    run = net(text, "--", PYTHON, "-c", code, *SETTINGS, "localhost")
    lines = run.out.splitlines()
    assert lines[:4] == [f"{name} {v4} {v6}" for name, (v4, v6) in SETTINGS.items()], run
    assert lines[4].startswith("localhost 127.0.0.1") and lines[5] == "hop1"
    assert pathlib.Path("/etc/hosts").read_text() == outside


@pytest.mark.parametrize("family, address", [("4", "198.18.1.2"), ("6", "fd00:1::2")])
def test_one_family_alone(net, family, address):
    run = net(PLAIN, "--family", family, *fetch("http://server/"))
    assert f"You are {address}" in run.out.replace("[", ""), run
    other = net(PLAIN, "--family", family, *fetch(
        f"http://{'[fd00:100::2]' if family == '4' else '198.18.100.2'}/"))
    assert other.status == 1, other


def test_streams_pass_untouched(net):
    data = os.urandom(200000)
    run = net(PLAIN, "--", "cat", text=False, input=data)
    assert run.status == 0 and run.out == data and run.err == b""


def test_bytes_arrive_whole(net):
    code = ("import urllib.request as r\n"
            "b = r.urlopen('http://server/1000000').read()\n"
            "print(len(b), all(int(b[i:i + 15]) == i for i in range(0, len(b) - 15, 16)))\n"
            "print(r.urlopen('http://server/', data=bytes(300000)).read().decode())")
    text = 'return path { link { delay = "5ms", rate = 0, loss = 0.005, reorder = 0.01 } }'
    run = net(text, "--", PYTHON, "-c", code)
    assert run.out.startswith("1000000 True\n") and "and sent 300000 bytes" in run.out, run
    assert [each["bytes_received"] >= 1000000 for each in run.summary["connections"]][0]


# ---- exit status, signals, and what is left ----

@pytest.mark.parametrize("script, status", [("exit 0", 0), ("exit 2", 2), ("exit 77", 77),
                                            ("kill -KILL $$", 137), ("kill -INT $$", 130)])
def test_exit_status_is_the_commands(net, script, status):
    run = net(PLAIN, "--", "sh", "-c", script)
    assert (run.status, run.out, run.err) == (status, "", ""), run
    assert run.summary["status"] == status


@pytest.mark.parametrize("arguments, sentence", [
    (["--", "/no/such/program"], "cannot run /no/such/program: No such file or directory"),
    ([], "a path and a command are needed"),
    (["--server", "exit 3", "--", "true"], "the server ended before anything began: exit 3"),
    (["--family", "5", "--", "true"], "--family is one of 4, 6, both"),
    (["--pcap-client", "/no/such/folder/x.pcap", "--", "true"], "cannot write /no/such/folder"),
    (["--summary", "/no/such/folder/x", "--", "echo", "has run"], "cannot write /no/such/folder"),
])
def test_wrong_usage_is_one_sentence(net, tmp_path, arguments, sentence):
    run = net(PLAIN, "--pcap-server", tmp_path / "x.pcap", *arguments)
    assert run.status == 2 and run.out == "" and run.summary is None, run
    assert run.err.startswith("mbtest: " + sentence) and run.err.count("\n") == 1
    assert not (tmp_path / "x.pcap").exists()


def test_wrong_path_is_one_sentence(net):
    run = net("return path { box.strip { kin = 30 } }", "--", "true")
    assert run.status == 2 and re.match(r"mbtest: .*path.lua:1: .*kin", run.err), run


def test_who_is_not_root_is_told():
    run = run_program(*as_nobody(MBTEST), MBTEST, "net", TOP / "scripts/paths/strip.lua", "--",
                      "true")
    assert run.status == 2 and "needs root" in run.err and run.err.count("\n") == 1, run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1])
def test_signals_go_to_the_command(tmp_path, number):
    path = tmp_path / "path.lua"
    path.write_text(PLAIN)
    code = ("import signal, sys\n"
            f"signal.signal({int(number)}, lambda *_: sys.exit(40))\n"
            "print('up', flush=True)\nsignal.pause()")
    with subprocess.Popen([MBTEST, "net", "--quiet", path, "--", PYTHON, "-c", code],
                          stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout.readline() == b"up\n"
            child.send_signal(number)
            assert child.wait(timeout=PATIENCE) == 40
        finally:
            child.kill()


def alive(mark):
    """Processes with this word among their arguments."""
    found = []
    for line in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in line.read_bytes().split(b"\0"):
                found.append(line.parent.name)
        except OSError:
            pass
    return found


def test_nothing_is_left_after_kill(tmp_path):
    path = tmp_path / "path.lua"
    path.write_text(PLAIN)
    mark = f"mark{os.getpid()}"
    loop = "import time; time.sleep(1000)"
    listen = "import socket; s = socket.create_server((\"\", 80)); s.accept()"
    with subprocess.Popen([MBTEST, "net", path, "--mptcp", "--server",
                           f"{PYTHON} -c '{listen}' {mark}", "--", "sh", "-c",
                           f"setsid {PYTHON} -c '{loop}' {mark} & {PYTHON} -c '{loop}' {mark}"],
                          stderr=subprocess.DEVNULL) as child:
        assert eventually(lambda: len(alive(mark)) >= 3)
        child.kill()
        child.wait()
        assert eventually(lambda: not alive(mark)), alive(mark)


def test_what_the_command_leaves_ends_with_it(net):
    mark = f"left{os.getpid()}"
    run = net(PLAIN, "--", "sh", "-c",
              f"setsid {PYTHON} -c 'import time; time.sleep(1000)' {mark} >&- 2>&- & sleep 0.2")
    assert run.status == 0
    assert not alive(mark)


def in_terminal(typed, *command):
    """Run a command on a terminal of its own and type at each of its words; (status, output)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(command[0], [str(word) for word in command])
    out, typed = b"", list(typed)
    while select.select([fd], [], [], PATIENCE)[0]:
        try:
            out += os.read(fd, 4096)
        except OSError:
            break
        if typed and typed[0][0] in out:
            os.write(fd, typed.pop(0)[1])
            out = b""
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), out


def test_control_c_ends_all(tmp_path):
    path = tmp_path / "path.lua"
    path.write_text(PLAIN)
    status, _ = in_terminal([(b"up", b"\x03")], MBTEST, "net", "--quiet", path, "--", "/bin/sh",
                            "-c", "echo up; exec sleep 1000")
    assert status == 130


def test_a_shell_keeps_its_terminal(tmp_path):
    path = tmp_path / "path.lua"
    path.write_text(PLAIN)
    status, out = in_terminal(
        [(b"% ", b"sh -c 'echo o\"\"n; exec sleep 1000'\n"), (b"on\r\n", b"\x03"),
         (b"% ", b"tty; exit 6\n")],
        MBTEST, "net", "--quiet", path, "--", "env", "PS1=% ", "TERM=dumb", "bash", "--norc",
        "--noprofile", "-i")
    assert status == 6 and b"/dev/pts/" in out


# ---- which protocol ----

STRIPPED = "return path { box.strip { kind = 30, on = \"%s\", direction = \"%s\" } }"


@pytest.mark.kernel_mptcp
@pytest.mark.parametrize("path, protocol, why", [
    (PLAIN, "mptcp", None),
    ('return path { server = "tcp" }', "tcp", "the SYN/ACK had no MP_CAPABLE"),
    (STRIPPED % ("syn", "to-server"), "tcp", "the SYN/ACK had no MP_CAPABLE"),
    (STRIPPED % ("synack", "to-client"), "tcp", "the SYN/ACK had no MP_CAPABLE"),
    (STRIPPED % ("data+ack+ack3", "both"), "fallback", None),
], ids=["clear", "plain-server", "strip-syn", "strip-synack", "strip-rest"])
def test_protocol_is_told_from_the_wire(net, path, protocol, why):
    run = net(path, "--mptcp", *fetch("http://198.18.100.2/50000"))
    assert run.status == 0, run
    found = connections(run)
    assert [kind for kind, _ in found] == [protocol], run.summary
    assert why is None or found[0][1] == why


@pytest.mark.kernel_mptcp
def test_a_server_that_only_acknowledges(net):
    """Without data of its own, what tells of the fall-back is that its ACKs carry no option."""
    sink = "import socket; s = socket.create_server((\"\", 80)); c, _ = s.accept(); c.recv(9)"
    code = ("import socket\ns = socket.create_connection(('198.18.100.2', 80))\n"
            "s.send(b'x'); s.shutdown(1); s.recv(1)")
    run = net(STRIPPED % ("data+ack+ack3+fin", "both"), "--mptcp", "--server",
              f"{PYTHON} -c '{sink}'", "--", PYTHON, "-c", code)
    (protocol, why), = connections(run)
    assert protocol == "fallback" and why == "no option of Multipath TCP after the SYN/ACK", run


def test_without_mptcp_it_is_tcp(net):
    assert connections(net(PLAIN, *fetch("http://server/"))) == [("tcp", None)]


@pytest.mark.kernel_mptcp
def test_both_ends_speak_mptcp(net):
    """The built-in server's own socket agrees; and so does a server that never heard of MPTCP."""
    run = net(PLAIN, "--mptcp", *fetch("http://server/"))
    assert "over Multipath TCP." in run.out, run
    run = net(PLAIN, "--mptcp", "--server", f"{PYTHON} -m http.server 80",
              *fetch("http://198.18.100.2/"))
    assert run.status == 0 and connections(run) == [("mptcp", None)], run


@pytest.mark.parametrize("server, kind, wait", [("closed", "refused", PATIENCE),
                                                ("silent", "unanswered", 1.5)])
def test_nobody_at_the_far_end(net, server, kind, wait):
    code = (f"import socket, sys\ns = socket.socket(); s.settimeout({wait})\n"
            "sys.exit(s.connect_ex(('198.18.100.2', 80)) == 0)")
    run = net(f'return path {{ server = "{server}" }}', "--", PYTHON, "-c", code)
    assert run.status == 0 and connections(run) == [(kind, None)], run.summary


# ---- the path ----

def test_every_packet_is_counted(net):
    """One packet in 64 is lost by mask: the counters, the summary and the receiver agree."""
    text = ('return path { link { delay = "1ms", rate = 0, to_server = { loss_mask = 2 } },'
            ' hop {}, box.ttl { value = 9, direction = "to-server" } }')
    receive = ("import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
               "s.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)\n"    # SO_RCVBUFFORCE: room for all
               "s.bind((\"\", 99)); n = 0\n"
               "while True:\n    d, a = s.recvfrom(99); n += d == b\"x\"\n"
               "    if d == b\"e\": s.sendto(str(n).encode(), a)")
    send = ("import socket, time\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            "s.connect(('server', 99)); s.settimeout(600)\n"
            "for i in range(640): s.send(b'x'); i % 50 or time.sleep(.01)\n"
            "s.send(b'e'); print(s.recv(99).decode())")
    run = net(text, "--server", f"{PYTHON} -c '{receive}'", "--", PYTHON, "-c", send)
    assert run.out == "630\n", run
    flow, = [each for each in run.summary["connections"] if each["protocol"] == "udp"]
    assert [flow[f"packets_{what}"] for what in ("sent", "arrived", "received")] == [641, 631, 1]
    elements = {each["name"]: each for each in run.summary["elements"]}
    assert (elements["link"]["dropped"], elements["link"]["to_server"]) == (10, 631)
    assert elements["ttl"]["hits"] == 631 and elements["hop1"]["to_client"] == 1
    assert run.summary["client"] == {"sent": 641, "received": 1}
    assert run.summary["server"] == {"sent": 1, "received": 631}


@pytest.mark.parametrize("box, arrived", [("", 1), ("box.nat {}", None), ("box.loss {}", 0)])
def test_what_a_translator_renames_is_not_called_lost(net, box, arrived):
    send = ("import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            "s.connect(('server', 99)); s.send(b'x')\n"
            "try: s.settimeout(.5); s.recv(9)\nexcept OSError: pass")
    run = net(f"return path {{ {box} }}", "--", PYTHON, "-c", send)
    flow, = [each for each in run.summary["connections"] if each["protocol"] == "udp"]
    assert (flow["packets_sent"], flow["packets_arrived"]) == (1, arrived), run.summary


QUOTED = ('return path { hop {}, hop { quote = "rfc792" }, hop { quote = "silent" },'
          ' hop { quote = "bytes", quote_bytes = 12 }, hop { quote = "rfc4884" } }')
QUOTES = [("full", "fd00:201::1", "198.18.201.1"), ("rfc792", "fd00:202::1", "198.18.202.1"),
          (None, None, None), ("partial", "fd00:204::1", "198.18.204.1"),
          ("rfc4884", "fd00:205::1", "198.18.205.1")]


@pytest.mark.parametrize("option, column", [("-4", 2), ("-6", 1)])
def test_hops_answer_with_every_quote(net, option, column):
    run = net(QUOTED, "--", RELEASE / "tracebox", "-n", "--json",
              *(["-6"] if option == "-6" else []), "server")
    trace = json.loads(run.out)
    hops = [hop for hop in trace["hops"] if hop["ttl"] <= len(QUOTES)]
    assert [hop["addr"] for hop in hops] == [quote[column] for quote in QUOTES], run
    assert [hop["quote"]["kind"] if hop["addr"] else None for hop in hops] == \
        [quote[0] for quote in QUOTES]
    assert trace["destination"]["reached"]


@pytest.mark.parametrize("option", [[], ["-6"]])
def test_a_trace_through_numbers_made_anew(net, option):
    """Probes differ in their numbers alone: SYNs of one attempt, which a firewall moves alike."""
    run = net((TOP / "scripts/paths/strip.lua").read_text(), "--", RELEASE / "tracebox", "-n",
              "--json", "--mptcp", "1", *option, "server")
    trace = json.loads(run.out)
    assert [(found["field"], found["before"]["ttl"], found["after"]["ttl"])
            for found in trace["findings"]] == \
        [("tcp.option.mptcp.mp_capable", 5, 3), ("tcp.seq", 6, 5)], run
    assert (trace["destination"]["ttl"], trace["destination"]["reply"]) == (8, "syn-ack")


@pytest.mark.kernel_mptcp
def test_captures_of_both_ends(net, tmp_path):
    scapy = pytest.importorskip("scapy.all")
    names = tmp_path / "client.pcap", tmp_path / "server.pcap"
    run = net(STRIPPED % ("syn", "to-server"), "--mptcp", "--pcap-client", names[0],
              "--pcap-server", names[1], *fetch("http://198.18.100.2/"))
    assert run.status == 0, run

    def syn_options(name):
        return [[option[0] for option in packet[scapy.TCP].options]
                for packet in scapy.rdpcap(str(name))
                if scapy.TCP in packet and packet[scapy.TCP].flags == "S"]

    at_client, at_server = map(syn_options, names)
    assert len(at_client) == len(at_server) == 1
    assert 30 in at_client[0] and 30 not in at_server[0]


TWO = ('return paths { path { link { delay = "2ms", rate = 8000000 }, hop {} },'
       ' path { hop {}, %s link { delay = "3ms", rate = 8000000 } } }')


def carried(run):
    """What each link sent to the client, and how many subflows the connection had."""
    elements = {each["name"]: each["to_client"] for each in run.summary["elements"]}
    tcp = [each for each in run.summary["connections"] if each["protocol"] == "mptcp"]
    return elements["path1/link"], elements["path2/link"], [each["subflows"] for each in tcp]


@pytest.mark.kernel_mptcp
@pytest.mark.parametrize("host", ["198.18.100.2", "fd00:100::2"])
def test_two_paths_are_both_used(net, host):
    run = net(TWO % "", "--mptcp", "--", PYTHON, "-c", JOINED_FETCH, host, "/2000000")
    first, second, subflows = carried(run)
    assert run.status == 0 and subflows == [2] and min(first, second) > 200, run.summary


@pytest.mark.kernel_mptcp
def test_a_path_that_allows_no_join(net):
    run = net(TWO % 'box.strip { kind = 30, on = "syn" },', "--mptcp",
              *fetch("http://198.18.100.2/300000"))
    first, second, _ = carried(run)
    assert run.status == 0 and first > 200 > second, run.summary


@pytest.mark.kernel_mptcp
def test_the_command_says_where_to_join_from(net):
    """Both addresses have names; without --mptcp nothing is joined but what is asked for."""
    code = ("import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)\n"
            "s.connect(('server', 80)); s.send(b'GET /20000 HTTP/1.0\\r\\n\\r\\n')\n"
            "while s.recv(65536): pass\n")
    script = f"{PYTHON} -c \"$0\"; ip mptcp endpoint add $(getent ahostsv4 client2 | head -n 1 | " \
             f"cut -d ' ' -f 1) dev path2 subflow; {PYTHON} -c \"$1\" server /2000000"
    run = net(TWO % "", "--", "sh", "-c", script, code, JOINED_FETCH)
    first, second, subflows = carried(run)
    assert run.status == 0 and subflows == [1, 2] and min(first, second) > 200, run


def test_one_path_alone_serves_elsewhere(tmp_path):
    path = tmp_path / "two.lua"
    path.write_text(TWO % "")
    for command in ([MBTEST, "pcap", path, "x.pcap", "y.pcap"], [RELEASE / "tracebox", "--sim",
                                                                 path]):
        run = run_program(*command)
        assert run.status == 2 and "has 2 paths" in run.err and run.err.count("\n") == 1, run


@pytest.mark.kernel_mptcp
@pytest.mark.parametrize("name", sorted(path.name for path in PATHS.glob("*.lua")))
def test_shipped_paths_carry_traffic(name):
    run = run_program(MBTEST, "net", "--mptcp", PATHS / name,
                      *fetch("http://server/20000"))
    assert run.status == 0 and len(run.out) == 20001, run
    assert f"scripts/paths/{name}: " in run.err and "on the path" in run.err


def test_readme_shows_what_is_printed():
    """The example in README, with everything that differs from run to run left out."""
    text = (TOP / "README.md").read_text()
    shown = re.search(r"^\$ sudo build/(mbtest net .*)\n((?:.*\n)*?)```", text, re.M)
    words = shown.group(1).split()
    run = run_program(RELEASE / words[0], *words[1:], cwd=TOP)

    def masked(lines):
        lines = re.sub(r"\[?[0-9a-f.:]+\]?:\d+", "NAME", lines)
        return [re.sub(r"[\d.]+|\s+", " ", line).strip() for line in lines.splitlines()]

    assert masked(run.out + run.err) == masked(shown.group(2)), run
