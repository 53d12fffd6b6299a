"""`valle prepare`: a folder of recordings becomes a dataset of phonemes and codes."""

from __future__ import annotations

import dataclasses
import os
import time
from dataclasses import dataclass
from pathlib import Path

from valle_core.command import CommandContext, CommandResult, Outcome, Progress
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError
from valle_data.preparation.config import PREPARE_SCHEMA
from valle_data.preparation.options import NOT_GIVEN


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is not part of the dataset.

    Attributes:
        folder: folder or table of recordings; --layout says which are known
        device: torch device of the codec: auto, cpu, cuda
        rank: of this process, from 0; default: of torchrun or SLURM, if any
        world_size: processes that share the work; with --rank
    """

    folder: str = ""
    device: str = "auto"
    rank: int | None = None
    world_size: int | None = None


SCHEMA = Schema(
    PREPARE_SCHEMA.slots,
    (Section("command", Options, flat=True, help="Options", positional=("folder",)), *PREPARE_SCHEMA.sections),
)


def prepare(context: CommandContext) -> Outcome:
    """Turn recordings with transcripts into a dataset of phonemes and codec codes.

    May be interrupted at any moment and run again; a second run does no work. What cannot be used is
    reported with its reason and left out. Under torchrun or srun, or with --rank and --world-size, each process
    makes its share in the same --out; whoever makes the last part finishes the dataset.
    """
    from valle_core.assemble.device import choose_device
    from valle_data.preparation.components import open_components
    from valle_data.preparation.prepare import prepare_share
    from valle_data.preparation.ranks import ShareReport, find_device, find_ranks

    own, options = context.options("command"), context.options("prepare")
    if not own.folder and options.source is NOT_GIVEN:
        raise UserError("no folder of recordings given; name it: valle prepare FOLDER --out data")
    if options.out is NOT_GIVEN:
        raise UserError("no folder for the dataset given; name it: --out data")
    options = dataclasses.replace(options, source=Path(own.folder) if own.folder else options.source)
    ranks = find_ranks(own.rank, own.world_size, os.environ)
    device = choose_device(find_device(own.device, os.environ))
    with context.progress("recording") as bar:
        components = open_components(context.resolved, context.registry, device)
        report = prepare_share(options, components, ranks, progress=Speed(bar))
    if isinstance(report, ShareReport):
        return report
    for note in (*([report.languages_text()] if report.detected else []), *report.notes):
        context.note(note)
    return CommandResult(text=report.summary(), facts={"finished": True, **report.to_json()})


class Speed:
    """Shows how many recordings, and how many seconds of audio, this run does in a second."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._begin: tuple[float, int] | None = None

    def __call__(self, done: int, total: int, seconds: float) -> None:
        """See `valle_data.preparation.work.Progress`; the first call comes before the first recording is done."""
        now = time.monotonic()
        start, first = self._begin = self._begin or (now, done)
        elapsed = max(now - start, 1e-3)
        rate = f"{(done - first) / elapsed:.1f} recordings/s · {seconds / elapsed:.0f} s audio/s"
        self._bar.move(done, total, f"{seconds:.0f} s of audio · {rate}")
