"""The training of the built-in neural codecs, to be read downwards."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from valle_codec_tiny.adversarial import AdversarialLoss
from valle_codec_tiny.checkpoint import Part, load_training
from valle_codec_tiny.features import HOP, features, pitch_of
from valle_codec_tiny.growth import grow
from valle_codec_tiny.losses import PARTS, ReconstructionLoss
from valle_codec_tiny.network import NetworkSize, TinyNetwork
from valle_codec_tiny.phones import Reader, read_phone_labels
from valle_codec_tiny.quantizer import SPARES
from valle_codec_tiny.reporter import Reporter
from valle_codec_tiny.schedule import Progress
from valle_codec_tiny.source import NOISE_WINDOWS
from valle_codec_tiny.speech import Crops
from valle_codec_tiny.team import Team
from valle_codec_tiny.train_options import TrainOptions
from valle_core.plugin import UserError

LEVEL_CHOICES = (2, 3, 4, 8, 8, 8, 8)
"""Quantizer dropout: levels a training row keeps, beside those that keep one."""


def draws(seed: int, step: int, rank: int) -> torch.Generator:
    """The randomness of one rank's step; nothing else is random, so a resumed run draws what it would have drawn."""
    return torch.Generator().manual_seed((seed * 10_000_019 + step) * 64 + rank)


def make_optimizer(module: nn.Module, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW that leaves biases and scales undecayed; the betas are those of codecs with discriminators."""
    decayed = [p for p in module.parameters() if p.ndim > 1]
    plain = [p for p in module.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.8, 0.98), fused=True)


def start_codebooks(network: TinyNetwork, crops: Crops, seed: int, crop_count: int) -> None:
    """k-means over what the encoder says now."""
    generator = draws(seed, crop_count, 63)
    with torch.no_grad():
        seen = network.encoder(features(crops.draw(crop_count, generator)), None).flatten(0, 1)
    network.quantizer.initialise(seen, generator)


def train(team: Team, corpus: Path, out: Path, size: NetworkSize, options: TrainOptions) -> None:
    """Train until the budget is spent; goes on from `out` where it holds a checkpoint.

    Every rank makes `options.local_steps` steps on its own crops, then all take the mean of their parameters and
    codebooks (local SGD, 1805.09767): an exchange costs as much as a quarter of a step.
    """
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    labels = read_phone_labels(corpus) if options.phones else None
    if options.phones and labels is None:
        raise UserError(f"no row of '{corpus / 'train.jsonl'}' has phones. Make the corpus anew, or leave --phones out")
    crops = Crops(corpus, options.frames * HOP, labels)
    network = TinyNetwork(size)
    optimizer = make_optimizer(network, options.lr, options.weight_decay)
    average = deepcopy(network).requires_grad_(False)
    parts = {"network": Part(network, optimizer)}
    if options.average:
        parts["average"] = Part(average, None)
    adversary = (
        AdversarialLoss(
            options.adversarial, options.feature_matching, options.discriminator_warmup, options.discriminator_lr
        )
        if options.adversarial
        else None
    )
    if adversary:
        parts["critic"] = Part(adversary.discriminators, adversary.optimizer)
    reader = Reader(size.latent, len(labels.names)) if labels else None
    optimizers = [optimizer]
    if reader:
        optimizers.append(make_optimizer(reader, options.lr, options.weight_decay))
        parts["reader"] = Part(reader, optimizers[1])
    beside = [
        one for module in (adversary and adversary.discriminators, reader) if module for one in module.parameters()
    ]
    judge = ReconstructionLoss({name: getattr(options, name) for name in PARTS})
    progress = Progress(minutes=options.minutes, steps=options.steps)
    kept = load_training(out, parts, size, progress)
    if not kept and options.init:
        kept = grow(network, Path(options.init))
    encode, decode = network.encoder, network.decoder
    if options.compile:
        encode, decode = torch.compile(encode, dynamic=False), torch.compile(decode, dynamic=False)
    quantizer, parameters = network.quantizer, list(network.parameters())
    choices = torch.tensor([min(level, size.levels) for level in (*[1] * options.first_level_rows, *LEVEL_CHOICES)])
    shown = average if options.average else network
    reporter = Reporter(out, corpus, shown, parts, progress, asdict(options)) if team.rank == 0 else None
    if progress.step == 0:
        if not kept:
            start_codebooks(network, crops, options.seed, max(64, size.codes // 4))
        average.load_state_dict(network.state_dict())
    progress.start()
    spares = quantizer.books[:, :SPARES].clone()
    unquantized = 0 if options.init else options.unquantized_steps
    while not progress.done:
        for _ in range(options.local_steps):
            generator = draws(options.seed, progress.step, team.rank)
            wav, which, begin = crops.draw_known(options.batch, generator)
            levels = choices[torch.randint(len(choices), (options.batch,), generator=generator)]
            inputs = features(wav)
            aim, voiced = pitch_of(inputs)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                latent = encode(inputs, None).float()
            quantized, commitment, seen = quantizer(latent, levels, generator)
            spares = seen.spares
            with torch.autocast("cpu", dtype=torch.bfloat16):
                spectra = decode(quantized if progress.step >= unquantized else latent, None)
            pitch = network.decoder.pitch(quantized, None)
            miss = ((pitch - aim).abs() * voiced).sum() / voiced.sum().clamp(min=1)
            pitch = torch.where(voiced > 0, aim, pitch) if progress.step < options.teacher_forcing_steps else pitch
            start = int(torch.randint(NOISE_WINDOWS, (), generator=generator))
            decoded = network.decoder.synthesis(spectra, pitch, None, start)
            loss, losses = judge(decoded, wav)
            losses |= {"pitch": miss, "commitment": commitment}
            if adversary:
                loss = (decoded * adversary.gradient(wav, decoded, loss, losses)).sum()
            if reader:
                sounds = crops.sounds_of(which, begin, options.frames, HOP)
                losses["phones"] = reader.loss(quantizer.first(latent), sounds)
                loss = loss + options.phones * losses["phones"]
            for one in optimizers:
                one.zero_grad(set_to_none=True)
            loss = loss + options.commitment * commitment + options.pitch * miss
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            finite = bool(torch.isfinite(norm))
            if finite:
                for one in optimizers:
                    for group in one.param_groups:
                        group["lr"] = options.lr * progress.factor(options.warmup)
                    one.step()
                quantizer.learn(seen)
            progress.advance(skipped=not finite)
            if reporter and finite:
                reporter.note({**losses, "loss": loss, "norm": norm})
        clock = torch.tensor([progress.seconds])
        team.exchange([*parameters, *beside, quantizer.counts, quantizer.sums], [spares, clock])
        progress.seconds = float(clock)
        quantizer.revive(spares)
        if progress.step - options.local_steps < unquantized <= progress.step:
            start_codebooks(network, crops, options.seed, max(200, size.codes // 4))
        if options.average:
            follow(average, network, options.average**options.local_steps)
        if reporter:
            reporter.keep()


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """One step of the moving average; the codebooks, averages already, are taken as they are."""
    for old, new in zip(average.parameters(), network.parameters(), strict=True):
        old.lerp_(new, 1 - decay)
    for old, new in zip(average.buffers(), network.buffers(), strict=True):
        old.copy_(new)
