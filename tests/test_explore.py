# SPDX-License-Identifier: BSD-2-Clause
"""mbtest explore: a fault is found by chance and made small, what is written down shows it again,
and the seeds are shared out, counted and remembered as asked."""
import re

import pytest

# Each makes the endpoint break what an invariant demands: one of each kind, and what finds it.
FAULTS = {
    "capable-after-plain": {"rule-F2"},               # opening
    "ignore-checksum": {"rule-F26"},                  # checksums
    "deliver-unmapped": {"rule-F10"},                 # mappings
    "ack-after-fallback": {"rule-F9", "rule-F31"},    # after a fallback, whatever it was for
    "accept-plain-join": {"rule-F35", "rule-F37"},    # further subflows: which side lost the option
}

# A violation of each invariant of the stream and of the connection, planted. That a subflow after
# a fallback is seen is f33_no_way_back of test_rules_infinite.c; drops without a reason, packets
# before their deadline and storms are test_oddity.c's.
PLANTED = {
    "fin-ends-stream": "stream-whole",
    "deliver-twice": "delivered-twice",
    "revert": "rule-F29",                   # back to mappings after the infinite one
    "ack-after-fallback": "rule-F31",       # options after a fallback
    "wait-for-ever": "both-ends-end",
}
BOX = re.compile(r"^\t+box\.", re.MULTILINE)


def explore(mbtest, tmp_path, *arguments, **options):
    return mbtest("explore", "--json", "--keep", tmp_path, *arguments, **options)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_made_small(mbtest, tmp_path, fault):
    """Within 10,000 seeds, at most 3 boxes, and the file shows it again with the fault alone."""
    run = explore(mbtest, tmp_path, "--seeds", "1..10000", "--fault", fault, "--stop", 4)
    assert run.status == 1, run
    report = run.json()
    assert report["schema"] == "mbkit.explore/1" and report["seeds"] == [1, 10000]
    assert FAULTS[fault] & {found["invariant"] for found in report["violations"]}
    for found in report["violations"]:
        text = (tmp_path / f"explore-{found['seed']}.lua").read_text()
        assert len(BOX.findall(text)) <= 3, text
        again = mbtest("run", found["scenario"], "--fault", fault, "--json")
        assert again.status == 1 and not again.json()["pass"], again
        assert mbtest("run", found["scenario"]).status == 0, text


@pytest.mark.parametrize("fault", PLANTED)
def test_each_invariant_is_tried(mbtest_release, tmp_path, fault):
    run = explore(mbtest_release, tmp_path, "--seeds", "1..3000", "--fault", fault, "--stop", 24)
    assert PLANTED[fault] in [found["invariant"] for found in run.json()["violations"]]


def test_nothing_is_violated(mbtest_release, tmp_path):
    """Where thousands of seeds are run, the sanitizers would take minutes."""
    run = explore(mbtest_release, tmp_path, "--seeds", "1..20000")
    assert run.status == 0, run
    report = run.json()
    assert report["ran"] == sum(report["outcomes"].values()) == 20000
    assert report["outcomes"]["mptcp"] > 8000, "most paths are to carry a connection"
    assert report["outcomes"]["infinite"] + report["outcomes"]["tcp"] > 1000, "or to fall back"
    idle = [rule for rule, seeds in report["exercised"].items() if seeds == 0]
    assert len(report["exercised"]) > 80 and len(idle) < 10, idle


@pytest.mark.live
@pytest.mark.kernel_mptcp
@pytest.mark.xdist_group("live")
def test_a_written_scenario_is_played_by_kernels(mbtest_release, tmp_path):
    """The file as it is, the host's own stack at both ends; v0 is what that does not speak."""
    run = explore(mbtest_release, tmp_path, "--seeds", "1..10000", "--fault", "capable-after-plain",
                  "--stop", 8)
    for found in run.json()["violations"]:
        text = (tmp_path / f"explore-{found['seed']}.lua").read_text()
        version = int(re.search(r"case = { version = (\d)", text).group(1))
        played = mbtest_release("run", found["scenario"], "--json", "--client", "kernel",
                                "--server", "kernel")
        if version == 0:
            assert played.status == 2 and "v0" in played.err, played
            continue
        result = played.json()
        assert result["client"] == result["server"] == "kernel" and result["clock"] == "real"
        assert result["scenario"] == f"seed-{found['seed']}" and result["outcome"], result
        return
    pytest.fail("no scenario of v1 was found")


def test_a_written_scenario_is_the_explored_one(mbtest, tmp_path):
    """Two runs of the file are one run: seed and case stand in it."""
    run = explore(mbtest, tmp_path, "--seeds", "1..2000", "--fault", "ignore-checksum", "--stop", 1)
    path = run.json()["violations"][0]["scenario"]
    hashes = {mbtest("run", path, "--json", "--seed", seed).json()["hash"] for seed in (1, 2)}
    assert len(hashes) == 1 and None not in hashes


def test_shards_are_disjoint_and_complete(mbtest, tmp_path):
    shards = [explore(mbtest, tmp_path, "--seeds", "1..50", "--shard", f"{i}/3").json()["ran"]
              for i in (1, 2, 3)]
    assert shards == [17, 17, 16]


def test_going_on_counts_what_was_done(mbtest_release, tmp_path):
    state = tmp_path / "state"
    first = explore(mbtest_release, tmp_path, "--seeds", "1..3000", "--fault", "ignore-checksum",
                    "--stop", 1, "--resume", state).json()
    assert first["ran"] < 3000
    second = explore(mbtest_release, tmp_path, "--seeds", "1..3000", "--fault", "ignore-checksum",
                     "--stop", 64, "--resume", state).json()
    assert second["ran"] == 3000
    assert second["violations"][0] == first["violations"][0]


def test_a_state_of_other_seeds_is_refused(mbtest, tmp_path):
    state = tmp_path / "state"
    explore(mbtest, tmp_path, "--seeds", "1..10", "--resume", state)
    run = explore(mbtest, tmp_path, "--seeds", "1..11", "--resume", state)
    assert run.status == 2 and run.out == "" and "not about these seeds" in run.err


@pytest.mark.parametrize("arguments", [
    [], ["--seeds", "5..1"], ["--seeds", "x"], ["--seeds", "-1..2"], ["--seeds", "1..2x"],
    ["--seeds", "1..2", "--shard", "0/2"], ["--seeds", "1..2", "--shard", "3/2"],
    ["--seeds", "1..2", "--fault", "nonsense"], ["--seeds", "1..2", "surplus"],
    ["--seeds", "1..2", "--keep", "/proc/nowhere"],
])
def test_bad_input_is_one_sentence(mbtest, arguments):
    run = mbtest("explore", *arguments)
    assert run.status == 2 and run.out == "" and run.err.count("\n") == 1, run


def test_all_that_is_written_is_read(mbtest, mbtest_release, tmp_path):
    """Whatever box a violation holds: the file is a suite."""
    run = explore(mbtest_release, tmp_path, "--seeds", "1..2000", "--fault", "never-fall-back",
                  "--stop", 12)
    assert run.json()["violations"]
    for found in run.json()["violations"]:
        assert mbtest("run", found["scenario"]).status in (0, 1)
