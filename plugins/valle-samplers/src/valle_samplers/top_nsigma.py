"""Keeps tokens within n standard deviations of the best logit (Tang et al. 2024, arXiv 2411.07641)."""

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
class TopNSigma:
    """Logits below max − n · σ become −inf; a temperature before or after it keeps the same tokens.

    σ is the sample standard deviation (divisor count − 1) of the logits that are left in the row.

    Attributes:
        n: standard deviations, from 0 (only the best) to a million.
    """

    n: float = 1.0

    def __post_init__(self) -> None:
        require("top_nsigma's n", self.n, low=0.0, high=1e6)

    def process(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]:
        values = logits.double()
        left = ~values.isneginf()
        count = left.sum(-1, keepdim=True)
        mean = values.masked_fill(~left, 0.0).sum(-1, keepdim=True) / count
        squares = (values - mean).square().masked_fill(~left, 0.0).sum(-1, keepdim=True)
        sigma = (squares / (count - 1).clamp(min=1)).sqrt()
        return logits.masked_fill(values < values.amax(-1, keepdim=True) - self.n * sigma, -math.inf)
