"""`valle export` and `valle plugins lock`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from valle_core.api import CommandContext, CommandResult, Schema, Section, UserError
from valle_export.options import ExportOptions

MERGING = "adapter apply"
"""The command that merges adapters."""

EXPORT_SCHEMA = Schema(sections=(Section("export", ExportOptions, flat=True, help="Options", positional=("run",)),))


@dataclass(frozen=True, kw_only=True, slots=True)
class LockOptions:
    """Which list, and what is done with it.

    Attributes:
        source: run, checkpoint, exported folder or file of a list; left out: all that is installed
        out: file to write the list to; left out: it is printed
        check: compare the list with what is installed here; exit code 1 if something is missing
    """

    source: Path | None = None
    out: Path | None = None
    check: bool = False

    def __post_init__(self) -> None:
        if self.check and self.source is None:
            raise UserError("--check compares a list with what is installed. Name a run or a file of `plugins lock`")
        if self.check and self.out is not None:
            raise UserError("--check writes no list; leave --out out")


LOCK_SCHEMA = Schema(sections=(Section("lock", LockOptions, flat=True, help="Options", positional=("source",)),))


def export(context: CommandContext) -> CommandResult:
    """Export a trained model as a folder that loads anywhere.

    It holds the weights, the configuration, the symbols, the list of plugins that are needed, and a model card; `valle
    synth --model FOLDER` speaks as from the run. Loading it runs no code, and names the plugins that are missing.
    """
    from valle_export.formats import FORMATS
    from valle_export.places import new_folder

    own: ExportOptions = context.options("export")
    write = FORMATS[own.format].load(own.format)
    with merged(context, own) as options, new_folder(own.out) as folder:
        facts = write(context, options, folder)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    facts = {"out": str(own.out), "format": own.format, "bytes": size, **facts}
    return CommandResult(text=f"wrote {own.out}: {own.format}, {size / 1e6:.2f} MB", facts=facts)


@contextmanager
def merged(context: CommandContext, options: ExportOptions) -> Iterator[ExportOptions]:
    """The options, naming the run with its adapters merged where that was asked for.

    Raises:
        UserError: it has no adapters, or no plugin that merges them is installed.
    """
    if not options.merge:
        yield options
        return
    if MERGING not in context.registry.names("command"):
        raise UserError("--merge needs valle-lora. Install it with: valle plugins install valle-lora")
    with tempfile.TemporaryDirectory() as work:
        if context.command(*MERGING.split(), options.run, "--merge", "--out", Path(work) / "merged"):
            raise UserError(f"the adapters of {options.run} could not be merged; see above, or leave --merge out")
        yield replace(options, run=Path(work) / "merged", merge=False)


def lock(context: CommandContext) -> CommandResult:
    """Write the list of plugins that a model needs, with distribution, version and API, or check it on this machine."""
    from valle_export.lock import compare, install_line, lock_from, lock_of_installed, write_lock

    own: LockOptions = context.options("lock")
    found = lock_of_installed(context.registry) if own.source is None else lock_from(own.source)
    if not own.check:
        rows = [f"{one.kind:<12}{one.bare:<20}{one.distribution} {one.version}, API {one.api}" for one in found.plugins]
        if own.out is not None:
            write_lock(own.out, found)
            rows = [f"wrote {own.out}: {len(found.plugins)} plugins of {len(found.distributions)} distributions"]
        return CommandResult(text="\n".join(rows), facts=found.to_json())
    findings = list(compare(found, context.registry, str(own.source)))
    missing = [one for one in findings if one.missing]
    lines = [one.line for one in findings if one.line]
    install = install_line(findings, context.registry)
    lines.append(
        f"{len(missing)} of {len(findings)} plugins are missing"
        if missing
        else f"all {len(findings)} plugins are there"
    )
    if install:
        lines.append(f"install them with: {install}")
    facts = {
        "plugins": [{"plugin": str(one.plugin), "missing": one.missing, "line": one.line} for one in findings],
        "install": install,
    }
    return CommandResult(text="\n".join(lines), facts=facts, code=int(bool(missing)))
