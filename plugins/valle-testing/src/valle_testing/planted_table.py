"""A pytest plugin (`-p valle_testing.planted_table`): the table of planted faults at the end of a run.

Tests record one row for each fault, which reaches the process that reports from any worker. With `--planted-table`
all rows are printed, else only their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PROPERTY = "planted fault"
"""Name of the property a test records (`record_property`)."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class FaultResult:
    """One planted fault.

    Attributes:
        kind: of the plugin.
        check: that must see it.
        fault: what is wrong.
        caught: whether that check did.
        found: what it said.
    """

    kind: str
    check: str
    fault: str
    caught: bool
    found: str

    def told(self) -> dict[str, Any]:
        """As a property of a test, which must be plain data."""
        return {name: getattr(self, name) for name in self.__slots__}


def table(rows: list[FaultResult]) -> list[str]:
    """One line per fault, by kind and check: caught or not, the check, and how many of each kind."""
    width = max((len(row.fault) for row in rows), default=0)
    lines = [f"{'kind':<10} {'planted fault':<{width}}  caught  by the check"]
    lines += [f"{row.kind:<10} {row.fault:<{width}}  {'yes' if row.caught else 'NO ':<6}  {row.check}" for row in rows]
    return [*lines, *counts(rows)]


def counts(rows: list[FaultResult]) -> list[str]:
    """How many faults of each kind were caught, by how many checks, and of all."""
    kinds = sorted({row.kind for row in rows})
    groups = {kind: [row for row in rows if row.kind == kind] for kind in kinds}
    lines = [
        f"{kind}: {sum(row.caught for row in group)} of {len(group)} planted faults caught, "
        f"by {len({row.check for row in group if row.caught})} checks"
        for kind, group in groups.items()
    ]
    return [*lines, f"{sum(row.caught for row in rows)} of {len(rows)} planted faults caught"]


def pytest_addoption(parser: Any) -> None:
    """The option that shows all rows."""
    parser.addoption("--planted-table", action="store_true", help="print which check caught which planted fault")


def pytest_terminal_summary(terminalreporter: Any, config: Any) -> None:
    """Print the table, or the last line of it."""
    rows = sorted(set(_recorded(terminalreporter)))
    if not rows:
        return
    lines = table(rows) if config.getoption("--planted-table") else counts(rows)[-1:]
    terminalreporter.section("planted faults")
    for line in lines:
        terminalreporter.write_line(line)


def _recorded(terminalreporter: Any) -> Iterator[FaultResult]:
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == PROPERTY and getattr(report, "when", "call") == "call":
                    yield FaultResult(**value)
