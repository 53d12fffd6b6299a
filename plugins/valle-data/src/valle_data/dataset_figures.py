"""Pictures of what a dataset holds: durations, speakers, languages, phonemes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from valle_core.files import replacing
from valle_core.plugin import UserError
from valle_data.statistics import Statistics

_BARS = 40  # more do not fit under each other's names


def draw_statistics(found: Statistics, folder: Path) -> list[Path]:
    """Write `durations.png`, `speakers.png`, `languages.png` and `phonemes.png`; their paths.

    Raises:
        UserError: matplotlib is missing, or the folder cannot be written to.
    """
    paths = [folder / f"{name}.png" for name in ("durations", "speakers", "languages", "phonemes")]
    figure, panel = _panel("seconds", "utterances", f"{found.utterances} utterances, {found.seconds / 3600:.2f} h")
    panel.hist(found.durations, bins=min(50, max(found.utterances, 1)))
    _save(figure, paths[0])
    for path, title, shares in ((paths[1], "speakers", found.speakers), (paths[2], "languages", found.languages)):
        _bars(path, {name: share.seconds / 60 for name, share in shares.items()}, title, "minutes")
    _bars(paths[3], found.phonemes, "phonemes", "occurrences")
    return paths


def _bars(path: Path, values: Mapping[str, float], title: str, unit: str) -> None:
    shown = dict(list(values.items())[:_BARS])
    of = f", the first {len(shown)}" if len(shown) < len(values) else ""
    figure, panel = _panel("", unit, f"{len(values)} {title}{of}")
    panel.bar(range(len(shown)), list(shown.values()))
    panel.set_xticks(
        range(len(shown)), [name.replace("$", r"\$").replace(" ", "␣") for name in shown], rotation=90, fontsize=8
    )
    _save(figure, path)


def _panel(across: str, up: str, title: str) -> tuple[Any, Any]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise UserError("pictures need matplotlib. Install it with: pip install matplotlib") from error
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    panel.set(xlabel=across, ylabel=up, title=title)
    panel.grid(alpha=0.3, axis="y")
    return figure, panel


def _save(figure: Any, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
