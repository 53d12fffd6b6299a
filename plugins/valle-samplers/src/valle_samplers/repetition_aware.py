"""Repetition-aware sampling of VALL-E 2 (Chen et al. 2024, arXiv 2406.05370, section 4.2 and algorithm 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from valle_samplers.bounds import require
from valle_samplers.drawing import draw
from valle_samplers.top_p import nucleus

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from valle_core.interfaces import SamplerView


@dataclass(frozen=True, kw_only=True, slots=True)
class RepetitionAware:
    """Draws from the nucleus; where that token fills too much of the last steps, draws from the whole distribution.

    Attributes:
        p: probability mass of the nucleus, as in `top_p`.
        window: K, number of preceding steps to count repetitions in, in [1, 1000000].
        threshold: t, maximum fraction of the window a token may take, counted over all K steps.
    """

    p: float = 0.9
    window: int = 10
    threshold: float = 0.1

    def __post_init__(self) -> None:
        require("repetition_aware's p", self.p, low=0.0, high=1.0)
        require("repetition_aware's window", self.window, low=1, high=1e6)
        require("repetition_aware's threshold", self.threshold, low=0.0, high=1.0)

    def choose(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Int[Tensor, "B"]:
        token = draw(nucleus(logits, self.p), view.uniform(salt=0))
        free = draw(logits, view.uniform(salt=1))
        history = view.history
        position = (history >= 0).cumsum(dim=-1)  # 1 … length; padding (−1) equals no token
        recent = position > view.lengths[:, None] - self.window
        repeats = ((history == token[:, None]) & recent).sum(dim=-1)
        return free.where(repeats > self.threshold * self.window, token)
