"""The table of built-in commands. A new command is one row here and one file beside it."""

from __future__ import annotations

from dataclasses import dataclass

from valle_bench.commands import specs as bench
from valle_cli.commands.specs import STARTUP, SYNTH, TRAIN
from valle_core.plugin import CommandSpec
from valle_data.commands import specs


@dataclass(frozen=True, slots=True)
class Command:
    """One row.

    Attributes:
        name: words after `valle`, one or two, e.g. `"train"` or `"bench startup"`.
        module: file in `valle_cli.commands`, imported only when the command runs.
        summary: one line for `valle --help`.
    """

    name: str
    module: str
    summary: str


COMMANDS: tuple[Command | CommandSpec, ...] = (
    *specs.COMMANDS,
    TRAIN,
    SYNTH,
    Command("demo", "demo", "From nothing to a recognised sentence: corpus, training, speech, verdict"),
    Command("list-plugins", "list_plugins", "Show every plugin with its status, the reason and the hint"),
    Command("plugins info", "plugins_info", "Show all that one plugin says about itself"),
    Command("plugins doctor", "plugins_doctor", "Look for what is wrong with the installed plugins"),
    Command("plugins install", "plugins_install", "Install plugins by name, distribution, folder or wheel"),
    Command("plugins uninstall", "plugins_uninstall", "Remove the distributions of plugins, broken ones too"),
    Command("plugins check", "plugins_check", "Run the conformance suite of its kind on a plugin"),
    Command("new-plugin", "new_plugin", "Make a complete plugin package to grow from, of any kind"),
    Command("bench arch", "bench_arch", "Measure every backbone beside the library it replaces, and at equal size"),
    Command("bench codec", "bench_codec", "Measure every codec beside the package it replaces, equal codes first"),
    *bench.COMMANDS,
    STARTUP,
)

GROUPS: dict[str, str] = {
    "bench": "Measure the toolkit beside what it replaces",
    "data": "Look after datasets",
    "plugins": "Look after plugins",
}
"""First words of two-word commands."""
