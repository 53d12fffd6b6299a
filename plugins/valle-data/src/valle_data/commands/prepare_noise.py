"""`valle prepare-noise`: a folder of noise recordings becomes a set of noise."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from valle_core.command import CommandContext, Outcome
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError
from valle_data.preparation.noise_options import NOISE_SCHEMA
from valle_data.preparation.options import NOT_GIVEN


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is not part of the set.

    Attributes:
        folder: wav, flac, ogg or mp3 in folders of any depth
        device: torch device of the codec: auto, cpu, cuda
    """

    folder: str = ""
    device: str = "auto"


SCHEMA = Schema(
    NOISE_SCHEMA.slots,
    (Section("command", Options, flat=True, help="Options", positional=("folder",)), *NOISE_SCHEMA.sections),
)


def prepare_noise(context: CommandContext) -> Outcome:
    """Turn recordings of noise into a set of codec codes that training mixes with speech.

    Recordings may have any length and need no transcripts; their folders are their labels. May be interrupted at any
    moment and run again. What cannot be used is reported with its reason and left out. The codec must be that of
    the speech.
    """
    from valle_core.assemble.device import choose_device
    from valle_data.preparation.equipment import open_codec
    from valle_data.preparation.noise import prepare_noise as prepare_set

    own, options = context.options("command"), context.options("prepare")
    if not own.folder and options.source is NOT_GIVEN:
        raise UserError("no folder of recordings given; name it: valle prepare-noise FOLDER --out noise")
    if options.out is NOT_GIVEN:
        raise UserError("no folder for the noise given; name it: --out noise")
    options = dataclasses.replace(options, source=Path(own.folder) if own.folder else options.source)
    device = choose_device(own.device)
    with context.progress("recording") as bar:
        codec, plugin, stored = open_codec(context.resolved, context.registry, device)
        return prepare_set(
            options,
            codec=codec,
            plugins=(plugin,),
            codec_options=stored,
            device=device,
            progress=lambda done, total, seconds: bar.move(done, total, f"{seconds:.0f} s of audio"),
        )
