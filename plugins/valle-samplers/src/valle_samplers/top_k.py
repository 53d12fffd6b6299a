"""Keeps the k most likely tokens (Fan et al. 2018, arXiv 1805.04833)."""

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
class TopK:
    """Everything below the k-th largest logit becomes −inf; tokens equal to it stay.

    Attributes:
        k: number of most likely tokens to keep.
    """

    k: int = 50

    def __post_init__(self) -> None:
        require("top_k's k", self.k, low=1)

    def process(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]:
        smallest = logits.topk(min(self.k, logits.shape[-1]), dim=-1).values[:, -1:]
        return logits.masked_fill(logits < smallest, -math.inf)
