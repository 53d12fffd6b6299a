"""The help of one command: Typer draws the rows that its arguments are read by."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import typer
from rich.markup import escape
from typer.core import TyperArgument, TyperCommand, TyperOption

from valle_cli.option_table import OptionRow


def show(name: str, text: str, rows: Sequence[OptionRow], examples: Sequence[str]) -> None:
    """Print usage, text, a panel for each group of rows, and the examples."""
    command = TyperCommand(
        name,
        help=escape(_paragraphs(text)),
        epilog=epilog(examples),
        params=[_drawn(f"row_{index}", row) for index, row in enumerate(rows)],
        add_help_option=False,  # it has a row like every other
        rich_markup_mode="rich",
    )
    command.get_help(typer.Context(command, info_name=f"valle {name}"))


def epilog(examples: Sequence[str]) -> str | None:
    """Examples as Typer's help shows them, one line each."""
    return "\n\n".join(["Examples:", *(escape(example) for example in examples)]) if examples else None


class _Argument(TyperArgument):
    def display_type_rich(self, ctx: Any) -> str | None:
        return ""


class _Option(TyperOption):
    def display_type_rich(self, ctx: Any) -> str | None:
        return self.metavar


def _drawn(name: str, row: OptionRow) -> TyperArgument | TyperOption:
    """What Typer draws for this row; it reads nothing, so it has no type."""
    default = "" if row.default is None else f" [dim]{escape(f'[default: {row.default}]')}[/dim]"
    shown: dict[str, Any] = {"help": escape(row.help) + default, "show_default": False, "required": row.required}
    if "type_descriptor" in inspect.signature(TyperOption).parameters:  # from typer 0.29 on
        shown["type_descriptor"] = None
    if row.positional:
        return _Argument(param_decls=[name], metavar=f"{row.flag}..." if row.many else row.flag, **shown)
    words = [f"{row.flag}/{row.off}" if row.off else row.flag, *filter(None, [row.short])]
    metavar = "" if row.switch else row.metavar
    return _Option(
        param_decls=[name, *words], metavar=metavar, is_flag=row.switch, rich_help_panel=escape(row.panel), **shown
    )


def _paragraphs(text: str) -> str:
    """The text with each paragraph on one line, for it is wrapped to the width of the terminal."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
