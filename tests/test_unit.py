# SPDX-License-Identifier: BSD-2-Clause
"""Every TEST of tests/unit/test_*.c, each in a process of its own, under the sanitizers."""
import pathlib
import re

import pytest

from conftest import BUILD, LONG, PATIENCE, run_program

FOLDER = pathlib.Path(__file__).resolve().parent / "unit"
SOURCES = sorted(FOLDER.glob("test_*.c"))
CASES = [(source.stem, name) for source in SOURCES
         for name in re.findall(r"^TEST\((\w+)\)", source.read_text(), re.M)]
MEASURE = {source.stem for source in SOURCES if "unit_is_long()" in source.read_text()}
MARKED = [pytest.param(program, name, id=f"{program}-{name}",
                       marks=[pytest.mark.long] if program in MEASURE else [])
          for program, name in CASES]


@pytest.mark.parametrize("program, name", MARKED)
def test_unit(program, name):
    run = run_program(BUILD / "unit" / program, name, timeout=7200 if LONG else PATIENCE)
    assert run.status == 0, run
    if LONG:
        print(run.err, end="")


@pytest.mark.parametrize("program", [source.stem for source in SOURCES])
def test_every_case_is_listed(program):
    run = run_program(BUILD / "unit" / program)
    assert sorted(run.out.split()) == sorted(name for owner, name in CASES if owner == program)


@pytest.mark.parametrize("source, status", [
    ("CHECK(1 == 1);", 0),
    ("CHECK(1 == 2);", 1),
    ("CHECK_U64(1, 2);", 1),
    ('CHECK_TEXT("a", "a");', 0),
    ('CHECK_TEXT("a", "b");', 1),
    ('CHECK_HEX("\\x0a\\x0b", 2, "0a 0b");', 0),
    ('CHECK_HEX("\\x0a\\x0b", 2, "0a 0c");', 1),
    ('CHECK_HEX("\\x0a\\x0b", 2, "0a");', 1),
    ('CHECK_HEX("\\x0a\\x0b", 2, "0a 0b 0c");', 1),
])
def test_a_wrong_value_fails(tmp_path, source, status):
    """The checks themselves, with right and wrong values."""
    program = tmp_path / "program"
    text = f'#include "tests/unit/unit.h"\nTEST(one)\n{{\n\t{source}\n}}\n'
    run = run_program("gcc", "-I.", "-xc", "-", "-xc", FOLDER / "unit.c", "-o", program, input=text)
    assert run.status == 0, run
    run = run_program(program, "one")
    assert run.status == status, run
    assert ("<stdin>:4:" in run.err) == (status == 1)
