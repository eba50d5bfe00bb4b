# SPDX-License-Identifier: BSD-2-Clause
"""mbtest run --html: one page that needs nothing else, with what the path changed marked."""
import html.parser
import re
import shutil
import subprocess

import pytest

from conftest import ENVIRONMENT

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
               None)
VOID = {"meta", "input", "line", "path", "br"}


class Page(html.parser.HTMLParser):
    """What the tests look at, and whether every element is closed where it should be."""

    def __init__(self, text):
        super().__init__()
        self.open, self.names, self.failed, self.ladders = [], [], [], 0
        self.marked, self.outside, self.mark = [], [], False
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "details":
            self.names.append(attrs["data-name"])
            if "data-failed" in attrs:
                self.failed.append(attrs["data-name"])
        self.ladders += tag == "svg" and "viewbox" in attrs
        self.mark = tag == "text" and "c" in attrs.get("class", "").split()
        self.outside += [attrs[name] for name in ("src", "href") if name in attrs]

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.mark:
            self.marked.append(data)
        self.mark = False


def page_of(mbtest, tmp_path, *arguments, status=0):
    path = tmp_path / "page.html"
    run = mbtest("run", "--html", path, *arguments, env=dict(ENVIRONMENT, TMPDIR=str(tmp_path)))
    assert run.status == status, run
    assert [entry for entry in tmp_path.iterdir() if entry.name.startswith("mbtest.")] == []
    return path, Page(path.read_text(encoding="utf-8"))


def test_every_scenario_has_a_ladder(mbtest, tmp_path):
    rows = mbtest("run", "classic", "--only", "capable-*", "--json").lines()
    path, page = page_of(mbtest, tmp_path, "classic", "--only", "capable-*")
    assert path.read_text(encoding="utf-8").count("The packets of v1 checksum:") == page.ladders
    names = list(dict.fromkeys(row["scenario"] for row in rows))
    assert page.names == names and page.ladders == len(names)
    assert page.failed == [] and page.outside == []


@pytest.mark.parametrize("removal, how", [("strip", "gap"), ("nop", "nop"), ("eol", "eol")])
def test_the_change_is_marked(mbtest, tmp_path, removal, how):
    _, page = page_of(mbtest, tmp_path, "classic", "--mptcp", 1, "--checksum", "off", "--only",
                      f"capable-syn-{removal}-client-1")
    assert page.marked == [f"tcp.option.mptcp.mp_capable removed ({how})"]


def test_a_lost_packet_is_marked(mbtest, tmp_path):
    suite = tmp_path / "lost.lua"
    suite.write_text("""suite "lost"
scenario { name = "lost", bytes = 10, expect = { "mptcp", intact = true },
	paths = { path {
		box.loss { on = "data", direction = "to-server", ["until"] = 1 } } } }
""")
    _, page = page_of(mbtest, tmp_path, suite, "--mptcp", 1, "--checksum", "off")
    assert page.marked == ["\u2715 lost"]


def test_what_is_not_looked_at_is_not_lost(mbtest, tmp_path):
    """Of a long run a ladder shows the beginning, and blames no box for where that ends."""
    suite = tmp_path / "long.lua"
    suite.write_text('suite "long"\nscenario { name = "long", sender = "both", bytes = 2 << 20, '
                     'subflows = 2, expect = { "mptcp", intact = true },\n'
                     '\tpaths = { path { link { rate = 1000000000 } }, path {} } }\n')
    path, page = page_of(mbtest, tmp_path, suite, "--mptcp", 1, "--checksum", "off")
    assert page.marked == [] and "packets more are left out" in path.read_text(encoding="utf-8")


@pytest.mark.live
@pytest.mark.kernel_mptcp
def test_a_page_of_kernel_stacks(mbtest_release, tmp_path):
    """1 MiB between two kernels: the one change is marked, what fails is red, and no more."""
    suite = tmp_path / "kernels.lua"
    suite.write_text("""suite "kernels"
for name, outcome in pairs { right = "tcp", wrong = "mptcp" } do
	scenario { name = name, group = name, expect = { outcome, intact = true },
		paths = { path { box.strip { kind = 30, on = "syn" } } } }
end
""")
    path, page = page_of(mbtest_release, tmp_path, suite, "--client", "kernel", "--server",
                         "kernel", "--mptcp", 1, "--checksum", "off", status=1)
    assert page.names == ["right", "wrong"] and page.failed == ["wrong"] and page.ladders == 2
    assert page.marked == ["tcp.option.mptcp.mp_capable removed (gap)"] * 2
    text = path.read_text(encoding="utf-8")
    assert "client kernel, server kernel" in text and "v1 plain" in text
    assert re.findall(r"<tr><td>(\w+)</td><td class=\"n (\w+)\">(\d / \d)</td>", text) == [
        ("right", "pass", "1 / 1"), ("wrong", "fail", "0 / 1")]


def test_a_failure_is_told_apart(mbtest, tmp_path):
    path, page = page_of(mbtest, tmp_path, "classic", "--mptcp", 1, "--only",
                         "flip-first-to-server-*-1", "--fault", "ignore-checksum", status=1)
    assert page.failed and set(page.failed) <= set(page.names)
    assert "Broken:" in path.read_text(encoding="utf-8")


def test_names_are_escaped(mbtest, tmp_path):
    suite = tmp_path / "names.lua"
    suite.write_text("""suite "names"
scenario { name = "a<b>&\\"c\\"", help = "<script>", bytes = 10,
	expect = { "mptcp", intact = true } }
""")
    path, page = page_of(mbtest, tmp_path, suite, "--mptcp", 1, "--checksum", "off")
    assert page.names == ['a<b>&"c"']
    assert path.read_text(encoding="utf-8").count("<script>") == 1


def test_no_partial_page_is_left(mbtest, tmp_path):
    suite = tmp_path / "broken.lua"
    suite.write_text("error('oops')")
    page = tmp_path / "page.html"
    run = mbtest("run", suite, "--html", page)
    assert run.status == 2 and not page.exists()
    run = mbtest("run", "classic", "--html", "/nosuch/page.html")
    assert run.status == 2 and run.out == "" and run.err.count("\n") == 1


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here to look at the page with")
def test_a_browser_shows_it(mbtest, tmp_path):
    """The page as a browser has it: nothing missing, its script at work, the ladder drawn."""
    path, page = page_of(mbtest, tmp_path, "classic", "--only", "capable-syn-*")
    shown = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, check=True).stdout
    assert len(re.findall("<details ", shown)) == len(page.names)
    assert shown.count("<svg viewBox") == page.ladders
    picture = tmp_path / "picture.png"
    path.write_text(path.read_text(encoding="utf-8").replace("<details ", "<details open ", 1))
    subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1000,1400",
         f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={picture}", path.as_uri()],
        capture_output=True, check=True)
    assert picture.stat().st_size > 50000
