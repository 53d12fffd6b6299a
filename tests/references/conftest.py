"""The parity table: what was compared with which version of which reference, and how far they were apart.

A test says it with the fixture `parity`; a test that does not still gets a row, from its name and its verdict.
`REFERENCE = "distribution"` in a test file names the reference of such rows; else it is taken from the file's name.
"""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))
import without_startup  # noqa: F401  (references are imported without their start-up code)

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison."""

    reference: str
    compared: str
    difference: float | None
    ok: bool


ROWS = pytest.StashKey[list[Comparison]]()
BEFORE = pytest.StashKey[int]()
"""How many rows there were when a test began."""

Parity = Callable[..., None]


@pytest.fixture
def parity(request) -> Parity:
    """`parity("fla-core", "retention, T = 33", ours, theirs, within=1e-5)`: a row of the table, and the assertion.

    The difference is the largest absolute one, over the larger of 1 and the largest absolute value of `theirs`.
    """

    def compare(reference: str, compared: str, ours: Tensor, theirs: Tensor, *, within: float) -> None:
        assert ours.shape == theirs.shape, f"{reference}: {compared}: {tuple(ours.shape)} beside {tuple(theirs.shape)}"
        ours, theirs = ours.detach().double(), theirs.detach().double()
        difference = float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1.0))
        ok = difference <= within  # a NaN is no match
        request.config.stash[ROWS].append(Comparison(reference, compared, difference, ok))
        assert ok, f"{reference}: {compared}: {difference:.2e} apart, {within:.0e} allowed"

    return compare


def pytest_addoption(parser) -> None:
    parser.addoption("--table", type=Path, help="write the parity table to this Markdown file")


def pytest_configure(config) -> None:
    config.stash[ROWS] = []
    torch.manual_seed(0)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """A test file whose reference is missing cannot be imported: that is a row, too."""
    report = yield
    if report.failed and isinstance(collector, pytest.File):
        reason = str(report.longrepr).strip().splitlines()[-1].removeprefix("E").strip()
        reference = reference_of(collector.path)
        collector.config.stash[ROWS].append(Comparison(reference, f"{collector.path.name}: {reason}", None, False))
        report.sections.append(
            ("references", "a reference is missing? `make references` says which could not be installed, and why")
        )
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """What a test did not say by itself: that it passed, or that it failed before or beside its comparisons."""
    report = yield
    rows = item.config.stash[ROWS]
    if report.when == "setup":
        item.stash[BEFORE] = len(rows)
    added = rows[item.stash[BEFORE] :]
    silent = report.when == "call" and not added
    if silent or (report.failed and all(row.ok for row in added)):
        reference = getattr(item.module, "REFERENCE", reference_of(item.path))
        sentence = item.name.removeprefix("test_").replace("_", " ")
        rows.append(Comparison(reference, sentence, None, report.passed))
    return report


def reference_of(path: Path) -> str:
    """The distribution a test file is about."""
    stem = path.stem.removeprefix("test_")
    return {"mamba_references": "mamba-ssm", "fla": "fla-core"}.get(stem, stem)


def pytest_terminal_summary(terminalreporter, config) -> None:
    rows = config.stash[ROWS]
    if not rows:
        return
    table = markdown(rows)
    terminalreporter.write_line("")
    terminalreporter.write_line(table)
    if path := config.getoption("--table"):
        heading = "# Parity with the reference implementations\n\nEqual weights, random inputs; "
        meaning = "the difference is relative to the larger of 1 and the largest value.\n\n"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{heading}{meaning}{table}\n\n{facts(path)}\n", encoding="utf-8")


def markdown(rows: list[Comparison]) -> str:
    """The table, aligned so that it can be read in a terminal too."""
    cells = [("reference", "version", "compared", "largest difference", "ok")]
    for row in sorted(rows, key=lambda row: row.reference):
        difference = "-" if row.difference is None else f"{row.difference:.1e}"
        cells.append((row.reference, installed(row.reference), row.compared, difference, "yes" if row.ok else "NO"))
    widths = [max(len(line[index]) for line in cells) for index in range(5)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
             for line in cells]  # fmt: skip
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def installed(distribution: str) -> str:
    """Its version, or that it is missing."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def facts(path: Path) -> str:
    """What every committed result carries."""
    done = subprocess.run(["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True)
    table = path.resolve()
    shown = table.relative_to(ROOT) if table.is_relative_to(ROOT) else table.name
    lines = {
        "command": shlex.join(["make", "test-references", f"TABLE={shown}"]),
        "commit": done.stdout.strip() or "unknown",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "python": platform.python_version(),
        "torch": version("torch"),
        "machine": platform.machine(),
    }
    return "\n".join(f"* {name}: {value}" for name, value in lines.items())
