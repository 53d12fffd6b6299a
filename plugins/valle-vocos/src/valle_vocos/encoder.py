"""The EnCodec half: 24 kHz sound → codes, with transformers' encoder and quantizer."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import EncodecConfig

from valle_kit.codes.encodec import names, weights
from valle_kit.codes.encodec.networks import layers_of, quantise
from valle_kit.codes.pretrained import Fetch, Published, fetch_from_hub, load_strictly
from valle_kit.codes.stream import encoded

PUBLISHED = Published(codec="vocos", repository=weights.REPOSITORY, flag="--codec.encodec_weights")
CHUNK = 150
"""Frames that pass the encoder at once (2 s): what is longer goes in chunks with the state carried over, for
memory that is bounded and activations that stay in the processor's cache."""


class Encoder:
    """EnCodec's encoder and quantizer."""

    def __init__(self, config: EncodecConfig, tensors: Mapping[str, Tensor], device: torch.device) -> None:
        self.config, self.hop = config, config.hop_length
        model = weights.plain_model(config)
        load_strictly(model, tensors, "encodec", lambda name: _of_decoder(name) or names.is_training_state(name))
        self.network, self.quantizer = model.encoder.to(device), model.quantizer.to(device)
        self.layers = layers_of(self.network)
        self.chunk = CHUNK

    def encode(self, wav: Float[Tensor, "n"], levels: int) -> Int[Tensor, "f Q"]:
        """Codes of a sound of any length; the state is carried through long ones."""
        latents = encoded(self.layers, wav, hop=self.hop, frames=self.chunk)
        return torch.cat([quantise(self.quantizer.layers, part, levels) for part in latents])


def load(source: str, fetch: Fetch = fetch_from_hub) -> tuple[EncodecConfig, dict[str, Tensor]]:
    """Configuration and weights of the encoder and the quantizer, see `valle_kit.codes.encodec.weights.load`."""
    config, tensors = weights.load(source, PUBLISHED, fetch)
    return config, _needed(tensors)


def codebooks(tensors: Mapping[str, Tensor]) -> Float[Tensor, "Q V d"]:
    """Of all levels."""
    count = sum(name.endswith(".codebook.embed") for name in tensors)
    return torch.stack([tensors[f"quantizer.layers.{level}.codebook.embed"] for level in range(count)])


def random(config: EncodecConfig, seed: int) -> dict[str, Tensor]:
    """Untrained weights, equal for equal seeds."""
    return _needed(weights.random(config, seed))


def _needed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not _of_decoder(name)}


def _of_decoder(name: str) -> bool:
    return name.startswith("decoder.")
