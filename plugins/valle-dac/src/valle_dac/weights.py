"""Where the weights come from: a folder, a file, the Hub, or chance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import DacConfig, DacModel

from valle_core.plugin import UserError
from valle_dac import keys
from valle_kit.codes.pretrained import (
    Fetch,
    Published,
    draw_convolutions,
    fetch_from_hub,
    find_published,
    read_folder,
    read_tensors,
)

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "44khz": {"sampling_rate": 44100, "n_codebooks": 9, "downsampling_ratios": [2, 4, 8, 8]},
    "24khz": {"sampling_rate": 24000, "n_codebooks": 32, "downsampling_ratios": [2, 4, 5, 8]},
    "16khz": {"sampling_rate": 16000, "n_codebooks": 12, "downsampling_ratios": [2, 4, 5, 8]},
}
_FIELDS = {
    "encoder_dim": "encoder_hidden_size",
    "encoder_rates": "downsampling_ratios",
    "decoder_dim": "decoder_hidden_size",
    "n_codebooks": "n_codebooks",
    "codebook_size": "codebook_size",
    "codebook_dim": "codebook_dim",
    "sample_rate": "sampling_rate",
}
"""Sizes in an original checkpoint → in `DacConfig`."""


def published(variant: str) -> Published:
    """Where a variant is published."""
    return Published(codec="dac", repository=f"descript/dac_{variant}")


def load(source: str, variant: str, fetch: Fetch = fetch_from_hub) -> tuple[DacConfig, dict[str, Tensor]]:
    """Configuration and weights in our names, from a folder or a file; where `source` is empty, from the Hub.

    Raises:
        UserError: nothing there, damaged, of another codec or another variant.
    """
    path = Path(source).expanduser() if source else find_published(published(variant), fetch)
    if path.is_dir():
        tensors, facts = read_folder(path, ("model.safetensors", "pytorch_model.bin"))
        if facts.get("model_type") != "dac":
            raise UserError(f"'{path}' holds a model of type {facts.get('model_type')!r}, not 'dac'. Give DAC's")
        config = DacConfig(**{name: facts[name] for name in _FIELDS.values() if name in facts})
    else:
        tensors, config = _checkpoint(path)
    wanted = VARIANTS[variant]["sampling_rate"]
    if config.sampling_rate != wanted:
        raise UserError(
            f"codec weights '{path}' are for {config.sampling_rate} Hz, variant {variant} is {wanted} Hz. "
            f"Give another --codec.variant ({', '.join(VARIANTS)})"
        )
    return config, keys.ours({name: tensor for name, tensor in tensors.items() if isinstance(tensor, Tensor)})


def _checkpoint(path: Path) -> tuple[dict[str, Any], DacConfig]:
    """The original's file: `state_dict` beside `metadata` with the arguments of its model."""
    read = read_tensors(path)
    tensors, metadata = read.get("state_dict"), read.get("metadata")
    if not isinstance(tensors, Mapping) or not isinstance(metadata, Mapping) or "kwargs" not in metadata:
        raise UserError(f"'{path}' is not a DAC checkpoint (state_dict and metadata). Give weights_*.pth or a folder")
    sizes = metadata["kwargs"]
    config = DacConfig(**{ours: sizes[theirs] for theirs, ours in _FIELDS.items() if theirs in sizes})
    for theirs, value in (("decoder_rates", config.upsampling_ratios), ("latent_dim", config.hidden_size)):
        if sizes.get(theirs) not in (None, value, list(value) if isinstance(value, tuple) else value):
            raise UserError(f"'{path}' has {theirs} {sizes[theirs]}, only {value} is known. Give a published variant")
    return dict(tensors), config


def random(config: DacConfig, seed: int) -> dict[str, Tensor]:
    """Untrained weights, equal for equal seeds. Each level quantises a few directions of the latents of its own.

    A trained level projects down and nearly back up; with projections that have nothing to do with each other, near
    sounds would have quite other codes.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = DacModel(config)
        draw_convolutions(model)
        for level in model.quantizer.quantizers:
            directions = torch.linalg.qr(torch.randn(config.hidden_size, config.codebook_dim))[0]
            level.in_proj.weight.copy_(directions.T[..., None])  # pyright: ignore
            level.out_proj.weight.copy_(directions[..., None])  # pyright: ignore
            level.codebook.weight.normal_()  # pyright: ignore
        for name, module in model.named_modules():
            if name.endswith(("res_unit1", "res_unit2", "res_unit3")):
                module.conv2.weight.mul_(0.3)  # pyright: ignore  (else twelve of them add up to a shout)
        model.decoder.conv2.weight.mul_(0.1)  # the tanh behind it would swallow differences
        return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
