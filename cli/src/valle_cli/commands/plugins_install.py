"""`valle plugins install NAME…`: by the name of the plugin, through pip or uv of this interpreter."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from typing import NoReturn

from valle_cli.commands.list_plugins import print_table
from valle_cli.installed import installed
from valle_cli.installer import carry_out, find_installer
from valle_cli.targets import to_install
from valle_core.plugin import UserError
from valle_core.registry.scan import normalise

EPILOG = """examples:
  valle plugins install mamba
  valle plugins install valle-mamba==0.1.0 ./acme-softcap
  valle plugins install --editable ./acme-softcap -- --no-deps --no-build-isolation

What follows `--` is handed to pip (or to uv, where there is no pip) as it is.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"valle plugins install: {message}")


def parser() -> argparse.ArgumentParser:
    """Its options."""
    parser = _Parser(
        prog="valle plugins install",
        description="Install plugins into this interpreter's environment: shows the command, runs it, lists what came.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="plugin, distribution, folder, wheel or address")
    parser.add_argument("--editable", "-e", action="store_true", help="install folders so that changes in them count")
    parser.add_argument("--upgrade", "-U", action="store_true", help="take the newest version even if one is there")
    parser.add_argument("--dry-run", action="store_true", help="show the command, run nothing")
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
    return parser


def main(argv: list[str], *, safe: bool = False) -> int:
    """Install; returns 0, or 1 when the user said no. Raises `UserError` for bad names and when the installer fails."""
    end = argv.index("--") if "--" in argv else len(argv)
    options, more = parser().parse_args(argv[:end]), argv[end + 1 :]
    before = list(installed())
    targets = list(dict.fromkeys(to_install(name, before) for name in options.names))
    words = [word for target in targets for word in (*(["--editable"] if options.editable else []), target.requirement)]
    command = find_installer().command("install", words, [*(["--upgrade"] if options.upgrade else []), *more])
    if options.dry_run:
        print(shlex.join(command))
        return 0
    if not carry_out(command, yes=options.yes, must_ask=False):
        return 1
    known = {(found.key, found.version, entry.name) for found in before for entry in found.announced}
    asked = {target.distribution for target in targets}
    rows = [row for row in _listed(safe=safe) if row["status"] != "not-installed"]
    came = [
        row
        for row in rows
        if (key := normalise(str(row["distribution"]))) in asked or (key, row["version"], row["name"]) not in known
    ]
    if came:
        print_table(came)
    else:
        print("no plugin came with that; `valle plugins doctor` looks for what is wrong")
    return 0


def _listed(*, safe: bool) -> list[dict[str, object]]:
    """The list as a new process sees it: this one does not know of folders that an editable install has added."""
    command = [sys.executable, "-P", "-m", "valle_cli", *(["--safe"] if safe else []), "list-plugins", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"it is installed, but now `valle list-plugins` fails: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)
