"""`valle plugins uninstall NAME…`: removes the distribution of a plugin without importing anything of it."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, field

from valle_cli.installed import Installed, announced_as, installed
from valle_cli.installer import carry_out, find_installer
from valle_cli.targets import to_uninstall
from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What goes.

    Attributes:
        names: plugin name, distribution, or DISTRIBUTION:NAME
        dry_run: show the command, but do not run it
        yes: do not ask for confirmation
    """

    names: tuple[str, ...]
    dry_run: bool = False
    yes: bool = field(default=False, metadata={"short": "-y"})


SCHEMA = Schema(sections=(Section("uninstall", Options, flat=True, help="Options", positional=("names",)),))


def uninstall(context: CommandContext) -> CommandResult:
    """Uninstall the distributions of plugins: lists what is removed, shows the command, asks, runs it.

    Works for broken and for disabled plugins. valle-core and valle themselves stay.
    """
    own: Options = context.options("uninstall")
    there = list(installed())
    removed = list({found.key: found for found in (to_uninstall(name, there) for name in own.names)}.values())
    command = find_installer().command("uninstall", [found.name for found in removed])
    facts = {"command": command, "removed": [], "dry_run": own.dry_run}
    lines = "\n".join(going(found) for found in removed)
    if own.dry_run:
        return CommandResult(text=f"{lines}\n{shlex.join(command)}", facts=facts)
    print(lines, file=sys.stderr)
    try:
        if not carry_out(command, yes=own.yes, must_ask="uninstalling needs a confirmation"):
            return CommandResult(text="", facts=facts, code=1)
    except UserError as error:
        raise _explained(error, removed) from error
    stayed = {found.key: found for found in installed()}
    for found in removed:
        if rest := stayed.get(found.key):
            raise UserError(f"{rest.name} {rest.version} is still there: {rest.folder}. Run the same again")
    return CommandResult(text="", facts={**facts, "removed": [found.name for found in removed]})


def going(found: Installed) -> str:
    """What goes with a distribution."""
    names = ", ".join(announced_as(entry.group, entry.name) for entry in found.announced)
    return f"{found.name} {found.version} goes, and with it {names or 'no plugin'}"


def _explained(error: UserError, removed: list[Installed]) -> UserError:
    """What the installer cannot remove for want of a list of files is removed by hand."""
    bare = [str(found.folder) for found in removed if found.folder.is_dir() and not found.removable]
    hint = f". Its metadata has no list of files; delete by hand: {', '.join(bare)}" if bare else ""
    return UserError(f"{error}{hint}")
