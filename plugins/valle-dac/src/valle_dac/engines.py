"""Whose networks run: transformers' or the original package's, with equal weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import DacConfig, DacModel

from valle_core.plugin import UserError
from valle_dac import keys
from valle_kit.codes.convolutions import Layer, Pointwise, zero_padded
from valle_kit.codes.packed import steps_first
from valle_kit.codes.pretrained import load_strictly, without_weight_norm
from valle_kit.codes.stack import Added

BLOCK = 1 << 18
"""Values that an activation takes at once (1 MB)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """The parts of a codec, whoever wrote them.

    Attributes:
        model: holds the weights; `quantizer.quantizers[i]` has `codebook` and `out_proj` in both.
        encoder, decoder: their layers.
        quantise: latents [1, d, F] and a number of levels → codes [F, levels].
        latents: codes [B, F, L] → [B, d, F].
    """

    model: nn.Module
    encoder: tuple[Layer, ...]
    decoder: tuple[Layer, ...]
    quantise: Callable[[Float[Tensor, "1 d F"], int], Int[Tensor, "F Q"]]
    latents: Callable[[Int[Tensor, "B F L"]], Float[Tensor, "B d F"]]


def hugging_face_model(config: DacConfig, tensors: Mapping[str, Tensor], device: torch.device) -> DacModel:
    """transformers' `DacModel`. Raises `UserError` where the weights do not fit."""
    model = without_weight_norm(lambda: DacModel(config))
    load_strictly(model, tensors, "dac")
    return model.to(device)


def transformers_engine(config: DacConfig, tensors: Mapping[str, Tensor], device: torch.device) -> Engine:
    """transformers' `DacModel`."""
    return _engine(hugging_face_model(config, tensors, device))


def original_model(config: DacConfig, tensors: Mapping[str, Tensor], device: torch.device) -> Any:
    """`DAC` of the package descript-audio-codec with plain weights in the place of weight norm.

    Raises:
        UserError: the package is missing, or the weights do not fit.
    """
    try:
        from dac.model.dac import DAC  # pyright: ignore[reportMissingImports]
    except (ImportError, OSError) as error:
        raise UserError(
            f"engine 'original' needs the package descript-audio-codec ({str(error).splitlines()[0][:100]}). "
            "Install it with: pip install descript-audio-codec, or use --codec.engine transformers"
        ) from error
    model = without_weight_norm(
        lambda: DAC(
            encoder_dim=config.encoder_hidden_size,
            encoder_rates=list(config.downsampling_ratios),
            decoder_dim=config.decoder_hidden_size,
            decoder_rates=list(config.upsampling_ratios),
            n_codebooks=config.n_codebooks,
            codebook_size=config.codebook_size,
            codebook_dim=config.codebook_dim,
            sample_rate=config.sampling_rate,
        )
    )
    load_strictly(model, keys.original(tensors, len(config.downsampling_ratios)), "dac")
    return model.to(device)


def original_engine(config: DacConfig, tensors: Mapping[str, Tensor], device: torch.device) -> Engine:
    """The package `descript-audio-codec`."""
    return _engine(original_model(config, tensors, device))


def _engine(model: Any) -> Engine:
    """Both packages name the encoder, the decoder and the quantizer alike."""
    return Engine(
        model=model,
        encoder=layers_of(model.encoder),
        decoder=layers_of(model.decoder),
        quantise=lambda latents, levels: model.quantizer(latents, levels)[1][0].T,
        latents=lambda codes: model.quantizer.from_codes(codes.transpose(1, 2))[0],
    )


ENGINES = {"transformers": transformers_engine, "original": original_engine}


def codebooks(model: Any) -> Float[Tensor, "Q V d"]:
    """Vectors as the decoder sees them: each level's codebook through its output projection."""
    return torch.stack([level.out_proj(level.codebook.weight.T[None])[0].T for level in model.quantizer.quantizers])


def layers_of(network: nn.Module) -> tuple[Layer, ...]:
    """A network of either package for a `Stack`: its modules hold their layers in the order of running."""
    if isinstance(network, nn.Conv1d | nn.ConvTranspose1d):
        return (zero_padded(network),)
    if isinstance(alpha := getattr(network, "alpha", None), Tensor):
        snake = Snake(alpha)
        return (Pointwise(snake, alpha.shape[1], snake.into),)
    if isinstance(network, nn.Tanh):
        return (Pointwise(torch.tanh, 1),)
    inner = tuple(layer for child in network.children() for layer in layers_of(child))
    return (Added(inner),) if type(network).__name__.endswith("ResidualUnit") else inner


class Snake:
    """x + sin²(αx) / α, rounded as in both packages, a part at a time: it stays in the processor's cache."""

    def __init__(self, alpha: Float[Tensor, "1 C 1"]) -> None:
        self._alpha, self._inverse = alpha, (alpha + 1e-9).reciprocal()

    def __call__(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B C T"]:
        """Into new memory."""
        return self.into(x, torch.empty_like(x))

    def into(self, x: Float[Tensor, "B C T"], out: Float[Tensor, "B C T"]) -> Float[Tensor, "B C T"]:
        """Into the memory of `out`."""
        axis = 2 if steps_first(x) else 1
        size = max(1, BLOCK * x.shape[axis] // max(x.numel(), 1))
        for first in range(0, x.shape[axis], size):
            part = (slice(None),) * axis + (slice(first, first + size),)
            scales = part if axis == 1 else ...
            y = torch.mul(self._alpha[scales], x[part], out=out[part]).sin_()
            y.mul_(y).mul_(self._inverse[scales]).add_(x[part])
        return out
