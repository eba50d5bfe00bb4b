# SPDX-License-Identifier: BSD-2-Clause
"""mpprobe analyze: what it says of the captures against hashlib and tshark, of captures in every
form, of spoiled ones, and of long ones."""
import hashlib
import hmac
import json
import random
import shutil
import struct
import subprocess

import pytest

from conftest import BUILD, ENVIRONMENT, RELEASE, TOP, peak_memory, run_program
from test_judge import keys_of, mptcp_options, packets

CAPTURES = TOP / "tests" / "data" / "captures"
JOIN = CAPTURES / "v1_join_csum.pcap"
ALL = sorted(CAPTURES.glob("*.pcap"))
COMMANDS = ["connect", "serve", "analyze"]
SUBFLOW_FIELDS = """id src dst join mappings gaps overlaps checksum_failures reinjected_bytes
    reset""".split()

# Which keys stand in which capture (client, server), as those who made them wrote down.
KEYS = {
    "v0_synthetic": ("0123456789abcdef", "fedcba9876543210"),
    "v1_1p_csum_client_first": ("58fd4988d67dcda5", "a3ec260d21f8b4ee"),
    "v1_1p_csum_server_first": ("1e2eb6c1ebd4fa0a", "ab8210ead5ca076b"),
    "v1_1p_nocsum_client_first": ("ddc67b8891af8249", "db922175d3173071"),
    "v1_addaddr_client": ("2d19dff5e5d12f32", "756a2942151eae14"),
    "v1_addaddr_port": ("881eb4a3647e1f45", "fcd0aeed907207d2"),
    "v1_addaddr_v4": ("af7054558d26dd20", "53de4e57d63db638"),
    "v1_addaddr_v4_any": ("6a05bb9cfdbda844", "57627c89ae5a9ef6"),
    "v1_addaddr_v6_port": ("f071291e2e18f945", "57ced03a6f11f875"),
    "v1_addaddr_v6_port_nots": ("b29c5dce66236dbb", "474233eddf2f6fed"),
    "v1_join_csum": ("ee0c2f13bf108a2a", "c487991a47a02143"),
}


@pytest.fixture(scope="session")
def mpprobe():
    return lambda *arguments, **options: run_program(BUILD / "mpprobe", *arguments, **options)


def analysis(path):
    """The one object that analyze --json prints of a capture."""
    run = run_program(BUILD / "mpprobe", "analyze", "--json", path)
    assert run.status == 0 and run.err == "" and run.out.count("\n") == 1, run
    return run.json()


def connection_of(path):
    (connection,) = analysis(path)["connections"]
    return connection


def assert_wrong(run, *words):
    assert run.status == 2 and run.out == "", run
    assert len(run.err.strip().splitlines()) == 1 and run.err.startswith("mpprobe: "), run
    for word in words:
        assert word in run.err, run


# ---- the command line ----

def test_help(mpprobe):
    run = mpprobe("--help")
    assert run.status == 0 and "compare" not in run.out
    for command in COMMANDS:
        assert f"\n  {command} " in run.out
        text = mpprobe(command, "--help").out
        assert text.startswith(f"usage: mpprobe {command} ")
        examples = text.split("examples:\n")[1].splitlines()
        assert len(examples) == 2 and all("mpprobe " in line for line in examples)
        assert all(len(line) <= 80 for line in text.splitlines())
        assert mpprobe(command, "--version").out == mpprobe("--version").out == "mpprobe 0.1.0\n"


@pytest.mark.parametrize("arguments, words", [
    ([], ["a command is needed: connect, serve or analyze"]), (["frob"], ["frob"]),
    (["compare"], ["compare"]),
    (["analyze"], ["a capture is needed"]), (["analyze", "--frob", JOIN], ["--frob"]),
    (["analyze", "/nosuch.pcap"], ["/nosuch.pcap", "No such file"]),
    (["analyze", JOIN, "/nosuch.pcap"], ["/nosuch.pcap"]),
    (["analyze", CAPTURES], [str(CAPTURES)]),
    (["connect"], ["one host is needed"]), (["connect", "a", "b"], ["one host is needed"]),
    (["connect", "nosuch.invalid"], ["nosuch.invalid"]),
    (["connect", "127.0.0.1:0"], ["the port", "1 to 65535"]),
    (["connect", "127.0.0.1:x"], ["the port"]), (["connect", "[::1]80"], ["HOST[:PORT]"]),
    (["connect", ":80"], ["a host is needed"]),
    (["connect", "--join", "0", "127.0.0.1"], ["--join", "1 to 31"]),
    (["connect", "--join", "1", "127.0.0.1"], ["further subflows need data"]),
    (["connect", "--get", "/", "--bytes", "1", "127.0.0.1"], ["only one of"]),
    (["connect", "--send", "/nosuch", "127.0.0.1"], ["/nosuch"]),
    (["connect", "--output", "/nosuch/x", "127.0.0.1"], ["/nosuch/x"]),
    (["connect", "--via", "nosuch0", "--bytes", "1", "127.0.0.1"], ["nosuch0"]),
    (["connect", "--mptcp", "2", "127.0.0.1"], ["--mptcp"]),
    (["serve", "x"], ["nothing is expected"]), (["serve", "--port", "0"], ["--port"]),
    (["serve", "--mptcp", "2"], ["--mptcp", "both"]),
])
def test_bad_arguments(mpprobe, arguments, words):
    assert_wrong(mpprobe(*arguments), *words)


def test_spoiled_files(mpprobe, tmp_path):
    data, path = JOIN.read_bytes(), tmp_path / "x.pcap"
    whole = 24 + sum(16 + len(row[2]) for row in list(records(JOIN))[:9])
    for text, word in [(b"no capture at all, whatever else it is", "x.pcap"), (b"", "x.pcap"),
                       (data[:whole + 20], "cut after 9 packets"), (data[:30], "cut"),
                       (data[:20] + struct.pack("<I", 127) + data[24:], "127")]:
        path.write_bytes(text)
        assert_wrong(mpprobe("analyze", "--json", path), word)
        assert_wrong(mpprobe("analyze", JOIN, path), word)


def test_unwritable_output():
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([BUILD / "mpprobe", "analyze", JOIN], stdout=full, check=False,
                              stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert done.returncode == 2 and "cannot write the output" in done.stderr


# ---- keys, tokens, HMACs: against hashlib ----

@pytest.mark.parametrize("name", KEYS)
def test_keys_and_tokens(name):
    connection = connection_of(CAPTURES / f"{name}.pcap")
    digest = hashlib.sha1 if connection["version"] == 0 else hashlib.sha256
    assert connection["version"] == int(name[1])
    for side, key in zip(("client", "server"), KEYS[name]):
        value = digest(bytes.fromhex(key)).digest()
        assert connection[f"key_{side}"] == key
        assert connection[f"token_{side}"] == value[:4].hex()
        assert connection[f"idsn_{side}"] == value[-8:].hex()


@pytest.mark.parametrize("path", [path for path in ALL if "v6" not in path.stem
                                  and path.stem[0] not in "el"],    # those had no third packet
                         ids=lambda path: path.stem)
def test_join_verdicts(path):
    """HMACs of every join, computed here from the bytes alone."""
    version, key_a, key_b = keys_of(path)
    digest = "sha1" if version == 0 else "sha256"
    joins = [(flags, option) for packet in packets(path)
             for flags, option in mptcp_options(packet) if option[2] >> 4 == 1]
    told = [subflow["join"] for subflow in connection_of(path)["subflows"] if subflow["join"]]
    syns = [option for flags, option in joins if flags & 0x12 == 0x02]
    synacks = [option for flags, option in joins if flags & 0x12 == 0x12]
    thirds = [option for flags, option in joins if not flags & 0x02]
    assert len(told) == len(syns)
    for number, (syn, join) in enumerate(zip(syns, told)):
        hashed = {key: hashlib.new(digest, key).digest()[:4] for key in (key_a, key_b)}
        (other,) = [key for key in (key_a, key_b) if hashed[key] == syn[4:8]]
        own = key_a if other == key_b else key_b
        assert join["token"] == "ok" and join["address_id"] == syn[3]
        assert join["backup"] == bool(syn[2] & 1)
        if number >= len(synacks):
            assert join["hmac_synack"] == join["hmac_ack"] == "absent"
            continue
        nonces = syn[8:12], synacks[number][12:16]
        right = hmac.digest(other + own, nonces[1] + nonces[0], digest)[:8]
        assert (join["hmac_synack"] == "ok") == (right == synacks[number][4:12])
        right = hmac.digest(own + other, nonces[0] + nonces[1], digest)[:20]
        assert (join["hmac_ack"] == "ok") == (right == thirds[number][4:24])


@pytest.mark.parametrize("name, expected", [
    ("v1_addaddr_v4_any", ("server", 5, "198.18.32.2", None, "ok", True)),
    ("v1_addaddr_port", ("server", 6, "198.18.32.2", 5005, "ok", True)),
    ("v1_addaddr_v6_port_nots", ("server", 8, "fd00:32::2", 5006, "ok", True)),
])
def test_addresses(name, expected):
    (address,) = connection_of(CAPTURES / f"{name}.pcap")["addresses"]
    assert address["op"] == "add"
    assert tuple(address[field] for field in ("by", "id", "addr", "port", "hmac", "echoed")) == \
        expected


def test_addresses_of_version_0():
    addresses = connection_of(CAPTURES / "v0_synthetic.pcap")["addresses"]
    assert all({"addr", "port", "hmac", "echoed"} <= set(one) for one in addresses)
    told = [(one["op"], one["by"], one["id"], one["packet"]) for one in addresses]
    assert told == [("add", "client", 2, 7), ("add", "client", 2, 8), ("add", "client", 3, 9),
                    ("priority", "client", 2, 10), ("remove", "client", 3, 11)]


# ---- outcomes, and the packet that caused a fallback ----

@pytest.mark.parametrize("name, outcome, rule, packet", [
    ("v1_join_csum", "mptcp", None, None),
    ("v0_synthetic", "infinite", "F24", 20),
    ("e_mpc_synack_del_p1_up_2p.client", "tcp", "F2", 2),
    ("e_mpc_synack_del_p1_up_2p.server", "tcp", "F3", 3),
    ("l_mirror_any_tcpserver.client", "tcp", "F7f", 2),
    ("l_mirror_any_tcpserver.server", "tcp", "F2", 2),
    ("j_mod_pp_1p_csum.client", "infinite", "F24", 45),
    ("j_mod_pp_1p_csum.server", "infinite", "F23", 44),
    ("g_mid_p1_pp_1p_c2s.server", "fallback", "F16", 44),
    ("v1_addaddr_v4", "subflow-closed", None, None),
])
def test_outcomes(name, outcome, rule, packet):
    told = analysis(CAPTURES / f"{name}.pcap")
    (connection,) = told["connections"]
    assert connection["outcome"] == outcome
    fallback = connection["fallback"]
    assert (fallback and fallback["rule"], fallback and fallback["packet"]) == (rule, packet)
    failures = sum(subflow["checksum_failures"] for subflow in connection["subflows"])
    assert failures == (name == "j_mod_pp_1p_csum.server")
    kept = outcome in ("mptcp", "subflow-closed")
    totals = dict(told["totals"])
    (peer,) = totals.pop("peers")
    assert totals == {"connections": 1, "mptcp": int(kept), "fallback": int(not kept)}
    assert f"{peer['addr']}:{peer['port']}" == connection["server"]


def test_the_contract_of_the_json():
    text = run_program(BUILD / "mpprobe", "analyze", "--json", JOIN).out
    assert text.startswith('{"schema":"mbkit.capture/1","file":')
    told = json.loads(text)
    assert told["packets"] == 163 and told["file"] == str(JOIN)
    (connection,) = told["connections"]
    assert connection["client"] == "198.18.31.1" and connection["server"] == "198.18.31.2:5001"
    assert connection["checksum"] is True and connection["fallback"] is None
    first, join = connection["subflows"]
    assert set(SUBFLOW_FIELDS) <= set(first) and (first["id"], join["id"]) == (0, 1)
    assert first["join"] is None and join["src"].startswith("198.18.32.1:")
    assert (first["bytes_client"], first["bytes_server"]) == (63000, 60001)
    assert run_program(BUILD / "mpprobe", "analyze", "--json", JOIN, ALL[0]).out.startswith(text)


def test_the_text(mpprobe):
    for path in ALL:
        run = mpprobe("analyze", path.relative_to(TOP))
        assert run.status == 0 and run.err == "" and "\033" not in run.out
        assert all(len(line) <= 80 for line in run.out.splitlines()), run
    text = mpprobe("analyze", JOIN).out
    for words in ("163 packets, 1 Multipath TCP connection", "token a4058f02", "checksums good",
                  "join of address 9, token ok, HMACs ok and ok"):
        assert words in text


# ---- what is wrong is noticed ----

def changed(tmp_path, change):
    """A copy of the capture with a join, one packet's bytes changed."""
    data, at, number = bytearray(JOIN.read_bytes()), 24, 0
    while at < len(data):
        length, number = struct.unpack_from("<I", data, at + 8)[0], number + 1
        packet = data[at + 16:at + 16 + length]
        change(number, packet)
        data[at + 16:at + 16 + length] = packet
        at += 16 + length
    path = tmp_path / "changed.pcap"
    path.write_bytes(data)
    return connection_of(path)


def test_a_changed_hmac(tmp_path):
    def change(_, packet):
        at = packet.find(bytes.fromhex("1e101000"))
        if at > 0:
            packet[at + 4] ^= 1
    join = changed(tmp_path, change)["subflows"][1]["join"]
    assert join["hmac_synack"] == "bad" and join["hmac_ack"] == "ok"


def test_a_changed_payload(tmp_path):
    seen = []

    def change(number, packet):
        header = (packet[0] & 15) * 4
        if len(packet) > header + (packet[header + 12] >> 4) * 4 and not seen:
            seen.append(number)
            packet[-1] ^= 1
    first = changed(tmp_path, change)["subflows"][0]
    assert first["checksum_failures"] == 1 and first["checksums_unverified"] == 0


# ---- against tshark ----

@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_against_tshark(path):
    """Packets, bytes and mappings of each TCP stream, tokens of joins, resets, addresses."""
    fields = ["frame.number", "tcp.stream", "tcp.seq_raw", "tcp.len", "tcp.flags.reset", "ip.src",
              "ipv6.src", "tcp.srcport", "tcp.options.mptcp.recvtok"]
    done = subprocess.run(
        ["tshark", "-r", path, "-T", "fields", *[word for one in fields for word in ("-e", one)]],
        capture_output=True, text=True, check=True)
    rows = [dict(zip(fields, line.split("\t"))) for line in done.stdout.splitlines()]
    told = analysis(path)
    assert told["packets"] == len(rows)
    subflows = [subflow for one in told["connections"] for subflow in one["subflows"]]
    streams = sorted({row["tcp.stream"] for row in rows}, key=int)
    assert len(subflows) == len(streams)
    tokens = {one[f"token_{side}"] for one in told["connections"] for side in ("client", "server")}
    for subflow, stream in zip(subflows, streams):
        own = [row for row in rows if row["tcp.stream"] == stream]
        assert subflow["packets"] == len(own)
        resets = [int(row["frame.number"]) for row in own if row["tcp.flags.reset"] in "1True"]
        assert (subflow["reset"] or {}).get("packet") == (resets[0] if resets else None)
        for side, name in (("bytes_client", "src"), ("bytes_server", "dst")):
            covered = {byte for row in own
                       if subflow[name].endswith(":" + row["tcp.srcport"])
                       for byte in range(int(row["tcp.seq_raw"]),
                                         int(row["tcp.seq_raw"]) + int(row["tcp.len"]))}
            assert subflow[side] == len(covered), side
        for row in own:
            token = row["tcp.options.mptcp.recvtok"]
            assert not token or f"{int(token):08x}" in tokens


# ---- every form of capture ----

LINKS = {   # type, bytes before an IPv4 packet
    "ethernet": (1, bytes(12) + b"\x08\x00"),
    "vlan": (1, bytes(12) + b"\x81\x00\x00\x05\x08\x00"),
    "qinq": (1, bytes(12) + b"\x88\xa8\x00\x05\x81\x00\x00\x06\x08\x00"),
    "cooked": (113, bytes(14) + b"\x08\x00"),
    "cooked 2": (276, b"\x08\x00" + bytes(18)),
    "null": (0, struct.pack("<I", 2)),
    "ipv4": (228, b""),
}


def records(path):
    data, at = path.read_bytes(), 24
    while at < len(data):
        seconds, fraction, length, whole = struct.unpack_from("<IIII", data, at)
        yield seconds, fraction, data[at + 16:at + 16 + length], whole
        at += 16 + length


def write_pcap(path, rows, link=101, order="<", magic=0xa1b2c3d4):
    with path.open("wb") as out:
        out.write(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link))
        for seconds, fraction, packet, whole in rows:
            out.write(struct.pack(order + "IIII", seconds, fraction, len(packet), whole) + packet)
    return path


def same(path, **but):
    told, wanted = analysis(path), analysis(JOIN)
    wanted["file"] = str(path)
    assert told == dict(wanted, **but)


@pytest.mark.parametrize("name", LINKS)
def test_link_types(tmp_path, name):
    link, header = LINKS[name]
    same(write_pcap(tmp_path / "x.pcap", [(s, f, header + packet, whole + len(header))
                                          for s, f, packet, whole in records(JOIN)], link))


def test_byte_orders_and_precisions(tmp_path):
    for order in "<>":
        for magic in (0xa1b2c3d4, 0xa1b23c4d):
            same(write_pcap(tmp_path / "x.pcap", records(JOIN), 101, order, magic))


@pytest.mark.skipif(shutil.which("editcap") is None, reason="editcap is not installed")
def test_pcapng(tmp_path):
    subprocess.run(["editcap", "-F", "pcapng", JOIN, tmp_path / "x.pcapng"], check=True)
    same(tmp_path / "x.pcapng")


def test_standard_input(mpprobe):
    run = mpprobe("analyze", "--json", "-", input=JOIN.read_bytes(), text=False)
    assert json.loads(run.out)["connections"] == analysis(JOIN)["connections"]


def test_frames_without_ip_are_counted(tmp_path):
    """Packet numbers are the file's own, as other programs show them."""
    header = bytes(12) + b"\x08\x00"
    rows = [(s, f, header + packet, whole + 14) for s, f, packet, whole in records(JOIN)]
    arp = (rows[0][0], rows[0][1], bytes(12) + b"\x08\x06" + bytes(28), 42)
    told = analysis(write_pcap(tmp_path / "x.pcap", [arp, arp] + rows, 1))
    assert told["packets"] == 165 and told["connections"][0]["first_packet"] == 3


def test_cut_packets(tmp_path):
    """A capture of headers alone: nothing is called wrong that was not seen."""
    rows = [(s, f, packet[:100], whole) for s, f, packet, whole in records(JOIN)]
    (told,) = analysis(write_pcap(tmp_path / "x.pcap", rows))["connections"]
    (whole,) = analysis(JOIN)["connections"]
    for cut, full in zip(told["subflows"], whole["subflows"]):
        assert cut["checksum_failures"] == 0
        assert cut["checksums_unverified"] == full["mappings"]
        assert cut["bytes_client"] == full["bytes_client"]
    assert told["outcome"] == "mptcp" and told["key_client"] == whole["key_client"]


# ---- long and hostile captures ----

def many(path, count, gap_s):
    """So many copies of a connection, each from an address and at a time of its own."""
    rows = list(records(CAPTURES / "v1_1p_nocsum_client_first.pcap"))
    client = rows[0][2][12:16]

    def copies():
        for number in range(count):
            own = struct.pack(">I", 0x0a000000 + number)
            for _, fraction, packet, whole in rows:
                copy = bytearray(packet)
                at = 12 if packet[12:16] == client else 16
                copy[at:at + 4] = own
                yield number * gap_s, fraction, bytes(copy), whole
    return write_pcap(path, copies())


@pytest.mark.parametrize("gap_s, counts", [(10, (100, 1200)), (0, (1200, 2400))])
def test_memory_does_not_follow_what_has_ended(tmp_path, gap_s, counts):
    """By time, and where all of it happens at once by number: 22 kB of each are read."""
    peaks = []
    for count in counts:
        path = many(tmp_path / "x.pcap", count, gap_s)
        told = run_program(RELEASE / "mpprobe", "analyze", "--json", path).json()
        assert told["totals"]["mptcp"] == len(told["connections"]) == count
        # release: sanitizers keep what is freed
        peaks.append(peak_memory(RELEASE / "mpprobe", "analyze", "--json", path))
    assert peaks[1] < peaks[0] + (counts[1] - counts[0]) * 2000, peaks


def test_rubbish(mpprobe, tmp_path):
    rng = random.Random(31)
    real = [row for path in ALL for row in records(path)]
    rows = []
    for number in range(4000):
        packet = bytearray(rng.choice(real)[2])
        for _ in range(rng.randrange(5)):
            packet[rng.randrange(min(len(packet), rng.choice([24, 60, 1500])))] = \
                rng.randrange(256)
        del packet[rng.choice([20, 40, 60, 9999, 9999]):]
        rows.append((number, 0, bytes(packet), max(len(packet), rng.randrange(1600))))
    path = write_pcap(tmp_path / "x.pcap", rows)
    told = analysis(path)
    assert told["packets"] == 4000 and len(told["connections"]) > 10
    assert mpprobe("analyze", path).status == 0
