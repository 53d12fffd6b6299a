"""`valle prepare-noise`: a folder of noise recordings becomes a set of noise."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from valle_cli.compose import Composed, Setup
from valle_cli.progress import StepBar
from valle_core.plugin import UserError
from valle_data.preparation.noise_options import NOISE_SCHEMA
from valle_data.preparation.options import NOT_GIVEN

EXAMPLES = (
    "valle prepare-noise noises/ --out noise/",
    "valle train --data data/ --data.noise noise/ --task my-task --out runs/robust",
)


def prepare_noise(
    setup: Setup,
    *,
    folder: Annotated[
        str, typer.Argument(help="wav, flac, ogg or mp3 in folders of any depth", show_default=False)
    ] = "",
    device: Annotated[str, typer.Option(help="torch device of the codec: auto, cpu, cuda")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress bar")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
) -> None:
    """Turn recordings of noise into a set of codec codes that training mixes with speech.

    Recordings may have any length and need no transcripts; their folders are their labels. May be interrupted at any
    moment and run again. What cannot be used is reported with its reason and left out. The codec must be that of
    the speech.
    """
    from valle_core.assemble.device import choose_device
    from valle_core.assemble.part import build
    from valle_core.assemble.portable import codec_options
    from valle_core.registry.identity import identity_of
    from valle_core.registry.preflight import preflight
    from valle_data.preparation.noise import prepare_noise as prepare_set

    options = setup.resolved.sections["prepare"]
    if not folder and options.source is NOT_GIVEN:
        raise UserError("no folder of recordings given; name it: valle prepare-noise FOLDER --out noise")
    if options.out is NOT_GIVEN:
        raise UserError("no folder for the noise given; name it: --out noise")
    options = dataclasses.replace(options, source=Path(folder) if folder else options.source)
    target = choose_device(device)
    selected = preflight(setup.registry, setup.resolved.choices(), device=target.type)
    with StepBar(0, shown=not (quiet or as_json), unit="recording") as bar:
        codec = build(selected["codec"][0], setup.resolved.part("codec").options, device=target)
        report = prepare_set(
            options,
            codec=codec,
            plugins=(identity_of(selected["codec"][0]),),
            codec_options=codec_options(setup.resolved.part("codec").options),
            device=target,
            progress=lambda done, total, seconds: bar.move(done, total, f"{seconds:.0f} s of audio"),
        )
    typer.echo(json.dumps(report.to_json(), ensure_ascii=False) if as_json else report.summary())


app = Composed(NOISE_SCHEMA, prepare_noise, examples=EXAMPLES)
