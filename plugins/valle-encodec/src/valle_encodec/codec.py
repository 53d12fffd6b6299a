"""The codec `encodec`: EnCodec 24 kHz (Défossez et al. 2022), streaming by carried state, in bounded memory."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import EncodecConfig

from valle_core.codes.identity import hash_tensors
from valle_core.types import CodecIdentity
from valle_encodec.engines import ENGINES, Engine
from valle_encodec.options import EncodecOptions
from valle_kit.codes.codec import StackCodec
from valle_kit.codes.convolutions import Layer
from valle_kit.codes.encodec import weights
from valle_kit.codes.encodec.networks import layers_of
from valle_kit.codes.stream import encoded

CHUNK = 150
"""Frames that pass the networks at once (2 s): what is longer goes in chunks with the state carried over, for
memory that is bounded and activations that stay in the processor's cache."""


class EncodecCodec(StackCodec):
    """A `valle_core.interfaces.Codec`. Its networks are causal: its stream waits for what their beginnings reflect."""

    def __init__(
        self, engine: Engine, config: EncodecConfig, weights_hash: str, levels: int, device: torch.device
    ) -> None:
        self.engine, self.config = engine, config
        self.encoder_layers, self.decoder_layers = layers_of(engine.encoder), layers_of(engine.decoder)
        identity = CodecIdentity(
            name="encodec",
            sample_rate=config.sampling_rate,
            hop=config.hop_length,
            num_levels=min(levels, config.num_quantizers),
            codebook_size=config.codebook_size,
            weights_hash=weights_hash,
        )
        super().__init__(identity, engine.codebooks[: identity.num_levels], device=device, chunk=CHUNK)

    def encode_one(self, wav: Float[Tensor, "n"]) -> Int[Tensor, "f Q"]:
        """Codes of a sound; the encoder's state is carried through long ones."""
        latents = encoded(self.encoder_layers, wav, hop=self.hop, frames=self.chunk)
        return torch.cat([self.engine.quantise(part, self.num_levels) for part in latents])

    def latents(self, codes: Int[Tensor, "B f L"]) -> Float[Tensor, "B d f"]:
        """See `StackCodec`."""
        return self.engine.dequantise(codes)

    def layers(self, levels: int) -> tuple[Layer, ...]:
        """See `StackCodec`."""
        return self.decoder_layers


def with_weights(
    config: EncodecConfig, tensors: dict[str, Tensor], options: EncodecOptions, device: torch.device
) -> EncodecCodec:
    """The codec of a configuration and its weights in our names."""
    engine = ENGINES[options.engine](config, tensors, device)
    levels = round(options.bandwidth * 1000 / (config.frame_rate * config.codebook_nbits))
    return EncodecCodec(engine, config, hash_tensors(tensors), levels, device)


def build(options: EncodecOptions, *, device: torch.device) -> EncodecCodec:
    """Factory of the registry entry `encodec`."""
    if options.weights == "random":
        config = EncodecConfig()
        return with_weights(config, weights.random(config, options.seed), options, device)
    config, tensors = weights.load(options.weights)
    return with_weights(config, tensors, options, device)
