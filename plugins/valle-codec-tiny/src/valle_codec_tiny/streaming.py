"""The decoder of `tiny` fed chunk by chunk: every layer keeps what it still needs, so chunks joined equal the whole."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_codec_tiny.checks import check_codes
from valle_codec_tiny.features import HOP
from valle_codec_tiny.layers import TAPS, Block, FrameConv, Stem
from valle_codec_tiny.network import Decoder, TinyNetwork
from valle_codec_tiny.source import Pitch, pulse_spectra, pulses


class _ConvState:
    """The last frames a convolution saw; its outputs lag `right` frames behind its inputs."""

    def __init__(self, conv: FrameConv, batch: int) -> None:
        self.conv = conv
        self.held = conv.weight.new_zeros(batch, conv.left, conv.weight.shape[1])

    def push(self, x: Float[Tensor, "B T D"], *, end: bool) -> tuple[Tensor, Tensor]:
        """Inputs that now see all their taps, and the convolution there; `end` supplies the zeros after the last."""
        held = torch.cat([self.held, x], dim=1)
        if end:
            held = torch.nn.functional.pad(held, (0, 0, 0, self.conv.right))
        ready = max(held.shape[1] - (TAPS - 1), 0)
        self.held = held[:, ready:]
        if ready == 0:
            return x[:, :0], x[:, :0]
        return held[:, self.conv.left : self.conv.left + ready], self.conv.valid(held)


class _LayerState:
    """A stem, block or pitch reader with its convolution's state."""

    def __init__(self, layer: Stem | Block | Pitch, batch: int) -> None:
        self.layer = layer
        self.state = _ConvState(layer.conv, batch)

    def push(self, x: Float[Tensor, "B T I"], *, end: bool) -> Float[Tensor, "B U D"]:
        if isinstance(self.layer, Stem):
            centre, mixed = self.state.push(self.layer.lift(x), end=end)
            return self.layer.norm(centre + mixed)
        if isinstance(self.layer, Pitch):
            centre, mixed = self.state.push(self.layer.lift(x.to(self.layer.lift.weight.dtype)), end=end)
            return self.layer.read(centre + mixed)
        centre, mixed = self.state.push(x, end=end)
        return centre + self.layer.mix(mixed)


class _SourceState:
    """The pulse train so far, as far as later windows need it; the pitch is known before the frames it colours."""

    def __init__(self, hop: int, batch: int, device: torch.device) -> None:
        self.hop = hop
        self.phase: Tensor | None = None
        self.sound = torch.zeros(batch, 3 * hop // 2, device=device)
        self.spectra = torch.zeros(batch, 0, 2 * hop + 1, device=device, dtype=torch.complex64)

    def push(self, pitch: Float[Tensor, "B T"], *, end: bool) -> None:
        """More pitch; `end` supplies the silence after the last pulse."""
        if pitch.shape[1]:
            sound, self.phase = pulses(pitch, self.phase, self.hop)
            self.sound = torch.cat([self.sound, sound], dim=1)
        if end:
            self.sound = torch.nn.functional.pad(self.sound, (0, 3 * self.hop // 2))
        ready = max(self.sound.shape[1] // self.hop - 3, 0)
        if ready:
            fresh = pulse_spectra(self.sound[:, : (ready + 3) * self.hop], self.hop)
            self.spectra = torch.cat([self.spectra, fresh], dim=1)
            self.sound = self.sound[:, ready * self.hop :]

    def take(self, frames: int) -> Tensor:
        """[B, frames, bins], the next ones."""
        taken, self.spectra = self.spectra[:, :frames], self.spectra[:, frames:]
        return taken


class _OverlapState:
    """Inverse STFT: sums of windows that later windows will still add to."""

    def __init__(self, decoder: Decoder, batch: int, device: torch.device) -> None:
        self.decoder, self.hop = decoder, decoder.hop
        hop = decoder.hop
        self.windows = 0
        self.sums = torch.zeros(batch, 0, hop, device=device)
        self.norms = torch.zeros(1, 0, hop, device=device)
        self.skip = 3 * hop // 2

    def push(self, spectra: Float[Tensor, "B T S"], source: Tensor, *, end: bool) -> Float[Tensor, "B N"]:
        if spectra.shape[1]:
            windowed = self.decoder.windowed(spectra, source, self.windows).unflatten(-1, (4, self.hop))
            self.windows += spectra.shape[1]
            weight = torch.hann_window(4 * self.hop, device=spectra.device).square().reshape(1, 1, 4, self.hop)
            self.sums = _add(self.sums, windowed)
            self.norms = _add(self.norms, weight.expand(1, windowed.shape[1], -1, -1))
        ready = self.sums.shape[1] if end else max(self.sums.shape[1] - 3, 0)
        wav = (self.sums[:, :ready] / self.norms[:, :ready].clamp(min=1e-3)).flatten(1)
        self.sums, self.norms = self.sums[:, ready:], self.norms[:, ready:]
        skipped = min(self.skip, wav.shape[1])
        self.skip -= skipped
        wav = wav[:, skipped:]
        return wav[:, : max(wav.shape[1] - 3 * self.hop // 2, 0)] if end else wav


def _add(held: Float[Tensor, "B R hop"], windowed: Float[Tensor, "B T 4 hop"]) -> Float[Tensor, "B R2 hop"]:
    """Lay window t over rows t … t + 3 after the rows that are complete; `held` is the overlap so far."""
    T = windowed.shape[1]
    total = torch.nn.functional.pad(held, (0, 0, 0, T + 3 - held.shape[1]))
    for quarter in range(4):
        total[:, quarter : quarter + T] += windowed[:, :, quarter]
    return total


class TinyStream:
    """A `CodecStream`: after n frames, n − lookahead frames of sound have come out; `flush` gives the rest."""

    def __init__(self, network: TinyNetwork, batch: int) -> None:
        self._network = network
        decoder = network.decoder
        self._coarse = [_LayerState(layer, batch) for layer in (decoder.stem, *decoder.coarse_blocks())]
        self._fine = [_LayerState(layer, batch) for layer in decoder.fine_blocks()]
        self._pitch = _LayerState(decoder.pitch, batch)
        self._source = _SourceState(decoder.hop, batch, network.quantizer.books.device)
        self._overlap = _OverlapState(decoder, batch, network.quantizer.books.device)
        self._ready = torch.zeros(batch, 0, device=network.quantizer.books.device)

    @torch.inference_mode()
    def push(self, codes: Int[Tensor, "B F L"]) -> Float[Tensor, "B N"]:
        """Sound that is final after these frames, a whole number of frames of it."""
        size = self._network.size
        codes = check_codes(codes, size.levels, size.codes).to(self._ready.device)
        if codes.shape[1] == 0:
            return self._ready[:, :0]
        self._ready = torch.cat([self._ready, self._decode(self._network.quantizer.lookup(codes), end=False)], dim=1)
        spare = (-self._network.lookahead_samples) % HOP
        out = max(self._ready.shape[1] - spare, 0) // HOP * HOP
        wav, self._ready = self._ready[:, :out], self._ready[:, out:]
        return wav

    @torch.inference_mode()
    def flush(self) -> Float[Tensor, "B N"]:
        """The rest."""
        latent = self._network.quantizer.books
        nothing = latent.new_zeros(self._ready.shape[0], 0, latent.shape[-1])
        return torch.cat([self._ready, self._decode(nothing, end=True)], dim=1)

    def _decode(self, x: Float[Tensor, "B F d"], *, end: bool) -> Float[Tensor, "B N"]:
        decoder = self._network.decoder
        self._source.push(self._pitch.push(x, end=end), end=end)
        for layer in self._coarse:
            x = layer.push(x, end=end)
        B, T, _ = x.shape
        x = decoder.widen(x)
        x = x.reshape(B, T * decoder.split, x.shape[-1] // decoder.split)
        for layer in self._fine:
            x = layer.push(x, end=end)
        return self._overlap.push(decoder.finish(x), self._source.take(x.shape[1]), end=end).clamp(-1, 1)
