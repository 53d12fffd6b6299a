"""The command line grows on purpose only: its tree of commands and options is compared with a committed file.

To change it on purpose: `VALLE_UPDATE_FROZEN_CLI=1 pytest tests/architecture/test_frozen_cli.py`, then commit
`frozen_cli.txt`. Options of plugins are not part of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from valle_cli.interpreter import opened
from valle_cli.known import HOUSE, KNOWN
from valle_cli.option_table import OptionRow
from valle_core.plugin import CommandSpec
from valle_core.registry.registry import Registry

FROZEN = Path(__file__).with_name("frozen_cli.txt")


def lines() -> Iterator[str]:
    registry = Registry.open()
    for name in sorted(name for home in HOUSE for name in KNOWN[home]["command"]):
        spec = registry.find("command", name).spec
        assert isinstance(spec, CommandSpec), f"'{name}' is not announced"
        yield f"valle {name}"
        yield from sorted(f"  {_words(row)}" for row in opened(spec).rows())


def _words(row: OptionRow) -> str:
    return (
        f"-- {row.key}"
        if row.rest
        else row.key
        if row.positional
        else "/".join(filter(None, (row.flag, row.short, row.off)))
    )


def test_the_command_line_is_the_one_that_was_agreed_on():
    now = "\n".join(lines()) + "\n"
    if os.environ.get("VALLE_UPDATE_FROZEN_CLI"):
        FROZEN.write_text(now)
    assert now == FROZEN.read_text(), (
        "the command line changed; if that is meant, run "
        "VALLE_UPDATE_FROZEN_CLI=1 pytest tests/architecture/test_frozen_cli.py and commit frozen_cli.txt"
    )
