# SPDX-License-Identifier: BSD-2-Clause
"""mbtest survey: every question has an answer or a reason, and what is published is the draft's."""
import pytest

from conftest import PACES

# The table of draft-eardley-mptcp-implementations-survey-02, section 2, row by row: UCLouvain,
# Swinburne, Anon, Citrix.
TABLE = """
2.os                |Linux      |FreeBSD-10 |Commercial |NetScaler  |
2.family            |Both       | IPv4      |Both       |Both       |
2.public            |Yes        |Yes        |No         |Yes (pay)  |
2.independent       |Yes        |Yes        |Yes        |Yes        |
2.interop           |Yes(!)     |Mostly     |Mostly     |Yes        |
3.mp_capable        |Yes        |Yes        |Yes        |Yes        |
3.mp_join           |Yes        |Yes        |Yes        |Yes        |
3.mp_join.initiated |first end  |either end |first end  |first end  |
3.mp_join.subflows  |32         |8          |no limit   |6          |
3.dss               |Yes        |Yes        |Yes        |Yes        |
3.dss.data_ack      |4 bytes    |4 or 8 byte|4 or 8 byte|4 or 8 byte|
3.dss.dsn           |4 bytes    |4 or 8 byte|4 or 8 byte|4 or 8 byte|
3.dss.data_fin      |Yes        |Yes        |Yes        |Yes        |
3.dss.checksum      |Yes        |No         |Yes        |Yes        |
3.add_addr          |Yes        |No         |No (never) |No (never?)|
3.remove_addr       |Yes        |No         |Partly     |Yes        |
3.fastclose         |Yes        |No         |Yes        |Yes        |
4.mp_capable        |Yes        |Yes        |Yes        |Yes        |
4.mp_join           |Yes        |Yes        |Yes        |Yes        |
4.dss               |Yes        |No         |Yes        |Yes        |
4.data_ack          |Yes        |No         |No         |           |
4.checksum          |Yes        |No         |Yes        |Yes        |
4.infinite          |Yes        |Yes        |Yes        |Yes        |
4.corner_cases      |No         |           |Yes        |Yes        |
5.receive_buffer    |auto-tune  |TCP_MAXWIN |no tuning  |tuned      |
5.send_buffer       |auto-tune  |cwnd       |no tuning  |as TCP     |
5.retransmit        |2nd subflow|2nd subflow|2nd subflow|1st subflow|
5.ports             |same ports |same ports |diff local |           |
6.hmac              |Yes        |Yes        |Yes        |Yes        |
6.other             |Yes        |No         |No         |No         |
7.iana              |Yes        |Yes        |Yes        |Yes        |
8.sharing           |shared, RTT|shared     |active/back|active/back|
8.handover          |Yes        |           |Yes        |Yes        |
8.coupled           |Yes        |No         |No         |No         |
8.other_coupled     |Yes, OLIA  |No         |No         |No         |
8.priority          |Yes        |No         |Yes        |Yes        |
9.legacy            |default    |sysctl     |private API|configured |
9.basic_api         |No         |No         |No         |No         |
9.advanced_api      |No         |No         |No         |No         |
10.scenario         |several    |several    |mobile     |proxy      |
10.environment      |internet   |controlled |internet   |internet   |
10.ends             |end hosts  |end hosts  |end hosts  |proxy      |
"""
STACKS = ["uclouvain", "swinburne", "anon", "citrix"]
PUBLISHED = {line.split("|")[0].strip(): [cell.strip() for cell in line.split("|")[1:5]]
             for line in TABLE.strip().splitlines()}

# What a profile cannot show, each with the words of the draft's appendices.
ELSEWHERE = {
    # "We have in a separate branch, an implementation of draft-paasch-mptcp-lowoverhead ..."
    ("uclouvain", "6.other"): "no",
    # "few cases where the draft is not clear": an opinion of the draft, no rule is broken.
    ("citrix", "4.corner_cases"): "no",
}
# Our endpoint tries 32 subflows: more cannot be told from no limit.
SAME = {"32": "32 or more", "no limit": "32 or more", "No (never)": "no", "No (never?)": "no"}

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


@pytest.mark.parametrize("stack", STACKS)
def test_published_is_the_drafts(sim, stack):
    mine = cells(sim)
    for row, published in PUBLISHED.items():
        assert (mine[row]["published"][stack] or "") == published[STACKS.index(stack)], row


@pytest.mark.parametrize("stack", STACKS)
def test_profile_reproduces_its_column(mbtest, stack):
    """Each profile, asked at both ends, answers what its makers answered; blanks are no answers."""
    run = mbtest("survey", "--client", f"sim:{stack}", "--server", f"sim:{stack}", "--json")
    mine = cells(run.json())
    differ = {}
    for row, published in PUBLISHED.items():
        answer = published[STACKS.index(stack)]
        measured = mine[row]["value"]
        if answer == "" or measured == "not visible on the wire":
            continue
        answer = ELSEWHERE.get((stack, row), SAME.get(answer, answer))
        if measured.lower() != answer.lower():
            differ[row] = (measured, answer, mine[row]["note"])
    assert not differ


@pytest.mark.live
@pytest.mark.kernel_mptcp
def test_the_kernel_fills_every_cell(mbtest_release):
    """Both ends of the host's own stack, live: what Linux has had since its first MPTCP v1. A
    machine that is too slow for a question gets more time for it."""
    expected = dict.fromkeys((
        "3.mp_capable", "3.mp_join", "3.dss", "3.dss.data_fin", "3.dss.checksum", "3.add_addr",
        "3.fastclose", "4.mp_capable", "4.mp_join", "6.hmac", "6.hmac.checked", "7.iana",
        "8.handover"), "yes") | {"2.family": "both", "5.ports": "diff local"}
    for pace in PACES:
        run = mbtest_release("survey", "--client", "kernel", "--server", "kernel", "--slower", pace,
                             "--json")
        assert run.status == 0
        survey, mine = run.json(), cells(run.json())
        assert survey["versions"] == [1] and survey["asked"] == ["client", "server"]
        for cell in survey["cells"]:
            assert cell["value"] and (cell["measured"] or cell["note"])
        other = [mine[row] for row, value in expected.items() if mine[row]["value"] != value] + \
            [mine[row] for row in VISIBLE if not mine[row]["measured"] and row != "5.retransmit"]
        if not other:
            break
    assert not other, other


@pytest.mark.parametrize("answers", [
    {"wrong-checksum": ("3.dss.checksum", "no"), "accept-any-hmac": ("6.hmac.checked", "no"),
     "never-elsewhere": ("5.retransmit", "1st subflow"), "deliver-unmapped": ("4.dss", "no")},
    {"no-data-fin": ("3.dss.data_fin", "no"), "ignore-checksum": ("4.checksum", "no"),
     "ignore-bare-ack": ("4.data_ack", "no")},
])
def test_who_is_wrong_answers_otherwise(mbtest, answers):
    """Each fault changes the answer to the question that it is about."""
    faults = [word for fault in answers for word in ("--fault", fault)]
    mine = cells(mbtest("survey", *faults, "--json").json())
    assert {row: mine[row]["value"] for row, _ in answers.values()} == dict(answers.values())
