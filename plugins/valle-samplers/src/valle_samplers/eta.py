"""Keeps tokens above a probability that follows the entropy (eta sampling, Hewitt et al. 2022, arXiv 2210.15191)."""

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
class Eta:
    """Tokens with a probability below min(epsilon, √epsilon · exp(−entropy)) become −inf; the best always stay.

    So a flat distribution, where every token is unlikely, keeps more of them than `epsilon` does.

    Attributes:
        epsilon: from 0 (keeps all) to 1; the paper uses 0.0003 to 0.004.
    """

    epsilon: float = 2e-3

    def __post_init__(self) -> None:
        require("eta's epsilon", self.epsilon, low=0.0, high=1.0)

    def process(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]:
        least = (-entropy(logits)).exp().mul(math.sqrt(self.epsilon)).clamp(max=self.epsilon)
        unlikely = logits.softmax(-1) < least
        return logits.masked_fill(unlikely & (logits < logits.amax(-1, keepdim=True)), -math.inf)
