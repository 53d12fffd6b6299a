"""`valle pack-bitnet`: a checkpoint with two bits per ternary weight."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from valle_core.plugin import UserError

app = typer.Typer(add_completion=False)


@app.command()
def pack_bitnet(
    model: Annotated[Path, typer.Argument(help="Run or checkpoint made with --rewrite bitlinear or --arch bitnet.")],
    out: Annotated[Path, typer.Option(help="New folder for the packed checkpoint; `valle synth --model` takes it.")],
) -> None:
    """Copy a checkpoint with its ternary weights packed into two bits each. It says the same, and is for synthesis.

    Other weights (embeddings, heads, norms) stay as they are.
    """
    from valle_bitnet.packing import pack_checkpoint

    if out.exists() and any(out.iterdir()):
        raise UserError(f"{out} is not empty; choose another --out")
    done = pack_checkpoint(model, out)
    typer.echo(
        f"{done.path}: {done.layers} linear layers packed; backbone {_size(done.before)} → {_size(done.after)}, "
        f"of these layers {_size(done.linear_before)} → {_size(done.linear_after)}"
    )


def _size(nbytes: int) -> str:
    return f"{nbytes / 1e6:.2f} MB"
