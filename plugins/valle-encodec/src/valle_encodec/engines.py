"""Whose networks run: transformers' or the original package's, with equal weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import EncodecConfig

from valle_core.plugin import UserError
from valle_encodec import keys
from valle_encodec.weights import plain_model
from valle_kit.codes import seanet
from valle_kit.codes.pretrained import load_strictly, without_weight_norm


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
    load_strictly(model, tensors, "encodec", keys.is_training_state)
    model.to(device)  # pyright: ignore
    levels = model.quantizer.layers

    return Engine(
        model=model,
        encoder=model.encoder,
        decoder=model.decoder,
        quantise=lambda latents, count: seanet.quantise(levels, latents, count),
        dequantise=lambda codes: model.quantizer.decode(codes.permute(2, 0, 1)),
        codebooks=torch.stack([level.codebook.embed for level in levels]),  # pyright: ignore
    )


def original_model(config: EncodecConfig, tensors: Mapping[str, Tensor], device: torch.device) -> Any:
    """`encoder`, `decoder` and `quantizer` of the package `encodec` with plain weights in the place of weight norm.

    Raises:
        UserError: the package is missing, or the weights do not fit.
    """
    try:
        from encodec.modules import SEANetDecoder, SEANetEncoder  # pyright: ignore[reportMissingImports]
        from encodec.quantization import ResidualVectorQuantizer  # pyright: ignore[reportMissingImports]
    except (ImportError, OSError) as error:
        raise UserError(
            f"engine 'original' needs the package encodec ({str(error).splitlines()[0][:100]}). "
            "Install it with: pip install encodec, or use --codec.engine transformers"
        ) from error
    sizes: dict[str, Any] = {
        "channels": 1, "norm": "weight_norm", "causal": True, "true_skip": False, "pad_mode": config.pad_mode,
        "dimension": config.hidden_size, "n_filters": config.num_filters, "ratios": list(config.upsampling_ratios),
        "n_residual_layers": config.num_residual_layers, "kernel_size": config.kernel_size,
        "last_kernel_size": config.last_kernel_size, "residual_kernel_size": config.residual_kernel_size,
        "dilation_base": config.dilation_growth_rate, "compress": config.compress, "lstm": config.num_lstm_layers,
    }  # fmt: skip

    def make() -> nn.Module:
        model = nn.Module()
        model.encoder, model.decoder = SEANetEncoder(**sizes), SEANetDecoder(**sizes)
        model.quantizer = ResidualVectorQuantizer(
            dimension=config.hidden_size, n_q=config.num_quantizers, bins=config.codebook_size
        )
        return model

    model = without_weight_norm(make)
    named = keys.original(tensors)
    load_strictly(model, named, "encodec", lambda name: name.endswith(("inited", "cluster_size", "embed_avg")))
    for level in model.quantizer.vq.layers:
        level._codebook.inited.fill_(1)  # else the first call would draw codebooks
    return model.to(device)


def original_engine(config: EncodecConfig, tensors: Mapping[str, Tensor], device: torch.device) -> Engine:
    """The package `encodec`: its SEANet and its quantizer."""
    model = original_model(config, tensors, device)
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
