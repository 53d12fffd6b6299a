"""The command line grows on purpose only: its tree of commands and options is compared with a committed file.

To change it on purpose: `VALLE_UPDATE_FROZEN_CLI=1 pytest tests/architecture/test_frozen_cli.py`, then commit
`frozen_cli.txt`. Options of plugins are not part of it.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import typer

from valle_cli.commands.table import COMMANDS
from valle_cli.interpreter import opened
from valle_cli.option_table import OptionRow
from valle_core.plugin import CommandSpec

FROZEN = Path(__file__).with_name("frozen_cli.txt")


def lines() -> Iterator[str]:
    for command in sorted(COMMANDS, key=lambda command: command.name):
        if isinstance(command, CommandSpec):
            yield from _entry(f"valle {command.name}", [_row(row) for row in opened(command).rows()])
            continue
        module = importlib.import_module(f"valle_cli.commands.{command.module}")
        if hasattr(module, "parser"):
            options = [_words(action) for action in module.parser()._actions]
            yield from _entry(f"valle {command.name}", options)
        else:
            yield from _typer_lines(f"valle {command.name}", typer.main.get_command(module.app))


def _row(row: OptionRow) -> str:
    return row.key if row.positional else "/".join(filter(None, (row.flag, row.off)))


def _words(action) -> str:
    return "/".join(action.option_strings) or action.dest.upper()


def _typer_lines(path: str, command) -> Iterator[str]:
    for name, child in sorted(getattr(command, "commands", {}).items()):
        yield from _typer_lines(f"{path} {name}", child)
    if not hasattr(command, "commands"):
        yield from _entry(path, ["/".join([*param.opts, *param.secondary_opts]) for param in command.params])


def _entry(path: str, options: list[str]) -> Iterator[str]:
    yield path
    yield from sorted(f"  {option}" for option in options)


def test_the_command_line_is_the_one_that_was_agreed_on():
    now = "\n".join(lines()) + "\n"
    if os.environ.get("VALLE_UPDATE_FROZEN_CLI"):
        FROZEN.write_text(now)
    assert now == FROZEN.read_text(), (
        "the command line changed; if that is meant, run "
        "VALLE_UPDATE_FROZEN_CLI=1 pytest tests/architecture/test_frozen_cli.py and commit frozen_cli.txt"
    )
