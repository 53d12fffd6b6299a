"""The rows of `bench attention` as tables, one page, JSON and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from valle_bench.attention.run import Result
from valle_bench.attention.settings import OVER, Settings
from valle_bench.report import Column, Report
from valle_bench.runner.page import Page, finite
from valle_core.files import write_text

TITLE = "Attention kernels"
WORDS = {
    "forward": "Forward pass",
    "backward": "Backward pass (the forward pass before it is not timed)",
    "decode": "Decoding: one query a row over cached keys",
}


@dataclass(frozen=True, kw_only=True)
class AttentionReport(Page):
    """What one run of `bench attention` measured.

    Attributes:
        rows: all figures.
        settings: of the run.
        peaks: as measured beside them.
        against: kernel that `--against` named, or "".
    """

    rows: Sequence[Result]
    settings: Settings
    peaks: Mapping[str, Any]
    against: str = ""
    stem = "attention"
    title = TITLE
    missing = "Took no part:"
    why = "What took no part, and why"

    def sections(self) -> list[Report]:
        """One table for each direction."""
        found = []
        for direction, title in WORDS.items():
            mine = [row for row in self.rows if row.cell and row.cell.direction == direction]
            rows = [row for row in mine if row.note != OVER]
            if rows:
                found.append(Report(title=title, facts={}, rows=[_line(row) for row in rows], columns=self._columns()))
        return found

    def notes(self) -> list[str]:
        """Kernels that measured nothing at all, and cells that did not begin."""
        absent = [f"{row.kernel}: {row.note}" for row in self.rows if row.cell is None]
        late = [f"{row.cell}: {OVER}" for row in self.rows if row.note == OVER]
        return [*absent, *dict.fromkeys(late)]

    def document(self) -> dict[str, Any]:
        """Settings, peaks and rows."""
        rows = [finite(row.flat()) for row in self.rows]
        return {"settings": asdict(self.settings), "peaks": dict(self.peaks), "rows": rows}

    def csv(self) -> str:
        """One line for each figure; sequences with spaces between."""
        rows = [finite(row.flat()) for row in self.rows]
        names = list(dict.fromkeys(name for row in rows for name in row))
        out = io.StringIO()
        writer = csv.DictWriter(out, names, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: " ".join(map(str, x)) if isinstance(x, tuple) else x for name, x in row.items()})
        return out.getvalue()

    def save(self, folder: Path) -> list[Path]:
        """Write attention.json, attention.md and attention.csv. Returns their paths."""
        paths = [*super().save(folder), folder / "attention.csv"]
        write_text(paths[-1], self.csv())
        return paths

    def _columns(self) -> list[Column]:
        optional = []
        if self.against:
            optional.append(Column(key="times_against", title=f"× {self.against}", form=".2f"))
        if any(row.times_before for row in self.rows):
            optional.append(Column(key="times_before", title="× before", form=".2f"))
        return [*COLUMNS[:-1], *optional, COLUMNS[-1]]


COLUMNS = [
    Column(key="form", title="mask"),
    Column(key="shape", title="B × T"),
    Column(key="heads", title="H/Hk × Dh"),
    Column(key="dtype", title="dtype"),
    Column(key="kernel", title="kernel"),
    Column(key="ms", title="ms", form=".3f"),
    Column(key="tflops", title="TFLOP/s", form=".3g"),
    Column(key="peak", title="of peak"),
    Column(key="gbps", title="GB/s", form=".3g"),
    Column(key="bandwidth", title="of bandwidth"),
    Column(key="memory", title="peak MB", form=".0f"),
    Column(key="times_eager", title="× eager", form=".2f"),
    Column(key="of_best", title="of best", form=".2f"),
    Column(key="match", title="Match"),
    Column(key="error", title="error"),
    Column(key="note", title="note"),
]


def _line(row: Result) -> dict[str, Any]:
    cell = row.cell
    assert cell is not None
    return {
        "form": cell.form + (f" {cell.window}" if cell.window else ""),
        "shape": f"{cell.batch} × {cell.size}",
        "heads": f"{cell.heads}/{cell.kv_heads} × {cell.head_width}",
        "dtype": cell.dtype,
        "kernel": row.kernel,
        "ms": row.seconds and 1000 * row.seconds,
        "tflops": row.tflops,
        "peak": _percent(row.peak_share),
        "gbps": row.gbps,
        "bandwidth": _percent(row.bandwidth_share),
        "memory": None if row.nbytes is None else row.nbytes / 1e6,
        "times_eager": row.times_eager,
        "of_best": row.of_best,
        "match": row.match,
        "error": None if row.error is None else f"{row.error:.0e}",
        "note": row.note,
        "times_against": row.times_against,
        "times_before": row.times_before,
    }


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"
