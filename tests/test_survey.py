# SPDX-License-Identifier: BSD-2-Clause
"""mbtest survey: every question has an answer or a reason, and what is published is the draft's."""
import pytest

VISIBLE = [
    "2.family", "3.mp_capable", "3.mp_join", "3.mp_join.initiated", "3.mp_join.subflows", "3.dss",
    "3.dss.data_ack", "3.dss.dsn", "3.dss.data_fin", "3.dss.checksum", "3.add_addr",
    "3.remove_addr", "3.fastclose", "4.mp_capable", "4.mp_join", "4.dss", "4.data_ack",
    "4.checksum", "4.infinite", "4.corner_cases", "5.retransmit", "5.ports", "6.hmac", "6.other",
    "7.iana", "8.sharing", "8.handover", "8.priority", "10.middleboxes", "10.corner_cases",
]


@pytest.fixture(scope="module")
def sim(mbtest):
    run = mbtest("survey", "--json")
    assert run.status == 0 and run.err == ""
    return run.json()


def cells(survey):
    return {cell["row"]: cell for cell in survey["cells"]}


def test_json(sim):
    assert list(sim)[0] == "schema" and sim["schema"] == "mbkit.survey/1"
    assert (sim["client"], sim["server"]) == ("sim", "sim")
    assert sim["asked"] == ["client", "server"] and sim["versions"] == [0, 1]
    rows = [cell["row"] for cell in sim["cells"]]
    assert len(set(rows)) == len(rows)
    assert [int(row.split(".")[0]) for row in rows] == [cell["question"] for cell in sim["cells"]]
    assert rows == sorted(rows, key=lambda row: int(row.split(".")[0]))


def test_every_cell_says_what_or_why(mbtest, sim):
    scenarios = {row["scenario"] for row in mbtest("run", "survey", "--json").lines()}
    for cell in sim["cells"]:
        if cell["row"] in VISIBLE:
            assert cell["measured"] and cell["scenarios"], cell
        assert set(cell["scenarios"]) <= scenarios
        if not cell["measured"]:
            assert cell["value"] == "not visible on the wire" and cell["note"]
            assert not cell["scenarios"]
    assert {row for row in cells(sim) if row.startswith("9.")} >= {"9.legacy", "9.basic_api"}


def test_ours(sim):
    """What our endpoint does, by what issue after issue asked of it; the MAYs are the survey's."""
    mine = cells(sim)
    for row in VISIBLE:
        if row not in ("4.corner_cases", "10.corner_cases", "6.other", "10.middleboxes"):
            assert mine[row]["value"] not in ("no", "partly"), mine[row]
    for row in ("4.corner_cases", "10.corner_cases", "6.other", "10.middleboxes"):
        assert mine[row]["value"] == "no", mine[row]
    assert mine["2.family"]["value"] == "both" and mine["3.dss.checksum"]["value"] == "yes"
    assert mine["3.mp_capable.version"]["value"] == "0 and 1"
    assert mine["3.mp_join.initiated"]["value"] == "either end"
    assert mine["3.mp_join.subflows"]["value"] == "32 or more"


def test_forms(mbtest):
    text = mbtest("survey", "--client", "sim:anon")
    assert text.status == 0 and "v1 is left out" in text.err
    assert "not visible on the wire" in text.out
    assert max(map(len, text.out.splitlines())) <= 80
    table = mbtest("survey", "--client", "sim:anon", "--markdown").out.splitlines()
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert table[0].startswith("| row | sim:anon | UCLouvain | Swinburne | Anon | Citrix |")


@pytest.mark.parametrize("words, sentence", [
    (["--client", "sim:linux"], "there is no profile linux"),
    (["--client", "sim:anon", "--server", "kernel"], "one stack"),
    (["--json", "--markdown"], "standard output"),
    (["classic"], "classic"),
])
def test_refusals(mbtest, words, sentence):
    run = mbtest("survey", *words)
    assert run.status == 2 and run.out == "" and sentence in run.err
    assert len(run.err.splitlines()) == 1
