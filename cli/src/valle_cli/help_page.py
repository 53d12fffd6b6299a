"""The help of one command, drawn by Typer from its rows."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape

from valle_cli.option_table import OptionRow


def show(name: str, text: str, rows: Sequence[OptionRow], examples: Sequence[str]) -> None:
    """Print usage, text, a panel for each group of rows, and the examples."""

    def callback(**_given: Any) -> None:
        """Only its signature counts: argv was read before."""

    callback.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [_parameter(f"shown_{index}", row) for index, row in enumerate(rows)]
    )
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    app.command(help=escape(text), epilog=epilog(examples), context_settings={"help_option_names": ["-h", "--help"]})(
        callback
    )
    with warnings.catch_warnings():
        # Two plugins of one chain may share an option's name; each shows it in its own panel.
        warnings.filterwarnings("ignore", message="The parameter .* is used more than once")
        app(args=["--help"], prog_name=f"valle {name}", standalone_mode=False)


def epilog(examples: Sequence[str]) -> str | None:
    """Examples as Typer's help shows them, one line each."""
    return "\n\n".join(["Examples:", *(escape(example) for example in examples)]) if examples else None


def _parameter(name: str, row: OptionRow) -> inspect.Parameter:
    """A keyword that Typer shows as this row."""
    default = "" if row.default is None else f" [dim]{escape(f'[default: {row.default}]')}[/dim]"
    shown: dict[str, Any] = {"help": escape(row.help) + default, "show_default": False}
    keyword = inspect.Parameter.KEYWORD_ONLY
    missing = inspect.Parameter.empty if row.required else None
    if row.positional:
        argument = typer.Argument(metavar=f"{row.flag}..." if row.many else row.flag, **shown)
        return inspect.Parameter(name, keyword, default=missing, annotation=Annotated[str | None, argument])
    if not row.switch:
        shown["metavar"] = row.metavar
    words = [f"{row.flag}/{row.off}" if row.off else row.flag, *filter(None, [row.short])]
    option = typer.Option(*words, rich_help_panel=escape(row.panel), **shown)
    annotation: Any = bool | None if row.switch else list[str] | None if row.many else str | None
    return inspect.Parameter(name, keyword, default=missing, annotation=Annotated[annotation, option])
