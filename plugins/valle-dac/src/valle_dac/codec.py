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
from valle_kit.codes.rows import check_levels, check_wav, decode_rows, encode_rows, whole_frames
from valle_kit.codes.stack import lookahead
from valle_kit.codes.stream import StackStream, decoded, encoded
from valle_kit.loudness import at_loudness

CHUNK_SECONDS = 1
"""What is longer goes through the networks in chunks, whose layers remember what they need of those before: memory is
bounded, and what a layer hands on is still in the processor's cache."""


class DacCodec:
    """A `valle_core.interfaces.Codec`. Rows are encoded one by one at their own length."""

    def __init__(
        self, engine: Engine, config: DacConfig, weights_hash: str, options: DacOptions, device: torch.device
    ) -> None:
        self.engine, self.config, self.device, self.loudness = engine, config, device, options.loudness
        self.sample_rate: int = config.sampling_rate
        self.hop = int(config.hop_length)
        self.frame_rate = self.sample_rate / self.hop
        self.num_levels = min(options.levels or config.n_codebooks, config.n_codebooks)
        self.codebook_size: int = config.codebook_size
        with torch.inference_mode():
            self.codebooks: Float[Tensor, "Q V d"] = codebooks(engine.model)[: self.num_levels]
        self.lookahead_frames = lookahead(engine.decoder, self.hop)
        self.chunk = max(round(CHUNK_SECONDS * self.frame_rate), 1)
        self.identity = CodecIdentity(
            name="dac",
            sample_rate=self.sample_rate,
            hop=self.hop,
            num_levels=self.num_levels,
            codebook_size=self.codebook_size,
            weights_hash=_with_loudness(weights_hash, options.loudness),
        )

    @torch.inference_mode()
    def encode(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"]
    ) -> tuple[Int[Tensor, "B F Q"], Int[Tensor, "B"]]:
        """Codes of each row, filled up with zeros to whole frames; with `loudness`, of the row at that loudness."""
        wav = check_wav(wav, lengths).to(self.device)
        return encode_rows(wav, lengths, self._encode, hop=self.hop, num_levels=self.num_levels)

    @torch.inference_mode()
    def decode(
        self, codes: Int[Tensor, "B F L"], frames: Int[Tensor, "B"]
    ) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B"]]:
        """Waveforms, zero past each row's end."""
        return decode_rows(self._check(codes), frames, self._decode, hop=self.hop)

    def stream(self, batch: int = 1) -> StackStream:
        """A fresh streaming decoder."""
        return StackStream(
            self.engine.latents,
            self._check,
            lambda _: self.engine.decoder,
            hop=self.hop,
            lookahead=self.lookahead_frames,
            batch=batch,
            device=self.device,
            frames=self.chunk,
        )

    def _check(self, codes: Tensor) -> Int[Tensor, "B F L"]:
        return check_levels(codes, num_levels=self.num_levels, codebook_size=self.codebook_size).to(self.device)

    def _encode(self, wav: Float[Tensor, "n"]) -> Int[Tensor, "f Q"]:
        if self.loudness:
            wav = torch.from_numpy(at_loudness(wav.cpu().numpy(), self.sample_rate, target=self.loudness)).to(wav)
        latents = encoded(self.engine.encoder, whole_frames(wav, self.hop), hop=self.hop, frames=self.chunk)
        return torch.cat([self.engine.quantise(part, self.num_levels) for part in latents])

    def _decode(self, codes: Int[Tensor, "B f L"]) -> Float[Tensor, "B n"]:
        """Odd strides lose some samples at the end (8 at 16 and 24 kHz); zeros take their place."""
        return decoded(self.engine.decoder, self.engine.latents, codes, hop=self.hop, frames=self.chunk)


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
