"""The codec `encodec`: EnCodec 24 kHz (Défossez et al. 2022), streaming by carried state, in bounded memory."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import EncodecConfig

from valle_core.codes.identity import hash_tensors
from valle_core.types import CodecIdentity
from valle_encodec import weights
from valle_encodec.engines import ENGINES, Engine, layers_of
from valle_encodec.options import EncodecOptions
from valle_kit.codes.causal import CausalStack, encoded, first_frames, longest_padding
from valle_kit.codes.chunks import spans
from valle_kit.codes.rows import check_levels, check_wav, decode_rows, encode_rows

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
        self.lookahead_frames = first_frames(self.decoder_layers) - 1
        self.shortest = longest_padding(self.encoder_layers)
        self.chunk = max(CHUNK, self.lookahead_frames + 1)
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
        return decode_rows(self.check(codes), frames, self._decode, hop=self.hop)

    def stream(self, batch: int = 1) -> EncodecStream:
        """A fresh streaming decoder."""
        return EncodecStream(self, batch)

    def check(self, codes: Tensor) -> Int[Tensor, "B F L"]:
        """The codes on the codec's device, or `UserError`."""
        return check_levels(codes, num_levels=self.num_levels, codebook_size=self.codebook_size).to(self.device)

    def _encode(self, wav: Float[Tensor, "n"]) -> Int[Tensor, "f Q"]:
        if len(wav) <= self.hop * self.shortest:
            return self.engine.quantise(self.engine.encoder(wav[None, None]), self.num_levels)
        latents = encoded(self.encoder_layers, wav, self.hop, self.chunk)
        return torch.cat([self.engine.quantise(part, self.num_levels) for part in latents])

    def _decode(self, codes: Int[Tensor, "B f L"]) -> Float[Tensor, "B n"]:
        if codes.shape[1] <= self.lookahead_frames:
            return self.engine.decoder(self.engine.dequantise(codes))[:, 0]
        stack = CausalStack(self.decoder_layers)
        parts = (codes[:, start:stop] for start, stop in spans(codes.shape[1], self.chunk))
        return torch.cat([stack.push(self.engine.dequantise(part))[:, 0] for part in parts], 1)


class EncodecStream:
    """A `CodecStream`: after n frames, n − lookahead frames of sound have come out; `flush` gives the rest.

    The networks are causal, but each layer's beginning is padded by a reflection of what follows: so nothing can be
    said before `lookahead_frames` + 1 frames are there. From then on the state of each layer is carried.
    """

    def __init__(self, codec: EncodecCodec, batch: int) -> None:
        self._codec = codec
        self._stack: CausalStack | None = None
        self._codes: list[Tensor] = []
        self._pushed = self._given = 0
        self._ready = torch.zeros(batch, 0, device=codec.device)

    @torch.inference_mode()
    def push(self, codes: Int[Tensor, "B F L"]) -> Float[Tensor, "B N"]:
        """Sound that is final after these frames, a whole number of frames of it."""
        codec = self._codec
        codes = codec.check(codes)
        self._pushed += codes.shape[1]
        if codes.shape[1]:
            self._codes.append(codes)
        if self._pushed > codec.lookahead_frames and self._codes:
            self._stack = self._stack or CausalStack(codec.decoder_layers)
            held, self._codes = torch.cat(self._codes, dim=1), []
            parts = [self._stack.push(codec.engine.dequantise(part))[:, 0] for part in held.split(codec.chunk, 1)]
            self._ready = torch.cat([self._ready, *parts], dim=1)
        count = max(self._pushed - codec.lookahead_frames, 0) - self._given
        self._given += count
        wav, self._ready = self._ready[:, : count * codec.hop], self._ready[:, count * codec.hop :]
        return wav.clamp(-1, 1)

    @torch.inference_mode()
    def flush(self) -> Float[Tensor, "B N"]:
        """The rest; codes too few for a beginning are decoded whole."""
        if self._codes:
            held = torch.cat(self._codes, dim=1)
            self._ready = self._codec.engine.decoder(self._codec.engine.dequantise(held))[:, 0]
        return self._ready.clamp(-1, 1)


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
