"""Make a dataset of recordings, in one call: `prepare`, which gives back the `PreparedData`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from valle.options import Option, Part, PathLike, named, resolved_from
from valle_core.registry.registry import Registry
from valle_data.commands.prepare import SCHEMA
from valle_data.preparation.open import open_preparation
from valle_data.preparation.ranks import ShareReport
from valle_data.preparation.report import PrepareReport

Progress = Callable[[int, int, float], None]
"""Is given recordings done, recordings in all, and seconds of audio done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedData:
    """What a preparation made. `valle.train(data, …)` takes it as the folder it is.

    Attributes:
        path: the dataset's folder.
        finished: False where other processes have shares left (see `world_size`); the counts are then of this one.
        utterances: in the dataset.
        new: of them, made by this call.
        seconds: of audio in the dataset.
        speakers: how many.
        held_out: utterances that training never sees.
        languages: utterances by language tag.
        left_out: reason → how many recordings cannot be used; each is named in `report.json` in the folder.
        notes: what else should be known, one line each.
        summary: the same in a few lines.
    """

    path: Path
    finished: bool
    utterances: int
    new: int
    seconds: float = 0.0
    speakers: int = 0
    held_out: int = 0
    languages: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    summary: str = field(default="", repr=False)

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __str__(self) -> str:
        return self.summary


def prepare(
    recordings: PathLike | None = None,
    *,
    out: PathLike | None = None,
    config: PathLike | None = None,
    codec: Part | None = None,
    frontend: Part | None = None,
    language: str | None = None,
    layout: str | None = None,
    device: str | None = None,
    report: Progress | None = None,
    **options: Option,
) -> PreparedData:
    """Turn recordings with transcripts into a dataset of phonemes and codec codes.

    May be interrupted at any moment and called again; a second call does no work. What cannot be used is left out,
    and counted.

    Args:
        recordings: folder or table of recordings.
        out: the dataset's folder.
        config: YAML file with any of these; what is given here counts before it.
        codec: whose codes are stored: a name or `{"name": …, option: …}`; by default `"tiny"`.
        frontend: whose phonemes are stored; by default `"espeak"`.
        language: tag of transcripts that name none; `"auto"` detects each speaker's.
        layout: how the recordings lie: `"folders"`, `"ljspeech"`, `"libritts"`, `"vctk"`, `"commonvoice"`, `"table"` or
            `"lhotse"`; `"auto"` (the default) looks what is there.
        device: torch device of the codec; `"auto"` (the default) takes CUDA where it is.
        report: called with how far it is, in recordings and seconds of audio.
        **options: any other key of `valle prepare --config`, e.g. `min_seconds=1.0`, `trim_silence=True`,
            `held_out_fraction=0.02`; `rank` and `world_size` for several processes that share the work.

    Returns:
        What lies in the dataset, and what was left out.

    Raises:
        UserError: nothing usable was found, the folder belongs to another codec or other options, another process is
            at work on it, or an option is not known or does not fit; what was finished before stays.
    """
    registry = Registry.open()
    folders = {"folder": recordings, "out": out}
    given: dict[str, Option] = {key: named(path, key) for key, path in folders.items() if path is not None}
    words = {"codec": codec, "frontend": frontend, "language": language, "layout": layout, "device": device}
    given |= {key: value for key, value in words.items() if value is not None}
    resolved = resolved_from(SCHEMA, registry, {**given, **options}, config)
    preparation = open_preparation(resolved, registry, resolved.sections["command"], os.environ)
    return _facts(preparation.run(report))


def _facts(report: PrepareReport | ShareReport) -> PreparedData:
    if isinstance(report, ShareReport):
        made = report.prepared
        return PreparedData(path=report.out, finished=False, utterances=made, new=made, summary=report.summary())
    detected = (report.languages_text(),) if report.detected else ()
    return PreparedData(
        path=report.out,
        finished=True,
        utterances=report.utterances,
        new=report.prepared,
        seconds=report.seconds,
        speakers=report.speakers,
        held_out=report.held_out,
        languages=report.languages,
        left_out=report.reasons,
        notes=(*detected, *report.notes),
        summary=report.summary(),
    )
