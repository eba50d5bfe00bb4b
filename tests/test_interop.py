# SPDX-License-Identifier: BSD-2-Clause
"""Our endpoint and the Linux kernel tell each other of addresses, priorities and ends, in both
roles. What the kernel understood is asserted from the MIB counters of its namespace."""
import os

import pytest

from conftest import RELEASE, run_program
from test_live import counters, kernel_mptcp, live


def run_pair(folder, scenario, kernel, checksum="on"):
    """The result of one scenario of suite signal and the kernel's counters. A busy machine can keep
    the kernel's worker from a join until the transfer is over: three chances."""
    stacks = ("kernel", "sim") if kernel == "client" else ("sim", "kernel")
    for attempt in range(3):
        env = dict(os.environ, MBKIT_LIVE_COUNTERS=str(folder))
        run = run_program(RELEASE / "mbtest", "run", "signal", "--only", scenario, "--client",
                          stacks[0], "--server", stacks[1], "--mptcp", "1", "--checksum", checksum,
                          "--json", env=env)
        row, = run.lines()
        if row["pass"]:
            return row, {name.removeprefix("MPTcpExt."): value
                         for name, value in counters(folder, kernel).items()
                         if name.startswith("MPTcpExt.")}
        assert attempt < 2, row
    return None


@live
@kernel_mptcp
@pytest.mark.parametrize("sender", ["client", "server", "both"])
@pytest.mark.parametrize("port", ["", "port-"])
def test_our_server_tells_of_an_address(tmp_path, port, sender):
    row, kernel = run_pair(tmp_path, f"announce-server-{port}{sender}", "client")
    assert row["outcome"] == "mptcp" and row["intact"]
    assert kernel["AddAddr"] == 1 and kernel["EchoAddTx"] == 1
    assert kernel["PortAdd"] == bool(port)
    assert kernel["MPJoinSynTx"] == 1 and kernel["MPJoinSynAckRx"] == 1
    assert kernel["AddAddrDrop"] == kernel["MPJoinSynAckHMacFailure"] == 0


@live
@kernel_mptcp
@pytest.mark.parametrize("port", ["", "port-"])
def test_the_kernel_tells_of_an_address(tmp_path, port):
    row, kernel = run_pair(tmp_path, f"announce-server-{port}both", "server")
    assert row["outcome"] == "mptcp" and row["intact"]
    assert kernel["AddAddrTx"] == 1 and kernel["EchoAdd"] == 1
    assert kernel["MPJoinSynRx"] == 1 and kernel["MPJoinAckRx"] == 1
    assert kernel["MPJoinAckHMacFailure"] == 0
    if port:
        assert kernel["MPJoinPortSynRx"] == kernel["MPJoinPortAckRx"] == 1


@live
@kernel_mptcp
@pytest.mark.parametrize("sender", ["server", "both"])
def test_the_kernel_as_server_joins_our_client(tmp_path, sender):
    row, kernel = run_pair(tmp_path, f"announce-client-{sender}", "server")
    assert row["outcome"] == "mptcp" and row["intact"]
    assert kernel["AddAddr"] == 1 and kernel["EchoAddTx"] == 1
    assert kernel["MPJoinSynTx"] == 1 and kernel["MPJoinSynAckRx"] == 1


@live
@kernel_mptcp
@pytest.mark.parametrize("kernel_end, scenario", [("client", "announce-lost-to-client"),
                                                  ("client", "announce-lost-to-server")])
def test_what_is_lost_is_told_again(tmp_path, kernel_end, scenario):
    """ADD_ADDR of ours, or the kernel's echo, lost for half a second."""
    row, kernel = run_pair(tmp_path, scenario, kernel_end)
    assert row["outcome"] == "mptcp" and row["intact"]
    told = 1 if scenario.endswith("to-client") else 2
    assert kernel["AddAddr"] >= told and kernel["EchoAddTx"] >= told


@live
@kernel_mptcp
def test_our_client_takes_an_address_back(tmp_path):
    row, kernel = run_pair(tmp_path, "withdraw-client", "server")
    assert row["outcome"] in ("mptcp", "subflow-closed") and row["intact"]
    assert kernel["RmAddr"] == 1 and kernel["RmAddrDrop"] == 0


@live
@kernel_mptcp
def test_the_kernel_takes_an_address_back(tmp_path):
    row, kernel = run_pair(tmp_path, "withdraw-client", "client")
    assert row["outcome"] in ("mptcp", "subflow-closed") and row["intact"]
    assert kernel["RmAddrTx"] == 1


@live
@kernel_mptcp
@pytest.mark.parametrize("sender", ["client", "server"])
def test_our_client_changes_priorities(tmp_path, sender):
    row, kernel = run_pair(tmp_path, f"priority-2-{sender}", "server")
    assert row["outcome"] == "mptcp" and row["intact"]
    assert kernel["MPPrioRx"] == 2


@live
@kernel_mptcp
@pytest.mark.parametrize("sender", ["client", "server"])
def test_the_kernel_changes_priorities(tmp_path, sender):
    row, kernel = run_pair(tmp_path, f"priority-2-{sender}", "client")
    assert row["outcome"] == "mptcp" and row["intact"]
    assert kernel["MPPrioTx"] == 2


@live
@kernel_mptcp
@pytest.mark.parametrize("kernel_end", ["client", "server"])
@pytest.mark.parametrize("by", ["client", "server"])
def test_fastclose_ends_both(tmp_path, kernel_end, by):
    row, kernel = run_pair(tmp_path, f"abort-{by}", kernel_end)
    assert row["outcome"] == "reset"
    name = "MPFastcloseTx" if by == kernel_end else "MPFastcloseRx"
    assert kernel[name] >= 1
    assert kernel["MPRstTx" if by == kernel_end else "MPRstRx"] >= 1


@live
@kernel_mptcp
@pytest.mark.parametrize("kernel_end", ["client", "server"])
@pytest.mark.parametrize("subflows", [2, 32])
def test_many_subflows(tmp_path, subflows, kernel_end):
    """Between one pair of addresses: the kernel's paths are managed in userspace."""
    row, kernel = run_pair(tmp_path, f"ndiffports-{subflows}-both", kernel_end)
    assert row["outcome"] == "mptcp" and row["intact"] and row["subflows"] == subflows
    names = ("MPJoinSynTx", "MPJoinSynAckRx") if kernel_end == "client" else (
        "MPJoinSynRx", "MPJoinAckRx")
    assert [kernel[name] for name in names] == [subflows - 1] * 2


@live
@kernel_mptcp
@pytest.mark.parametrize("kernel_end", ["client", "server"])
def test_one_of_two_closes(tmp_path, kernel_end):
    row, kernel = run_pair(tmp_path, "drop-1", kernel_end)
    assert row["outcome"] == "mptcp" and row["intact"]
    assert kernel["MPJoinAckRx" if kernel_end == "server" else "MPJoinSynAckRx"] == 1


@live
@kernel_mptcp
@pytest.mark.parametrize("kernel_end, other", [("client", "server"), ("server", "client")])
@pytest.mark.parametrize("scenarios", ["capable-data-strip-*", "dss-first-strip-to-client-[bc]*-1",
                                       "coalesce-first-*", "flip-mid-*-1", "port-map-client-*"])
def test_whose_fault(scenarios, kernel_end, other):
    """Through boxes: our end breaks no rule, and what is not as the rules have it is named as the
    kernel's doing, whatever that is. On a busy machine a kernel may be late for what a result is
    about, and then nobody is to blame: three chances."""
    for attempt in range(3):
        rows = run_program(RELEASE / "mbtest", "run", "classic", "--only", scenarios,
                           f"--{kernel_end}", "kernel", f"--{other}", "sim", "--mptcp", "1",
                           "--checksum", "on", "--json").lines()
        assert rows
        for row in rows:
            assert {rule["end"] for rule in row["broken"]} | set(row["blame"]) <= {kernel_end}, row
            assert not row["broken"] or row["blame"], row
        unnamed = [row for row in rows if not row["pass"] and not row["blame"]]
        if not unnamed:
            return
    assert not unnamed, unnamed
