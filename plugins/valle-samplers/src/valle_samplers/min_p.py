"""Keeps tokens that are not much less likely than the best one (Nguyen et al. 2024, arXiv 2407.01082)."""

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
class MinP:
    """Tokens with less than p times the best token's probability become −inf.

    Attributes:
        p: minimum probability relative to the most likely token, in [0, 1]; 0 changes nothing, 1 keeps only the most
            likely.
    """

    p: float = 0.05

    def __post_init__(self) -> None:
        require("min_p's p", self.p, low=0.0, high=1.0)

    def process(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]:
        probabilities = logits.softmax(dim=-1)
        least = self.p * probabilities.amax(dim=-1, keepdim=True)
        return logits.masked_fill(probabilities < least, -math.inf)
