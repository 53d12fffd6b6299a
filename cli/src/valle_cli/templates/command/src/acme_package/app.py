"""`valle acme-name`: the command itself."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer
from valle_core.api import UserError, read_audio

from acme_package.levels import measure

app = typer.Typer(add_completion=False)


@app.command()
def main(
    files: Annotated[list[Path], typer.Argument(help="Recordings: wav, flac, ogg or mp3.")],
    sample_rate: Annotated[int, typer.Option(help="They are brought to this rate first.")] = 16_000,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list on stdout, for scripts.")] = False,
) -> None:
    """Tell how loud recordings are (dB below full scale) and which share of their samples is clipped."""
    if not 1000 <= sample_rate <= 192_000:
        raise UserError(f"--sample-rate is {sample_rate}, needs to lie in 1000 … 192000")
    found = [(path, measure(read_audio(path, sample_rate), sample_rate)) for path in files]
    if as_json:
        rows = [{"file": str(path)} | dataclasses.asdict(levels) for path, levels in found]
        typer.echo(json.dumps(rows, indent=1))
        return
    for path, levels in found:
        typer.echo(
            f"{path}: {levels.seconds:.2f} s, peak {levels.peak:.1f} dB, rms {levels.rms:.1f} dB, "
            f"clipped {100 * levels.clipped:.2f} %"
        )
