"""The decoder as layers of `valle_kit.codes.stack`, for streams and long sounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from valle_codec_tiny.layers import TAPS, Block, FrameConv
from valle_codec_tiny.network import LEAST, Decoder
from valle_codec_tiny.source import Pitch, pulse_spectra, pulses
from valle_kit.codes.convolutions import Convolution, Layer, Pointwise, room
from valle_kit.codes.stack import Added, Overlap, Stack, reach


def layers_of(decoder: Decoder) -> tuple[Layer, ...]:
    """Latents [B, d, F] → sound [B, 1, N]."""
    window = torch.hann_window(4 * decoder.hop, device=decoder.fade.device)
    return (Windows(decoder), Overlap(window, decoder.hop, LEAST))


@dataclass(frozen=True, slots=True)
class Windows:
    """Latents [B, d, F] → windows of sound [B, W, T]. Spectra and voice source run side by side, frames on axis 1."""

    decoder: Decoder

    def reach(self, last: int) -> int:
        """See `Layer`."""
        return max(reach(_spectra(self.decoder), last), reach(_source(self.decoder), last))

    def state(self, axis: int) -> _WindowsState:
        """See `Layer`."""
        assert axis == 2
        return _WindowsState(self.decoder)


@dataclass(frozen=True, slots=True)
class Pulses:
    """The voice source, [B, F, channels] → [B, F · split · hop, 1]: its phase runs on from chunk to chunk."""

    pitch: Pitch
    hop: int

    def reach(self, last: int) -> int:
        """See `Layer`."""
        return last // (self.hop * self.pitch.out.out_features)

    def state(self, axis: int) -> _PulsesState:
        """See `Layer`."""
        assert axis == 1
        return _PulsesState(self)


def _spectra(decoder: Decoder) -> tuple[Layer, ...]:
    stem, width = decoder.stem, decoder.norm.normalized_shape[0]

    def split(x: Tensor) -> Tensor:
        return decoder.widen(x).reshape(len(x), -1, width)

    return (
        Pointwise(stem.lift, stem.lift.out_features),
        Added((_convolution(stem.conv),)),
        Pointwise(stem.norm),
        *_blocks(decoder.coarse_blocks()),
        Pointwise(split, width, rate=decoder.split),
        *_blocks(decoder.fine_blocks()),
        Pointwise(decoder.finish),
    )


def _source(decoder: Decoder) -> tuple[Layer, ...]:
    pitch, hop = decoder.pitch, decoder.hop
    margin = 3 * hop // 2
    return (
        Pointwise(pitch.lift, pitch.lift.out_features),
        Added((_convolution(pitch.conv),)),
        Pulses(pitch, hop),
        Convolution(lambda x: pulse_spectra(x[..., 0], hop), 2 * hop + 1, 4 * hop, hop, margin, margin),
    )


def _blocks(blocks: Sequence[Block]) -> list[Layer]:
    return [Added((_convolution(block.conv), Pointwise(block.mix))) for block in blocks]


def _convolution(conv: FrameConv) -> Convolution:
    return Convolution(conv.valid, conv.weight.shape[1], TAPS, left=conv.left, right=conv.right)


class _WindowsState:
    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._count = torch.zeros((), dtype=torch.long, device=decoder.fade.device)  # a tensor, to be replayed with
        self._spectra, self._source = Stack(_spectra(decoder), axis=1), Stack(_source(decoder), axis=1)
        self._ahead: Tensor | None = None  # source of windows whose spectra are still to come

    def push(self, x: Float[Tensor, "B d F"], *, end: bool) -> Float[Tensor, "B W T"]:
        frames = x.transpose(1, 2)
        source = self._source.push(frames.to(self._decoder.pitch.lift.weight.dtype), end=end)
        source = source if self._ahead is None else torch.cat([self._ahead, source], dim=1)
        spectra = self._spectra.push(frames, end=end)
        T = spectra.shape[1]
        self._ahead = source[:, T:].clone()
        if not T:
            return room(x, 2, 4 * self._decoder.hop, 0)
        windows = self._decoder.windowed(spectra, source[:, :T], self._count)
        self._count = self._count + T
        return windows.transpose(1, 2)


class _PulsesState:
    def __init__(self, layer: Pulses) -> None:
        self._layer = layer
        self._phase: Tensor | None = None

    def push(self, x: Float[Tensor, "B F D"], *, end: bool) -> Float[Tensor, "B N 1"]:
        if not x.shape[1]:
            return room(x, 1, 1, 0).float()
        sound, self._phase = pulses(self._layer.pitch.read(x), self._phase, self._layer.hop)
        return sound[..., None]
