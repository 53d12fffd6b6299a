"""`valle data sample`: some utterances of a dataset to listen to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from valle_cli.compose import Composed, Setup
from valle_core.assemble.schema import CODEC_SCHEMA

EXAMPLES = ("valle data sample data --out listen", "valle data sample data --out listen --number 20 --seed 1")


def sample(
    setup: Setup,
    *,
    data: Annotated[Path, typer.Argument(help="folder that `valle prepare` made", show_default=False)],
    out: Annotated[Path, typer.Option(help="folder for the wav files and the page", show_default=False)],
    number: Annotated[int, typer.Option(min=1, help="how many")] = 8,
    seed: Annotated[int, typer.Option(help="of the choice")] = 0,
    device: Annotated[str, typer.Option(help="torch device of the codec: auto, cpu, cuda")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="print what was written as JSON")] = False,
) -> None:
    """Decode some utterances and write them with a page to listen: players, texts, spectrograms, all in one file.

    The codec is the dataset's unless it is named.
    """
    from valle_core.assemble.device import choose_device
    from valle_core.assemble.stored_codec import open_stored_codec
    from valle_core.data.dataset import open_dataset
    from valle_core.registry.hooks import SPEAKING, open_observers
    from valle_data.listening import choose, write_samples

    dataset = open_dataset(data)
    ids = choose(dataset, number, seed)
    target = choose_device(device)
    codec = open_stored_codec(
        setup.resolved,
        setup.registry,
        dataset.codec,
        dataset.manifest.codec_options,
        device=target,
        what=f"dataset '{data}' holds codes of",
    )
    observers = open_observers(setup.registry, of=SPEAKING)
    page, samples = write_samples(dataset, ids, codec, out, device=target, observers=observers)
    if as_json:
        typer.echo(json.dumps({"page": str(page), "samples": [one.to_json() for one in samples]}, ensure_ascii=False))
        return
    for one in samples:
        typer.echo(f"{one.wav}: {one.row.id}")
    typer.echo(f"listen: {page}")


app = Composed(CODEC_SCHEMA, sample, examples=EXAMPLES)
