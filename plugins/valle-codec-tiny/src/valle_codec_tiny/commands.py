"""`valle train-codec`: trains the built-in codecs on a folder of speech."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from valle_codec_tiny.train_options import TrainOptions
from valle_core.api import CommandContext, CommandResult, Schema, Section
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class CodecRunOptions:
    """Corpus, folder of the run, processes.

    Attributes:
        corpus: folder with {train,held-out}/SPEAKER/*.wav at 16 kHz
        out: folder of the run; the same command resumes an interrupted run
        workers: number of training processes, one thread each
        split: spectra per code frame of 20 ms
        vectors: frames that k-means sees, for mel-gl
        export_only: do not train, export the last checkpoint in --out
    """

    corpus: Path
    out: Path
    workers: int = 2
    split: int = 2
    vectors: int = 60000
    export_only: bool = False

    def __post_init__(self) -> None:
        for name, bound in (("workers", 1), ("split", 1), ("vectors", 256)):
            if getattr(self, name) < bound:
                raise UserError(f"{name} must be at least {bound}, got {getattr(self, name)}")


SCHEMA = Schema(
    sections=(
        Section("run", CodecRunOptions, flat=True, help="Options"),
        Section("train", TrainOptions, flat=True, help="Training"),
    )
)


def train_codec(context: CommandContext) -> CommandResult:
    """Train a codec on a folder of speech and export its weights to OUT/CODEC.safetensors."""
    from valle_codec_tiny.checkpoint import export_run
    from valle_codec_tiny.mel_gl import train_codebooks
    from valle_codec_tiny.network import SIZES

    run: CodecRunOptions = context.options("run")
    options: TrainOptions = context.options("train")
    if options.codec not in (*SIZES, "mel-gl"):
        raise UserError(f"no trainer for codec '{options.codec}'. Choose from: {', '.join(SIZES)}, mel-gl")
    written = run.out / f"{options.codec}.safetensors"
    if run.export_only:
        written = export_run(run.out)
    else:
        run.out.mkdir(parents=True, exist_ok=True)
        if options.codec == "mel-gl":
            train_codebooks(run.corpus, written, seed=options.seed, vectors=run.vectors)
        else:
            train_network(run, options)
    return CommandResult(text=f"wrote {written}", facts={"out": str(written)})


def train_network(run: CodecRunOptions, options: TrainOptions) -> None:
    """Train by several processes that share one block of memory for what they exchange."""
    from valle_codec_tiny.discriminators import Discriminators
    from valle_codec_tiny.network import SIZES, TinyNetwork
    from valle_codec_tiny.phones import Reader
    from valle_codec_tiny.team import run_team
    from valle_codec_tiny.train import train

    size = replace(SIZES[options.codec], split=run.split)
    others = [
        *([Discriminators()] if options.adversarial else []),
        *([Reader(size.latent, 256)] if options.phones else []),
    ]
    beside = sum(p.numel() for module in others for p in module.parameters())
    network = sum(p.numel() for p in TinyNetwork(size).parameters())
    codebooks = size.levels * (size.codes + 64) * (size.latent + 1)
    run_team(run.workers, beside + network + codebooks + 64, train, (run.corpus, run.out, size, options))
