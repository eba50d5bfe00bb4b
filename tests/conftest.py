# SPDX-License-Identifier: BSD-2-Clause
"""What the tests share: where the programs are, how one is run, and what only root can try.

make builds; nothing here does. MBKIT_BUILD names the build under test (build/asan in make check),
MBKIT_RELEASE the one without sanitizers.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = TOP / os.environ.get("MBKIT_BUILD", "build/asan")
RELEASE = TOP / os.environ.get("MBKIT_RELEASE", "build")
LONG = "MBKIT_LONG" in os.environ
MPTCP = pathlib.Path("/proc/sys/net/mptcp/enabled")

# Whoever starts the tests in the background may have these ignored, and every child would inherit
# that; what Python catches is a child's default again.
for interrupt in signal.SIGINT, signal.SIGQUIT, signal.SIGHUP:
    if signal.getsignal(interrupt) == signal.SIG_IGN:
        signal.signal(interrupt, signal.default_int_handler)

# What programs say is read in English, and no proxy stands between those in namespaces.
os.environ["LC_ALL"] = "C.UTF-8"
for name in list(os.environ):
    if name.lower().endswith("_proxy") or name in ("LANGUAGE", "COLUMNS", "LUA_INIT"):
        del os.environ[name]
os.umask(0o022)

# Seconds for what must come on any machine, slow and loaded ones too. Who waits so long has failed.
PATIENCE = 900

# For mbtest --slower: live, what a slow machine is late for is tried again with more time.
PACES = 1, 5, 25

# Sanitizers speak up by their own exit status, never by one of ours (0, 1, 2).
SANITIZER_STATUS = 99
ENVIRONMENT = dict(
    os.environ,
    ASAN_OPTIONS=f"exitcode={SANITIZER_STATUS}:detect_leaks=1:detect_stack_use_after_return=1",
    UBSAN_OPTIONS=f"exitcode={SANITIZER_STATUS}:print_stacktrace=1:halt_on_error=1",
    LSAN_OPTIONS=f"exitcode={SANITIZER_STATUS}",
    NO_COLOR="1",
)
# What the leak checker of a worker says when the run is stopped and the worker killed in its exit.
NOISE = re.compile(r"^==\d+==Unable to get registers from thread \d+\.\n", re.MULTILINE)


class Run:
    """A finished program: its exit status and what it wrote."""

    def __init__(self, command, done):
        self.command = " ".join(str(word) for word in command)
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr
        if isinstance(self.err, str):
            self.err = NOISE.sub("", self.err)

    def json(self):
        """The one object it printed."""
        return json.loads(self.out)

    def lines(self):
        """The objects it printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    def __repr__(self):
        return f"{self.command}\nexit {self.status}\n{self.out[-3000:]}\n{self.err[-3000:]}"


def run_program(program, *arguments, timeout=PATIENCE, text=True, **options):
    """Run one program of a build; a sanitizer's report or a signal fails the test at once."""
    command = [program, *map(str, arguments)]
    options.setdefault("env", ENVIRONMENT)
    options.setdefault("stdin", subprocess.DEVNULL)
    if "input" in options:
        del options["stdin"]
    run = Run(command, subprocess.run(command, capture_output=True, text=text, timeout=timeout,
                                      cwd=options.pop("cwd", TOP), check=False, **options))
    assert run.status not in (SANITIZER_STATUS,) and run.status >= 0, run
    return run


def eventually(condition):
    """Wait for a fact; false when it does not come about."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def process_fields():
    """Of all processes (pid, fields of its stat that stand behind its name: state, parent ...)."""
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            yield int(stat.parent.name), stat.read_text().rpartition(")")[2].split()
        except OSError:
            pass    # it has ended


def children(parent):
    return [pid for pid, fields in process_fields() if int(fields[1]) == parent]


# The most memory that a program needed, in KiB; not that of the interpreter it was started from.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_memory(*command, **options):
    """Bytes of memory that a program had at most."""
    run = run_program("/usr/bin/python3", "-c", PEAK, *command, **options)
    assert run.status == 0, run
    return int(run.out) * 1024


def as_nobody(program):
    """The words with which root runs a program as another user; skips where he cannot reach it."""
    if os.geteuid() != 0:
        return []
    words = ["setpriv", "--reuid=65534", "--clear-groups"]
    if subprocess.run([*words, "test", "-x", program], check=False).returncode != 0:
        pytest.skip("the build is not open to others")
    return words


@pytest.fixture(scope="session")
def build_dir():
    return BUILD


@pytest.fixture(scope="session")
def release_dir():
    return RELEASE


@pytest.fixture(scope="session")
def mbtest():
    """mbtest under the sanitizers: mbtest("run", "classic") -> Run."""
    return lambda *arguments, **options: run_program(BUILD / "mbtest", *arguments, **options)


@pytest.fixture(scope="session")
def mbtest_release():
    """The same without sanitizers: for the live network and for time."""
    return lambda *arguments, **options: run_program(RELEASE / "mbtest", *arguments, **options)


@pytest.fixture(scope="session")
def catalogue(mbtest_release):
    """What mbtest list --json says of everything: it runs every scenario, once."""
    return mbtest_release("list", "--json").json()


SET_FIELD = """
return {
	help = "sets a field of every packet to the server",
	params = { field = { default = "", help = "which" },
		value = { default = 0, help = "to what", min = 0, max = 4294967295 } },
	packet = function(self, packet, dir)
		packet[self.field] = self.value
		return PASS
	end,
}
"""


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    """A folder with a box that sets fields, for the paths of simulated.py."""
    folder = tmp_path_factory.mktemp("boxes")
    (folder / "set_field.lua").write_text(SET_FIELD)
    return folder


@pytest.fixture(scope="session")
def is_root():
    return os.geteuid() == 0


def pytest_configure(config):
    config.addinivalue_line("markers", "live: needs root and real network namespaces")
    config.addinivalue_line("markers", "kernel_mptcp: needs a kernel that speaks MPTCP")
    config.addinivalue_line("markers", "long: measures more with MBKIT_LONG=1 (make long)")


def may_go_ahead():
    """Whether this process can be nice and stop being so."""
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, nice + 1)
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    except PermissionError:
        return False
    return True


BESIDE_OTHERS = "PYTEST_XDIST_WORKER" in os.environ and may_go_ahead()
NICE = os.getpriority(os.PRIO_PROCESS, 0) if BESIDE_OTHERS else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """In live tests kernels and their threads act by the clock: what runs beside gives way."""
    if NICE is not None:
        nice = NICE if item.get_closest_marker("live") else NICE + 5
        os.setpriority(os.PRIO_PROCESS, 0, nice)


def pytest_collection_modifyitems(items):
    """Live tests share one worker, and say why when they cannot run."""
    for item in items:
        if item.get_closest_marker("live"):
            item.add_marker(pytest.mark.xdist_group("live"))
            if os.geteuid() != 0:
                item.add_marker(pytest.mark.skip(reason="needs root: makes network namespaces"))
        if item.get_closest_marker("kernel_mptcp") and not MPTCP.exists():
            item.add_marker(pytest.mark.skip(reason="needs a kernel with MPTCP"))
