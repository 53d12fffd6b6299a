"""Keeps tokens whose surprise is near the entropy (locally typical sampling, Meister et al. 2022, arXiv 2202.00666)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from valle_samplers.bounds import require
from valle_samplers.distribution import entropy

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from valle_core.interfaces import SamplerView


@dataclass(frozen=True, kw_only=True, slots=True)
class Typical:
    """The smallest set of tokens with probability p, taken in the order of |−ln p(token) − entropy|; the rest is −inf.

    Attributes:
        p: probability to keep, from 0 (only the most typical token) to 1.
    """

    p: float = 0.9

    def __post_init__(self) -> None:
        require("typical's p", self.p, low=0.0, high=1.0)

    def process(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]:
        logs = logits.log_softmax(-1)
        distance, order = (logs + entropy(logits)).abs().sort(dim=-1, stable=True)
        mass = logits.gather(-1, order).softmax(-1).cumsum(-1)
        last = (mass < self.p).sum(-1, keepdim=True).clamp(max=logits.shape[-1] - 1)
        drop = distance > distance.gather(-1, last)
        drop[:, 0] = False
        return logits.masked_fill(drop.scatter(-1, order, drop), -math.inf)
