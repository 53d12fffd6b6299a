"""`valle voices list`: the voices that are installed, and those that the user keeps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Which.

    Attributes:
        voices: folder of saved voices; left out: the user's own
    """

    voices: Path | None = None


SCHEMA = Schema(sections=(Section("voices", Options, flat=True, help="Options"),))


def list_voices(context: CommandContext) -> CommandResult:
    """List the voices of the installed model, and the saved ones with the codec they were encoded by."""
    from valle.boxes import installed_box
    from valle.voices import VoiceStore

    own: Options = context.options("voices")
    store = VoiceStore(own.voices)
    try:
        installed = dict(installed_box().voices)
    except UserError:
        installed = {}
    rows = [{"name": name, "sounds": sounds, "saved": False} for name, sounds in installed.items()]
    for name in store.names():
        try:
            rows.append({**store.read(name).facts(), "saved": True})
        except UserError as error:
            context.warn(str(error))
    lines = [f"{row['name']:<16}{_where(row):<24}{row['sounds']}".rstrip() for row in rows]
    return CommandResult(text="\n".join(lines), facts=rows)


def _where(row: dict) -> str:
    return f"saved, {row['seconds']:.2f} s, {row['codec']['name']}" if row["saved"] else "installed"
