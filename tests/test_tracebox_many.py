# SPDX-License-Identifier: BSD-2-Clause
"""tracebox --targets: many at once, shares of them, and going on after an interruption."""
import json
import os
import pty
import subprocess
import time

import pytest

from conftest import BUILD, ENVIRONMENT, TOP, run_program

PATH = 'return path { hop {}, hop {}, box.nop {}, hop {}, server = "tcp" }\n'


@pytest.fixture
def campaign(tmp_path):
    (tmp_path / "path.lua").write_text(PATH)

    def run(targets, *arguments, **options):
        (tmp_path / "targets").write_text("".join(f"{target}\n" for target in targets))
        return run_program(BUILD / "tracebox", "-n", "--sim", tmp_path / "path.lua", "--mptcp", "1",
                           "--targets", tmp_path / "targets", *arguments, **options)
    return run


def addresses(count):
    return [f"198.19.{number // 200}.{number % 200 + 1}" for number in range(count)]


def names(run):
    return [report["target"]["name"] for report in run.lines()]


def test_each_target_has_its_line(campaign):
    targets = addresses(300)
    run = campaign(targets, "--json", "--rate", "20000", "-m", "6")
    assert run.status == 0 and sorted(names(run)) == sorted(targets), run
    for report in run.lines():
        assert report["target"]["addr"] == report["target"]["name"]
        assert [hop["reply"] for hop in report["hops"]] == ["time-exceeded"] * 3 + ["syn-ack"]
        assert [(f["field"], f["after"]["ttl"], f["before"]["ttl"])
                for f in report["findings"]] == [("tcp.option.mptcp.mp_capable", 2, 3)]


def test_progress_is_shown_on_a_terminal(tmp_path):
    """Of a campaign that takes a second, because its targets do."""
    (tmp_path / "path.lua").write_text(PATH)
    ours, theirs = pty.openpty()
    with subprocess.Popen([BUILD / "tracebox", "-n", "--sim", tmp_path / "path.lua", "--json",
                           "--targets", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=theirs, env=ENVIRONMENT) as child:
        os.close(theirs)
        child.stdin.write(b"198.19.0.1\n")
        child.stdin.flush()
        time.sleep(2)
        out, _ = child.communicate(b"198.19.0.2\n")
    assert child.returncode == 0 and out.count(b"\n") == 2
    shown = os.read(ours, 4096)
    assert shown.startswith(b"\r0 targets traced, 0 not") and shown.endswith(b"\r\033[K"), shown
    os.close(ours)


def test_the_same_target_twice_is_traced_twice(campaign):
    run = campaign(["198.19.0.1", "198.19.0.1"], "--json")
    assert names(run) == ["198.19.0.1"] * 2 and run.status == 0


def test_a_bad_target_is_a_line_and_the_rest_goes_on(campaign):
    run = campaign(["fd00::1", "# a comment", "", "  198.19.0.1  # here"], "--json")
    assert run.status == 0
    bad, good = run.lines()
    assert bad["schema"] == "mbkit.trace/1" and bad["target"]["name"] == "fd00::1"
    assert "IPv4" in bad["error"] and good["target"]["name"] == "198.19.0.1"
    run = campaign(["fd00::1", "fd00::2"], "--json")
    assert run.status == 2 and len(run.lines()) == 2 and len(run.err.splitlines()) == 1
    assert campaign([], "--json").status == 0


def test_text_for_each_target(campaign):
    run = campaign(addresses(2))
    assert run.out.count("tracebox to 198.19.0.") == 2
    assert run.out.count("MP_CAPABLE is removed") == 2


def test_shards_are_all_and_disjoint(campaign):
    targets = addresses(20)
    seen = [names(campaign(targets, "--json", "--shard", f"{i}/3")) for i in (1, 2, 3)]
    assert sorted(sum(seen, [])) == sorted(targets)
    assert {len(share) for share in seen} == {6, 7}


def test_resume_leaves_out_what_is_there(campaign, tmp_path):
    targets, out = addresses(8), tmp_path / "out.jsonl"
    lines = campaign(targets, "--json").out.splitlines(keepends=True)
    # Three whole lines and a piece of the fourth, as a killed run leaves them.
    out.write_text("".join(lines[:3]) + lines[3][:100])
    command = [BUILD / "tracebox", "-n", "--sim", tmp_path / "path.lua", "--mptcp", "1",
               "--targets", tmp_path / "targets", "--json", "--resume"]
    with out.open("a") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, env=ENVIRONMENT,
                              check=False)
    assert done.returncode == 0, done
    reports = [json.loads(line) for line in out.read_text().splitlines()]
    assert sorted(report["target"]["name"] for report in reports) == sorted(targets)


def test_fail_on_change_of_any(campaign):
    assert campaign(addresses(3), "--json", "--fail-on-change", "tcp.option.mptcp").status == 1
    assert campaign(addresses(3), "--json", "--fail-on-change", "tcp.window").status == 0


@pytest.mark.parametrize("arguments, said", [
    (["--targets", "/no/such"], "/no/such"),
    (["--targets", TOP], "Is a directory"),
    (["--targets", "x", "host"], "neither a host"),
    (["--targets", "x", "--svg", "no/such/file"], "--svg is about one trace"),
    (["--targets", "x", "--resume"], "--json"),
    (["--targets", "x", "--shard", "0/3"], "--shard"),
    (["--targets", "x", "--shard", "4/3"], "--shard"),
    (["--targets", TOP / "LICENSE", "--json", "--resume"], "appended"),
])
def test_wrong_use(tmp_path, arguments, said):
    (tmp_path / "path.lua").write_text(PATH)
    run = run_program(BUILD / "tracebox", "--sim", tmp_path / "path.lua", *arguments)
    assert run.status == 2 and said in run.err and run.out == "", run
    assert len(run.err.splitlines()) == 1
