# SPDX-License-Identifier: BSD-2-Clause
"""Suite trace: the prober finds what is there, no more and no less; and the suite itself is wide
enough, says what a person says of a path, and turns red when prober and truth differ."""
import pytest

from conftest import run_program

CLEAN = """
suite "mine"
traced {
	name = "%s", group = "strip", help = "one box", family = 4,
	probe = "198.18.1.2:5000 > 198.18.100.2:80 S 1:1(0) win 5840 <mss 1460,sackok,nop,nop>",
	path = path { hop {}, box.strip { kind = 4 }, hop {}, hop {} },
	findings = { %s }, destination = { ttl = %d, mptcp = "none" },
}
"""
FINDING = 'field = "tcp.option.sackok", change = "removed", how = "gap", after = 1, before = 2'


@pytest.fixture(scope="module")
def traced(mbtest):
    run = mbtest("run", "trace", "--json")
    return run, run.lines()


@pytest.fixture(scope="module")
def truths(traced):
    """By scenario and family: findings as (field, change, how, after, before, certainty)."""
    return {(row["scenario"], row["family"]): sorted(
        (one["field"], one["change"], one["how"], one["after"]["ttl"], one["before"]["ttl"],
         one["certainty"]) for one in row["truth"]) for row in traced[1]}


def test_all_is_found_and_nothing_else(traced):
    run, rows = traced
    assert not [(row["scenario"], row["family"], row["why"]) for row in rows if not row["pass"]]
    assert run.status == 0 and run.err == "" and len(rows) >= 400
    assert all(row["suite"] == "trace" and row["outcome"] is None for row in rows)
    assert len({(row["scenario"], row["family"]) for row in rows}) == len(rows)


def test_every_box_that_changes_a_probe_is_on_a_path(mbtest, traced, tmp_path):
    """In front of each hop, and in IPv6 too if it acts there. A box without a row is one that the
    prober sees nothing of, as it comes."""
    boxes = {box["box"]: box["params"]
             for box in mbtest("list", "boxes", "--json").json()["boxes"]}
    groups = {row["group"] for row in traced[1]}
    probe = next(row["probe"] for row in traced[1] if "mptcp capable v1" in row["probe"])
    only4 = {"df", "ip-options", "ipid"}
    for box in boxes.keys() & groups:
        mine = [row for row in traced[1] if row["group"] == box]
        assert {row["family"] for row in mine} == ({4} if box in only4 else {4, 6})
        changes = [one for row in mine for one in row["truth"]]
        if changes:
            exact = {one["before"]["ttl"] for one in changes if one["certainty"] == "exact"}
            assert exact == {1, 2, 3, 4, 5}, box
            assert "bounded" in {one["certainty"] for one in changes}, box
    for box in sorted(boxes.keys() - groups):
        assert all(param["default"] is not None for param in boxes[box]), f"{box} needs a row"
        text = CLEAN % (box, "", 4)
        mine = text.split('probe = "')[1].split('"')[0]
        for old, new in (("box.strip { kind = 4 }", f"box.{box.replace('-', '_')} {{}}"),
                         (', mptcp = "none" }', " }"), (mine, probe)):
            text = text.replace(old, new)
        (tmp_path / "mine.lua").write_text(text)
        run = mbtest("run", tmp_path / "mine.lua")
        assert run.status in (0, 1), run
        assert run.status == 0, f"{box} needs a row in lua/trace_boxes.lua: {run}"


# What a person says of some of the paths.
SAID = [
    ("strip-capable-at-3-full", 4,
     [("tcp.option.mptcp.mp_capable", "removed", "gap", 2, 3, "exact")]),
    ("nop-capable-at-1-rfc4884", 4,
     [("tcp.option.mptcp.mp_capable", "removed", "nop", 0, 1, "exact")]),
    ("eol-timestamp-at-3-full", 6,
     [("tcp.option.mptcp.mp_capable", "removed", "eol", 2, 3, "exact"),
      ("tcp.option.timestamp", "removed", "eol", 2, 3, "exact"),
      ("tcp.option.wscale", "removed", "eol", 2, 3, "exact")]),
    ("strip-mss-at-3-rfc792", 4, [("ip.length", "modified", None, 2, 3, "exact")]),
    ("strip-mss-at-3-rfc792", 6, [("ip6.length", "modified", None, 2, 3, "exact")]),
    ("mss-clamp-at-3-rfc792", 4, []),
    ("mss-clamp-at-3-18", 4, [("tcp.checksum", "modified", None, 2, 3, "exact")]),
    ("mss-clamp-at-3-24", 4, [("tcp.option.mss", "modified", None, 2, 3, "exact")]),
    ("mss-clamp-low-at-3-23", 4, [("tcp.option.mss", "modified", None, 0, 3, "bounded")]),
    ("mss-clamp-at-4-silent-both", 6, [("tcp.option.mss", "modified", None, 2, 5, "bounded")]),
    ("mss-clamp-at-4-short-before", 6, [("tcp.option.mss", "modified", None, 2, 4, "bounded")]),
    ("mss-clamp-at-4-silent-all", 6, []),
    ("mss-clamp-at-6-full", 4, []),
    ("nat-at-3-full", 4, []),
    ("nat-names-at-3-full", 4, [("tcp.checksum", "modified", None, 2, 3, "exact")]),
    ("nat-leave-at-3-rfc792", 6, [("ip6.src", "modified", None, 2, 3, "exact"),
                                  ("tcp.sport", "modified", None, 2, 3, "exact")]),
    ("fragment-at-3-full", 4, [("ip.flags", "modified", None, 2, 3, "exact")]),
    ("fragment-at-3-full", 6, [("ip6.extensions", "added", None, 2, 3, "exact")]),
    ("ttl-set-at-3-full", 4, []),
    ("edit-duplicate-at-2-full", 4, [("tcp.option.mss", "added", None, 1, 2, "exact")]),
    ("flip-at-2-full", 4, [("payload", "modified", None, 1, 2, "exact")]),
    ("mss-clamp@2+strip-mss@4-full", 4, [("tcp.option.mss", "modified", None, 1, 2, "exact"),
                                         ("tcp.option.mss", "removed", "gap", 3, 4, "exact")]),
    ("df-clear@2+df-set@3-full", 4, []),
]


@pytest.mark.parametrize("name, family, findings", SAID, ids=[f"{n}-{f}" for n, f, _ in SAID])
def test_the_truth_is_what_a_person_says(truths, name, family, findings):
    assert truths[name, family] == findings


@pytest.mark.parametrize("name, findings, ttl, said", [
    ("right", f"{{ {FINDING} }}", 4, None),
    ("nothing", "", 4, "extra: tcp.option.sackok removed gap 1-2 exact"),
    ("place", f"{{ {FINDING.replace('before = 2', 'before = 3')} }}", 4,
     "missing: tcp.option.sackok removed gap 1-3 exact; extra"),
    ("how", f"{{ {FINDING.replace('gap', 'nop')} }}", 4, "missing: tcp.option.sackok removed nop"),
    ("certainty", f'{{ {FINDING}, certainty = "bounded" }}', 4, "1-2 bounded; extra"),
    ("twice", f"{{ {FINDING} }}, {{ {FINDING} }}", 4, "missing: tcp.option.sackok"),
    ("another", f'{{ {FINDING} }}, {{ field = "ip.dscp", before = 1 }}', 4,
     "missing: ip.dscp modified 0-1 exact"),
    ("destination", f"{{ {FINDING} }}", 5, "destination: ttl 4"),
])
def test_a_wrong_truth_is_red(mbtest, tmp_path, name, findings, ttl, said):
    (tmp_path / "mine.lua").write_text(CLEAN % (name, findings, ttl))
    run = mbtest("run", tmp_path / "mine.lua", "--json")
    row, = run.lines()
    assert (run.status, row["pass"]) == (1, False) if said else (0, True), run
    assert (said or "found what is there: 1 finding") in row["why"], row
    assert mbtest("run", tmp_path / "mine.lua").status == run.status
    assert mbtest("run", tmp_path / "mine.lua", "--tap").out.count("not ok") == (said is not None)


@pytest.mark.parametrize("change, said", [
    (('"gap"', '"away"'), "how"), (("after = 1", "after = 999"), "after"),
    (('field = "tcp.option.sackok"', "no = 1"), '"no"'), (("5840 <", "5840 <<"), "option"),
])
def test_a_traced_path_that_is_none(mbtest, tmp_path, change, said):
    text = CLEAN % ("wrong", f"{{ {FINDING} }}", 4)
    assert change[0] in text
    (tmp_path / "mine.lua").write_text(text.replace(*change))
    run = mbtest("run", tmp_path / "mine.lua")
    assert run.status == 2 and run.out == "" and len(run.err.splitlines()) == 1, run
    assert said in run.err, run


def test_a_traced_path_is_one_for_tracebox_too(build_dir, tmp_path):
    (tmp_path / "mine.lua").write_text(CLEAN % ("right", "", 4))
    run = run_program(build_dir / "tracebox", "--sim", tmp_path / "mine.lua", "--json", "-n", "-p",
                      "IP/TCP/MSS/SACKP")
    assert [one["field"] for one in run.json()["findings"]] == ["tcp.option.sackok"], run


def test_two_runs_are_one(mbtest_release):
    arguments = ("run", "trace", "--only", "seq-rewrite-*", "--json", "--jobs")
    assert mbtest_release(*arguments, 1).out == mbtest_release(*arguments, 3).out


def test_failures_are_kept_as_captures(mbtest, tmp_path):
    (tmp_path / "mine.lua").write_text(CLEAN % ("kept", "", 4))
    assert mbtest("run", tmp_path / "mine.lua", "--keep", tmp_path / "kept").status == 1
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {
        "kept-ip4.client.pcap", "kept-ip4.server.pcap"}


def test_no_kernel_is_traced_to(mbtest_release, is_root):
    run = mbtest_release("run", "trace", "--server", "kernel")
    assert run.status == 2 and run.out == "" and len(run.err.splitlines()) <= 2, run
    assert ("no kernel" if is_root else "root") in run.err


def test_what_it_lists(mbtest_release):
    listed = mbtest_release("list", "scenarios").out
    assert "trace/strip-capable-at-3-full\n" in listed
    table = mbtest_release("run", "trace", "--only", "dscp-at-*-full").out.splitlines()
    assert table[0].split() == ["traced", "through", "exact", "bounded", "clean", "found"]
    assert table[1].split() == ["dscp", "10", "0", "2", "12/12"]
