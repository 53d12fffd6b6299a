"""`valle data convert`: the same dataset in another storage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from valle_cli.compose import epilog
from valle_cli.progress import StepBar
from valle_core.data.options import StorageName

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(
    epilog=epilog(
        ["valle data convert data --out packed --storage hdf5", "valle data convert data --out s --storage shards"]
    )
)
def convert(
    data: Annotated[Path, typer.Argument(help="folder that `valle prepare` made", show_default=False)],
    *,
    out: Annotated[Path, typer.Option(help="folder to make", show_default=False)],
    storage: Annotated[StorageName, typer.Option(help="how its records lie on disk", show_default=False)],
    shard_size: Annotated[int, typer.Option(min=1, help="utterances of a shard")] = 512,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress bar")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print what was made as JSON")] = False,
) -> None:
    """Make the same dataset in another storage: equal codes, texts, order, split, symbols and codec identity.

    Every record is checked on the way. The new folder appears when it is whole; what is interrupted leaves none.
    """
    from valle_data.preparation.convert import convert as convert_dataset

    with StepBar(0, shown=not (quiet or as_json), unit="utterance") as bar:
        made = convert_dataset(data, out, storage=storage, shard_size=shard_size, progress=bar.move)
    facts = {"out": str(out), "storage": made.storage, "utterances": made.utterances, "seconds": made.seconds}
    typer.echo(json.dumps(facts) if as_json else f"{out}: {made.utterances} utterances as {made.storage}")
