"""The table of planted faults at the end of a run of pytest."""

from __future__ import annotations

import subprocess
import sys

import pytest

from valle_testing import planted
from valle_testing.fakes.audio import FakeCodec
from valle_testing.planted_table import PROPERTY, FaultResult, table

ROWS = [
    FaultResult(
        kind="arch", fault="dropout stays on", check="has_no_dropout_in_eval", caught=True, found="two runs differ"
    ),
    FaultResult(kind="arch", fault="NaN", check="keeps_rows_apart", caught=False, found=""),
    FaultResult(kind="codec", fault="hop is a float", check="states_its_facts", caught=True, found="hop is 320.0"),
]


def test_every_fault_has_a_line_and_every_kind_a_count():
    lines = table(ROWS)
    assert lines[0].split() == ["kind", "planted", "fault", "caught", "by", "the", "check"]
    assert lines[1].split() == ["arch", "dropout", "stays", "on", "yes", "has_no_dropout_in_eval"]
    assert lines[2].split() == ["arch", "NaN", "NO", "keeps_rows_apart"]
    assert lines[4:] == [
        "arch: 1 of 2 planted faults caught, by 1 checks",
        "codec: 1 of 1 planted faults caught, by 1 checks",
        "2 of 3 planted faults caught",
    ]


def test_a_good_plugin_is_no_caught_fault():
    noted = []
    (fault,) = planted.cases("codec", {"nothing": (FakeCodec, "writes_nothing")}).values()
    assert not fault.caught(lambda name, value: noted.append((name, value)))
    ((name, value),) = noted
    assert name == PROPERTY
    assert FaultResult(**value) == FaultResult(
        kind="codec", fault="nothing", check="writes_nothing", caught=False, found=""
    )


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_the_table_is_printed_whatever_process_ran_the_tests(tmp_path, workers):
    (tmp_path / "test_faults.py").write_text(
        "import pytest\n"
        "from valle_testing.planted_table import PROPERTY, FaultResult\n"
        "@pytest.mark.parametrize('number', range(6))\n"
        "def test_fault(number, record_property):\n"
        "    row = FaultResult(\n"
        "        kind='arch', fault=f'fault {number}', check='some_check', caught=number < 5, found=''\n"
        "    )\n"
        "    record_property(PROPERTY, row.told())\n"
        "    assert number < 5\n"
    )
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "valle_testing.planted_table", "--planted-table", *workers]
    out = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    assert [f"fault {number}" in out for number in range(6)] == [True] * 6
    assert "5 of 6 planted faults caught" in out
