# SPDX-License-Identifier: BSD-2-Clause
"""mbtest run and survey against a server elsewhere: the kernel's own, behind a real link, with the
boxes on our side of it."""
import pytest

from conftest import PACES, RELEASE, run_program
from test_mpprobe_live import lab  # the fixture, with its servers

pytestmark = [pytest.mark.live, pytest.mark.kernel_mptcp]


def mbtest(lab, *arguments):
    return run_program(*lab.enter("a"), RELEASE / "mbtest", *arguments)


@pytest.mark.parametrize("host", ["198.18.1.2", "[fd00:1::2]"])
def test_boxes_on_our_side(lab, host):
    """What the boxes take away, the kernel never saw; what they leave alone, it did. On a busy
    machine a second subflow may be late for the transfer, or a SYN sent twice: three chances."""
    for pace in PACES:
        before = lab.mptcp_counters("b")
        run = mbtest(lab, "run", "tests/data/remote.lua", "--server", f"remote:{host}:5001",
                     "--mptcp", "1", "--slower", pace, "--json")
        rows = {(row["scenario"], row["checksum"]): row for row in run.lines()}
        failed = [row for row in rows.values() if not row["pass"]]
        syns = lab.mptcp_counters("b")["MPCapableSYNRX"] - before["MPCapableSYNRX"]
        if not failed and syns == 4:    # clean and joined, twice
            break
    assert not failed and syns == 4 and run.status == 0, (failed, syns)
    assert "1 scenarios are left out" in run.err or "2 scenarios are left out" in run.err
    assert {row["outcome"] for (name, _), row in rows.items() if name == "clean"} == {"mptcp"}
    assert {row["outcome"] for (name, _), row in rows.items() if name == "stripped"} == {"tcp"}
    after = lab.mptcp_counters("b")
    assert after["MPJoinSynRx"] - before["MPJoinSynRx"] >= 2
    assert after["MPJoinAckRx"] - before["MPJoinAckRx"] >= 2
    assert lab.tables("a") == ""


def test_survey_of_a_server_elsewhere(lab):
    """A machine that is too slow for a question gets more time for it."""
    for pace in PACES:
        run = mbtest(lab, "survey", "--server", "remote:198.18.1.2:5001", "--slower", pace,
                     "--json")
        assert run.status == 0 and run.err == "", run
        survey = run.json()
        assert survey["server"] == "remote:198.18.1.2:5001" and survey["asked"] == ["server"]
        cells = {cell["row"]: cell for cell in survey["cells"]}
        other = [cells[row] for row in (
            "3.mp_capable", "3.mp_join", "3.dss", "3.dss.data_fin", "3.dss.checksum",
            "4.mp_capable", "4.mp_join", "6.hmac", "6.hmac.checked", "7.iana")
                 if cells[row]["value"] != "yes"]
        if not other:
            break
    assert not other, other
    assert cells["3.mp_capable.version"]["value"] == "1"
    assert cells["2.family"]["value"] == "IPv4"
    # what nobody could make it do is said, and not answered
    assert cells["3.fastclose"]["value"] == "not measured" and cells["3.fastclose"]["note"]
    assert all(cell["note"] for cell in survey["cells"] if not cell["measured"])


def test_a_server_without_multipath_tcp(lab):
    run = mbtest(lab, "run", "tests/data/remote.lua", "--server", "remote:198.18.1.2:5002",
                 "--mptcp", "1", "--checksum", "off", "--json")
    rows = {row["scenario"]: row for row in run.lines()}
    assert {row["outcome"] for row in rows.values()} == {"tcp"}
    assert all(row["intact"] for row in rows.values())
    assert rows["stripped"]["pass"] and not rows["clean"]["pass"] and run.status == 1


def test_nobody_answers(lab):
    run = mbtest(lab, "survey", "--server", "remote:198.18.1.2:5999")
    assert run.status == 2 and run.out == ""
    assert run.err == "mbtest: remote:198.18.1.2:5999 does not answer\n"


@pytest.mark.parametrize("words, sentence", [
    (["--server", "remote:198.18.1.2"], "names no port"),
    (["--client", "remote:198.18.1.2:80"], "can only be a server"),
    (["--client", "kernel", "--server", "remote:198.18.1.2:80"], "our endpoint"),
    (["--server", "remote:nowhere.invalid:80"], "nowhere.invalid"),
])
def test_refusals(lab, words, sentence):
    run = mbtest(lab, "run", *words)
    assert run.status == 2 and run.out == "" and sentence in run.err
    assert len(run.err.splitlines()) == 1
