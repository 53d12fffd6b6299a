"""Runs a command as a user does, inside this process, and keeps what it prints."""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.metadata import entry_points
from unittest import mock

from valle_core.plugin import UserError

Run = Callable[[Sequence[str]], int]
"""Runs the command on the words behind its name; prints to `sys.stdout` and `sys.stderr`, gives the exit code."""


def valle(*name: str) -> Run:
    """The command of this name as the installed `valle` runs it: `valle("corpus")`, `valle("data", "stats")`."""

    def run(words: Sequence[str]) -> int:
        found = entry_points(group="console_scripts", name="valle")
        if not found:
            raise UserError(
                "there is no command line to try it with. Install it with: "
                "pip install --requirement requirements.txt (in a checkout of valle)"
            )
        with mock.patch.object(sys, "argv", ["valle", *name, *words]):
            try:
                code = next(iter(found)).load()()
            except SystemExit as left:
                code = left.code
        return code if isinstance(code, int) else int(code is not None)

    return run


@dataclass(frozen=True, slots=True)
class Ran:
    """What a user sees: the exit code and what stands on standard output and error."""

    code: int
    out: str
    err: str

    def described(self) -> str:
        """For messages: the exit code and the last line of what was printed."""
        lines = (self.err or self.out).strip().splitlines()
        return f"exit code {self.code}, {lines[-1]!r}" if lines else f"exit code {self.code}, nothing printed"


def ran(run: Run, *words: str) -> Ran:
    """The command on these words."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(words)
    return Ran(code, _plain(out.getvalue()), _plain(err.getvalue()))


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def examples(help_text: str) -> list[list[str]]:
    """Words behind `valle` of each example in a help text; `\\` continues a line, `#` begins a comment."""
    whole = re.sub(r"\\\s*\n\s*", " ", help_text)
    lines = [line.strip(" │$") for line in whole.splitlines()]
    found = [line for line in lines if line.startswith("valle ") and "[" not in line]
    return [shlex.split(line, comments=True)[1:] for line in found]
