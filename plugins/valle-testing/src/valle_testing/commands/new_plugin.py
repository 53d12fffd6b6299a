"""`valle new-plugin KIND NAME`: a complete package to grow from."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from valle_core.command import CommandContext, CommandResult
from valle_core.config.layer import nearest
from valle_core.config.schema import Schema, Section
from valle_core.plugin import Kind, UserError
from valle_core.registry.registry import Registry
from valle_testing.new_plugin.names import Names, names_of
from valle_testing.new_plugin.package import Package, make


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is made, and where.

    Attributes:
        kind: kind of the plugin
        name: name of the plugin, as users will type it, e.g. --arch NAME
        into: folder to create the package's folder in
        distribution: name of the distribution that pip installs; left out: valle-NAME-plugin
    """

    kind: str = field(metadata={"one_of": "kinds"})
    name: str
    into: Path = Path()
    distribution: str | None = None


SCHEMA = Schema(sections=(Section("new", Options, flat=True, help="Options", positional=("kind", "name")),))


def new_plugin(context: CommandContext) -> CommandResult:
    """Scaffold a complete plugin package: pyproject, spec, options, code, tests, README.

    The package can be installed, and passes its conformance suite as it is. Its name must be free: two plugins of one
    name are a conflict. Nothing is left behind when it cannot be written completely.
    """
    own: Options = context.options("new")
    row = kind_called(own.kind, context.registry)
    names = names_of(row, own.name, own.distribution)
    package = make(row, names, own.into)
    steps = next_steps(row, names, package)
    facts = {
        "kind": row.name,
        "name": names.name,
        "distribution": names.distribution,
        "package": names.package,
        "folder": str(package.folder),
        "files": package.files,
        "next": [command for command, _ in steps],
    }
    width = max(len(command) for command, _ in steps)
    lines = [f"wrote {package.folder}: {row.name} '{names.name}', {len(package.files)} files. Next:"]
    lines += [f"  {command:<{width}}  # {purpose}" for command, purpose in steps]
    return CommandResult(text="\n".join(lines), facts=facts)


def next_steps(row: Kind, names: Names, package: Package) -> list[tuple[str, str]]:
    """Commands to type next, and what each is for."""
    folder = shlex.quote(str(package.folder))
    steps = [
        (f"pip install -e {folder}", "found by its name from now on; edit it in place"),
        (f"valle list-plugins --kind {row.name}", "it is there, with its status"),
    ]
    if row.suite:
        steps.append((f"valle plugins check {names.name}", "the suite of its kind"))
    if row.name == "command":
        steps.append((f"valle {names.name} --help", "what it does"))
    return [*steps, (f"python -m pytest {folder}", "its own tests (needs pytest)")]


def kind_called(name: str, registry: Registry) -> Kind:
    """The kind of this name. Raises `UserError` with the nearest there is."""
    known = {row.name: row for row in registry.rows}
    if name not in known:
        raise UserError(f"there is no kind '{name}'.{nearest(name, known)} Kinds: {', '.join(known)}")
    return known[name]
