"""`valle voices remove NAME…`: forgets saved voices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What goes.

    Attributes:
        names: saved voices
        voices: folder of saved voices; left out: the user's own
    """

    names: tuple[str, ...]
    voices: Path | None = None


SCHEMA = Schema(sections=(Section("voices", Options, flat=True, help="Options", positional=("names",)),))


def remove(context: CommandContext) -> CommandResult:
    """Remove saved voices; all of them are there, or none is removed. Installed voices stay."""
    from valle.voices import VoiceStore

    own: Options = context.options("voices")
    store = VoiceStore(own.voices)
    names = tuple(dict.fromkeys(own.names))
    store.remove(*names)
    return CommandResult(text="\n".join(f"{name} is removed" for name in names), facts={"removed": list(names)})
