# SPDX-License-Identifier: BSD-2-Clause
"""Scenarios against the kernel's own stack, in namespaces that leave no trace.

What a stack did is asserted from the result and, where the wire might deceive, from the counters
of its namespace; durations never, but against a deadline.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from conftest import (PACES, PATIENCE, RELEASE, TOP, children, eventually, process_fields,
                      run_program)

SUITE = "tests/data/live.lua"
STACKS = [("kernel", "kernel"), ("sim", "kernel"), ("kernel", "sim")]

live = pytest.mark.live
kernel_mptcp = pytest.mark.kernel_mptcp


def run_live(*arguments, **options):
    return run_program(RELEASE / "mbtest", "run", *arguments, "--mptcp", "1", **options)


def results(*arguments, status=0, **options):
    run = run_live(*arguments, "--json", **options)
    assert run.status == status, run
    return run.lines()


def passing(*arguments, **options):
    """The results of a run that is to pass. What fails gets two more chances, with more time each:
    a busy machine can keep the kernel's worker from opening a second subflow until the transfer is
    over."""
    rows, names = {}, [None]
    for pace in PACES:
        for name in names:
            only = ["--only", name] if name else []
            run = run_live(SUITE, *arguments, *only, "--slower", pace, "--json", **options)
            assert run.status in (0, 1), run
            rows.update({(row["scenario"], row["checksum"]): row for row in run.lines()})
        names = sorted({name for (name, _), row in rows.items() if not row["pass"]})
        if not names:
            break
    assert not names, [row for row in rows.values() if not row["pass"]]
    return list(rows.values())


def counters(folder, end):
    """The counters of one end's namespace, as {"MPTcpExt.MPCapableSYNRX": 1}."""
    found = {}
    for path in pathlib.Path(folder).glob(f"*.{end}"):
        names = {}
        for line in path.read_text().splitlines():
            protocol, colon, rest = line.partition(":")
            if not colon:
                continue
            if protocol not in names:
                names[protocol] = rest.split()
                continue
            for name, value in zip(names.pop(protocol), rest.split()):
                found[f"{protocol}.{name}"] = int(value)
    return found


@pytest.fixture(name="slow")
def fixture_slow(tmp_path):
    """A suite whose path cannot carry a mebibyte in less than 80 seconds."""
    path = tmp_path / "slow.lua"
    path.write_text("suite 'slow'\nscenario { name = 'slow', sender = 'client', "
                    "paths = { path { link { rate = 100000 } } }, "
                    "expect = { 'mptcp', intact = true } }\n")
    return path


@live
@kernel_mptcp
@pytest.mark.parametrize("client,server", STACKS)
@pytest.mark.parametrize("family", ["4", "6"])
def test_every_pair_of_stacks(client, server, family):
    """1 MiB each way, checksums on and off, one subflow and two, and a plain TCP fallback."""
    rows = passing("--client", client, "--server", server, "--family", family)
    assert len(rows) == 14
    for row in rows:
        assert row["pass"] and row["intact"] and row["clock"] == "real", row
        assert (row["client"], row["server"], row["family"]) == (client, server, int(family))
        assert row["bytes"] == 1 << 20
        assert row["outcome"] == ("tcp" if row["scenario"] == "strip-syn" else "mptcp"), row


@live
@kernel_mptcp
def test_the_kernel_agrees_on_a_join(tmp_path):
    env = dict(os.environ, MBKIT_LIVE_COUNTERS=str(tmp_path))
    passing("--only", "join-client", "--checksum", "on", "--client", "kernel", "--server", "kernel",
            "--bytes", str(4 << 20), env=env)
    server, client = counters(tmp_path, "server"), counters(tmp_path, "client")
    assert server["MPTcpExt.MPCapableSYNRX"] == 1
    assert server["MPTcpExt.MPJoinSynRx"] == 1 and server["MPTcpExt.MPJoinAckRx"] == 1
    assert client["MPTcpExt.MPJoinSynAckRx"] == 1
    assert server["MPTcpExt.DataCsumErr"] == 0
    assert client["MPTcpExt.MPCapableSYNACKRX"] == 1


@live
@kernel_mptcp
def test_the_kernel_agrees_on_a_fallback(tmp_path):
    env = dict(os.environ, MBKIT_LIVE_COUNTERS=str(tmp_path))
    results(SUITE, "--only", "strip-syn", "--checksum", "off", "--client", "kernel", "--server",
            "kernel", env=env)
    assert counters(tmp_path, "server")["MPTcpExt.MPCapableSYNRX"] == 0
    assert counters(tmp_path, "client")["MPTcpExt.MPCapableFallbackSYNACK"] == 1


@live
@kernel_mptcp
def test_the_kernel_by_rule(tmp_path):
    """What Linux breaks by design, our endpoint beside it, and the packets of both ends. A server
    goes on with mappings after F9b; a client that gets no MP_CAPABLE back is plain TCP (F2)."""
    for pace in PACES:
        folder = tmp_path / str(pace)
        run = run_live("fallback", "--only", "F[29][-b]*server-1", "--client", "kernel", "--server",
                       "kernel", "--checksum", "off", "--deadline", 4 * pace, "--slower", pace,
                       "--by-rule", "--keep", folder)
        found = [re.search(text, run.out, re.M) for text in (
            r"^F2    must             1/1          1/1$",
            r"^F9b   must             1/1          0/1  fallback/F9b-server-1 v1 plain\n"
            r".*\n      server, packet \d+: goes on with mappings")]
        if all(found):
            break
    assert run.status == 1 and all(found), run
    assert sorted(path.name for path in folder.iterdir()) == [
        f"F9b-server-1-v1-plain-ip4.{end}.pcap" for end in ("client", "server")]


@live
@kernel_mptcp
def test_a_deadline_ends_a_run(slow):
    row, = results(slow, "--checksum", "off", "--client", "kernel", "--server", "kernel",
                   "--bytes", str(1 << 20), "--deadline", "1", status=1)
    assert row["outcome"] == "stalled" and not row["pass"]


@live
@kernel_mptcp
@pytest.mark.parametrize("client,server", STACKS)
def test_slower_is_slower(tmp_path, client, server):
    """A pause of 20 ms that is 20 times as long, for which no machine is too fast."""
    path = tmp_path / "pause.lua"
    path.write_text("suite 'pause'\nscenario { name = 'pause', sender = 'client', first_chunk = 9, "
                    "pause = '20ms', expect = { 'mptcp', intact = true } }\n")
    row, = results(path, "--checksum", "off", "--client", client, "--server", server, "--slower",
                   "20")
    assert row["pass"] and row["elapsed_ms"] >= 400, row


# ---- what a run leaves behind ----

def namespaces(processes=None):
    """The network namespaces that processes (all) are in."""
    found = set()
    for process in processes or [path.name for path in pathlib.Path("/proc").glob("[0-9]*")]:
        try:
            found.add(os.readlink(f"/proc/{process}/ns/net"))
        except OSError:
            pass
    return found


def devices():
    lines = pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]
    return {line.split(":")[0].strip() for line in lines}


def tables():
    if not shutil.which("nft"):
        return ""
    return subprocess.run(["nft", "list", "tables"], capture_output=True, text=True,
                          check=False).stdout


def of_group(group):
    """Processes of one process group, zombies not counted."""
    return [pid for pid, (state, _, its_group, *_) in process_fields()
            if int(its_group) == group and state != "Z"]


class Started:
    """A run in full swing, in a process group of its own; other runs may go on beside it."""

    def __init__(self, process):
        self.process = process
        self.devices, self.tables = devices(), tables()
        self.namespaces = set()

    def swings(self):
        """Two kernels at least are at it."""
        self.namespaces |= namespaces(of_group(self.process.pid)) - namespaces(["self"])
        return len(self.namespaces) >= 4

    def assert_gone(self, but=()):
        group = self.process.pid
        assert eventually(lambda: set(of_group(group)) <= set(but)), of_group(group)
        assert eventually(lambda: not namespaces() & self.namespaces)
        assert eventually(lambda: devices() == self.devices), devices()
        assert eventually(lambda: tables() == self.tables), tables()


@pytest.fixture
def started(slow):
    """With and without checksums, each to go on for ten minutes."""
    command = [RELEASE / "mbtest", "run", slow, "--client", "kernel", "--server", "kernel",
               "--mptcp", "1", "--bytes", str(16 << 20), "--deadline", "600"]
    with subprocess.Popen(command, cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, start_new_session=True) as process:
        run = Started(process)
        try:
            assert eventually(run.swings)
            yield run
        finally:
            for pid in of_group(process.pid):
                os.kill(pid, signal.SIGKILL)


@live
@kernel_mptcp
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_of_a_killed_run(started, how):
    started.process.send_signal(how)
    started.process.wait(timeout=PATIENCE)
    started.assert_gone()
    assert passing("--only", "join-client", "--client", "kernel", "--server", "kernel")
    assert eventually(lambda: devices() == started.devices), devices()


@live
@kernel_mptcp
def test_nothing_is_left_of_killed_workers(started):
    """The applications' processes are in namespaces whose workers die under them."""
    pid = started.process.pid
    os.kill(pid, signal.SIGSTOP)
    stat = pathlib.Path(f"/proc/{pid}/stat")
    assert eventually(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")
    workers = children(pid)
    assert workers
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    started.assert_gone(but=[pid])


# ---- what is needed ----

def test_no_root_is_one_sentence():
    command = [RELEASE / "mbtest", "run", SUITE, "--client", "kernel", "--mptcp", "1"]
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:    # open to others
        options = {}
        if os.geteuid() == 0:
            os.chmod(folder, 0o755)
            for path in RELEASE / "mbtest", TOP / SUITE:
                os.chmod(shutil.copy(path, folder), 0o755)
            command = [f"{folder}/mbtest", "run", f"{folder}/live.lua", "--client", "kernel",
                       "--mptcp", "1"]
            options = {"user": 65534, "group": 65534, "extra_groups": []}
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd="/",
                              stdin=subprocess.DEVNULL, check=False, **options)
    assert done.returncode == 2 and done.stdout == ""
    assert "root" in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_counters_are_read_as_the_kernel_writes_them(tmp_path):
    (tmp_path / "x.server").write_text("Ip6InReceives 0\nTcp: A B\nTcp: -1 2\nMPTcpExt: C\n"
                                       "MPTcpExt: 3\n")
    assert counters(tmp_path, "server") == {"Tcp.A": -1, "Tcp.B": 2, "MPTcpExt.C": 3}
