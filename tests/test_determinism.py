# SPDX-License-Identifier: BSD-2-Clause
"""The same scenario and seed give the same run: in two processes, whatever surrounds them, with
boxes in C and in Lua."""
import os
import re

import pytest

from conftest import ENVIRONMENT

NAMES = ["dss-mid-strip-to-server-both-2.1", "seq-ignore-both-2.2", "join-hmac-synack-client",
         "mirror-client", "longer-mid-to-client-both-1", "nat-source-both-2.2"]

TWIN = """
suite "twins"
scenario { name = "c", paths = { path { box.strip { %(args)s } } }, expect = { %(expect)s } }
scenario { name = "lua", expect = { %(expect)s },
	paths = { path { box_file("tests/data/strip_twin.lua", "strip") { %(args)s } } } }
"""

RANDOM = """
return {
	help = "drops by its own dice",
	init = function(self) self.log = {} end,
	packet = function(self, packet)
		self.log[tostring(math.random(1000000))] = packet.length
		local sum = 0
		for key, value in pairs(self.log) do
			sum = (sum * 31 + tonumber(key) + value) % 1000003
		end
		return sum % 50 == 0 and packet["tcp.flags"] & SYN == 0 and DROP or PASS
	end,
}
"""


def hashes(run):
    rows = run.lines()
    assert rows and all(row["hash"] for row in rows)
    return [row["hash"] for row in rows]


@pytest.mark.parametrize("name", NAMES)
def test_two_processes_one_hash(mbtest, name):
    other = dict(ENVIRONMENT, LC_ALL="C.UTF-8", TZ="Pacific/Auckland", PADDING="x" * 5000)
    first = mbtest("run", "--only", name, "--json", "--jobs", "1")
    second = mbtest("run", "--only", name, "--json", "--jobs", "2", env=other)
    assert first.out == second.out
    assert hashes(first)


def test_builds_agree(mbtest, mbtest_release):
    assert hashes(mbtest("run", "--only", "seq-*", "--json")) == \
        hashes(mbtest_release("run", "--only", "seq-*", "--json"))


def test_another_seed_is_another_run(mbtest):
    runs = [hashes(mbtest("run", "--only", NAMES[0], "--json", "--seed", seed)) for seed in "12"]
    assert not set(runs[0]) & set(runs[1])


def test_a_log_changes_nothing(mbtest):
    arguments = ["run", "--only", NAMES[0], "--mptcp", "1", "--checksum", "on", "--json"]
    quiet, logged = mbtest(*arguments), mbtest(*arguments, "--log")
    assert hashes(quiet) == hashes(logged) and logged.err


def test_lua_dice_are_seeded(mbtest, tmp_path):
    (tmp_path / "dice.lua").write_text(RANDOM)
    path = tmp_path / "suite.lua"
    path.write_text(f"""scenario {{ name = "dice", sender = "both", needs_box = false,
        expect = {{ "mptcp", "reset" }},
        paths = {{ path {{ box_file "{tmp_path}/dice.lua" {{}} }} }} }}""")
    runs = [mbtest("run", path, "--json", "--seed", seed) for seed in "112"]
    assert runs[0].out == runs[1].out
    assert not set(hashes(runs[0])) & set(hashes(runs[2]))
    assert all(row["box_hits"] > 0 for row in runs[0].lines())


@pytest.mark.parametrize("args, expect", [
    ('kind = 30, on = "syn"', '"tcp"'),
    ('kind = 3', '"mptcp"'),
    ('subtype = "dss", direction = "both", from = "20000B"', '"reset"'),
    ('kind = 8, chance = 0.5', '"mptcp", "tcp", "fallback", "infinite", "reset"'),
])
def test_a_box_in_both_languages(mbtest, tmp_path, args, expect):
    """The same log, line by line, and the same hash."""
    path = tmp_path / "suite.lua"
    path.write_text(TWIN % {"args": args, "expect": expect})
    runs = {name: mbtest("run", path, "--only", name, "--mptcp", "1", "--checksum", "on", "--json",
                         "--log") for name in ("c", "lua")}
    assert len(runs["c"].err.splitlines()) > 50
    assert runs["c"].err == runs["lua"].err
    assert hashes(runs["c"]) == hashes(runs["lua"])
    rows = [run.lines()[0] for run in runs.values()]
    assert rows[0]["box_hits"] == rows[1]["box_hits"] > 0


def test_a_twin_that_differs_is_seen(mbtest, tmp_path):
    path = tmp_path / "suite.lua"
    text = TWIN % {"args": 'kind = 30, on = "syn"', "expect": '"tcp", "mptcp"'}
    path.write_text(re.sub(r'("strip"\) \{ kind = )30', r"\g<1>3", text))
    runs = [mbtest("run", path, "--only", name, "--mptcp", "1", "--checksum", "on", "--json")
            for name in ("c", "lua")]
    assert hashes(runs[0]) != hashes(runs[1])


def test_environment_of_the_test_is_other():
    assert "TZ" not in ENVIRONMENT or os.environ["TZ"] != "Pacific/Auckland"
