"""`valle transcribe`: recordings become a table of utterances that `valle prepare` reads, or phonemes by a model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from valle_core.command import CommandContext, Outcome
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError
from valle_data.preparation.options import NOT_GIVEN
from valle_data.preparation.transcription.config import TRANSCRIBE_SCHEMA


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is not part of the table.

    Attributes:
        folder: folder of recordings, GROUP/SPEAKER/*.wav or another layout that `valle prepare` knows
        device: torch device to run the recognizer on: auto, cpu or cuda
        model: run that was trained with --task stt; its phonemes are printed, and no table is written
    """

    folder: str = ""
    device: str = "auto"
    model: str = ""


SCHEMA = Schema(
    TRANSCRIBE_SCHEMA.slots,
    (Section("command", Options, flat=True, help="Options", positional=("folder",)), *TRANSCRIBE_SCHEMA.sections),
)


def transcribe(context: CommandContext) -> Outcome:
    """Transcribe recordings that have no transcript, with word timestamps.

    The table holds one utterance per line, cut at pauses, and goes to `valle prepare TABLE --out DATA`. May be
    interrupted at any moment and run again; a second run transcribes nothing twice. Recordings in which no speech is
    recognized are counted, and those that cannot be read are reported with the reason.
    """
    from valle_data.preparation.transcription.open import open_recognizer
    from valle_data.preparation.transcription.transcribe import check_places
    from valle_data.preparation.transcription.transcribe import transcribe as transcribe_all

    own = context.options("command")
    if own.model:
        from valle_data.commands.phonemes_of import phonemes_of

        return phonemes_of(context, own.folder, own.model, own.device)
    own, options = context.options("command"), context.options("transcribe")
    if not own.folder and options.source is NOT_GIVEN:
        raise UserError("no folder of recordings given; name it: valle transcribe FOLDER --out TRANSCRIPTS.jsonl")
    options = dataclasses.replace(options, source=Path(own.folder) if own.folder else options.source)
    check_places(options)  # before the recognizer is loaded, which may take long
    with context.progress("recording") as bar:
        opened = open_recognizer(context.resolved, context.registry, own.device, batch_seconds=options.batch_seconds)
        return transcribe_all(
            options,
            opened.transcriber,
            name=opened.name,
            recognizer_options=opened.options,
            progress=lambda done, total, seconds: bar.move(done, total, f"{seconds:.0f} s of audio"),
        )
