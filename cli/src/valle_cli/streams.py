"""Standard output and error as `valle` needs them: an answer that cannot be written is one line, never a traceback."""

from __future__ import annotations

import io
import os
import sys
from typing import NoReturn

from valle_core.plugin import UserError


class OutputStream(io.TextIOWrapper):
    """Standard output. A write that the system refuses raises `UserError`; a reader that went away stays what it is."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            _refuse(error)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            _refuse(error)


class Closed(io.StringIO):
    """Standard output of a process that was started without one."""

    def write(self, text: str, /) -> int:
        if text:
            raise UserError("the output cannot be written: standard output is closed. Send it somewhere, e.g. > FILE")
        return 0


def prepare() -> None:
    """Make `sys.stdout` and `sys.stderr` such streams.

    A descriptor below 3 that is closed is opened on nothing, so that no file of ours takes its number and receives
    what a library prints there. Characters that the terminal cannot show are replaced.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        continue
    os.close(descriptor)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (it lives as long as the process)
    elif isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="replace")
    if sys.stdout is None:
        sys.stdout = Closed()
    elif isinstance(sys.stdout, io.TextIOWrapper):
        encoding, buffered = sys.stdout.encoding, sys.stdout.line_buffering
        sys.stdout = OutputStream(sys.stdout.detach(), encoding=encoding, errors="replace", line_buffering=buffered)


def abandon() -> None:
    """What standard output still holds goes nowhere, so that the end of the process does not try to write it again."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(error: OSError) -> NoReturn:
    if isinstance(error, BrokenPipeError):
        raise error
    abandon()
    raise UserError(
        f"the output cannot be written to standard output: {(error.strerror or str(error)).lower()}"
    ) from error
