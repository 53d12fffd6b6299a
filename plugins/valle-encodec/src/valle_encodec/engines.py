"""Whose networks run: transformers' or the original package's, with equal weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import EncodecConfig

from valle_kit.codes.encodec import networks
from valle_kit.codes.encodec.names import is_training_state
from valle_kit.codes.encodec.weights import plain_model
from valle_kit.codes.pretrained import load_strictly


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """The parts of a codec, whoever wrote them.

    Attributes:
        model: holds the weights.
        encoder: [B, 1, n] → [B, d, ⌈n / hop⌉].
        decoder: [B, d, f] → [B, 1, f · hop].
        quantise: latents [1, d, f] and a number of levels → codes [f, levels].
        dequantise: codes [B, f, L] → latents [B, d, f].
        codebooks: [Q, V, d].
    """

    model: nn.Module
    encoder: nn.Module
    decoder: nn.Module
    quantise: Callable[[Float[Tensor, "1 d f"], int], Int[Tensor, "f Q"]]
    dequantise: Callable[[Int[Tensor, "B f L"]], Float[Tensor, "B d f"]]
    codebooks: Float[Tensor, "Q V d"]


def transformers_engine(config: EncodecConfig, tensors: Mapping[str, Tensor], device: torch.device) -> Engine:
    """transformers' `EncodecModel`."""
    model = plain_model(config)
    load_strictly(model, tensors, "encodec", is_training_state)
    model.to(device)  # pyright: ignore
    levels = model.quantizer.layers

    return Engine(
        model=model,
        encoder=model.encoder,
        decoder=model.decoder,
        quantise=lambda latents, count: networks.quantise(levels, latents, count),
        dequantise=lambda codes: model.quantizer.decode(codes.permute(2, 0, 1)),
        codebooks=torch.stack([level.codebook.embed for level in levels]),  # pyright: ignore
    )


def original_engine(config: EncodecConfig, tensors: Mapping[str, Tensor], device: torch.device) -> Engine:
    """The package `encodec`: its SEANet and its quantizer."""
    model = networks.original_model(config, tensors, device)
    levels = model.quantizer.vq.layers

    def quantise(latents: Tensor, count: int) -> Tensor:
        return model.quantizer.vq.encode(latents, n_q=count)[:, 0].T

    return Engine(
        model=model,
        encoder=model.encoder,
        decoder=model.decoder,
        quantise=quantise,
        dequantise=lambda codes: model.quantizer.decode(codes.permute(2, 0, 1)),
        codebooks=torch.stack([level.codebook for level in levels]),
    )


ENGINES = {"transformers": transformers_engine, "original": original_engine}
