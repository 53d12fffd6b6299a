"""Root help, group help and version, printed as plain text without importing Typer."""

from __future__ import annotations

import difflib

from valle_cli.commands.table import COMMANDS, GROUPS
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry

HEAD = """\
Usage: valle [--debug] [--safe] COMMAND [ARGS]...

Train neural codec language models and speak with them.
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


def root_help(*, safe: bool) -> int:
    """Print all commands with their summaries, those of plugins too; returns 0."""
    registry = Registry.open(safe=safe)
    rows = [(command.name, command.summary) for command in COMMANDS]
    built_in = {command.name for command in COMMANDS}
    plugins = [
        (entry.name, entry.spec.summary if entry.spec else f"({entry.status})")
        for entry in registry.entries("command")
        if entry.status not in ("disabled", "not-installed") and entry.name not in built_in
    ]
    width = max(len(name) for name, _ in rows + plugins) + 2
    print(HEAD)
    _section("Commands:", rows, width)
    if plugins:
        print()
        _section("Commands of plugins:", plugins, width)
    print(FOOT, end="")
    return 0


def group_help(group: str, registry: Registry | None = None) -> int:
    """Print the commands whose first word is `group`, those in `registry` too; returns 0."""
    rows = [(command.name, command.summary) for command in COMMANDS if command.name.startswith(f"{group} ")]
    if registry is not None:
        entries = [entry for entry in registry.entries("command") if entry.name.startswith(f"{group} ")]
        rows += [(entry.name, entry.spec.summary if entry.spec else f"({entry.status})") for entry in entries]
    title = GROUPS.get(group, f"Commands that begin with '{group}'")
    print(f"Usage: valle {group} COMMAND [ARGS]...\n\n{title}.\n")
    _section("Commands:", rows, max((len(name) for name, _ in rows), default=0) + 2)
    return 0


def _section(title: str, rows: list[tuple[str, str]], width: int) -> None:
    print(title)
    for name, summary in rows:
        print(f"  {name:<{width}}{summary}")


def version() -> int:
    """Print the installed version; returns 0."""
    from importlib.metadata import version as installed

    print(f"valle {installed('valle')}")
    return 0


def refuse_unknown(words: list[str], registry: Registry) -> UserError:
    """The error for words that name no command, with the nearest there is."""
    names = [command.name for command in COMMANDS] + registry.names("command")
    if words[0] in GROUPS:
        typed = " ".join(words[:2])
        near = difflib.get_close_matches(typed, names, n=1)
    else:
        typed = words[0]
        near = difflib.get_close_matches(typed, [*names, *GROUPS], n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return UserError(f"there is no command '{typed}'.{hint} See: valle --help")
