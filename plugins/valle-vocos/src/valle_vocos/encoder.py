"""The EnCodec half: 24 kHz sound → codes, with transformers' encoder and quantizer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations
from transformers import EncodecConfig, EncodecModel

from valle_core.plugin import UserError
from valle_kit.codes.causal import Layer, Residual, encoded, longest_padding
from valle_kit.codes.pretrained import (
    Fetch,
    Published,
    draw_convolutions,
    fetch_from_hub,
    find_published,
    fold_weight_norm,
    load_strictly,
    read_folder,
)

PUBLISHED = Published(codec="vocos", repository="facebook/encodec_24khz", flag="--codec.encodec_weights")
CHUNK = 150
"""Frames that pass the encoder at once (2 s): what is longer goes in chunks with the state carried over, for
memory that is bounded and activations that stay in the processor's cache."""
_UNUSED = re.compile(r"^decoder\.|\.codebook\.(inited|cluster_size|embed_avg)$")


class Encoder:
    """EnCodec's encoder and quantizer."""

    def __init__(self, config: EncodecConfig, tensors: Mapping[str, Tensor], device: torch.device) -> None:
        self.config, self.hop = config, config.hop_length
        model = _plain(config)
        load_strictly(model, tensors, "encodec", lambda name: bool(_UNUSED.search(name)))
        self.network, self.quantizer = model.encoder.to(device), model.quantizer.to(device)
        self.layers = tuple(_layer(layer) for layer in self.network.layers)
        self.chunk = CHUNK

    def encode(self, wav: Float[Tensor, "n"], levels: int) -> Int[Tensor, "f Q"]:
        """Codes of a sound of any length; the state is carried through long ones."""
        if len(wav) <= self.hop * longest_padding(self.layers):
            return self._quantised(self.network(wav[None, None]), levels)
        latents = encoded(self.layers, wav, self.hop, self.chunk)
        return torch.cat([self._quantised(part, levels) for part in latents])

    def _quantised(self, latents: Float[Tensor, "1 d f"], levels: int) -> Int[Tensor, "f Q"]:
        codes = []
        for level in list(self.quantizer.layers)[:levels]:
            codes.append(level.encode(latents))  # pyright: ignore
            latents = latents - level.decode(codes[-1])  # pyright: ignore
        return torch.stack(codes, dim=-1)[0]


def load(source: str, fetch: Fetch = fetch_from_hub) -> tuple[EncodecConfig, dict[str, Tensor]]:
    """Configuration and weights of the encoder and the quantizer from a folder; from the Hub where `source` is empty.

    Raises:
        UserError: nothing there, damaged, or another model.
    """
    path = Path(source).expanduser() if source else find_published(PUBLISHED, fetch)
    if not path.is_dir():
        raise UserError(f"no folder '{path}'. --codec.encodec_weights takes one with config.json and model.safetensors")
    tensors, facts = read_folder(path, ("model.safetensors", "pytorch_model.bin"))
    if facts.get("model_type") != "encodec" or facts.get("normalize") or facts.get("audio_channels", 1) != 1:
        raise UserError(f"'{path}' is not EnCodec 24 kHz. Give facebook/encodec_24khz")
    config = EncodecConfig(**{name: value for name, value in facts.items() if name != "model_type"})
    return config, needed(fold_weight_norm(tensors))


def needed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What encoding needs."""
    return {name: tensor for name, tensor in tensors.items() if not _UNUSED.search(name)}


def codebooks(tensors: Mapping[str, Tensor]) -> Float[Tensor, "Q V d"]:
    """Of all levels."""
    count = sum(name.endswith(".codebook.embed") for name in tensors)
    return torch.stack([tensors[f"quantizer.layers.{level}.codebook.embed"] for level in range(count)])


def random(config: EncodecConfig, seed: int) -> dict[str, Tensor]:
    """Untrained weights, equal for equal seeds. Codebooks hold latents of swelling noise, level after level."""
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(seed)
        model = _plain(config)
        draw_convolutions(model)
        samples = 100 * config.hop_length
        residual = model.encoder(torch.randn(1, 1, samples) * torch.logspace(-3, 0, samples))
        for layer in model.quantizer.layers:
            drawn = residual[0].T[torch.randint(residual.shape[-1], (config.codebook_size,))]
            drawn += 0.3 * residual.std(-1).clamp(min=1e-4) * torch.randn(drawn.shape)
            layer.codebook.embed.copy_(drawn)  # pyright: ignore
            residual = residual - layer.decode(layer.encode(residual))  # pyright: ignore
        return needed({name: tensor.clone() for name, tensor in model.state_dict().items()})


def _plain(config: EncodecConfig) -> EncodecModel:
    """With plain weights in the place of weight norm."""
    with torch.random.fork_rng(devices=[]):  # what is drawn here is overwritten
        model = EncodecModel(config)
    for module in model.modules():
        if is_parametrized(module):
            remove_parametrizations(module, "weight")
    return model.eval().requires_grad_(False)


def _layer(layer: Any) -> Layer:
    """A layer of the encoder as `CausalStack` takes it."""
    if hasattr(layer, "block"):
        shortcut = () if isinstance(layer.shortcut, nn.Identity) else (_layer(layer.shortcut),)
        return Residual(tuple(_layer(inner) for inner in layer.block), shortcut)
    return getattr(layer, "lstm", getattr(layer, "conv", layer))
