"""Where EnCodec's weights come from: a folder, a file, the Hub, or random ones. Its users depend on transformers."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from transformers import EncodecConfig, EncodecModel

from valle_core.plugin import UserError
from valle_kit.codes.encodec import names
from valle_kit.codes.encodec.networks import draw
from valle_kit.codes.pretrained import (
    Fetch,
    Published,
    fetch_from_hub,
    find_published,
    read_folder,
    read_tensors,
    without_weight_norm,
)

REPOSITORY = "facebook/encodec_24khz"
PUBLISHED = Published(codec="encodec", repository=REPOSITORY)


def plain_model(config: EncodecConfig) -> EncodecModel:
    """transformers' model with plain weights in the place of weight norm."""
    return without_weight_norm(lambda: EncodecModel(config))


def load(
    source: str, published: Published = PUBLISHED, fetch: Fetch = fetch_from_hub
) -> tuple[EncodecConfig, dict[str, Tensor]]:
    """Configuration and weights in transformers' names, from a folder or a file; where `source` is empty, from the Hub.

    Raises:
        UserError: nothing there, damaged, or of another codec.
    """
    path = Path(source).expanduser() if source else find_published(published, fetch)
    if path.is_dir():
        tensors, facts = read_folder(path, ("model.safetensors", "pytorch_model.bin"))
        config = _config(facts, str(path))
    else:
        tensors, config = read_tensors(path), EncodecConfig()
    if isinstance(tensors.get("best_state"), dict):
        tensors = tensors["best_state"]
    tensors = {name: tensor for name, tensor in tensors.items() if isinstance(tensor, Tensor)}
    return config, names.ours(tensors)


def _config(facts: dict, where: str) -> EncodecConfig:
    if facts.get("model_type") != "encodec":
        raise UserError(f"'{where}' holds a model of type {facts.get('model_type')!r}, not 'encodec'. Give EnCodec's")
    config = EncodecConfig(**{name: value for name, value in facts.items() if name != "model_type"})
    if config.normalize or config.audio_channels != 1 or not config.use_causal_conv:
        raise UserError(
            f"'{where}' is the stereo, loudness-normalised EnCodec: its codes alone do not give the sound back. "
            f"Give the 24 kHz model ({REPOSITORY})"
        )
    return config


def random(config: EncodecConfig, seed: int) -> dict[str, Tensor]:
    """Untrained weights, equal for equal seeds. Codebooks hold latents of swelling noise, level after level."""
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(seed)
        model = plain_model(config)
        draw(model, config.hop_length)
        return {
            name: tensor.clone() for name, tensor in model.state_dict().items() if not names.is_training_state(name)
        }
