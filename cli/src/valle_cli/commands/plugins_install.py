"""`valle plugins install NAME…`: by the name of the plugin, through pip or uv of this interpreter."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from valle_cli.commands.list_plugins import table, warnings_of
from valle_cli.installed import Installed, installed
from valle_cli.installer import carry_out, find_installer
from valle_cli.targets import Target, to_install
from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError
from valle_core.registry.scan import normalise


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What comes, and how.

    Attributes:
        names: plugin name, distribution, folder, wheel or URL
        editable: install folders in editable mode
        upgrade: upgrade to the newest version
        dry_run: show the command, but do not run it
        yes: do not ask for confirmation; needed without a terminal for names that valle does not know
        pip: options passed on to pip (or to uv, where there is no pip)
    """

    names: tuple[str, ...]
    editable: bool = field(default=False, metadata={"short": "-e"})
    upgrade: bool = field(default=False, metadata={"short": "-U"})
    dry_run: bool = False
    yes: bool = field(default=False, metadata={"short": "-y"})
    pip: tuple[str, ...] = ()


SCHEMA = Schema(sections=(Section("install", Options, flat=True, help="Options", positional=("names",), rest="pip"),))


def install(context: CommandContext) -> CommandResult:
    """Install plugins into this interpreter's environment: shows the command, runs it, lists the new plugins.

    Asks before it installs a name that valle does not know, which may be anybody's package.
    """
    own: Options = context.options("install")
    before = list(installed())
    targets = list(dict.fromkeys(target for name in own.names for target in to_install(name, before)))
    words = [word for target in targets for word in _words(target, editable=own.editable or target.editable)]
    command = find_installer().command("install", words, [*(["--upgrade"] if own.upgrade else []), *own.pip])
    facts = {"command": command, "dry_run": own.dry_run, "plugins": []}
    if own.dry_run:
        return CommandResult(text=shlex.join(command), facts=facts)
    strangers = " and ".join(f"'{target.distribution}'" for target in targets if target.stranger)
    if not carry_out(command, yes=own.yes, must_ask=f"valle knows no plugin {strangers}" if strangers else ""):
        return CommandResult(text="", facts=facts, code=1)
    asked = {target.distribution for target in targets}
    came = arrived(before, asked, _listed(safe=context.registry.safe))
    for line in warnings_of(came):
        context.warn(line)
    nothing = "no plugin came with that; `valle plugins doctor` looks for what is wrong"
    return CommandResult(text=table(came) if came else nothing, facts={**facts, "plugins": came})


def _words(target: Target, *, editable: bool) -> list[str]:
    return [*(["--editable"] if editable else []), target.requirement]


def arrived(before: Iterable[Installed], asked: set[str], rows: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    """Of the list as it is now, what was asked for or was not there before."""
    known = {(found.key, found.version, entry.name) for found in before for entry in found.announced}
    return [
        row
        for row in rows
        if row["status"] != "not-installed"
        and ((key := normalise(str(row["distribution"]))) in asked or (key, row["version"], row["name"]) not in known)
    ]


def _listed(*, safe: bool) -> list[dict[str, object]]:
    """The list as a new process sees it: this one does not know of folders that an editable install has added."""
    command = [sys.executable, "-P", "-m", "valle_cli", *(["--safe"] if safe else []), "list-plugins", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"it is installed, but now `valle list-plugins` fails: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)
