"""What `bench codec` measured as four tables, one page and one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from valle_bench.codec.run import Measured, Result
from valle_bench.codec.settings import OWN, Settings
from valle_bench.report import Column, Report
from valle_bench.runner.page import Page, finite

TITLE = "Codecs: float32, nothing compiled"
MEGA = 1e6
RANDOM = "random weights: quality not meaningful"


@dataclass(frozen=True, kw_only=True)
class CodecReport(Page):
    """What one run of `bench codec` measured.

    Attributes:
        measured: each codec.
        settings: of the run.
    """

    measured: Sequence[Measured]
    settings: Settings
    stem = "codec"
    title = TITLE
    missing = "Notes:"
    why = "What is missing or special, and why"

    def sections(self) -> list[Report]:
        """The codecs; beside their references; streams; memory."""
        found = [_codecs(self.measured), _beside(self.measured), _streams(self.measured), _memory(self.measured)]
        return [section for section in found if section.rows]

    def notes(self) -> list[str]:
        """Every figure that is missing or special and why, once."""
        lines = []
        for one in self.measured:
            lines += [f"{one.codec}, {implementation}: {note}" for implementation, note in one.notes.items() if note]
            if one.facts.get("why_random"):
                lines.append(f"{one.codec}: random weights, because {one.facts['why_random']}")
            for row in one.rows:
                if row.figure.note:
                    lines.append(f"{one.codec}, {row.implementation}, {_cell(row)}: {row.figure.note}")
        return list(dict.fromkeys(lines))

    def document(self) -> dict[str, Any]:
        """Settings, and each codec with its rows."""
        codecs = [
            {
                "codec": one.codec,
                "facts": dict(one.facts),
                "bits_per_second": one.bits_per_second,
                "implementations": dict(one.notes),
                "rows": [_plain(row) for row in one.rows],
            }
            for one in self.measured
        ]
        return {"settings": asdict(self.settings), "codecs": codecs}


def _plain(row: Result) -> dict[str, Any]:
    flat = {**asdict(row), **asdict(row.figure), "seconds": row.seconds, "run_seconds": row.figure.seconds}
    del flat["figure"]
    return finite(flat)


def _cell(row: Result) -> str:
    rows = f"{row.batch} × " if row.batch > 1 else ""
    return f"{row.what}, {rows}{row.seconds:g} s" if row.seconds else row.what


def _codecs(measured: Sequence[Measured]) -> Report:
    """One line per codec: what it is, and how good."""
    lines = []
    for one in measured:
        if not one.facts:
            continue
        score = next((row.figure for row in one.rows if row.what == "quality"), None)
        lines.append(
            {
                "codec": one.codec,
                "weights": RANDOM if one.facts["random"] else one.facts["weights_hash"],
                "rate": one.facts["sample_rate"] / 1000,
                "frames": one.facts["sample_rate"] / one.facts["hop"],
                "levels": f"{one.facts['levels']} × {one.facts['codebook_size']}",
                "kbps": (one.bits_per_second or 0) / 1000,
                "pesq": None if score is None else score.pesq,
                "stoi": None if score is None else score.stoi,
            }
        )
    columns = [
        Column(key="codec", title="codec"),
        Column(key="weights", title="weights"),
        Column(key="rate", title="kHz", form="g"),
        Column(key="frames", title="frames/s", form=".2f"),
        Column(key="levels", title="levels × codes"),
        Column(key="kbps", title="kbit/s", form=".2f"),
        Column(key="pesq", title="PESQ-wb", form=".2f"),
        Column(key="stoi", title="STOI", form=".3f"),
    ]
    return Report(title="What they are", facts={}, rows=lines, columns=columns)


def _beside(measured: Sequence[Measured]) -> Report:
    """One line per cell and reference, or per cell where a codec has none."""
    lines = []
    for one in measured:
        references = {row.implementation for row in one.rows if row.implementation != OWN}
        for own in [row for row in one.rows if row.implementation == OWN and row.what in ("encode", "decode")]:
            same = [row for row in one.rows if _place(row) == _place(own) and row.implementation != OWN]
            for row in same or ([None] if not references else []):
                lines.append({"codec": one.codec, "what": _cell(own), "ours": own.realtime} | _beside_line(row))
    columns = [
        Column(key="codec", title="codec"),
        Column(key="reference", title="reference"),
        Column(key="what", title="what"),
        Column(key="ours", title="valle, × real time", form=".2f"),
        Column(key="theirs", title="reference, × real time", form=".2f"),
        Column(key="ratio", title="times faster", form=".2f"),
        Column(key="match", title="Match"),
        Column(key="equal", title="equal codes"),
        Column(key="difference", title="sound: largest"),
        Column(key="typical", title="median difference"),
    ]
    return Report(title="Beside the package each replaces, on the same weights", facts={}, rows=lines, columns=columns)


def _place(row: Result) -> tuple[str, float, int]:
    return row.what, row.seconds, row.batch


def _beside_line(row: Result | None) -> dict[str, Any]:
    if row is None:
        return {"reference": "none"}
    figure = row.figure
    return {
        "reference": row.implementation,
        "theirs": row.realtime,
        "ratio": row.ratio,
        "match": row.match,
        "equal": None if figure.equal is None else f"{100 * figure.equal:.2f} %",
        "difference": None if figure.difference is None else f"{figure.difference:.0e}",
        "typical": None if figure.typical is None else f"{figure.typical:.0e}",
    }


def _streams(measured: Sequence[Measured]) -> Report:
    """One line per codec and size of pieces; no reference streams."""
    lines = []
    for one in measured:
        for row in one.rows:
            figure = row.figure
            if row.what != "stream" or figure.first_frames is None or figure.audio is None:
                continue
            frame = one.facts["hop"] / one.facts["sample_rate"]
            lines.append(
                {
                    "codec": one.codec,
                    "piece": f"{round(figure.audio / frame)} ({1000 * figure.audio:.0f} ms)",
                    "frames": f"{figure.first_frames} ({1000 * figure.first_frames * frame:.0f} ms)",
                    "first": None if figure.first_seconds is None else 1000 * figure.first_seconds,
                    "push": None if figure.seconds is None else 1000 * figure.seconds,
                    "realtime": row.realtime,
                    "difference": None if figure.difference is None else f"{figure.difference:.0e}",
                }
            )
    columns = [
        Column(key="codec", title="codec"),
        Column(key="piece", title="frames a push"),
        Column(key="frames", title="frames before the first sound"),
        Column(key="first", title="computing them, ms", form=".1f"),
        Column(key="push", title="a push, ms", form=".2f"),
        Column(key="realtime", title="× real time", form=".2f"),
        Column(key="difference", title="difference to the whole"),
    ]
    title = "Streaming decoding, one row (none of the packages streams)"
    return Report(title=title, facts={}, rows=lines, columns=columns)


def _memory(measured: Sequence[Measured]) -> Report:
    """One line per implementation: peaks of the usual clip and of the long file."""
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    for one in measured:
        for row in one.rows:
            if row.what not in ("encode memory", "decode memory", "long encode") or row.figure.nbytes is None:
                continue
            line = lines.setdefault(
                (one.codec, row.implementation), {"codec": one.codec, "implementation": row.implementation}
            )
            line[row.what] = row.figure.nbytes / MEGA
            if row.what == "long encode":
                line |= {"long": row.figure.audio, "realtime": row.realtime}
            else:
                line["clip"] = row.figure.audio
    columns = [
        Column(key="codec", title="codec"),
        Column(key="implementation", title="implementation"),
        Column(key="clip", title="clip, s", form="g"),
        Column(key="encode memory", title="encode, MB", form=".0f"),
        Column(key="decode memory", title="decode, MB", form=".0f"),
        Column(key="long", title="long file, s", form="g"),
        Column(key="long encode", title="encode it, MB", form=".0f"),
        Column(key="realtime", title="× real time", form=".1f"),
    ]
    title = "Peak memory above the loaded codec and the clip, in a process of its own"
    return Report(title=title, facts={}, rows=list(lines.values()), columns=columns)
