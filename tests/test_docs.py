# SPDX-License-Identifier: BSD-2-Clause
"""The documents say what is so: examples print what they show, links lead somewhere, the catalogue
is current, the man page knows every option."""
import pathlib
import re
import subprocess

import pytest

from conftest import ENVIRONMENT

TOP = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTS = [TOP / "README.md"] + sorted((TOP / "doc").glob("*.md"))


def examples():
    """(document, command, expected output) of each `$ command` in the console blocks."""
    for document in DOCUMENTS:
        for block in re.findall(r"^```console\n(.*?)^```", document.read_text(), re.M | re.S):
            for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
                command, _, output = part.partition("\n")
                yield document.name, command, output


def agrees(expected, got):
    """Whether got reads as expected, where a line … stands for any number of lines."""
    pattern = "".join(".*" if line.strip() == "…" else re.escape(line)
                      for line in expected.splitlines(keepends=True))
    return re.fullmatch(pattern, got, re.S) is not None


EXAMPLES = list(examples())


@pytest.mark.parametrize("document, command, output", EXAMPLES,
                         ids=[f"{document}:{command[:40]}" for document, command, _ in EXAMPLES])
def test_example_prints_what_it_shows(release_dir, tmp_path, document, command, output):
    (tmp_path / "build").symlink_to(release_dir)
    for room in ("doc", "lua", "scripts", "tests"):
        (tmp_path / room).symlink_to(TOP / room)
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=ENVIRONMENT)
    assert agrees(output, done.stdout), f"{document} shows\n{output}\nbut it is\n{done.stdout}"


@pytest.mark.parametrize("expected, got, same", [
    ("a\nb\n", "a\nb\n", True),
    ("a\nb\n", "a\nc\n", False),
    ("a\n…\nb\n", "a\nx\ny\nb\n", True),
    ("a\n…\nb\n", "a\nx\ny\n", False),
    ("a\n", "a\nb\n", False),
])
def test_comparing_examples(expected, got, same):
    assert agrees(expected, got) == same


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


def test_man_page_knows_every_option(mbtest):
    page = (TOP / "doc" / "mbtest.1").read_text().replace("\\-", "-")
    text = mbtest("--help").out
    commands = set(re.findall(r"^  (?:mbtest )?([a-z]+)\b", text, re.M))
    assert "run" in commands
    for command in sorted(commands & {"run", "list", "pcap", "selftest"}):
        text += mbtest(command, "--help").out
        assert f"mbtest {command}" in page, command
    missing = [option for option in sorted(set(re.findall(r"--[a-z][a-z-]+", text)))
               if option not in page]
    assert not missing


@pytest.mark.parametrize("page", sorted((TOP / "doc").glob("*.1")), ids=lambda path: path.name)
def test_man_page_is_well_formed(page):
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", page], capture_output=True,
                          text=True, check=True)
    assert done.stderr == ""
