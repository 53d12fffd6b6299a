"""Progress on stderr, so that stdout stays for results: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINE_SECONDS = 30.0
"""Where there is no terminal, at most one line in this time: a log of a night stays readable."""


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
        self._unit = unit
        self._lines = shown and not self._progress.console.is_terminal
        self._begun = self._written = time.monotonic()

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
        self._line()

    def move(self, done: int, total: int, figures: str = "") -> None:
        """Move to `done` of `total`."""
        self._progress.update(self._task, completed=done, total=total, figures=figures)
        self._line()

    def _line(self) -> None:
        """Write where it is, where no bar can be seen and some time has passed."""
        now = time.monotonic()
        if not self._lines or now - self._written < LINE_SECONDS:
            return
        self._written = now
        task = self._progress.tasks[0]
        total = f"/{task.total:.0f}" if task.total else ""
        text = f"{self._unit} {task.completed:.0f}{total} after {now - self._begun:.0f} s {task.fields['figures']}"
        with suppress(OSError):  # nobody reads it
            self._progress.console.print(text.rstrip(), markup=False, highlight=False, soft_wrap=True)
