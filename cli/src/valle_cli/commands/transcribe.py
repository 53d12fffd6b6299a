"""`valle transcribe`: recordings without transcripts become a table of utterances that `valle prepare` reads."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from valle_cli.compose import Composed, Setup
from valle_cli.progress import StepBar
from valle_core.plugin import UserError
from valle_data.preparation.options import NOT_GIVEN
from valle_data.preparation.transcription.config import TRANSCRIBE_SCHEMA

EXAMPLES = (
    "valle transcribe recordings/ --out transcripts.jsonl",
    "valle transcribe recordings/ --out transcripts.jsonl --recognizer pocketsphinx --recognizer.sentences lines.txt",
    "valle transcribe recordings/ --cut utterances/ --min-seconds 2 --max-seconds 12",
    "valle transcribe recordings/ --out timed.jsonl --align --language en-us",
)


def transcribe(
    setup: Setup,
    *,
    folder: Annotated[
        str, typer.Argument(help="{group}/{speaker}/*.wav or another layout of valle prepare", show_default=False)
    ] = "",
    device: Annotated[str, typer.Option(help="torch device of the recognizer: auto, cpu, cuda")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress bar")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
) -> None:
    """Write what is said in recordings that have no transcript, and when.

    The table holds one utterance per line, cut at pauses, and goes to `valle prepare TABLE --out DATA`. May be
    interrupted at any moment and run again; a second run hears nothing twice. Recordings in which nothing is heard are
    counted, and those that cannot be read are reported with the reason.
    """
    from valle_core.assemble.device import choose_device
    from valle_core.assemble.part import build
    from valle_core.assemble.portable import portable_options
    from valle_core.registry.preflight import preflight
    from valle_data.preparation.transcription.hearing import Ear
    from valle_data.preparation.transcription.transcribe import transcribe as hear_all

    options = setup.resolved.sections["transcribe"]
    if not folder and options.source is NOT_GIVEN:
        raise UserError("no folder of recordings given; name it: valle transcribe FOLDER --out TRANSCRIPTS.jsonl")
    options = dataclasses.replace(options, source=Path(folder) if folder else options.source)
    part = setup.resolved.part("recognizer")
    target = choose_device(device)
    if device == "auto" and target.type not in setup.registry.select("recognizer", part.name).spec.devices:
        target = choose_device("cpu")
    (selected,) = preflight(setup.registry, setup.resolved.choices(), device=target.type)["recognizer"]
    with StepBar(0, shown=not (quiet or as_json), unit="recording") as bar:
        recognizer = build(selected, part.options, device=target)
        ear = Ear(recognizer, selected.spec.capabilities, batch_seconds=options.batch_seconds, device=target)
        report = hear_all(
            options,
            ear,
            name=selected.name,
            recognizer_options=portable_options(recognizer, part.options),
            progress=lambda done, total, seconds: bar.move(done, total, f"{seconds:.0f} s of audio"),
        )
    typer.echo(json.dumps(report.to_json(), ensure_ascii=False) if as_json else report.summary())


app = Composed(TRANSCRIBE_SCHEMA, transcribe, examples=EXAMPLES)
