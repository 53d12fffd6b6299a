"""Runs any command that is a `CommandSpec`: built in, of a wing, or of a third party."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valle_cli.arguments import Arguments, arguments, selections
from valle_cli.option_table import HELP, OptionRow, plugin_rows, section_rows, slot_rows, standard_rows
from valle_core.command import CommandContext, Progress
from valle_core.config.layer import flag_of, layers
from valle_core.config.resolve import Remembering, chosen, resolve, without_idle
from valle_core.config.schema import PluginSelector, Schema
from valle_core.plugin import CommandSpec, UserError
from valle_core.registry.loading import LoadError, load
from valle_core.registry.registry import Registry
from valle_core.registry.select import Selected


@dataclass(frozen=True, slots=True)
class Command:
    """A command with everything its spec names.

    Attributes:
        spec: as announced.
        schema: its slots and sections.
        run: from `CommandContext` to an outcome.
    """

    spec: CommandSpec
    schema: Schema
    run: Callable[[CommandContext], Any]

    def rows(
        self, registry: Registry | None = None, names: dict[str, tuple[str, ...]] | None = None
    ) -> list[OptionRow]:
        """Rows that do not depend on plugins, except for the names there are."""
        known = {slot.kind: registry.names(slot.kind) for slot in self.schema.slots} if registry else {}
        own = section_rows(self.schema)
        return [
            *(_with_kinds(row, registry) if registry and row.one_of == "kinds" else row for row in own),
            *slot_rows(self.schema, names or {}, known),
            *standard_rows(self.schema, progress=self.spec.progress),
        ]


def _with_kinds(row: OptionRow, registry: Registry) -> OptionRow:
    return dataclasses.replace(row, help=f"{row.help}; one of: {', '.join(kind.name for kind in registry.rows)}")


def opened(spec: CommandSpec, owner: str = "") -> Command:
    """Import what a spec names. Raises `UserError` that blames `owner` where it cannot be used."""
    who = f"command '{spec.name}' ({owner})" if owner else f"command '{spec.name}'"
    try:
        schema = load(spec.schema) if spec.schema else Schema()
        run = load(spec.run)
    except LoadError as error:
        raise UserError(f"{who} is broken: {error}") from error
    if not isinstance(schema, Schema):
        raise UserError(f"{who} is broken: {spec.schema} is a {type(schema).__name__}, expected a Schema")
    standard = {row.flag for row in (HELP, *standard_rows(schema, progress=spec.progress))}
    if mine := standard & set(map(flag_of, schema.keys())):
        raise UserError(f"{who} is broken: every command has its own {min(mine)}, so {spec.schema} must not")
    if not callable(run):
        raise UserError(f"{who} is broken: {spec.run} is a {type(run).__name__}, expected a function")
    return Command(spec, schema, run)


def interpret(command: Command, argv: Sequence[str], registry: Registry) -> int:
    """Run a command on `argv`: read it, resolve, call, print; returns the exit code.

    Raises:
        UserError: a selected plugin cannot be used, an option belongs to nobody, or a value does not fit.
    """
    schema, name = command.schema, command.spec.name
    first = selections(argv, schema, command.rows())
    stack = layers(schema, yaml_file=first.config, sets=_selecting(schema, first.sets), flags=first.flags)
    plugins: Any = Remembering(registry)  # gives what the registry gives
    names = chosen(schema, without_idle(schema, plugins, stack))
    selected = {
        slot.name: tuple(plugins.select(slot.kind, plugin) for plugin in names[slot.name]) for slot in schema.slots
    }
    rows = [*command.rows(registry, names), *plugin_rows(selected), HELP]
    taken = arguments(argv, schema, rows, names, name)
    if "help" in taken.switches:
        from valle_cli.help_page import show

        show(name, inspect.cleandoc(command.run.__doc__ or command.spec.summary), rows, command.spec.examples)
        return 0
    _require(schema, {setting.path[0] for setting in stack[1]} | taken.keys(), name)
    context = _context(schema, registry, plugins, taken)
    for line in notes(registry, selected) if schema.slots else []:
        print(line, file=sys.stderr)
    return _answer(command.run(context), as_json=context.json)


def _context(schema: Schema, registry: Registry, plugins: PluginSelector, taken: Arguments) -> CommandContext:
    shown = not taken.switches & {"quiet", "json"}

    def progress(unit: str) -> AbstractContextManager[Progress]:
        from valle_cli.progress import StepBar

        return StepBar(0, shown=shown, unit=unit)

    return CommandContext(
        resolved=resolve(schema, plugins, yaml_file=taken.config, sets=taken.sets, flags=taken.flags),
        registry=registry,
        progress=progress,
        command=functools.partial(_run_another, safe=registry.safe, as_json="json" in taken.switches),
        config=None if taken.config is None else Path(taken.config),
        given=taken.keys(),
        json="json" in taken.switches,
    )


def _run_another(*words: object, safe: bool, as_json: bool) -> int:
    from valle_cli.main import run

    argv = [*(["--safe"] if safe else []), *map(str, words)]
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        return run(argv)


def _answer(outcome: Any, *, as_json: bool) -> int:
    """Print what a command returned, if anything, and give its exit code."""
    if outcome is None:
        return 0
    if as_json:
        facts = outcome.to_json()
        text = "" if facts is None else json.dumps(facts, ensure_ascii=False)
    else:
        text = outcome.summary()
    if text:
        print(text)
    return getattr(outcome, "code", 0)


def _require(schema: Schema, given: set[str], name: str) -> None:
    """Raise `UserError` naming the options of flat sections that have no default and were not given."""
    missing = [
        field.name.upper() if field.name in section.positional else "--" + field.name.replace("_", "-")
        for section in schema.sections
        if section.flat
        for field in dataclasses.fields(section.options_type)
        if field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
        and field.name not in given
    ]
    if missing:
        raise UserError(f"missing {' and '.join(missing)}. See: valle {name} --help")


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
    slots = {slot.name for slot in schema.slots}
    keys = [text.partition("=")[0].strip().replace("-", "_") for text in sets]
    return [text for text, key in zip(sets, keys, strict=True) if key.removesuffix(".name") in slots]
