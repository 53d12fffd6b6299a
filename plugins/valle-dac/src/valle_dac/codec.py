"""The codec `dac`: Descript Audio Codec (Kumar et al. 2023), windowed exactly, as its networks look a bounded way."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from transformers import DacConfig

from valle_core.codes.identity import hash_tensors
from valle_core.codes.rows import check_levels, check_wav, decode_rows, encode_rows, whole_frames
from valle_core.codes.windows import WindowStream, decoder_context, encode_windows, encoder_context
from valle_core.types import CodecIdentity
from valle_dac import weights
from valle_dac.engines import ENGINES, Engine, codebooks, decoder_steps, encoder_steps
from valle_dac.loudness import brought_to
from valle_dac.options import DacOptions

WINDOW_SECONDS = 10
"""What is longer goes through the networks in windows; each gets the frames beside it that it depends on."""


class DacCodec:
    """A `valle_core.interfaces.Codec`. Rows are encoded one by one at their own length."""

    def __init__(
        self, engine: Engine, config: DacConfig, weights_hash: str, options: DacOptions, device: torch.device
    ) -> None:
        self.engine, self.device, self.loudness = engine, device, options.loudness
        self.sample_rate: int = config.sampling_rate
        self.hop = int(config.hop_length)
        self.frame_rate = self.sample_rate / self.hop
        self.num_levels = min(options.levels or config.n_codebooks, config.n_codebooks)
        self.codebook_size: int = config.codebook_size
        with torch.inference_mode():
            self.codebooks: Float[Tensor, "Q V d"] = codebooks(engine.model)[: self.num_levels]
        self.encoder_context = encoder_context(encoder_steps(config), self.hop)
        self.decoder_context = decoder_context(decoder_steps(config), self.hop)
        self.lookahead_frames = self.decoder_context.right
        self.window = max(round(WINDOW_SECONDS * self.frame_rate), 1)
        self.identity = CodecIdentity(
            name="dac",
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
        """Codes of each row, filled up with zeros to whole frames; with `loudness`, of the row at that loudness."""
        wav = check_wav(wav, lengths).to(self.device)
        return encode_rows(wav, lengths, self._encode, hop=self.hop, num_levels=self.num_levels)

    @torch.inference_mode()
    def decode(
        self, codes: Int[Tensor, "B F L"], frames: Int[Tensor, "B"]
    ) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B"]]:
        """Waveforms, zero past each row's end."""
        return decode_rows(self._check(codes), frames, self._decode, hop=self.hop)

    def stream(self, batch: int = 1) -> WindowStream:
        """A fresh streaming decoder."""
        return WindowStream(
            self._window,
            self._check,
            hop=self.hop,
            context=self.decoder_context,
            batch=batch,
            device=self.device,
            frames=self.window,
        )

    def _check(self, codes: Tensor) -> Int[Tensor, "B F L"]:
        return check_levels(codes, num_levels=self.num_levels, codebook_size=self.codebook_size).to(self.device)

    def _encode(self, wav: Float[Tensor, "n"]) -> Int[Tensor, "f Q"]:
        if self.loudness:
            wav = brought_to(wav, self.loudness, self.sample_rate)
        return encode_windows(
            whole_frames(wav, self.hop),
            lambda part: self.engine.encode(part[None, None], self.num_levels),
            hop=self.hop,
            context=self.encoder_context,
            frames=self.window,
        )

    def _window(self, codes: Int[Tensor, "B f L"]) -> Float[Tensor, "B n"]:
        """Odd strides lose some samples at the end (8 at 16 and 24 kHz); zeros take their place."""
        wav = self.engine.decode(codes)
        return F.pad(wav, (0, codes.shape[1] * self.hop - wav.shape[1]))

    def _decode(self, codes: Int[Tensor, "B f L"]) -> Float[Tensor, "B n"]:
        if codes.shape[1] <= 2 * self.window:
            return self._window(codes)
        stream = self.stream(len(codes))
        return torch.cat([*(stream.push(part) for part in codes.split(self.window, dim=1)), stream.flush()], dim=1)


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
