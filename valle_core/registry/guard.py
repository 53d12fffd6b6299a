"""Keeps what a spec module does while it is imported from reaching the caller."""

from __future__ import annotations

import contextlib
import io
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import NoReturn

HEAVY = frozenset({"torch"})
"""A spec module that imports one of these would slow down every listing; it is refused instead."""

LIMIT_S = 5.0
"""Seconds after which the import of one spec module is given up, where the system has an alarm."""


class Refused(BaseException):
    """A spec module did what none may; no `except Exception` of the module hides it."""


class Guard:
    """What was seen during one import.

    Attributes:
        refused: what the module did that it must not, "" when nothing.
        watching: Ctrl-C is told from a `KeyboardInterrupt` that the module raises by itself.
        interrupted: the user pressed Ctrl-C.
    """

    def __init__(self) -> None:
        self.refused = ""
        self.watching = False
        self.interrupted = False

    def refuse(self, what: str) -> NoReturn:
        """Remember and stop the import; what is remembered counts even where the module goes on."""
        self.refused = self.refused or what
        raise Refused(what)

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """A finder in front of all others; an `ImportError` is what `except ImportError` in a module expects."""
        if fullname in HEAVY:
            self.refused = self.refused or f"its spec module imports {fullname}, which would slow every listing"
            raise ImportError(f"a spec module must not import {fullname}", name=fullname)


@contextlib.contextmanager
def guarded() -> Iterator[Guard]:
    """While inside: no torch, output, warning or stall, and no lasting change of `sys.path`.

    A spec that ends the process is found by `valle plugins doctor`, which imports each in a process of its own.
    """
    guard = Guard()
    path = list(sys.path)
    sys.meta_path.insert(0, guard)  # type: ignore[arg-type]
    try:
        with (
            _alarm(guard),
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield guard
    finally:
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not guard]
        sys.path[:] = path


@contextlib.contextmanager
def _alarm(guard: Guard) -> Iterator[None]:
    """A limit of time, and Ctrl-C noted; both only in the main thread, where Python delivers signals.

    A process that a shell started in the background ignores Ctrl-C (`SIG_IGN`), and stays so.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note_interrupt(number: int, frame: object) -> None:
        guard.interrupted = True
        before(number, frame)  # type: ignore[arg-type]

    def give_up(number: int, frame: object) -> None:
        guard.refuse(f"its spec module takes more than {LIMIT_S:g} s to import")

    timed = hasattr(signal, "setitimer") and signal.getitimer(signal.ITIMER_REAL)[0] == 0
    other = signal.signal(signal.SIGALRM, give_up) if timed else None
    if callable(before):
        signal.signal(signal.SIGINT, note_interrupt)
    guard.watching = True
    try:
        if timed:
            signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
        yield
    finally:
        if timed:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, other)
        if callable(before):
            signal.signal(signal.SIGINT, before)
