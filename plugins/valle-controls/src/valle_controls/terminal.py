"""Whether words may be read from standard input now, so that no run is stopped for it, or takes another's lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path


def standard_input(wanted: Collection[str]) -> int | None:
    """Its file descriptor, where there is one to read: of a terminal with "terminal", of anything with "stdin"."""
    try:
        number = sys.stdin.fileno()
        terminal = os.isatty(number)
    except (AttributeError, OSError, ValueError):  # closed, or replaced by something that is no file
        return None
    return number if "stdin" in wanted or ("terminal" in wanted and terminal) else None


def in_foreground(terminal: int) -> bool:
    """Whether what is typed is meant for this process: it, or the launcher that started it, is in the foreground.

    A launcher such as torchrun gives each process a session of its own, which has no terminal.
    """
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return _launcher_in_foreground(os.getppid())


def _launcher_in_foreground(process: int) -> bool:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        group, foreground = int(fields[2]), int(fields[5])
    except (OSError, ValueError, IndexError):
        return False
    return group == foreground
