"""Ends answers that no longer say anything; for models without an alignment, which may miss their end."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from valle_core.interfaces import Codec, SamplerView
from valle_core.synthesis.options import SynthesisOptions
from valle_kit.pauses import HOP, levels

_LONGEST_LOOP = 0.5  # seconds after which a loop begins again
_ALIKE = 0.9  # share of the frames that make a loop, or a silence
_KEPT = 0.3  # seconds of a silence that stay
_START = 1.0  # seconds that every answer may have beside those of its phonemes
_SILENT = -60.0  # decibels of full scale
_FAR_BELOW = 40.0  # decibels below the loud parts, where silence begins at the latest


@dataclass(frozen=True, kw_only=True, slots=True)
class Safeguards:
    """Bounds of one synthesizer, in frames.

    Attributes:
        frame_rate: frames per second.
        phoneme_seconds: longest mean duration of a phoneme, or 0 for no bound.
        stuck: frames of a loop or of silence after which an answer ends, or 0 for never.
        silent: level-0 codes of digital silence.
    """

    frame_rate: float
    phoneme_seconds: float
    stuck: int
    silent: Int[Tensor, "S"]

    @classmethod
    def of(cls, codec: Codec, options: SynthesisOptions, device: torch.device) -> Safeguards:
        """For what this codec decodes."""
        silence = torch.zeros(1, codec.sample_rate, device=device)
        codes, _ = codec.encode(silence, torch.tensor([codec.sample_rate], device=device))
        return cls(
            frame_rate=codec.frame_rate,
            phoneme_seconds=options.phoneme_seconds,
            stuck=math.ceil(options.stuck_seconds * codec.frame_rate),
            silent=codes[0, :, 0].unique(),
        )

    def bound(self, most: int, phonemes: int) -> int:
        """The most frames that an answer of so many phonemes may have."""
        if not self.phoneme_seconds:
            return most
        return min(most, math.ceil((_START + phonemes * self.phoneme_seconds) * self.frame_rate))

    def guide(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]:
        """Only the stop token for rows that are stuck; reads nothing from the device."""
        if view.stop is None or not 0 < self.stuck < view.history.shape[1]:
            return logits
        ended = self._loops(view.history, view.lengths).any(1) | self._silence(view.history, view.lengths)
        others = torch.arange(logits.shape[1], device=logits.device) != view.stop
        return logits.masked_fill(ended[:, None] & others, -math.inf)

    def verdict(self, tokens: Int[Tensor, "F"]) -> tuple[int, str]:
        """How many frames of an answer to keep, and a remark where it was stuck at its end."""
        if not 0 < self.stuck < len(tokens):
            return len(tokens), ""
        row, lengths = tokens[None], torch.tensor([len(tokens)], device=tokens.device)
        at = len(tokens) - self.stuck
        if bool(self._silence(row, lengths)):
            return at + round(_KEPT * self.frame_rate), f"fell silent at {at / self.frame_rate:.1f} s and was ended"
        lags = self._loops(row, lengths)[0].flip(0).nonzero().flatten().tolist()
        remark = f"repeated itself from {at / self.frame_rate:.1f} s on and was ended" if lags else ""
        return (at + lags[0] + 1 if lags else len(tokens)), remark

    def quiet_end(self, wav: Float[Tensor, "N"], sample_rate: int) -> tuple[int, str]:
        """How many frames of the sound to keep, and a remark where it ends in a long silence."""
        frames = round(wav.shape[0] / sample_rate * self.frame_rate)
        loudness = levels(wav.numpy(), sample_rate)
        loud = (loudness > max(_SILENT, loudness.max() - _FAR_BELOW)).nonzero()[0]
        end = (int(loud[-1]) + 1) * HOP if len(loud) else 0.0
        if not 0 < self.stuck < frames - end * self.frame_rate:
            return frames, ""
        return max(1, round((end + _KEPT) * self.frame_rate)), f"fell silent at {end:.1f} s, and ends there"

    def _loops(self, history: Int[Tensor, "B L"], lengths: Int[Tensor, "B"]) -> Bool[Tensor, "B P"]:
        """Whether the last frames are those of P, …, 1 frames before."""
        P = round(_LONGEST_LOOP * self.frame_rate)
        ends = _last(history, lengths, self.stuck + P).unfold(1, self.stuck, 1)  # [B, P + 1, stuck]
        return (ends[:, :-1] == ends[:, -1:]).float().mean(-1) >= _ALIKE

    def _silence(self, history: Int[Tensor, "B L"], lengths: Int[Tensor, "B"]) -> Bool[Tensor, "B"]:
        return torch.isin(_last(history, lengths, self.stuck), self.silent).float().mean(-1) >= _ALIKE


def _last(history: Int[Tensor, "B L"], lengths: Int[Tensor, "B"], count: int) -> Int[Tensor, "B count"]:
    """The last tokens of each row, and other negative numbers at each place before its first."""
    place = lengths[:, None] - count + torch.arange(count, device=history.device)
    return torch.where(place < 0, place - 1, history.gather(1, place.clamp(min=0)))
