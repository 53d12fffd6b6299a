"""Progress bars on stderr, so that stdout stays for results."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class StepBar:
    """A bar that counts steps and shows a line of figures."""

    def __init__(self, total: int, *, shown: bool, unit: str = "step") -> None:
        self._progress = Progress(
            TextColumn(unit),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=Console(stderr=True),
            disable=not shown,
        )
        self._task = self._progress.add_task(unit, total=total, figures="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # the terminal is gone
            if error is None:
                self._progress.stop()
            else:  # the bar goes, so that the line that says why stands alone
                self._progress.live.transient = True
                self._progress.live.stop()

    def show(self, line: Mapping[str, Any], figures: str) -> None:
        """Move to `line["step"]` and show `figures`."""
        self._progress.update(self._task, completed=line["step"], figures=figures)

    def move(self, done: int, total: int, figures: str = "") -> None:
        """Move to `done` of `total`."""
        self._progress.update(self._task, completed=done, total=total, figures=figures)
