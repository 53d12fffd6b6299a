"""The codec `dac`: Descript Audio Codec (Kumar et al. 2023), in chunks that join exactly."""

from __future__ import annotations

from hashlib import sha256

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DacConfig

from valle_core.codes.identity import hash_tensors
from valle_core.types import CodecIdentity
from valle_dac import weights
from valle_dac.engines import ENGINES, Engine, codebooks
from valle_dac.options import DacOptions
from valle_kit.codes.codec import StackCodec
from valle_kit.codes.convolutions import Layer
from valle_kit.codes.rows import whole_frames
from valle_kit.codes.stream import encoded
from valle_kit.loudness import at_loudness

CHUNK_SECONDS = 1
"""What is longer goes through the networks in chunks, whose layers remember what they need of those before: memory is
bounded, and what a layer hands on is still in the processor's cache."""


class DacCodec(StackCodec):
    """A `valle_core.interfaces.Codec`. Odd strides lose some samples at the end (8 at 16 and 24 kHz): zeros there."""

    def __init__(
        self, engine: Engine, config: DacConfig, weights_hash: str, options: DacOptions, device: torch.device
    ) -> None:
        self.engine, self.config, self.loudness = engine, config, options.loudness
        identity = CodecIdentity(
            name="dac",
            sample_rate=config.sampling_rate,
            hop=int(config.hop_length),
            num_levels=min(options.levels or config.n_codebooks, config.n_codebooks),
            codebook_size=config.codebook_size,
            weights_hash=_with_loudness(weights_hash, options.loudness),
        )
        with torch.inference_mode():
            books = codebooks(engine.model)[: identity.num_levels]
        chunk = max(round(CHUNK_SECONDS * identity.sample_rate / identity.hop), 1)
        super().__init__(identity, books, device=device, chunk=chunk)

    def encode_one(self, wav: Float[Tensor, "n"]) -> Int[Tensor, "f Q"]:
        """Codes of a sound, filled up with zeros to whole frames; with `loudness`, of the sound at that loudness."""
        if self.loudness:
            wav = torch.from_numpy(at_loudness(wav.cpu().numpy(), self.sample_rate, target=self.loudness)).to(wav)
        latents = encoded(self.engine.encoder, whole_frames(wav, self.hop), hop=self.hop, frames=self.chunk)
        return torch.cat([self.engine.quantise(part, self.num_levels) for part in latents])

    def latents(self, codes: Int[Tensor, "B f L"]) -> Float[Tensor, "B d f"]:
        """See `StackCodec`."""
        return self.engine.latents(codes)

    def layers(self, levels: int) -> tuple[Layer, ...]:
        """See `StackCodec`."""
        return self.engine.decoder


def with_weights(config: DacConfig, tensors: dict[str, Tensor], options: DacOptions, device: torch.device) -> DacCodec:
    """The codec of a configuration and its weights in our names."""
    return DacCodec(ENGINES[options.engine](config, tensors, device), config, hash_tensors(tensors), options, device)


def build(options: DacOptions, *, device: torch.device) -> DacCodec:
    """Factory of the registry entry `dac`."""
    if options.weights == "random":
        config = DacConfig(**weights.VARIANTS[options.variant])
        return with_weights(config, weights.random(config, options.seed), options, device)
    config, tensors = weights.load(options.weights, options.variant)
    return with_weights(config, tensors, options, device)


def _with_loudness(weights_hash: str, loudness: float) -> str:
    """The hash of weights whose sounds are brought to a loudness first: the same sound has other codes."""
    return sha256(f"{weights_hash} at {loudness:g} LUFS".encode()).hexdigest()[:16] if loudness else weights_hash
