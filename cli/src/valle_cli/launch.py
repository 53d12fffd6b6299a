"""Runs a command of API 1, a Typer app, so that its errors look like everyone else's."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import typer

from valle_core.config.layer import nearest
from valle_core.plugin import UserError

INTERRUPTED = 130
"""What Typer makes of Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What was given beside the command; a Typer command finds it as `typer.Context.obj`."""

    safe: bool


def launch(app: object, name: str, argv: list[str], *, safe: bool) -> int | None:
    """Run `app` (a `typer.Typer`) as `valle NAME` on `argv`; returns an exit code."""
    if not isinstance(app, typer.Typer):
        raise UserError(f"command '{name}' is broken: its app is a {type(app).__name__}, expected a typer.Typer")
    try:
        result = app(args=argv, prog_name=f"valle {name}", standalone_mode=False, obj=Flags(safe=safe))
    except typer.Exit as error:
        return error.exit_code
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    except typer.TyperException as error:
        raise UserError(_plain(error) + _behind_dashes(error, argv, name)) from error
    if result == INTERRUPTED:
        raise KeyboardInterrupt
    return result if isinstance(result, int) else None


def _plain(error: typer.TyperException) -> str:
    """Typer's complaint in one line, with the nearest name when an option is unknown."""
    option, possible = getattr(error, "option_name", None), getattr(error, "possibilities", None)
    if option and possible:
        return f"there is no option {option}.{nearest(option, possible)} See --help"
    return " ".join(error.format_message().split())


def _behind_dashes(error: typer.TyperException, argv: Sequence[str], name: str) -> str:
    """How to give a text that begins with a hyphen, where one was taken for an option (no option has a single one)."""
    before = argv[: argv.index("--")] if "--" in argv else argv
    taken = [word for word in before if word[:1] == "-" and (word[1:2] != "-" or " " in word)]
    if getattr(error, "option_name", None) is None or not taken:
        return ""
    return f". A text that begins with - goes behind --, after all options: valle {name} … -- {shlex.quote(taken[0])}"
