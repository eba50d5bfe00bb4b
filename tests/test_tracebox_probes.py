# SPDX-License-Identifier: BSD-2-Clause
"""The shipped probe scripts, on simulated paths that do or do not what they look for."""
import re

import pytest

from conftest import BUILD, TOP, run_program

PROBES = TOP / "scripts" / "probes"


def probe(folder, name, elements, *arguments, server="tcp", options=()):
    (folder / "path.lua").write_text(f'return path {{ {elements} server = "{server}" }}\n')
    return run_program(BUILD / "tracebox", "--sim", folder / "path.lua", *options, "-s",
                       PROBES / f"{name}.lua", "server", *arguments)


def field(folder, name, value):
    return f'box_file("{folder}/set_field.lua") {{ field = "{name}", value = {value} }},'


@pytest.mark.parametrize("name, box", [
    ("ecn", ("ip.ecn", 0)), ("ipid", ("ip.id", 1)), ("window", ("tcp.window", 1)),
    ("sequence", "box.seq_rewrite {},"), ("options", "box.nop { kind = 30 },")])
def test_a_change_is_found_and_a_clean_path_is_clean(boxes, name, box):
    box = box if isinstance(box, str) else field(boxes, *box)
    run = probe(boxes, "kept", f"hop {{}}, hop {{}}, {box} hop {{}},", name)
    assert run.status == 1 and run.err == "", run
    assert "between hop 2 (198.18.202.1) and hop 3 (198.18.203.1)" in run.out
    run = probe(boxes, "kept", "hop {}, hop { quote = 'rfc792' }, hop { quote = 'silent' },", name)
    assert run.status == 0 and run.out.endswith(": kept\n"), run
    assert "WHAT is ecn" in probe(boxes, "kept", "hop {},", "nothing").err


def test_full_icmp(boxes):
    run = probe(boxes, "full_icmp", 'hop {}, hop { quote = "rfc792" }, hop { quote = "silent" },')
    assert [line.split(None, 1)[1].strip() for line in run.out.splitlines()] == [
        "198.18.201.1  all TCP options", "198.18.202.1  a part", "silent",
        "198.18.100.2  answered itself"], run


def test_proxy(boxes):
    run = probe(boxes, "proxy", "hop {}, hop {},", "80", "81")
    assert run.status == 0, run
    assert run.out.splitlines()[:2] == ["port 80: answered at hop 3", "port 81: answered at hop 3"]
    assert probe(boxes, "proxy", "hop {},", "80", "81", server="silent").status == 2


ALG = 'box.rewrite { pattern = "PORT 198,18,1,2", replacement = "PORT 198,18,1,99", ' \
      'direction = "to-server" },'
HOPS = "hop {}, hop {}, %s hop {},"


@pytest.mark.parametrize("box, server, said, status", [
    ("", "tcp", "no gateway for FTP seen", 0), (ALG, "silent", "no FTP server", 2),
    (ALG, "tcp", "a gateway for FTP before 198.18.203.1", 1), (ALG, "closed", "no FTP server", 2)])
def test_ftp_gateway(boxes, box, server, said, status):
    """The original thought that the server's bare ACK was a gateway."""
    run = probe(boxes, "ftp_gateway", HOPS % box, server=server, options=("-d", "21"))
    assert (run.status, run.out, run.err) == (status, said + "\n", ""), run


SAY_EDO = """
return {
	help = "makes SYN/ACKs say that they know extended data offsets",
	packet = function(self, packet, dir)
		packet:append("\\237\\2\\1\\1")
		return PASS
	end,
}
"""


@pytest.mark.parametrize("server, said, status", [
    ("tcp", "extended data offset: supported", 0), ("silent", "no SYN/ACK", 2),
    ("tcp", "extended data offset: not supported", 1), ("closed", "no SYN/ACK", 2)])
def test_edo(boxes, server, said, status):
    (boxes / "say_edo.lua").write_text(SAY_EDO)
    box = f'box_file("{boxes}/say_edo.lua") {{ on = "synack", direction = "to-client" }},'
    run = probe(boxes, "edo", HOPS % (box if status == 0 else ""), server=server)
    assert run.status == status and run.err == "" and run.out.splitlines()[-1] == said, run
    if status == 0:
        assert run.out.splitlines()[0] == "198.18.100.2 answers 198.18.1.2"
        assert "TCPOptionEDO (2 bytes)" in run.out and "Flags = ( SYN ACK )" in run.out


def test_changes(boxes):
    run = probe(boxes, "changes", HOPS % field(boxes, "tcp.window", 1), "IP / TCP / MSS / SACKP")
    assert run.status == 0 and run.out.splitlines() == [
        "towards 198.18.100.2", "1: 198.18.201.1 ", "2: 198.18.202.1 IP::TTL IP::CheckSum ",
        "3: 198.18.203.1 TCP::WindowsSize TCP::CheckSum IP::TTL IP::CheckSum ",
        "4: 198.18.100.2 "], run


# A firewall that takes a SYN of another number in an open connection for an intruder's.
STRICT = """
return {
	help = "drops SYNs that do not repeat the first one of their connection",
	init = function(self) self.first = {} end,
	packet = function(self, packet, dir)
		local port = packet["tcp.sport"]
		if dir ~= "to-server" or not port or packet["tcp.flags"] ~= 2 then
			return UNCHANGED
		end
		self.first[port] = self.first[port] or packet["tcp.seq"]
		return self.first[port] == packet["tcp.seq"] and UNCHANGED or DROP
	end,
}
"""
AT_3 = " is refused between hop 2 (198.18.202.1) and hop 3 (198.18.203.1)"
ON = " goes as far as the first SYN"
PROBED = ["a SYN of a number lower by 10", "a SYN of a number lower by 20",
          "an ACK of no connection"]


@pytest.mark.parametrize("box, ends", [
    ("", [ON, ON, ON]), ('box_file("%s/strict.lua") {},', [AT_3, AT_3, ON]),
    ('box.firewall { unknown_flows = "drop" },', [ON, ON, AT_3]),
    ('box.firewall { unknown_flows = "reset" },', [ON, ON, AT_3])])
@pytest.mark.parametrize("server", ["tcp", "silent"])
def test_stateful(boxes, box, ends, server):
    (boxes / "strict.lua").write_text(STRICT)
    box = box % boxes if "%s" in box else box
    run = probe(boxes, "stateful", f"hop {{}}, hop {{}}, {box} hop {{ quote = 'rfc792' }}, "
                                   "hop { quote = 'silent' }, hop {},", server=server)
    assert run.status == (1 if box else 0) and run.err == "", run
    assert run.out.splitlines() == [what + end for what, end in zip(PROBED, ends)], run


@pytest.mark.parametrize("box", ["", 'box.fragment { size = 576, df = "obey" },'])
def test_fragments(boxes, box):
    """Who holds them back, and a server that puts them together: the live tests, with kernels."""
    run = probe(boxes, "fragments", f"hop {{}}, hop {{}}, {box} hop {{}}, hop {{}},")
    assert run.status == 1 and run.err == "", run
    assert run.out.splitlines() == [
        "packets of 1228 bytes are cut into fragments between hop 2 (198.18.202.1) and hop 3 "
        "(198.18.203.1)" if box else "packets of 1228 bytes are not cut",
        "fragments go as far as whole packets", "a SYN in two fragments is not answered"], run
    run = probe(boxes, "fragments", "hop { quote = 'silent' },", server="silent")
    assert (run.status, run.out) == (2, "nobody answered on the way\n"), run


def test_man_page_knows_every_script():
    page = (TOP / "doc" / "tracebox.1").read_text()
    for script in PROBES.iterdir():
        assert script.name in page and script.read_text().count(script.name + " HOST") == 1, script


def test_man_page_knows_every_option():
    page = (TOP / "doc" / "tracebox.1").read_text().replace("\\-", "-")
    for option in re.findall(r"^  (--?[a-zA-Z-]+)", run_program(BUILD / "tracebox", "--help").out,
                             re.M):
        assert option in page, option
