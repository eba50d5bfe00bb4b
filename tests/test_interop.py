# SPDX-License-Identifier: BSD-2-Clause
"""Our endpoint and the Linux kernel tell each other of addresses, priorities and ends, in both
roles. What the kernel understood is asserted from the MIB counters of its namespace."""
import os

import pytest

from conftest import PACES, RELEASE, run_program
from test_live import counters, kernel_mptcp, live


def run_pair(folder, scenario, kernel, at_least=(), **counts):
    """The result of one scenario of suite signal and the kernel's counters, of which these are so,
    or at_least so many. A busy machine can keep the kernel's worker from a join until the transfer
    is over, or from what is asked of a subflow before that: three chances, with more time each."""
    stacks = ("kernel", "sim") if kernel == "client" else ("sim", "kernel")
    for pace in PACES:
        env = dict(os.environ, MBKIT_LIVE_COUNTERS=str(folder))
        run = run_program(RELEASE / "mbtest", "run", "signal", "--only", scenario, "--client",
                          stacks[0], "--server", stacks[1], "--mptcp", "1", "--checksum", "on",
                          "--slower", pace, "--json", env=env)
        row, = run.lines()
        told = {name.removeprefix("MPTcpExt."): value
                for name, value in counters(folder, kernel).items()
                if name.startswith("MPTcpExt.")}
        if row["pass"] and all(told[name] == counts[name] for name in counts) and \
                all(told[name] >= count for name, count in dict(at_least).items()):
            return row, told
    raise AssertionError((told, counts, at_least, row))


@live
@kernel_mptcp
@pytest.mark.parametrize("sender", ["client", "server", "both"])
@pytest.mark.parametrize("port", ["", "port-"])
def test_our_server_tells_of_an_address(tmp_path, port, sender):
    row, kernel = run_pair(tmp_path, f"announce-server-{port}{sender}", "client", AddAddr=1,
                           EchoAddTx=1, PortAdd=int(bool(port)), MPJoinSynTx=1, MPJoinSynAckRx=1)
    assert row["outcome"] == "mptcp" and row["intact"]
    assert kernel["AddAddrDrop"] == kernel["MPJoinSynAckHMacFailure"] == 0


@live
@kernel_mptcp
@pytest.mark.parametrize("port", ["", "port-"])
def test_the_kernel_tells_of_an_address(tmp_path, port):
    joined = {"MPJoinPortSynRx": 1, "MPJoinPortAckRx": 1} if port else {}
    row, kernel = run_pair(tmp_path, f"announce-server-{port}both", "server", AddAddrTx=1,
                           EchoAdd=1, MPJoinSynRx=1, MPJoinAckRx=1, **joined)
    assert row["outcome"] == "mptcp" and row["intact"]
    assert kernel["MPJoinAckHMacFailure"] == 0


@live
@kernel_mptcp
@pytest.mark.parametrize("sender", ["server", "both"])
def test_the_kernel_as_server_joins_our_client(tmp_path, sender):
    row, _ = run_pair(tmp_path, f"announce-client-{sender}", "server", AddAddr=1, EchoAddTx=1,
                      MPJoinSynTx=1, MPJoinSynAckRx=1)
    assert row["outcome"] == "mptcp" and row["intact"]


@live
@kernel_mptcp
@pytest.mark.parametrize("kernel_end, scenario", [("client", "announce-lost-to-client"),
                                                  ("client", "announce-lost-to-server")])
def test_what_is_lost_is_told_again(tmp_path, kernel_end, scenario):
    """ADD_ADDR of ours, or the kernel's echo, lost for half a second."""
    told = 1 if scenario.endswith("to-client") else 2
    row, _ = run_pair(tmp_path, scenario, kernel_end, {"AddAddr": told, "EchoAddTx": told})
    assert row["outcome"] == "mptcp" and row["intact"]


@live
@kernel_mptcp
def test_our_client_takes_an_address_back(tmp_path):
    row, kernel = run_pair(tmp_path, "withdraw-client", "server", RmAddr=1)
    assert row["outcome"] in ("mptcp", "subflow-closed") and row["intact"]
    assert kernel["RmAddrDrop"] == 0


@live
@kernel_mptcp
def test_the_kernel_takes_an_address_back(tmp_path):
    row, _ = run_pair(tmp_path, "withdraw-client", "client", RmAddrTx=1)
    assert row["outcome"] in ("mptcp", "subflow-closed") and row["intact"]


@live
@kernel_mptcp
@pytest.mark.parametrize("sender", ["client", "server"])
def test_our_client_changes_priorities(tmp_path, sender):
    row, _ = run_pair(tmp_path, f"priority-2-{sender}", "server", MPPrioRx=2)
    assert row["outcome"] == "mptcp" and row["intact"]


@live
@kernel_mptcp
@pytest.mark.parametrize("sender", ["client", "server"])
def test_the_kernel_changes_priorities(tmp_path, sender):
    row, _ = run_pair(tmp_path, f"priority-2-{sender}", "client", MPPrioTx=2)
    assert row["outcome"] == "mptcp" and row["intact"]


@live
@kernel_mptcp
@pytest.mark.parametrize("kernel_end", ["client", "server"])
@pytest.mark.parametrize("by", ["client", "server"])
def test_fastclose_ends_both(tmp_path, kernel_end, by):
    names = ("MPFastcloseTx", "MPRstTx") if by == kernel_end else ("MPFastcloseRx", "MPRstRx")
    row, _ = run_pair(tmp_path, f"abort-{by}", kernel_end, dict.fromkeys(names, 1))
    assert row["outcome"] == "reset"


@live
@kernel_mptcp
@pytest.mark.parametrize("kernel_end", ["client", "server"])
@pytest.mark.parametrize("subflows", [2, 32])
def test_many_subflows(tmp_path, subflows, kernel_end):
    """Between one pair of addresses: the kernel's paths are managed in userspace."""
    names = ("MPJoinSynTx", "MPJoinSynAckRx") if kernel_end == "client" else (
        "MPJoinSynRx", "MPJoinAckRx")
    row, _ = run_pair(tmp_path, f"ndiffports-{subflows}-both", kernel_end,
                      **dict.fromkeys(names, subflows - 1))
    assert row["outcome"] == "mptcp" and row["intact"] and row["subflows"] == subflows


@live
@kernel_mptcp
@pytest.mark.parametrize("kernel_end", ["client", "server"])
def test_one_of_two_closes(tmp_path, kernel_end):
    name = "MPJoinAckRx" if kernel_end == "server" else "MPJoinSynAckRx"
    row, _ = run_pair(tmp_path, "drop-1", kernel_end, **{name: 1})
    assert row["outcome"] == "mptcp" and row["intact"]


@live
@kernel_mptcp
@pytest.mark.parametrize("kernel_end, other", [("client", "server"), ("server", "client")])
@pytest.mark.parametrize("scenarios", ["capable-data-strip-*", "dss-first-strip-to-client-[bc]*-1",
                                       "coalesce-first-*", "flip-mid-*-1", "port-map-client-*"])
def test_whose_fault(scenarios, kernel_end, other):
    """Through boxes: our end breaks no rule, and what is not as the rules have it is named as the
    kernel's doing, whatever that is. On a busy machine a kernel may be late for what a result is
    about, and then nobody is to blame: three chances, with more time each."""
    unnamed = {scenarios: "not yet tried"}
    for pace in PACES:
        rows = [row for name in unnamed for row in run_program(
            RELEASE / "mbtest", "run", "classic", "--only", name, f"--{kernel_end}", "kernel",
            f"--{other}", "sim", "--mptcp", "1", "--checksum", "on", "--slower", pace,
            "--json").lines()]
        assert rows
        for row in rows:
            assert {rule["end"] for rule in row["broken"]} | set(row["blame"]) <= {kernel_end}, row
            assert not row["broken"] or row["blame"], row
        unnamed = {row["scenario"]: (row["outcome"], row["why"])
                   for row in rows if not row["pass"] and not row["blame"]}
        if not unnamed:
            break
    assert not unnamed, unnamed
