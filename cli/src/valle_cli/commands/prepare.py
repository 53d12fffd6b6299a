"""`valle prepare`: a folder of recordings becomes a dataset of phonemes and codes."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from valle_cli.compose import Composed, Setup
from valle_cli.progress import StepBar
from valle_core.plugin import UserError
from valle_core.preparation.config import PREPARE_SCHEMA

EXAMPLES = (
    "valle prepare recordings/ --out data/",
    "valle prepare LJSpeech-1.1/ --out data/ --language en-us --storage shards",
    "valle prepare LibriTTS/ --out data/ --held-out-groups test-clean --language en-us",
    "valle prepare interviews.csv --out data/ --trim-silence --loudness -23",
    "valle prepare ljspeech/ --recipe ljspeech --out data/",
)


def prepare(
    setup: Setup,
    *,
    folder: Annotated[
        str, typer.Argument(help="folder or table of recordings; --layout says which are known", show_default=False)
    ] = "",
    device: Annotated[str, typer.Option(help="torch device of the codec: auto, cpu, cuda")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress bar")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
) -> None:
    """Turn recordings with transcripts into a dataset of phonemes and codec codes.

    May be interrupted at any moment and run again; a second run does no work. What cannot be used is
    reported with its reason and left out.
    """
    from valle_core.assemble.device import choose_device
    from valle_core.assemble.part import build
    from valle_core.assemble.portable import portable_options
    from valle_core.preparation.prepare import prepare as prepare_dataset
    from valle_core.registry.identity import identity_of
    from valle_core.registry.preflight import preflight

    options = setup.resolved.sections["prepare"]
    if not folder and options.source == Path():
        raise UserError("no folder of recordings given; name it: valle prepare FOLDER --out data")
    if options.out == Path():
        raise UserError("no folder for the dataset given; name it: --out data")
    options = dataclasses.replace(options, source=Path(folder) if folder else options.source)
    target = choose_device(device)
    selected = preflight(setup.registry, setup.resolved.choices(), device=target.type)
    with StepBar(0, shown=not (quiet or as_json), unit="recording") as bar:
        codec = build(selected["codec"][0], setup.resolved.part("codec").options, device=target)
        frontend = build(selected["frontend"][0], setup.resolved.part("frontend").options)
        report = prepare_dataset(
            options,
            codec=codec,
            frontend=frontend,
            frontend_name=setup.resolved.part("frontend").name,
            plugins=tuple(identity_of(selected[slot][0]) for slot in ("codec", "frontend")),
            frontend_options=portable_options(frontend, setup.resolved.part("frontend").options),
            device=target,
            progress=lambda done, total, seconds: bar.move(done, total, f"{seconds:.0f} s of audio"),
        )
    if report.detected:
        print(f"note: {report.languages_text()}", file=sys.stderr)
    for note in report.notes:
        print(f"note: {note}", file=sys.stderr)
    typer.echo(json.dumps(report.to_json(), ensure_ascii=False) if as_json else report.summary())


app = Composed(PREPARE_SCHEMA, prepare, examples=EXAMPLES)
