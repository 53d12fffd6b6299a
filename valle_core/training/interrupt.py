"""A signal asks a run to stop after its present step; a second one stops it at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self

ASKING = ("SIGINT", "SIGTERM", "SIGHUP")
"""Ctrl-C, what schedulers send before they kill, and what is sent where a terminal closes."""


class StopRequest:
    """A context in which such a signal sets `asked` instead of ending the process (in the main thread only).

    SIGHUP stays ignored where it is (`nohup`).

    Attributes:
        asked: whether one came.
        signal: the number of the first, or 0.
    """

    def __init__(self) -> None:
        self.asked = False
        self.signal = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for name in ASKING:
                number = getattr(signal, name, None)  # SIGHUP is not everywhere
                if number is not None and not (name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN):
                    self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked, self.signal = True, number
