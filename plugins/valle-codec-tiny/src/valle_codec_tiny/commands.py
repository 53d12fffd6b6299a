"""`valle train-codec`: trains the built-in codecs on a folder of speech."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from valle_codec_tiny.checkpoint import export_run
from valle_codec_tiny.discriminators import Critic
from valle_codec_tiny.mel_gl import train_codebooks
from valle_codec_tiny.network import SIZES, TinyNetwork
from valle_codec_tiny.phones import Reader
from valle_codec_tiny.team import run_team
from valle_codec_tiny.train import TrainOptions, train
from valle_core.plugin import UserError

app = typer.Typer(add_completion=False)


@app.command("train-codec")
def main(
    *,
    corpus: Annotated[Path, typer.Option(help="Folder with {train,held-out}/SPEAKER/*.wav at 16 kHz.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; an interrupted run goes on.")],
    codec: Annotated[str, typer.Option(help="tiny, small or mel-gl.")] = "tiny",
    minutes: Annotated[float, typer.Option(min=0, help="Wall-clock budget.")] = 85.0,
    steps: Annotated[int, typer.Option(min=0, help="Budget in steps instead, for an exactly repeatable run.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Crops per process and step.")] = 4,
    workers: Annotated[int, typer.Option(min=1, help="One-thread processes.")] = 2,
    init: Annotated[
        str, typer.Option(help="Exported weights to start from (of a codec this one holds within it).")
    ] = "",
    frames: Annotated[int, typer.Option(min=8, help="Code frames of a crop (20 ms each).")] = 40,
    lr: Annotated[float, typer.Option(min=0, help="Learning rate at its height.")] = 2e-3,
    adversarial: Annotated[
        float, typer.Option(min=0, help="Critics: their gradient beside the reconstruction's.")
    ] = 0.0,
    matching: Annotated[float, typer.Option(min=0, help="The same for the critics' features.")] = 0.0,
    phones: Annotated[float, typer.Option(min=0, help="Weight of reading train.jsonl's phones from level 0.")] = 0.0,
    first: Annotated[int, typer.Option(min=1, help="Rows that keep level 0 only, beside 7 that keep more.")] = 1,
    average: Annotated[
        float, typer.Option(min=0, max=1, help="Decay of averaged weights to export; 0: the last.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Decides start, crops and levels.")] = 0,
    split: Annotated[int, typer.Option(min=1, help="Spectra per code frame.")] = 2,
    compile: Annotated[bool, typer.Option(help="Compile encoder and decoder (needs a C++ compiler).")] = True,
    eval_minutes: Annotated[float, typer.Option(help="How often to score held-out speech.")] = 5.0,
    export_only: Annotated[bool, typer.Option("--export-only", help="Export OUT's last checkpoint as it is.")] = False,
    vectors: Annotated[int, typer.Option(min=256, help="mel-gl: frames for k-means.")] = 60000,
    told: Annotated[int, typer.Option(help="Steps in which the voice source follows the measured pitch.")] = 8000,
    log: Annotated[float, typer.Option(help="Weight of log spectra.")] = 0.5,
    compressed: Annotated[float, typer.Option(help="Weight of compressed spectra.")] = 20.0,
    mel: Annotated[float, typer.Option(help="Weight of mel bands.")] = 1.0,
    loudness: Annotated[float, typer.Option(help="Weight of loudness.")] = 60.0,
    envelope: Annotated[float, typer.Option(help="Weight of band envelopes.")] = 2.0,
) -> None:
    """Train a codec on a folder of speech and export its weights to OUT/CODEC.safetensors."""
    if codec not in (*SIZES, "mel-gl"):
        raise UserError(f"no trainer for codec '{codec}'. Choose from: {', '.join(SIZES)}, mel-gl")
    if export_only:
        typer.echo(f"wrote {export_run(out)}")
        return
    out.mkdir(parents=True, exist_ok=True)
    if codec == "mel-gl":
        train_codebooks(corpus, out / "mel-gl.safetensors", seed=seed, vectors=vectors)
        typer.echo(f"wrote {out / 'mel-gl.safetensors'}")
        return
    options = TrainOptions(
        codec=codec,
        init=init,
        frames=frames,
        lr=lr,
        adversarial=adversarial,
        matching=matching,
        average=average,
        phones=phones,
        first=first,
        seed=seed,
        told=told,
        minutes=minutes,
        steps=steps,
        batch=batch,
        compile=compile,
        eval_minutes=eval_minutes,
        log=log,
        compressed=compressed,
        mel=mel,
        loudness=loudness,
        envelope=envelope,
    )
    size = replace(SIZES[codec], split=split)
    others = [*([Critic()] if adversarial else []), *([Reader(size.latent, 256)] if phones else [])]
    beside = sum(p.numel() for module in others for p in module.parameters())
    room = (
        beside
        + sum(p.numel() for p in TinyNetwork(size).parameters())
        + size.levels * (size.codes + 64) * (size.latent + 1)
    )
    run_team(workers, room + 64, train, (corpus, out, size, options))
    typer.echo(f"wrote {out / f'{codec}.safetensors'}")


if __name__ == "__main__":
    app()
