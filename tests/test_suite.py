# SPDX-License-Identifier: BSD-2-Clause
"""The suites themselves: classic holds what it promises and passes, each fault of our endpoint
makes it fail, and what was not exercised does not pass."""
import os
import re
import signal
import subprocess

import pytest

from conftest import BUILD, ENVIRONMENT, NOISE, PATIENCE, TOP, children, eventually, run_program

FAULTS = ["ignore-checksum", "never-fall-back", "deliver-unmapped", "accept-any-hmac"]
GROUPS = {"addresses", "ports", "sequence numbers", "split and coalesce", "remove options",
          "modify payload"}
RESULTS = {f"result-{number}" for number in range(1, 6)}


@pytest.fixture(scope="module")
def classic(mbtest):
    run = mbtest("run", "classic", "--json")
    return run, run.lines()


def test_classic_passes(classic):
    run, rows = classic
    assert not [(row["scenario"], row["version"], row["why"]) for row in rows if not row["pass"]]
    assert run.status == 0 and run.err == ""


def test_classic_is_what_it_should_be(classic):
    _, rows = classic
    names = {row["scenario"] for row in rows}
    assert len(names) >= 120
    assert GROUPS <= {row["group"] for row in rows}
    assert RESULTS <= {"-".join(name.split("-")[:2]) for name in names}
    for group in GROUPS:
        mine = [row for row in rows if row["group"] == group]
        assert {row["version"] for row in mine} == {0, 1}
        assert {row["checksum"] for row in mine} == {False, True}
        assert {(row["subflows"], row["path"]) for row in mine} == {(1, 1), (2, 1), (2, 2)}
        assert {row["sender"] for row in mine} == {"client", "server", "both"}
    for subtype in ("capable", "join", "dss"):
        assert all(any(name.startswith(subtype) and how in name for name in names)
                   for how in ("strip", "nop", "eol"))


def test_signal_is_what_it_should_be(mbtest):
    rows = mbtest("run", "signal", "--json").lines()
    assert {row["subflows"] for row in rows} >= {1, 2, 3, 8, 32}


OWN_TESTS = {"classic", "trace"}
SUITES = sorted(path.stem for path in (TOP / "lua/suites").glob("*.lua"))


@pytest.mark.parametrize("suite", [name for name in SUITES if name not in OWN_TESTS])
def test_a_suite_passes(mbtest, suite):
    run = mbtest("run", suite, "--json", "--family", "both")
    rows = run.lines()
    assert not [(row["scenario"], row["version"], row["checksum"], row["family"], row["why"])
                for row in rows if not row["pass"]]
    assert run.status == 0 and run.err == ""
    assert {row["version"] for row in rows} == {0, 1} and {row["family"] for row in rows} == {4, 6}


def test_options_is_every_option_everywhere(mbtest):
    rows = mbtest("run", "options", "--json").lines()
    names = {row["scenario"] for row in rows}
    for option in ("mp-capable", "mp-join", "dss", "add-addr", "remove-addr", "mp-prio", "mp-fail",
                   "mp-fastclose", "mp-tcprst"):
        for how in ("strip", "nop", "eol"):
            mine = [name for name in names if name.startswith(option + "-") and
                    how in name.split("-")]
            assert mine, (option, how)
    assert {(row["subflows"], row["path"]) for row in rows} >= {(1, 1), (2, 1), (2, 2)}


@pytest.mark.parametrize("profile", ["uclouvain", "swinburne", "anon", "citrix"])
def test_profiles_run_as_stacks(mbtest, profile):
    """At either end; v1 is left out with a line, and where the survey says no, rules are broken."""
    run = mbtest("run", "signal", "--client", f"sim:{profile}", "--json", "--only", "drop-*")
    rows = run.lines()
    assert {row["client"] for row in rows} == {f"sim:{profile}"}
    assert {row["version"] for row in rows} == {0} and "v1 is left out" in run.err
    run = mbtest("run", "classic", "--server", f"sim:{profile}", "--json", "--mptcp", "0",
                 "--only", "capable-*-strip-*")
    assert all(row["pass"] for row in run.lines()) and run.status == 0
    run = mbtest("run", "classic", "--server", f"sim:{profile}", "--json", "--mptcp", "0",
                 "--checksum", "off", "--only", "join-hmac-ack3-*")
    broken = {rule["rule"] for row in run.lines() for rule in row["broken"]}
    assert ("F40" in broken) == (profile == "swinburne")


def test_an_abort_without_fastclose_is_the_applications(mbtest, tmp_path):
    """swinburne knows no MP_FASTCLOSE: its application aborts by RST, which breaks no O12."""
    path = tmp_path / "abort.lua"
    path.write_text("""scenario {
        name = "one", expect = { "reset", intact = true }, direction = "to-server", strict = true,
        case = { version = 0, checksum = false, family = 4 }, sender = "client", bytes = 1,
        profiles = { server = "swinburne" },
        steps = { { by = "server", at = "201ms", abort = true } },
        paths = { path { box.delay { time = "42ms", on = "ack3" } } },
    }""")
    run = mbtest("run", path, "--json")
    rows = run.lines()
    assert run.status == 0 and len(rows) == 1, run
    assert "O12" in rows[0]["exercised"] and not rows[0]["broken"]


def test_every_scenario_names_rules_and_source(classic):
    _, rows = classic
    assert all(row["rules"] for row in rows)
    for row in rows:
        named = set(row["rules"])
        assert named & set(row["exercised"]) if row["any_rule"] else named <= set(row["exercised"])
    corrupt = {row["scenario"] for row in rows if "corrupt" in row["expected"]}
    assert all(re.match("longer|shorter", name) for name in corrupt)
    assert not [row for row in rows if "stalled" in row["expected"]]
    assert not [row for row in rows if "corrupt" in row["expected"] and row["checksum"]]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_caught(mbtest, fault):
    run = mbtest("run", "classic", "--fault", fault, "--json")
    assert run.status == 1
    assert any(not row["pass"] for row in run.lines())


# A SYN that is answered by RST ends a connection before any rule of Multipath TCP speaks.
IDLE = {"E2c"}


def test_selftest(mbtest_release):
    """The three smallest suites catch every fault; the command's default is all suites."""
    run = mbtest_release("selftest", "fallback", "corner", "signal", "--json", timeout=3600)
    report = run.json()
    assert run.status == 0 and list(report)[0] == "schema"
    assert report["schema"] == "mbkit.selftest/1"
    caught = {fault["fault"]: fault["caught_by"] for fault in report["faults"]}
    assert len(caught) >= 54 and set(FAULTS) <= set(caught) and all(caught.values())
    assert any(name.startswith("F40-") for name in caught["accept-any-hmac"])
    assert any(name.startswith("F23-") for name in caught["ignore-checksum"])
    assert set(report["idle_scenarios"]) == IDLE


def test_selftest_tells_who_is_idle(mbtest):
    run = mbtest("selftest", "corner", "--only", "E2c", "--jobs", "2")
    assert run.status == 1 and run.out.count("NOT CAUGHT") >= 46
    assert re.search(r"failed by no fault:\n    corner/E2c\n0 of \d+ faults caught; "
                     r"1 of 1 scenarios are failed by none\n$", run.out), run


def test_chaos_is_every_box_of_classic(mbtest):
    """Each with loss, duplication, reordering, delay and rate, on the first and a second path."""
    rows = mbtest("run", "chaos", "--json").lines()
    assert {row["group"] for row in rows} == {"loss", "duplicate", "reorder", "delay", "rate"}
    assert {(row["subflows"], row["path"]) for row in rows} == {(1, 1), (2, 1), (2, 2)}
    texts = {name: (TOP / f"lua/suites/{name}.lua").read_text() for name in ("chaos", "classic")}
    boxes = {name: set(re.findall(r"box\.(\w+)", text)) for name, text in texts.items()}
    assert boxes["chaos"] >= boxes["classic"]
    names = {row["scenario"].replace(row["group"] + "-", "") for row in rows}
    for kind in ("loss", "duplicate", "reorder", "delay", "rate"):
        mine = {row["scenario"].replace(kind + "-", "") for row in rows if row["group"] == kind}
        assert mine == names


def test_selftest_fails_when_a_fault_goes_by(mbtest, tmp_path):
    path = tmp_path / "suite.lua"
    path.write_text('scenario { name = "one", expect = { "mptcp" } }')
    run = mbtest("selftest", path)
    assert run.status == 1 and "NOT CAUGHT" in run.out


@pytest.mark.parametrize("path", sorted((TOP / "tests/scenario").glob("*.lua")),
                         ids=lambda path: path.stem)
def test_scenario_file(mbtest, path):
    run = mbtest("run", path)
    assert run.status == 0, run


def test_tcp_tries_each_box_twice(mbtest):
    rows = mbtest("run", "tcp", "--json").lines()
    # Each box is tried on plain TCP and on Multipath TCP.
    names = {row["scenario"] for row in rows}
    twins = {name.removesuffix("-tcp") for name in names if name.endswith("-tcp")}
    assert len(twins) >= 20 and {f"{name}-mptcp" for name in twins} <= names


# ---- not exercised is not passed ----

def one(mbtest, tmp_path, text):
    path = tmp_path / "suite.lua"
    path.write_text(text)
    run = mbtest("run", path, "--json", "--mptcp", "1", "--checksum", "on")
    (row,) = run.lines()
    return run.status, row


@pytest.mark.parametrize("text, why", [
    ('paths = { path { box.strip { kind = 77 } } }', "box strip on path 1 never acted"),
    ('rules = { "F21" }', "rule F21 was never triggered"),
    ('rules = { "F8", "F21" }', "rule F21 was never triggered"),
    ('rules = { "F22", "F21" }, any_rule = true', "rule F22 was never triggered"),
    ('second_carries = true', "no second subflow opened"),
    ('subflows = 2, bytes = 20, second_carries = true', "second subflow"),
])
def test_not_exercised(mbtest, tmp_path, text, why):
    status, row = one(mbtest, tmp_path, "scenario { name = 'one', expect = { 'mptcp', "
                      f"'subflow-closed' }}, {text} }}")
    assert status == 1 and not row["pass"] and row["why"].startswith("not exercised: "), row
    assert why in row["why"]


def test_any_of_the_rules_will_do(mbtest, tmp_path):
    status, row = one(mbtest, tmp_path, 'scenario { name = "one", expect = { "mptcp" }, '
                      'rules = { "F21", "F8" }, any_rule = true }')
    assert status == 0 and row["pass"] and "F21" not in row["exercised"]


def test_a_box_that_need_not_act(mbtest, tmp_path):
    status, row = one(mbtest, tmp_path, "scenario { name = 'one', expect = { 'mptcp' }, needs_box ="
                      " false, paths = { path { box.strip { kind = 77 } } } }")
    assert status == 0 and row["pass"] and row["box_hits"] == 0


def test_intact_is_held_against_the_expectation(mbtest, tmp_path):
    status, row = one(mbtest, tmp_path, "scenario { name = 'one', expect = { 'mptcp', intact = "
                      "false } }")
    assert status == 1 and row["intact"] and not row["expect_intact"]


# ---- worker processes ----

def start(*arguments, env=ENVIRONMENT):
    return subprocess.Popen([BUILD / "mbtest", "run", *arguments], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, cwd=TOP, env=env)


def wait_for_children(process):
    assert eventually(lambda: process.poll() is not None or children(process.pid))
    return children(process.pid)


def processor_seconds(pid):
    """What a process has used, from the first of its fields that count it."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_crashed_worker_is_a_failed_result():
    with start("--only", "nat-source-client-1", "--bytes", "100000000", "--jobs", "2") as process:
        victim = wait_for_children(process)[0]
        assert eventually(lambda: processor_seconds(victim) > 0.05)    # it is at a scenario
        os.kill(victim, signal.SIGKILL)
        out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert len(re.findall(r"^     the run of \S+ crashed: Killed$", out, re.M)) == 1, out[-3000:]


def test_a_run_that_does_not_end():
    """What the user bounds to a second of the processor's, as each run is to a minute of it."""
    words = [BUILD / "mbtest", "run", "--only", "nat-source-client-1", "--mptcp", "1", "--checksum",
             "off", "--bytes", 1 << 30]
    run = run_program("sh", "-c", 'ulimit -S -t 1 && exec "$@"', "sh", *words)
    assert run.status == 1, run
    assert "the run of nat-source-client-1 did not end by itself" in run.out, run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_ends_cleanly(tmp_path, number):
    page = tmp_path / "page.html"
    with start("classic", "--repeat", "50", "--jobs", "2", "--html", page,
               env=dict(ENVIRONMENT, TMPDIR=str(tmp_path))) as process:
        workers = wait_for_children(process)
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2 and NOISE.sub("", err) == "mbtest: interrupted\n"
    assert not any(os.path.exists(f"/proc/{worker}") for worker in workers)
    assert not list(tmp_path.iterdir())


# ---- ecmp ----

@pytest.mark.parametrize("element, words", [
    ("ecmp {}", "ecmp needs paths"),
    ("ecmp { paths = {} }", "1 to 8 paths"),
    ("ecmp { by = 'luck', paths = { path {} } }", "by"),
    ("ecmp { nosuch = 1, paths = { path {} } }", 'no field "nosuch"'),
    ("ecmp { paths = { path { ecmp { paths = { path {} } } } } }", "boxes, links and hops"),
    ("ecmp { paths = { 3 } }", "path 1 is no table"),
    ("hop { limit = -1 }", "limit"),
    ("{}", "boxes, links and hops"),
    ("box.strip { from = 3, ['until'] = 2 }", "box strip: parameter until is before from"),
    ("box.strip { from = '3B', ['until'] = '2B' }", "parameter until is before from"),
    ("box.firewall { knows = { 2, {} } }", "knows is a list with a table in it"),
    ("box.firewall { knows = {} }", "knows cannot be a table"),
    ("box.strip { on = { 'syn', 'dat' } }", '"dat" is none of syn'),
    ("box.mirror { kinds = '30,' }", "suite.lua:1: kinds must be numbers from 2 to 255"),
    ("box.mirror { kinds = 256 }", "suite.lua:1: kinds must be numbers from 2 to 255"),
])
def test_an_element_that_cannot_be(mbtest, tmp_path, element, words):
    path = tmp_path / "suite.lua"
    path.write_text("scenario { name = 'one', expect = { 'tcp' }, "
                    f"paths = {{ path {{ {element} }} }} }}")
    run = mbtest("run", path)
    assert run.status == 2 and words in run.err and "suite.lua:1:" in run.err, run


def test_a_route_that_changes(mbtest, tmp_path):
    """The new path strips: an idle box on the branch that nobody takes is told, too."""
    text = """paths = { path { ecmp { by = 'none', %s paths = { path { box.df {} },
        path { box.strip {} } } } } }"""
    status, row = one(mbtest, tmp_path, "scenario { name = 'one', expect = { 'fallback', 'reset' },"
                      + text % "change = '30ms'," + "}")
    assert status == 0 and row["pass"], row
    status, row = one(mbtest, tmp_path, "scenario { name = 'one', expect = { 'mptcp' },"
                      + text % "" + "}")
    assert status == 1 and "box strip on path 1 never acted" in row["why"], row


def test_a_pipeline_has_no_branches(mbtest, tmp_path):
    path = tmp_path / "path.lua"
    path.write_text("return path { ecmp { paths = { path {} } } }")
    capture = next((TOP / "tests/data/captures").rglob("*.pcap"))
    run = mbtest("pcap", path, capture, tmp_path / "out.pcap")
    assert run.status == 2 and "ecmp" in run.err and not (tmp_path / "out.pcap").exists(), run


def test_congestion_control_and_scheduler_by_scenario_and_by_option(mbtest, tmp_path):
    """Coupled windows grow otherwise than those of two subflows by themselves; an option counts
    before what a scenario says."""
    text = ('suite "my"\nscenario {{ name = "one", expect = {{ "mptcp" }}, subflows = 2,'
            ' bytes = 1 << 20, paths = {{ path {{ link {{ loss_mask = 1 << 40 }} }}, path {{}} }},'
            ' {} }}\n')

    def hash_of(field, *options):
        path = tmp_path / "my.lua"
        path.write_text(text.format(field))
        (row,) = mbtest("run", path, "--json", "--mptcp", "1", "--checksum", "off",
                        *options).lines()
        assert row["pass"]
        return row["hash"]

    assert hash_of('cc = "newreno"') == hash_of("", "--cc", "newreno")
    assert hash_of('cc = "newreno"') != hash_of("") == hash_of('cc = "newreno"', "--cc", "lia")
    path = tmp_path / "bad.lua"
    path.write_text(text.format('cc = "cubic"'))
    bad = mbtest("run", path)
    assert bad.status == 2 and "no congestion control cubic" in bad.err
    bad = mbtest("run", "classic", "--cc", "cubic")
    assert bad.status == 2 and "--cc is one of newreno, lia" in bad.err
    assert hash_of('scheduler = "redundant"') == hash_of("", "--scheduler", "redundant")
    assert hash_of('scheduler = "redundant"') != hash_of("")
    path.write_text(text.format('scheduler = "nosuch"'))
    bad = mbtest("run", path)
    assert bad.status == 2 and "no scheduler nosuch" in bad.err
    bad = mbtest("run", "classic", "--scheduler", "nosuch")
    assert bad.status == 2 and "--scheduler is one of least-filled" in bad.err


# ---- what the suites cover ----

def test_the_rules_are_exercised(catalogue):
    assert [rule["rule"] for rule in catalogue["rules"] if not rule["scenarios"]] == []
