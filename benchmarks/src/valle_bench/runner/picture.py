"""Pictures of benchmarks: a figure without a window, saved whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from valle_core.files import replacing
from valle_core.plugin import UserError


def new_figure(width: float, height: float) -> Any:
    """An empty figure of inches.

    Raises:
        UserError: matplotlib is missing.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise UserError("plots need matplotlib. Install it with: pip install matplotlib") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, png: Path, **how: Any) -> None:
    """Write it as a PNG. Raises `UserError` where the place cannot be written to."""
    with replacing(Path(png)) as temporary:
        figure.savefig(temporary, format="png", dpi=110, **how)
