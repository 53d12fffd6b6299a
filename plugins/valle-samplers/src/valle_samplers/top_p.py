"""Nucleus sampling: keeps the smallest set of tokens with probability p (Holtzman et al. 2019, arXiv 1904.09751)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from valle_samplers.bounds import require

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from valle_core.interfaces import SamplerView


@dataclass(frozen=True, kw_only=True, slots=True)
class TopP:
    """The least likely tokens whose probabilities sum to at most 1 − p become −inf; the best always stays.

    Attributes:
        p: probability mass to keep, in [0, 1]; 0 keeps only the most likely token, 1 drops only impossible ones.
    """

    p: float = 0.9

    def __post_init__(self) -> None:
        require("top_p's p", self.p, low=0.0, high=1.0)

    def process(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]:
        return nucleus(logits, self.p)


def nucleus(logits: Float[Tensor, "B V"], p: float) -> Float[Tensor, "B V"]:
    """`logits` with −inf outside the nucleus of probability `p`."""
    ascending, order = logits.sort(dim=-1)
    drop = ascending.softmax(dim=-1).cumsum(dim=-1) <= 1 - p
    drop[:, -1] = False
    return logits.masked_fill(drop.scatter(1, order, drop), -math.inf)
