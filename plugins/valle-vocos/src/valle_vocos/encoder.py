"""The EnCodec half: 24 kHz sound → codes, with transformers' encoder and quantizer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import EncodecConfig, EncodecModel

from valle_core.plugin import UserError
from valle_kit.codes.pretrained import (
    Fetch,
    Published,
    fetch_from_hub,
    find_published,
    fold_weight_norm,
    load_strictly,
    read_folder,
    without_weight_norm,
)
from valle_kit.codes.seanet import draw, layers_of, quantise
from valle_kit.codes.stream import encoded

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
        self.layers = layers_of(self.network)
        self.chunk = CHUNK

    def encode(self, wav: Float[Tensor, "n"], levels: int) -> Int[Tensor, "f Q"]:
        """Codes of a sound of any length; the state is carried through long ones."""
        latents = encoded(self.layers, wav, hop=self.hop, frames=self.chunk)
        return torch.cat([quantise(self.quantizer.layers, part, levels) for part in latents])


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
        draw(model, config.hop_length)
        return needed({name: tensor.clone() for name, tensor in model.state_dict().items()})


def _plain(config: EncodecConfig) -> EncodecModel:
    return without_weight_norm(lambda: EncodecModel(config))
