"""The reference of the command line: a page for each command, made from its spec and its schema."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from itertools import groupby

from valle_cli.interpreter import Command, opened
from valle_cli.known import HOUSE, KNOWN
from valle_cli.option_table import OptionRow, plugin_rows
from valle_core.config.layer import layers
from valle_core.config.resolve import chosen
from valle_core.plugin import CommandSpec
from valle_core.registry.registry import Registry

INDEX = "reference/commands/index.md"


def command_pages() -> dict[str, str]:
    """Path on the site → Markdown: an index, and a page for each command of this repository."""
    registry = Registry.open()
    order = [name for home in HOUSE for name in KNOWN[home]["command"]]
    order += sorted(name for home, kinds in KNOWN.items() if home not in HOUSE for name in kinds.get("command", ()))
    pages = {INDEX: ""}
    lines = []
    for name in order:
        spec = registry.find("command", name).spec
        assert isinstance(spec, CommandSpec), f"'valle {name}' is not installed; run `make setup`"
        file = f"{name.replace(' ', '-')}.md"
        pages[f"reference/commands/{file}"] = page(opened(spec), registry)
        lines.append(f"| [`valle {name}`]({file}) | {spec.summary} |\n")
    pages[INDEX] = (
        "# Commands\n\nWritten from the specs of the commands; `valle COMMAND --help` says the same, with the options "
        "of the plugins that are chosen on the line. Every command takes `--debug` (tracebacks) and `--safe` "
        "(first-party plugins only).\n\n| command | |\n|---|---|\n" + "".join(lines)
    )
    return pages


def page(command: Command, registry: Registry) -> str:
    """What a command does, its options panel by panel, and examples."""
    spec = command.spec
    names = chosen(command.schema, layers(command.schema)) if command.schema.slots else {}
    text = inspect.cleandoc(command.run.__doc__ or spec.summary).split("\n\nRaises:")[0].split("\n\nReturns:")[0]
    rows = command.rows(registry, names)
    selected = {slot: tuple(registry.select(kind_of(command, slot), one) for one in few) for slot, few in names.items()}
    given = [row for row in rows if row.positional]
    usage = " ".join(
        [f"valle {spec.name}", *(row.flag if row.required else f"[{row.flag}]" for row in given), "[OPTIONS]"]
    )
    parts = [f"# valle {spec.name}\n\n{text}\n\n```text\n{usage}\n```\n"]
    if spec.examples:
        parts.append("## Examples\n\n```bash\n" + "\n".join(spec.examples) + "\n```\n")
    parts += panels(rows, level="##")
    if others := list(panels(list(plugin_rows(selected)), level="###")):
        parts.append("## Options of the plugins that are chosen where none is named\n")
        parts += others
    return "\n".join(parts)


def kind_of(command: Command, slot: str) -> str:
    """The kind that a slot of a command takes."""
    return next(one.kind for one in command.schema.slots if one.name == slot)


def panels(rows: Iterable[OptionRow], *, level: str) -> Iterator[str]:
    """A table for each panel of the help, in its order."""
    order = list(dict.fromkeys(row.panel for row in rows))
    for panel, some in groupby(sorted(rows, key=lambda row: order.index(row.panel)), key=lambda row: row.panel):
        yield f"{level} {panel}\n\n{option_table(some)}"


def option_table(rows: Iterable[OptionRow]) -> str:
    """Flags, defaults and help as a Markdown table."""
    lines = ["| option | default | |\n|---|---|---|\n"]
    for row in rows:
        words = ", ".join(f"`{word}`" for word in (row.flag, row.short, row.off) if word)
        metavar = "" if row.switch or row.positional else f" {row.metavar.replace('|', ' · ')}"
        default = f"`{row.default}`" if row.default else "required" if row.required else ""
        many = " (may be repeated)" if row.many and not row.positional else ""
        lines.append(f"| {words}{metavar} | {cell(default)} | {cell(row.help)}{many} |\n")
    return "".join(lines)


def cell(text: str) -> str:
    """Text as a cell of a table takes it; angle brackets are shown, not read as tags."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
