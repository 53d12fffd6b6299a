"""`valle prepare` and `valle prepare-noise`: a folder of recordings becomes a dataset, or a set of noise."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from valle_core.command import CommandContext, CommandResult, Outcome, Progress
from valle_core.config.schema import Schema, Section
from valle_data.preparation.config import PREPARE_SCHEMA
from valle_data.preparation.noise_options import NOISE_SCHEMA
from valle_data.preparation.share import Share


@dataclass(frozen=True, kw_only=True, slots=True)
class NoiseShare(Share):
    """Whose noise.

    Attributes:
        folder: folder of recordings (wav, flac, ogg or mp3), with subfolders of any depth
    """


def _schema(of: Schema, share: type[Share]) -> Schema:
    return Schema(
        of.slots, (Section("command", share, flat=True, help="Options", positional=("folder",)), *of.sections)
    )


SCHEMA, NOISE = _schema(PREPARE_SCHEMA, Share), _schema(NOISE_SCHEMA, NoiseShare)


def prepare(context: CommandContext) -> Outcome:
    """Turn recordings with transcripts into a dataset of phonemes and codec codes.

    May be interrupted at any moment and run again; a second run does no work. What cannot be used is
    reported with its reason and left out. Under torchrun or srun, or with --rank and --world-size, each process
    makes its share in the same --out; the one that makes the last part finishes the dataset.
    """
    return prepared(context)


def prepare_noise(context: CommandContext) -> Outcome:
    """Turn recordings of noise into a set of codec codes that training mixes with speech.

    Recordings may have any length and need no transcripts; their folders are their labels. May be interrupted at any
    moment and run again, or shared by several processes, as `valle prepare`. What cannot be used is reported with
    its reason and left out. The codec must be that of the speech.
    """
    return prepared(context)


def prepared(context: CommandContext) -> Outcome:
    """Do this process's share and tell what is worth knowing."""
    from valle_data.preparation.open import open_preparation
    from valle_data.preparation.ranks import ShareReport

    with context.progress("recording") as bar:
        preparation = open_preparation(context.resolved, context.registry, context.options("command"), os.environ)
        report = preparation.run(Speed(bar))
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
