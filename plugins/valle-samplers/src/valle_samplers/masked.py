"""Masked decoding: all codes of an answer in a few passes, the surest first (MaskGIT, 2202.04200)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from valle_samplers.bounds import require
from valle_samplers.drawing import draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float, Int
    from torch import Tensor

    from valle_core.interfaces import Ask, SamplerView


@dataclass(frozen=True, kw_only=True, slots=True)
class Masked:
    """Fills N frames in K steps: behind step k, ⌈N cos(πk / 2K)⌉ of them are still hidden.

    At step k every hidden frame draws a code at the temperature t (1 − (k − 1)/K). Kept for good are those with the
    largest ln p + noise (1 − k/K) g, with p the probability of the code at temperature 1 and g a Gumbel number.

    Attributes:
        steps: number of passes of the model (K), from 1 to 1000.
        t: temperature of the first step, 0 or in [0.001, 10000]; 0 takes the most likely code at every step.
        noise: scale of the random part of the confidence, from 0 to 1000; falls with the steps; 0 keeps the surest.
    """

    steps: int = 16
    t: float = 1.0
    noise: float = 1.0

    def __post_init__(self) -> None:
        require("masked's steps", self.steps, low=1, high=1000)
        if self.t != 0:
            require("masked's t", self.t, low=1e-3, high=1e4, note="0 or ")
        require("masked's noise", self.noise, low=0.0, high=1000.0)

    def fill(self, ask: Ask, frames: Sequence[int], hidden: int, view: SamplerView) -> Int[Tensor, "N"]:
        import torch

        counts = torch.tensor(list(frames), dtype=torch.long)
        row = torch.arange(len(frames)).repeat_interleave(counts)
        place = torch.arange(len(row)) - (counts.cumsum(0) - counts)[row]
        row, place = row.to(view.lengths.device), place.to(view.lengths.device)
        codes = torch.full_like(row, hidden)
        left = list(frames)
        for k in range(1, self.steps + 1):
            now = [self.still_hidden(count, k) for count in frames]
            if now == left:
                continue  # nothing would be kept: the pass can be spared
            left = now
            chosen, worth = self._drawn(ask(codes), k, view)
            open_ = codes == hidden
            bound = torch.tensor(now, device=row.device)[row]
            keep = open_ & (self._ranks(worth.masked_fill(~open_, math.inf), row, place, frames) >= bound)
            codes = torch.where(keep, chosen, codes)
        return codes

    def still_hidden(self, frames: int, k: int) -> int:
        """⌈N cos(πk / 2K)⌉, exactly: a cosine that is a fraction must not come out above it."""
        return 0 if k == self.steps else math.ceil(frames * math.cos(math.pi * k / (2 * self.steps)) - 1e-9)

    def _drawn(
        self, logits: Float[Tensor, "N V"], k: int, view: SamplerView
    ) -> tuple[Int[Tensor, "N"], Float[Tensor, "N"]]:
        """A code for every frame, and what it is worth keeping."""
        logits, t = logits.double(), self.t * (1 - (k - 1) / self.steps)
        chosen = draw(logits / t, view.uniform(2 * k)) if t else logits.argmax(-1)
        worth = logits.log_softmax(-1).gather(1, chosen.clamp(max=logits.shape[1] - 1)[:, None])[:, 0]
        weight = self.noise * (1 - k / self.steps)
        return chosen, worth - weight * (-view.uniform(2 * k + 1).double().log()).log() if weight else worth

    def _ranks(
        self, worth: Float[Tensor, "N"], row: Int[Tensor, "N"], place: Int[Tensor, "N"], frames: Sequence[int]
    ) -> Int[Tensor, "N"]:
        """How many frames of its row are worth less than a frame; of equal ones the first is worth least."""
        table = worth.new_full((len(frames), max(frames, default=0)), math.inf)
        table[row, place] = worth
        return table.argsort(dim=1, stable=True).argsort(dim=1)[row, place]
