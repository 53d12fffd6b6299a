"""Penalises what would prolong a repeated sequence (DRY, "don't repeat yourself", P. E. Weidmann 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from valle_samplers.bounds import require

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from valle_core.interfaces import SamplerView

LONGEST = 50
"""Tokens of a match that are counted; a longer one is penalised like this."""

_MOST = 1e4
"""Largest penalty, so that logits stay numbers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dry:
    """A token that once followed the sequence which the row now ends in loses multiplier · base^(n − allowed_length).

    n is the longest such sequence, in tokens; below `allowed_length` nothing is lost. Unlike a repetition penalty it
    leaves alone tokens that recur in other company, as codes of a vowel do.

    Attributes:
        multiplier: loss at the allowed length, in nats, from 0 (off) to 1000.
        base: growth per further token, from 1 to 10.
        allowed_length: tokens that may repeat freely, from 1 to 50.
        window: tokens looked back on, from 2 to 10,000.
    """

    multiplier: float = 0.8
    base: float = 1.75
    allowed_length: int = 2
    window: int = 512

    def __post_init__(self) -> None:
        require("dry's multiplier", self.multiplier, low=0.0, high=1e3)
        require("dry's base", self.base, low=1.0, high=10.0)
        require("dry's allowed_length", self.allowed_length, low=1, high=LONGEST)
        require("dry's window", self.window, low=2, high=1e4)

    def process(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]:
        B, V = logits.shape
        if view.history.shape[1] < 2:
            return logits
        recent = _last(view, self.window)
        lengths, after = _matches(recent)
        loss = self.multiplier * self.base ** (lengths - self.allowed_length).double()
        loss = loss.clamp(max=_MOST).masked_fill(lengths < self.allowed_length, 0.0).to(logits)
        index = after.masked_fill(after < 0, V)  # padding goes to a spare column
        return logits - logits.new_zeros(B, V + 1).scatter_reduce(1, index, loss, reduce="amax")[:, :V]


def _last(view: SamplerView, count: int) -> Int[Tensor, "B W"]:
    """The last tokens of each row, ending at the right edge; −1 before its first."""
    import torch

    W = min(count, view.history.shape[1])
    place = view.lengths[:, None] - W + torch.arange(W, device=view.history.device)
    return view.history.gather(1, place.clamp(min=0)).masked_fill(place < 0, -1)


def _matches(recent: Int[Tensor, "B W"]) -> tuple[Int[Tensor, "B W_minus_1"], Int[Tensor, "B W_minus_1"]]:
    """For each earlier place: how many tokens up to it equal those at the end of the row, and the token behind it."""
    import torch

    M = min(LONGEST, recent.shape[1])
    ends = torch.nn.functional.pad(recent, (M - 1, 0), value=-1).unfold(1, M, 1)  # [B, W, M] what ends at each place
    now = ends[:, -1:]
    equal = (ends[:, :-1] == now) & (now >= 0)
    # The last place that differs says how many behind it are equal; a running product over them takes 50 times as long.
    place = torch.arange(M, dtype=torch.int16, device=recent.device)
    differs = place.masked_fill(equal, -1).amax(-1) if equal.numel() else equal.sum(-1, dtype=torch.int16)
    return (M - 1 - differs).long(), recent[:, 1:]
