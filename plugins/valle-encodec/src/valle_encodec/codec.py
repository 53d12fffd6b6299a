"""The codec `encodec`: EnCodec 24 kHz (Défossez et al. 2022), streaming by carried state, in bounded memory."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import EncodecConfig

from valle_core.codes.identity import hash_tensors
from valle_core.types import CodecIdentity
from valle_encodec import weights
from valle_encodec.engines import ENGINES, Engine
from valle_encodec.options import EncodecOptions
from valle_kit.codes.rows import check_levels, check_wav, decode_rows, encode_rows
from valle_kit.codes.seanet import layers_of
from valle_kit.codes.stack import lookahead
from valle_kit.codes.stream import StackStream, decoded, encoded

CHUNK = 150
"""Frames that pass the networks at once (2 s): what is longer goes in chunks with the state carried over, for
memory that is bounded and activations that stay in the processor's cache."""


class EncodecCodec:
    """A `valle_core.interfaces.Codec`. Rows are encoded one by one at their own length."""

    def __init__(
        self, engine: Engine, config: EncodecConfig, weights_hash: str, levels: int, device: torch.device
    ) -> None:
        self.engine, self.config, self.device = engine, config, device
        self.sample_rate: int = config.sampling_rate
        self.hop: int = config.hop_length
        self.frame_rate = self.sample_rate / self.hop
        self.num_levels = min(levels, config.num_quantizers)
        self.codebook_size: int = config.codebook_size
        self.codebooks: Float[Tensor, "Q V d"] = engine.codebooks[: self.num_levels]
        self.encoder_layers, self.decoder_layers = layers_of(engine.encoder), layers_of(engine.decoder)
        self.lookahead_frames = lookahead(self.decoder_layers, self.hop)
        self.chunk = CHUNK
        self.identity = CodecIdentity(
            name="encodec",
            sample_rate=self.sample_rate,
            hop=self.hop,
            num_levels=self.num_levels,
            codebook_size=self.codebook_size,
            weights_hash=weights_hash,
        )

    @torch.inference_mode()
    def encode(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"]
    ) -> tuple[Int[Tensor, "B F Q"], Int[Tensor, "B"]]:
        """Codes of each row; the encoder's state is carried through long ones, so they are those of the whole."""
        wav = check_wav(wav, lengths).to(self.device)
        return encode_rows(wav, lengths, self._encode, hop=self.hop, num_levels=self.num_levels)

    @torch.inference_mode()
    def decode(
        self, codes: Int[Tensor, "B F L"], frames: Int[Tensor, "B"]
    ) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B"]]:
        """Waveforms, zero past each row's end."""
        return decode_rows(self._check(codes), frames, self._decode, hop=self.hop)

    def stream(self, batch: int = 1) -> StackStream:
        """A fresh streaming decoder. The networks are causal; what it waits for is what their beginnings reflect."""
        return StackStream(
            self.engine.dequantise,
            self._check,
            lambda _: self.decoder_layers,
            hop=self.hop,
            lookahead=self.lookahead_frames,
            batch=batch,
            device=self.device,
            frames=self.chunk,
        )

    def _check(self, codes: Tensor) -> Int[Tensor, "B F L"]:
        """The codes on the codec's device, or `UserError`."""
        return check_levels(codes, num_levels=self.num_levels, codebook_size=self.codebook_size).to(self.device)

    def _encode(self, wav: Float[Tensor, "n"]) -> Int[Tensor, "f Q"]:
        latents = encoded(self.encoder_layers, wav, hop=self.hop, frames=self.chunk)
        return torch.cat([self.engine.quantise(part, self.num_levels) for part in latents])

    def _decode(self, codes: Int[Tensor, "B f L"]) -> Float[Tensor, "B n"]:
        return decoded(self.decoder_layers, self.engine.dequantise, codes, hop=self.hop, frames=self.chunk)


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
