"""Root help, group help and version, printed as plain text without importing Typer."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable

from valle_cli.known import HOUSE, KNOWN
from valle_core.plugin import CommandSpec, UserError
from valle_core.registry.catalog import Entry
from valle_core.registry.registry import Registry

HEAD = """\
Usage: valle [--debug] [--safe] COMMAND [ARGS]...

Train neural codec language models and synthesize speech with them.
"""

FOOT = """
Options:
  --version    Show the version
  --debug      Show tracebacks (accepted anywhere)
  --safe       Use first-party plugins only (accepted anywhere)
  --help       Show this text; `valle COMMAND --help` explains a command

Examples:
  valle list-plugins
  valle list-plugins --kind arch --json
"""


def root_help(registry: Registry) -> int:
    """Print all commands with their summaries, those of plugins apart; returns 0."""
    ours, others = [], []
    for entry in _there(registry):
        (ours if entry.distribution in HOUSE else others).append(entry)
    order = {name: place for place, name in enumerate(name for home in HOUSE for name in KNOWN[home]["command"])}
    ours.sort(key=lambda entry: order.get(entry.name, len(order)))
    width = max((len(entry.name) for entry in [*ours, *others]), default=0) + 2
    print(HEAD)
    _section("Commands:", ours, width)
    if others:
        print()
        _section("Commands of plugins:", others, width)
    print(FOOT, end="")
    lacking = [entry for entry in registry.entries("command") if entry.status == "not-installed"]
    for entry in {one.distribution: one for one in lacking if one.distribution in HOUSE}.values():
        print(f"warning: {entry.distribution} lacks commands. Install it with: {to_install(entry)}", file=sys.stderr)
    return 0


def group_help(group: str, registry: Registry) -> int:
    """Print the commands whose first word is `group`; returns 0."""
    entries = [entry for entry in _there(registry) if entry.name.startswith(f"{group} ")]
    titles = [entry.spec.group for entry in entries if isinstance(entry.spec, CommandSpec) and entry.spec.group]
    title = titles[0] if titles else f"Commands that begin with '{group}'"
    print(f"Usage: valle {group} COMMAND [ARGS]...\n\n{title}.\n")
    _section("Commands:", entries, max(len(entry.name) for entry in entries) + 2)
    return 0


def to_install(entry: Entry) -> str:
    """How a command that is known and not there comes: a checkout that is older than the command is installed again."""
    from valle_cli.installed import installed_named

    found = installed_named(entry.distribution)
    return f"pip install -e {found.source}" if found and found.source else entry.hint


def command_names(registry: Registry) -> set[str]:
    """Of all commands that are announced or known, those that are switched off or not installed included."""
    known = {name for kinds in KNOWN.values() for name in kinds.get("command", ())}
    return known | {found.name for found in registry.announced if found.group == "valle.commands"}


def _there(registry: Registry) -> list[Entry]:
    return [entry for entry in registry.entries("command") if entry.status not in ("disabled", "not-installed")]


def _section(title: str, entries: Iterable[Entry], width: int) -> None:
    print(title)
    for entry in entries:
        summary = entry.spec.summary if isinstance(entry.spec, CommandSpec) else f"({entry.status})"
        print(f"  {entry.name:<{width}}{summary}")


def version() -> int:
    """Print the installed version; returns 0."""
    from importlib.metadata import version as installed

    print(f"valle {installed('valle')}")
    return 0


def refuse_unknown(words: list[str], registry: Registry) -> UserError:
    """The error for words that name no command, with the nearest there is."""
    names = registry.names("command")
    groups = {first for first, space, _ in (name.partition(" ") for name in names) if space}
    typed = " ".join(words[:2]) if words[0] in groups else words[0]
    near = difflib.get_close_matches(typed, [*names, *([] if words[0] in groups else groups)], n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return UserError(f"there is no command '{typed}'.{hint} See: valle --help")
