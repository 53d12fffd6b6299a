"""The reference of plugins: a page for each distribution, its README with what its specs say and all its options."""

from __future__ import annotations

from collections.abc import Iterator

from plugin_list import COLUMNS, TITLES

from site_pages.commands import cell, option_table
from site_pages.places import ROOT
from valle_cli.known import KNOWN
from valle_cli.option_table import dataclass_rows
from valle_core.plugin import PluginSpec
from valle_core.registry.catalog import Entry
from valle_core.registry.registry import Registry
from valle_core.registry.select import Selected

INDEX = "reference/plugins/index.md"
HEAD = (
    "# Distributions\n\nWhat plugins come in, one page each: the README of the distribution, then what each plugin "
    "says of itself, with its options. [All plugins](../../plugin-list.md) lists them kind by kind.\n\n"
    "| distribution | brings |\n|---|---|\n"
)


def readmes() -> dict[str, str]:
    """Distribution → path of its README in the repository."""
    return {
        path.parent.name: path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "plugins").glob("*/README.md"))
    }


def index() -> str:
    """All distributions of plugins/ with what they bring."""
    lines = []
    for name in readmes():
        kinds = KNOWN.get(name, {})
        brings = "; ".join(f"{kind}: {', '.join(f'`{one}`' for one in names)}" for kind, names in kinds.items())
        lines.append(f"| [{name}]({name}.md) | {brings} |\n")
    return HEAD + "".join(lines)


def facts(distribution: str) -> str:
    """What stands below the README: each plugin of the distribution with its facts and its options."""
    registry = Registry.open()
    mine = [entry for entry in registry.entries() if entry.distribution == distribution]
    parts = [plugin for entry in mine if isinstance(entry.spec, PluginSpec) for plugin in one(entry)]
    return "\n".join(["", "## What its plugins say of themselves", "", *parts]) if parts else ""


def one(entry: Entry) -> Iterator[str]:
    """Facts and options of a plugin."""
    spec = entry.spec
    assert isinstance(spec, PluginSpec)
    kind = TITLES.get(entry.kind.name, entry.kind.name)
    yield f"### `{entry.name}` ({entry.kind.name})\n\n{spec.summary.rstrip('.')}.\n"
    rows = {"kind": kind, "chosen by": f"`{entry.kind.usage.format(kind=entry.kind.name, name=entry.name)}`"}
    rows |= {name: column(entry) for name, column in COLUMNS.items() if name != "what"}
    rows["dtypes"] = ", ".join(spec.dtypes)
    rows["capabilities"] = ", ".join(f"`{word}`" for word in sorted(spec.capabilities | entry.kind.owed))
    rows["requires"] = "; ".join(f"`{need.module}` (`{need.hint}`)" for need in spec.requires)
    rows["to know"] = " ".join(spec.advisories)
    yield "| | |\n|---|---|\n" + "".join(f"| {name} | {cell(text)} |\n" for name, text in rows.items() if text)
    options = Selected(name=entry.name, entry=entry, spec=spec).options_type()
    table = list(dataclass_rows(options, f"{entry.kind.name}.", ""))
    yield f"\n{option_table(table)}" if table else "\nIt has no options.\n"
