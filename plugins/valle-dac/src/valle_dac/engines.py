"""Whose networks run: transformers' or the original package's, with equal weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import DacConfig, DacModel

from valle_core.codes.pretrained import load_strictly
from valle_core.codes.windows import Step
from valle_core.plugin import UserError
from valle_dac import keys


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """The parts of a codec, whoever wrote them.

    Attributes:
        model: holds the weights; `quantizer.quantizers[i]` has `codebook` and `out_proj` in both.
        encode: [1, 1, F · hop] and a number of levels → codes [F, levels].
        decode: codes [B, F, L] → [B, about F · hop].
    """

    model: nn.Module
    encode: Callable[[Float[Tensor, "1 1 n"], int], Int[Tensor, "F Q"]]
    decode: Callable[[Int[Tensor, "B F L"]], Float[Tensor, "B n"]]


def transformers_engine(config: DacConfig, tensors: Mapping[str, Tensor], device: torch.device) -> Engine:
    """transformers' `DacModel`."""
    with torch.random.fork_rng(devices=[]):  # what is drawn here is overwritten
        model = DacModel(config)
    load_strictly(model, tensors, "dac")
    model.eval().requires_grad_(False).to(device)  # pyright: ignore
    return Engine(
        model=model,
        encode=lambda wav, levels: model.encode(wav, n_quantizers=levels).audio_codes[0].T,  # pyright: ignore
        decode=lambda codes: model.decode(audio_codes=codes.transpose(1, 2)).audio_values,  # pyright: ignore
    )


def original_engine(config: DacConfig, tensors: Mapping[str, Tensor], device: torch.device) -> Engine:
    """The package `descript-audio-codec`."""
    try:
        from dac.model.dac import DAC  # pyright: ignore[reportMissingImports]
    except (ImportError, OSError) as error:
        raise UserError(
            f"engine 'original' needs the package descript-audio-codec ({str(error).splitlines()[0][:100]}). "
            "Install it with: pip install 'valle-dac[original]', or use --codec.engine transformers"
        ) from error
    with torch.random.fork_rng(devices=[]):
        model: Any = DAC(
            encoder_dim=config.encoder_hidden_size,
            encoder_rates=list(config.downsampling_ratios),
            decoder_dim=config.decoder_hidden_size,
            decoder_rates=list(config.upsampling_ratios),
            n_codebooks=config.n_codebooks,
            codebook_size=config.codebook_size,
            codebook_dim=config.codebook_dim,
            sample_rate=config.sampling_rate,
        )
    for module in model.modules():
        if hasattr(module, "weight_g"):
            nn.utils.remove_weight_norm(module)
    load_strictly(model, keys.original(tensors, len(config.downsampling_ratios)), "dac")
    model.eval().requires_grad_(False).to(device)

    def decode(codes: Tensor) -> Tensor:
        return model.decode(model.quantizer.from_codes(codes.transpose(1, 2))[0])[:, 0]

    return Engine(
        model=model,
        encode=lambda wav, levels: model.encode(wav, n_quantizers=levels)[1][0].T,
        decode=decode,
    )


ENGINES = {"transformers": transformers_engine, "original": original_engine}


def codebooks(model: Any) -> Float[Tensor, "Q V d"]:
    """Vectors as the decoder sees them: each level's codebook through its output projection."""
    return torch.stack([level.out_proj(level.codebook.weight.T[None])[0].T for level in model.quantizer.quantizers])


_RESIDUAL_UNITS = tuple(Step(kernel=7, dilation=dilation, padding=3 * dilation) for dilation in (1, 3, 9))


def encoder_steps(config: DacConfig) -> tuple[Step, ...]:
    """The convolutions of the encoder in order."""
    steps = [Step(kernel=7, padding=3)]
    for stride in config.downsampling_ratios:
        steps += [*_RESIDUAL_UNITS, Step(kernel=2 * stride, stride=stride, padding=math.ceil(stride / 2))]
    return (*steps, Step(kernel=3, padding=1))


def decoder_steps(config: DacConfig) -> tuple[Step, ...]:
    """The convolutions of the decoder in order."""
    steps = [Step(kernel=7, padding=3)]
    for stride in config.upsampling_ratios:
        up = Step(kernel=2 * stride, stride=stride, padding=math.ceil(stride / 2), transposed=True)
        steps += [up, *_RESIDUAL_UNITS]
    return (*steps, Step(kernel=7, padding=3))
