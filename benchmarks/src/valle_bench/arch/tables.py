"""The rows of `bench arch` as three tables, one page and one JSON document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from valle_bench.arch.run import Result
from valle_bench.arch.settings import OWN, Settings
from valle_bench.report import Column, Report
from valle_bench.runner.page import Page, finite

TITLE = "Backbones: batch 1, float32, causal rows"
MEGA = 1e6


@dataclass(frozen=True, kw_only=True)
class ArchReport(Page):
    """What one run of `bench arch` measured.

    Attributes:
        rows: all figures.
        settings: of the run.
    """

    rows: Sequence[Result]
    settings: Settings
    stem = "arch"
    title = TITLE

    def sections(self) -> list[Report]:
        """Beside the references; at an equal parameter count: passes, then decoding."""
        found = [_beside(self.rows, self.settings), _passes(self.rows, self.settings)]
        if self.settings.positions:
            found.append(_decoding(self.rows, self.settings))
        return [section for section in found if section.rows]

    def notes(self) -> list[str]:
        """Every figure that is missing and why, once."""
        lines = []
        for row in self.rows:
            if row.note:
                what = f"{row.what}, T = {row.length}: " if row.length else ""
                lines.append(f"{row.arch}, {row.implementation}, {what}{row.note}")
        return list(dict.fromkeys(lines))

    def document(self) -> dict[str, Any]:
        """Settings and rows."""
        return {"settings": asdict(self.settings), "rows": [finite(asdict(row)) for row in self.rows]}


def _beside(rows: Sequence[Result], settings: Settings) -> Report:
    """One line per cell that a reference took part in."""
    own = {(row.arch, row.what, row.length): row for row in rows if row.size == "given" and row.implementation == OWN}
    lines = []
    for row in rows:
        if row.size != "given" or row.implementation == OWN or not row.length:
            continue
        ours = own.get((row.arch, row.what, row.length))
        memory = row.what.endswith("memory")
        lines.append(
            {
                "arch": row.arch,
                "reference": row.implementation,
                "what": row.what,
                "length": row.length,
                "ours": _amount(ours, memory=memory),
                "theirs": _amount(row, memory=memory),
                "ratio": row.ratio,
                "match": row.match,
                "difference": None if row.difference is None else f"{row.difference:.0e}",
                "state": None if row.nbytes is None or memory else row.nbytes / MEGA,
                "own_state": None if ours is None or ours.nbytes is None or memory else ours.nbytes / MEGA,
            }
        )
    columns = [
        Column(key="arch", title="arch"),
        Column(key="reference", title="reference"),
        Column(key="what", title="what"),
        Column(key="length", title="T"),
        Column(key="ours", title="valle, ms or MB"),
        Column(key="theirs", title="reference, ms or MB"),
        Column(key="ratio", title="times faster", form=".2f"),
        Column(key="match", title="Match"),
        Column(key="difference", title="difference"),
        Column(key="own_state", title="state, MB", form=".2f"),
        Column(key="state", title="reference's state, MB", form=".2f"),
    ]
    title = f"Beside the library each replaces, on the same weights: d_model {settings.d_model}, "
    return Report(title=f"{title}{settings.n_layers} layers", facts={}, rows=lines, columns=columns)


def _amount(row: Result | None, *, memory: bool) -> str:
    """Milliseconds, or megabytes of memory, or that it was left out."""
    value = None if row is None else row.nbytes if memory else row.seconds
    if value is None:
        return "skipped" if row is not None and row.note.startswith("skipped") else "failed" if row else "-"
    return f"{value / MEGA:.0f} MB" if memory else f"{1000 * value:.2f}"


def _passes(rows: Sequence[Result], settings: Settings) -> Report:
    """One line per backbone: sizes, training, forward passes, peak memory."""
    columns = [
        Column(key="arch", title="arch"),
        Column(key="parameters", title="parameters", form=","),
        Column(key="weights memory", title="weights, MB"),
        Column(key="d_model", title="d_model"),
        Column(key="n_layers", title="layers"),
        Column(key="train", title=f"training, tokens/s (T = {settings.train_length})"),
        *(Column(key=f"forward {T}", title=f"forward ms, T = {T}") for T in settings.lengths),
    ]
    if settings.memory_length:
        columns += [
            Column(key="forward memory", title=f"peak MB, forward T = {settings.memory_length}"),
            Column(key="train memory", title=f"peak MB, training T = {settings.train_length}"),
        ]

    def shown(row: Result) -> dict[str, Any]:
        if row.what == "forward":
            return {f"forward {row.length}": _amount(row, memory=False)}
        if row.what == "train":
            return {"train": f"{row.tokens_per_s:.0f}" if row.tokens_per_s else _amount(row, memory=False)}
        if row.what.endswith("memory"):
            return {row.what: _amount(row, memory=True).removesuffix(" MB")}
        return {}

    return Report(
        title="Equal parameter counts: training and forward passes", facts={}, columns=columns, rows=_wide(rows, shown)
    )


def _decoding(rows: Sequence[Result], settings: Settings) -> Report:
    """One line per backbone: a step and the state by position."""
    first, last = settings.positions[0], settings.positions[-1]
    columns = [
        Column(key="arch", title="arch"),
        *(Column(key=f"rate {T}", title=f"tokens/s at {T}") for T in settings.positions),
        Column(key="slower", title=f"step at {last} / at {first}"),
        *(Column(key=f"state {T}", title=f"state MB at {T}") for T in settings.positions),
    ]
    seconds = {
        (row.arch, row.length): row.seconds
        for row in rows
        if row.size == "equal" and row.what == "decode" and row.implementation == OWN and row.seconds
    }

    def shown(row: Result) -> dict[str, Any]:
        if row.what != "decode":
            return {}
        cells = {f"rate {row.length}": f"{row.tokens_per_s:.0f}" if row.tokens_per_s else _amount(row, memory=False)}
        if row.nbytes is not None:
            cells[f"state {row.length}"] = f"{row.nbytes / MEGA:.2f}"
        begin, end = seconds.get((row.arch, first)), seconds.get((row.arch, last))
        return cells | ({"slower": f"{end / begin:.2f}"} if begin and end and last != first else {})

    return Report(title="Equal parameter counts: decoding", facts={}, columns=columns, rows=_wide(rows, shown))


def _wide(rows: Sequence[Result], shown: Callable[[Result], dict[str, Any]]) -> list[dict[str, Any]]:
    """One line per backbone, with the cells `shown` makes of each of our figures at the equal count."""
    lines: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row.size == "equal" and row.implementation == OWN:
            sizes = {name: row.options.get(name) for name in ("d_model", "n_layers")}
            line = lines.setdefault(row.arch, {"arch": row.arch, "parameters": row.parameters, **sizes})
            line |= shown(row)
    return list(lines.values())
