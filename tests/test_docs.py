# SPDX-License-Identifier: BSD-2-Clause
"""The documents say what is so: examples print what they show, links lead somewhere, the catalogue
is current, the man page knows every option."""
import pathlib
import re
import subprocess
import sys

import pytest

from conftest import ENVIRONMENT, run_program

TOP = pathlib.Path(__file__).resolve().parent.parent
PYTHON = sys.executable
DOCUMENTS = [TOP / "README.md"] + sorted((TOP / "doc").glob("*.md"))


def examples(*arguments):
    return run_program(PYTHON, TOP / "scripts" / "examples.py", *arguments)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_examples_print_what_they_show(document):
    run = examples("--check", document)
    assert run.status == 0, f"{run.out}\nmake doc writes it anew"


def test_examples_are_run_and_rewritten(tmp_path):
    document = tmp_path / "a.md"
    text = ("a\n```console\n$ echo one; echo two >&2\none\ntwo\n"
            "$ echo 3 > /tmp/3; ls /tmp/*\n/tmp/3\n```\nb\n")
    document.write_text(text.replace("\ntwo\n", "\nthree\n"))
    run = examples("--check", document)
    assert run.status == 1 and "-three\n+two\n" in run.out
    assert examples(document).status == 0
    assert document.read_text() == text
    assert examples("--check", document).status == 0


def lua_examples():
    """Suites in the documents, and those that lie beside the scripts."""
    for document in DOCUMENTS:
        for block in re.findall(r"^```lua\n(suite .*?)^```", document.read_text(), re.M | re.S):
            yield pytest.param(block, id=document.name)
    for path in sorted((TOP / "scripts" / "suites").glob("*.lua")):
        yield pytest.param(path.read_text(), id=path.name)


@pytest.mark.parametrize("text", lua_examples())
def test_example_suites_go_as_they_say(mbtest, tmp_path, text):
    (tmp_path / "example.lua").write_text(text)
    run = mbtest("run", tmp_path / "example.lua")
    assert run.status == 0, run


def test_every_field_of_a_scenario_is_told():
    fields = re.search(r"^local known = {}\nfor _, name in ipairs {(.*?)}", (
        TOP / "lua/prelude.lua").read_text(), re.M | re.S).group(1)
    names = set(re.findall(r'"(\w+)"', fields))
    told = set(re.findall(r"`(\w+)(?: = [^`]*)?`", (TOP / "doc/simulator.md").read_text()))
    assert len(names) > 30 and names <= told, names - told


def test_readme_shows_the_two_commands():
    text = (TOP / "README.md").read_text()
    assert "make run" in text and "make check" in text


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (document.parent / target).exists(), target


def test_make_targets_of_the_readme_exist():
    text = (TOP / "README.md").read_text()
    for target in sorted(set(re.findall(r"\bmake ([a-z]+)\b", text))):
        done = subprocess.run(["make", "-n", "-q", target], cwd=TOP, capture_output=True, text=True,
                              check=False)
        assert "No rule to make target" not in done.stderr, target


def test_catalogue_is_current(release_dir):
    done = subprocess.run(["sh", "scripts/catalogue.sh", release_dir / "mbtest"], cwd=TOP,
                          capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert (TOP / "doc" / "catalogue.md").read_text() == done.stdout, "make doc writes it anew"


@pytest.mark.parametrize("name, first", [("mbtest", "run"), ("mpprobe", "analyze")])
def test_man_page_knows_every_option(build_dir, name, first):
    page = (TOP / "doc" / f"{name}.1").read_text().replace("\\-", "-")
    text = run_program(build_dir / name, "--help").out
    commands = re.findall(r"^  ([a-z]+)  ", text.split("options:")[0], re.M)
    assert first in commands
    for command in commands:
        text += run_program(build_dir / name, command, "--help").out
        assert f"{name} {command}" in page, command
    missing = [option for option in sorted(set(re.findall(r"--[a-z][a-z-]+", text)))
               if option not in page]
    assert not missing


@pytest.mark.parametrize("page", sorted((TOP / "doc").glob("*.1")), ids=lambda path: path.name)
def test_man_page_is_well_formed(page):
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", page], capture_output=True,
                          text=True, check=True)
    assert done.stderr == ""


def test_man_page_knows_every_outcome():
    """In the order in which they are looked for."""
    source = (TOP / "mbtest/judge/outcome.c").read_text()
    section = (TOP / "doc/mbtest.1").read_text().split(".SH OUTCOMES\n")[1].split("\n.SH ")[0]
    words = re.findall(r'^\t\[OUTCOME_\w+\] = "([\w-]+)"', source, re.M)
    assert len(words) == 9
    assert re.findall(r"^\.B (\S+)$", section.replace("\\-", "-"), re.M) == words
