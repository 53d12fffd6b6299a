"""A command whose options come from the plugins that are selected on its own command line."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from rich.markup import escape

from valle_cli.arguments import Arguments, arguments, selections
from valle_cli.rows import Row, plugin_rows, section_rows, slot_rows
from valle_core.config.layer import layers
from valle_core.config.resolve import chosen, resolve, without_idle
from valle_core.config.schema import Resolved, Schema
from valle_core.registry.registry import Registry
from valle_core.registry.select import Selected


@dataclass(frozen=True, slots=True)
class Setup:
    """What a composed command receives.

    Attributes:
        resolved: parts and sections, validated; `resolved.choices()` goes to the preflight.
        registry: where the parts' names were found.
        config: the YAML file given with `--config`, or None.
        given: top-level keys that were set on the command line.
    """

    resolved: Resolved
    registry: Registry
    config: Path | None = None
    given: frozenset[str] = frozenset()


class Ended(int):
    """The exit code that a command chose itself; 130 alone would be taken for Ctrl-C."""


class Composed:
    """A leaf command made of a schema and a function.

    Args:
        schema: its slots and sections.
        function: `(setup: Setup, **own)`; `own` are ordinary Typer parameters. Its docstring is the help.
        examples: command lines shown at the end of the help.
    """

    def __init__(self, schema: Schema, function: Callable[..., Any], *, examples: Sequence[str] = ()) -> None:
        self.schema = schema
        self._function = function
        self._examples = examples

    def build(self, argv: Sequence[str], *, safe: bool = False) -> tuple[typer.Typer, list[str]]:
        """The Typer app for this command line, and the words left for it to parse.

        Raises:
            UserError: a selected plugin cannot be used, or an option belongs to nobody.
        """
        registry = Registry.open(safe=safe)
        first = selections(argv, self.schema)
        stack = layers(self.schema, yaml_file=first.config, sets=_selecting(self.schema, first.sets), flags=first.flags)
        names = chosen(self.schema, without_idle(self.schema, registry, stack))
        selected = {
            slot.name: tuple(registry.select(slot.kind, name) for name in names[slot.name])
            for slot in self.schema.slots
        }
        own = list(self.core_rows(registry, names))
        parts = list(plugin_rows(selected))
        taken = arguments(argv, self.schema, [*own, *parts], names)
        return self.app([*own, *parts], lambda: self._set_up(registry, selected, taken)), taken.rest

    def core_rows(self, registry: Registry | None = None, names: dict[str, tuple[str, ...]] | None = None) -> list[Row]:
        """Rows that do not depend on plugins, except for the names there are."""
        known = {slot.kind: registry.names(slot.kind) for slot in self.schema.slots} if registry else {}
        return [*slot_rows(self.schema, names or {}, known), *section_rows(self.schema)]

    def app(self, rows: Sequence[Row], set_up: Callable[[], Setup] | None = None) -> typer.Typer:
        """A Typer app that shows these rows; running it calls the function with `set_up()`."""

        def callback(**given: Any) -> Any:
            assert set_up is not None, "an app without a set-up is for showing only"
            return self._function(set_up(), **{name: given[name] for name in own})

        parameters = list(inspect.signature(self._function).parameters.values())[1:]
        hints = get_type_hints(self._function, include_extras=True)
        own = [parameter.name for parameter in parameters]
        keyword = inspect.Parameter.KEYWORD_ONLY
        callback.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [parameter.replace(kind=keyword, annotation=hints[parameter.name]) for parameter in parameters]
            + [_parameter(f"shown_{index}", row) for index, row in enumerate(rows)]
            + [_parameter(f"read_{index}", row) for index, row in enumerate(READING)]
        )
        app = typer.Typer(
            add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich", no_args_is_help=False
        )
        app.command(
            help=escape(inspect.cleandoc(self._function.__doc__ or "")),
            epilog=epilog(self._examples),
            context_settings={"help_option_names": ["-h", "--help"]},
        )(callback)
        return app

    def _set_up(self, registry: Registry, selected: dict[str, tuple[Selected, ...]], taken: Arguments) -> Setup:
        resolved = resolve(self.schema, registry, yaml_file=taken.config, sets=taken.sets, flags=taken.flags)
        for line in notes(registry, selected):
            print(line, file=sys.stderr)
        config = None if taken.config is None else Path(taken.config)
        return Setup(resolved, registry, config, taken.keys())


READING = (
    Row(flag="--config", key="", panel="Configuration", help="YAML file with any of these options", metavar="FILE"),
    Row(
        flag="--set",
        key="",
        panel="Configuration",
        help="any option by its YAML path, e.g. --set arch.d_model=512",
        metavar="KEY=VALUE",
        many=True,
    ),
)


def epilog(examples: Sequence[str]) -> str | None:
    """Examples as Typer's help shows them, one line each."""
    return "\n\n".join(["Examples:", *(escape(example) for example in examples)]) if examples else None


def notes(registry: Registry, selected: dict[str, tuple[Selected, ...]]) -> list[str]:
    """What a user should know about what was chosen: warnings and advisories, one line each."""
    lines = [f"warning: {text}" for text in registry.warnings]
    for plugins in selected.values():
        for plugin in plugins:
            who = f"{plugin.kind} '{plugin.name}'"
            if plugin.entry.why:
                lines.append(f"warning: {who}: {plugin.entry.why}")
            lines += [f"note: {who}: {text}" for text in plugin.spec.advisories]
    return list(dict.fromkeys(lines))


def _selecting(schema: Schema, sets: Sequence[str]) -> list[str]:
    """Those of `--set` that pick plugins; the others are checked later, with their options known."""
    picking = {word for slot in schema.slots for word in (slot.name, f"{slot.name}.name")}
    return [text for text in sets if text.partition("=")[0].strip().replace("-", "_") in picking]


def _parameter(name: str, row: Row) -> inspect.Parameter:
    """A keyword that Typer shows as this row. It is never filled: argv is read before Typer sees it."""
    declaration = f"{row.flag}/{row.off}" if row.switch else row.flag
    default = "" if row.default is None else f" [dim]{escape(f'[default: {row.default}]')}[/dim]"
    options: dict[str, Any] = {"help": escape(row.help) + default, "rich_help_panel": escape(row.panel)}
    options["show_default"] = False
    if not row.switch:
        options["metavar"] = row.metavar
    annotation: Any = bool | None if row.switch else list[str] | None if row.many else str | None
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[annotation, typer.Option(declaration, **options)],
    )
