"""What `bench sampler` measured as tables, one page and one JSON document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from valle_bench.report import Column, Report
from valle_bench.runner.page import Page, finite
from valle_bench.sampler.run import Result
from valle_bench.sampler.settings import Settings

TITLE = "Samplers: cost of one step"
COLUMNS = [
    Column(key="sampler", title="sampler"),
    Column(key="implementation", title="implementation"),
    Column(key="us", title="µs a step", form=".1f"),
    Column(key="of_step", title="of a decoding step"),
    Column(key="ratio", title="× faster than it", form=".2f"),
    Column(key="match", title="Match"),
    Column(key="note", title="note"),
]


@dataclass(frozen=True, kw_only=True)
class SamplerReport(Page):
    """What one run of `bench sampler` measured.

    Attributes:
        rows: all figures.
        absent: what took no part, with the reason.
        settings: of the run.
    """

    rows: Sequence[Result]
    absent: Mapping[str, str]
    settings: Settings
    stem = "sampler"
    title = TITLE
    missing = "Took no part:"
    why = "What took no part, and why"

    def sections(self) -> list[Report]:
        """One table for each batch."""
        batches = list(dict.fromkeys(row.batch for row in self.rows))
        V, L = self.settings.tokens, self.settings.history
        return [
            Report(
                title=f"{batch} row{'s' if batch > 1 else ''}, {V:,} tokens, {L:,} said before",
                facts={},
                rows=[_line(row) for row in self.rows if row.batch == batch],
                columns=COLUMNS,
            )
            for batch in batches
        ]

    def notes(self) -> list[str]:
        """What took no part."""
        return [f"{name}: {why}" for name, why in self.absent.items()]

    def document(self) -> dict[str, Any]:
        """Settings and rows."""
        return {"settings": asdict(self.settings), "rows": [finite(asdict(row)) for row in self.rows]}


def _line(row: Result) -> dict[str, Any]:
    return {
        **asdict(row),
        "us": row.seconds and 1e6 * row.seconds,
        "of_step": "" if row.of_step is None else f"{100 * row.of_step:.1f} %",
    }
