"""`valle prepare-noise`: a folder of noise recordings becomes a set of noise."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from valle_core.command import CommandContext, CommandResult, Outcome
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
        rank: of this process, from 0; default: of torchrun or SLURM, if any
        world_size: processes that share the work; with --rank
    """

    folder: str = ""
    device: str = "auto"
    rank: int | None = None
    world_size: int | None = None


SCHEMA = Schema(
    NOISE_SCHEMA.slots,
    (Section("command", Options, flat=True, help="Options", positional=("folder",)), *NOISE_SCHEMA.sections),
)


def prepare_noise(context: CommandContext) -> Outcome:
    """Turn recordings of noise into a set of codec codes that training mixes with speech.

    Recordings may have any length and need no transcripts; their folders are their labels. May be interrupted at any
    moment and run again, or shared by several processes, as `valle prepare`. What cannot be used is reported with
    its reason and left out. The codec must be that of the speech.
    """
    from valle_core.assemble.device import choose_device
    from valle_data.commands.prepare import Speed
    from valle_data.preparation.components import open_codec
    from valle_data.preparation.noise import noise_equipment
    from valle_data.preparation.prepare import prepare_share
    from valle_data.preparation.ranks import ShareReport, find_device, find_ranks

    own, options = context.options("command"), context.options("prepare")
    if not own.folder and options.source is NOT_GIVEN:
        raise UserError("no folder of recordings given; name it: valle prepare-noise FOLDER --out noise")
    if options.out is NOT_GIVEN:
        raise UserError("no folder for the noise given; name it: --out noise")
    options = dataclasses.replace(options, source=Path(own.folder) if own.folder else options.source)
    ranks = find_ranks(own.rank, own.world_size, os.environ)
    device = choose_device(find_device(own.device, os.environ))
    with context.progress("recording") as bar:
        codec, plugin, stored = open_codec(context.resolved, context.registry, device)
        components = noise_equipment(codec, plugins=(plugin,), codec_options=stored, device=device)
        report = prepare_share(options.preparation(), components, ranks, progress=Speed(bar))
    if isinstance(report, ShareReport):
        return report
    for note in report.notes:
        context.note(note)
    return CommandResult(text=report.summary(), facts={"finished": True, **report.to_json()})
