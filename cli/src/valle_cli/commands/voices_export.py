"""`valle voices export NAME`: a saved voice as one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is written, and where.

    Attributes:
        name: saved voice
        out: file to write, ending in .safetensors; left out: NAME.safetensors in the current folder
        voices: folder of saved voices; left out: the user's own
    """

    name: str
    out: Path | None = None
    voices: Path | None = None


SCHEMA = Schema(sections=(Section("voices", Options, flat=True, help="Options", positional=("name",)),))


def export(context: CommandContext) -> CommandResult:
    """Write a saved voice to a file, which `valle voices add NAME FILE` takes on another machine."""
    from valle.voices import ENDING, VoiceStore, write_voice

    own: Options = context.options("voices")
    voice = VoiceStore(own.voices).read(own.name)
    out = own.out or Path(f"{own.name}{ENDING}")
    if out.suffix != ENDING or out.is_dir():
        raise UserError(f"--out {out}: a voice is a file; let its name end in {ENDING}")
    write_voice(out, voice)
    return CommandResult(text=f"{out}: {voice.seconds:.2f} s", facts={"out": str(out), **voice.facts()})
