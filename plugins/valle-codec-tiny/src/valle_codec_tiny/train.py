"""`valle train-codec`: the training of the codec `tiny`, to be read downwards."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from valle_codec_tiny.checkpoint import load_training, save_training
from valle_codec_tiny.features import HOP, SAMPLE_RATE, features
from valle_codec_tiny.losses import ReconstructionLoss
from valle_codec_tiny.network import NetworkSize, TinyNetwork, synthesis
from valle_codec_tiny.quality import score
from valle_codec_tiny.quantizer import Seen
from valle_codec_tiny.schedule import Progress
from valle_codec_tiny.speech import Crops, held_out
from valle_codec_tiny.team import Team, run_team

LEVEL_CHOICES = (1, 2, 3, 4, 8, 8, 8, 8)
"""Quantizer dropout: levels a training row keeps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainOptions:
    """A training run; stored in every checkpoint.

    Attributes:
        minutes: wall-clock budget; the learning rate anneals to zero at its end. Stopped time does not count.
        steps: a budget of steps instead, for a run that can be repeated exactly; 0 means `minutes` decides.
        frames: length of a crop.
        free: steps before the codebooks are started again and used; the decoder first hears the encoder itself.
        loudness: weight of the loudness distance. envelope: weight of the envelope correlation.
    """

    seed: int = 0
    minutes: float = 85.0
    steps: int = 0
    batch: int = 4
    frames: int = 40
    lr: float = 2e-3
    weight_decay: float = 0.01
    loudness: float = 20.0
    envelope: float = 2.0
    commitment: float = 0.25
    warm: int = 300
    free: int = 200
    compile: bool = True
    eval_clips: int = 12
    eval_minutes: float = 5.0
    save_minutes: float = 3.0


def reconstruct(network: TinyNetwork, clip: Tensor, levels: int) -> Tensor:
    """The clip through encoder, the first levels, and decoder."""
    count = -(-len(clip) // HOP)
    wav = torch.nn.functional.pad(clip, (0, count * HOP - len(clip)))[None]
    codes = network.quantizer.encode(network.encoder(features(wav), None)[0])
    return network.decode(codes[None, :, :levels])[0].clamp(-1, 1)


def draws(seed: int, step: int, rank: int) -> torch.Generator:
    """The randomness of one rank's step; nothing else is random, so a resumed run draws what it would have drawn."""
    return torch.Generator().manual_seed((seed * 10_000_019 + step) * 64 + rank)


def make_optimizer(network: TinyNetwork, options: TrainOptions) -> torch.optim.AdamW:
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": options.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=options.lr, betas=(0.8, 0.98), fused=True)


def start_codebooks(network: TinyNetwork, crops: Crops, seed: int, crop_count: int) -> None:
    """k-means over what the encoder says now."""
    generator = draws(seed, crop_count, 63)
    with torch.no_grad():
        seen = network.encoder(features(crops.draw(crop_count, generator)), None).flatten(0, 1)
    network.quantizer.initialise(seen, generator)


def train(team: Team, corpus: Path, out: Path, size: NetworkSize, options: TrainOptions) -> None:
    """Train until the budget is spent; goes on from `out` where it holds a checkpoint of the same options."""
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    lead = team.rank == 0
    crops = Crops(corpus, options.frames * HOP)
    network = TinyNetwork(size)
    optimizer = make_optimizer(network, options)
    judge = ReconstructionLoss(loudness=options.loudness, envelope=options.envelope)
    progress = Progress(minutes=options.minutes, steps=options.steps)
    load_training(out, network, optimizer, progress, asdict(options))
    encode, decode = network.encoder, network.decoder
    if options.compile:
        encode, decode = torch.compile(encode, dynamic=False), torch.compile(decode, dynamic=False)
    parameters = list(network.parameters())
    choices = torch.tensor([min(level, size.levels) for level in LEVEL_CHOICES])
    reporter = Reporter(out, corpus, network, optimizer, progress, options) if lead else None
    clock = torch.zeros(1, dtype=torch.float32)
    if progress.step == 0:
        start_codebooks(network, crops, options.seed, 64)
    progress.start()
    while not progress.done:
        generator = draws(options.seed, progress.step, team.rank)
        wav = crops.draw(options.batch, generator)
        levels = choices[torch.randint(len(choices), (options.batch,), generator=generator)]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            latent = encode(features(wav), None).float()
        quantized, commitment, seen = network.quantizer(latent, levels, generator)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            spectra = decode(quantized if progress.step >= options.free else latent, None)
        loss, parts = judge(synthesis(spectra, network.decoder.hop, None), wav)
        optimizer.zero_grad(set_to_none=True)
        (loss + options.commitment * commitment).backward()
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        clock[0] = progress.seconds
        team.exchange([*gradients, seen.counts, seen.sums], [seen.spares, clock])
        progress.seconds = float(clock)
        norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        if not torch.isfinite(norm):
            progress.skip()
            continue
        for group in optimizer.param_groups:
            group["lr"] = options.lr * progress.factor(options.warm)
        optimizer.step()
        network.quantizer.learn(Seen(seen.counts * team.size, seen.sums * team.size, seen.spares))
        progress.advance()
        if progress.step == options.free:
            start_codebooks(network, crops, options.seed, 200)
        if reporter:
            reporter.note({**parts, "commitment": commitment, "loss": loss, "norm": norm})


@dataclass(kw_only=True)
class _Due:
    """Something done every so many seconds of the run."""

    every: float
    at: float

    def now(self, seconds: float) -> bool:
        if seconds < self.at:
            return False
        self.at = seconds + self.every
        return True


class Reporter:
    """Rank 0's log, held-out scores and checkpoints."""

    EVERY = 200

    def __init__(
        self,
        out: Path,
        corpus: Path,
        network: TinyNetwork,
        optimizer: torch.optim.Optimizer,
        progress: Progress,
        options: TrainOptions,
    ) -> None:
        self.out, self.network, self.optimizer = out, network, optimizer
        self.progress, self.options = progress, options
        self.clips = held_out(corpus, options.eval_clips)
        self.log = (out / "log.jsonl").open("a", encoding="utf-8")
        self.sums: dict[str, float] = {}
        self.score_due = _Due(every=options.eval_minutes * 60, at=progress.seconds + options.eval_minutes * 60)
        self.save_due = _Due(every=options.save_minutes * 60, at=progress.seconds + options.save_minutes * 60)

    def write(self, row: dict[str, Any]) -> None:
        self.log.write(json.dumps({**self.progress.facts(), **row}) + "\n")
        self.log.flush()

    def note(self, values: dict[str, Tensor]) -> None:
        """After each step."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value.detach())
        if self.progress.step % self.EVERY == 0:
            self.write({name: round(value / self.EVERY, 5) for name, value in self.sums.items()})
            self.sums = {}
        if self.save_due.now(self.progress.seconds) or self.progress.done:
            save_training(self.out, self.network, self.optimizer, self.progress, asdict(self.options))
        if self.score_due.now(self.progress.seconds) or self.progress.done:
            with torch.inference_mode():
                table = score(self.clips, lambda clip, number: reconstruct(self.network, clip, number))
            self.write({"held_out": {str(level): row for level, row in table.items()}})


app = typer.Typer(add_completion=False)


@app.command("train-codec")
def main(
    corpus: Annotated[Path, typer.Option(help="Folder with {train,held-out}/SPEAKER/*.wav at 16 kHz.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; an interrupted run goes on.")],
    minutes: Annotated[float, typer.Option(min=0, help="Wall-clock budget.")] = 85.0,
    steps: Annotated[int, typer.Option(min=0, help="Budget in steps instead, for an exactly repeatable run.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Crops per process and step.")] = 4,
    workers: Annotated[int, typer.Option(min=1, help="One-thread processes.")] = 2,
    seed: Annotated[int, typer.Option()] = 0,
    split: Annotated[int, typer.Option(min=1, help="Spectra per code frame.")] = 2,
    compile: Annotated[bool, typer.Option(help="Compile encoder and decoder (needs a C++ compiler).")] = True,
    eval_minutes: Annotated[float, typer.Option()] = 5.0,
) -> None:
    """Train a codec on a folder of speech and export its weights to OUT/tiny.safetensors."""
    out.mkdir(parents=True, exist_ok=True)
    options = TrainOptions(
        seed=seed, minutes=minutes, steps=steps, batch=batch, compile=compile, eval_minutes=eval_minutes
    )
    size = NetworkSize(split=split)
    room = sum(p.numel() for p in TinyNetwork(size).parameters()) + size.levels * (size.codes + 64) * (size.latent + 1)
    run_team(workers, room + 64, train, (corpus, out, size, options))


if __name__ == "__main__":
    app()
