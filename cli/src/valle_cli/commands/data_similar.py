"""`valle data similar`: the index of each utterance's most similar ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from valle_cli.compose import Composed, Setup
from valle_cli.progress import StepBar
from valle_core.assemble.schema import CODEC_SCHEMA

EXAMPLES = ("valle data similar data", "valle data similar data --by speaker --neighbours 32")


def similar(
    setup: Setup,
    *,
    data: Annotated[Path, typer.Argument(help="folder that `valle prepare` made", show_default=False)],
    by: Annotated[
        Literal["codec", "speaker"], typer.Option(help="compare quantised frames, or voices of the decoded sound")
    ] = "codec",
    neighbours: Annotated[int, typer.Option(min=1, help="most similar utterances kept of each")] = 16,
    across: Annotated[bool, typer.Option("--across", help="of any speaker, in an index of its own")] = False,
    device: Annotated[str, typer.Option(help="torch device of the codec: auto, cpu, cuda")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress bar")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print what was made as JSON")] = False,
) -> None:
    """Find the utterances most like each one, for prompts: `valle train --task tts --task.prompt similar`.

    The index lies inside the dataset and belongs to its present state: after `valle prepare` it is made again.
    The codec is the dataset's unless it is named.
    """
    from valle_core.assemble.device import choose_device
    from valle_core.assemble.stored_codec import open_stored_codec
    from valle_core.data.dataset import open_dataset
    from valle_data.similar import make_similar

    dataset = open_dataset(data)
    target = choose_device(device)
    what = f"dataset '{data}' holds codes of"
    codec = open_stored_codec(
        setup.resolved, setup.registry, dataset.codec, dataset.manifest.codec_options, device=target, what=what
    )
    with StepBar(0, shown=not (quiet or as_json), unit="utterance") as bar:
        report = make_similar(dataset, codec, by=by, neighbours=neighbours, across=across, progress=bar.move)
    typer.echo(json.dumps(report.to_json(), ensure_ascii=False) if as_json else report.summary())


app = Composed(CODEC_SCHEMA, similar, examples=EXAMPLES)
