"""`valle plugins uninstall NAME…`: removes the distribution of a plugin without importing anything of it."""

from __future__ import annotations

import argparse
import shlex
from typing import NoReturn

from valle_cli.installed import Installed, announced_as, installed
from valle_cli.installer import carry_out, find_installer
from valle_cli.targets import to_uninstall
from valle_core.plugin import UserError

EPILOG = """examples:
  valle plugins uninstall mamba
  valle plugins uninstall acme-softcap:softcap --dry-run
  valle plugins uninstall valle-mamba valle-retnet --yes

Works for broken and for disabled plugins. valle-core and valle themselves stay.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"valle plugins uninstall: {message}")


def parser() -> argparse.ArgumentParser:
    """Its options."""
    parser = _Parser(
        prog="valle plugins uninstall",
        description="Remove the distributions of plugins: says what goes, shows the command, asks, runs it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="plugin, distribution, or distribution:plugin")
    parser.add_argument("--dry-run", action="store_true", help="show the command, run nothing")
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
    return parser


def main(argv: list[str], *, safe: bool = False) -> int:
    """Remove them; returns 0, or 1 when the user said no. Raises `UserError` for names of nothing that may go."""
    options = parser().parse_args(argv)
    there = list(installed())
    removed = list({found.key: found for found in (to_uninstall(name, there) for name in options.names)}.values())
    command = find_installer().command("uninstall", [found.name for found in removed])
    for found in removed:
        names = ", ".join(announced_as(entry.group, entry.name) for entry in found.announced)
        print(f"{found.name} {found.version} goes, and with it {names or 'no plugin'}")
    if options.dry_run:
        print(shlex.join(command))
        return 0
    try:
        if not carry_out(command, yes=options.yes, must_ask=True):
            return 1
    except UserError as error:
        raise _explained(error, removed) from error
    stayed = {found.key: found for found in installed()}
    for found in removed:
        if rest := stayed.get(found.key):
            raise UserError(f"{rest.name} {rest.version} is still there: {rest.folder}. Run the same again")
    return 0


def _explained(error: UserError, removed: list[Installed]) -> UserError:
    """What the installer cannot remove for want of a list of files is removed by hand."""
    bare = [str(found.folder) for found in removed if found.folder.is_dir() and not found.removable]
    hint = f". Its metadata has no list of files; delete by hand: {', '.join(bare)}" if bare else ""
    return UserError(f"{error}{hint}")
