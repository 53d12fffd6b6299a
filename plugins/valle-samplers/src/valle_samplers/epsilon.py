"""Keeps tokens above a probability (epsilon sampling, Hewitt et al. 2022, arXiv 2210.15191)."""

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
class Epsilon:
    """Tokens with a probability below epsilon become −inf; the best always stay.

    Attributes:
        epsilon: least probability, from 0 (keeps all) to 1; the paper uses 0.0003 to 0.0009.
    """

    epsilon: float = 3e-4

    def __post_init__(self) -> None:
        require("epsilon's epsilon", self.epsilon, low=0.0, high=1.0)

    def process(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]:
        unlikely = logits.softmax(-1) < self.epsilon
        return logits.masked_fill(unlikely & (logits < logits.amax(-1, keepdim=True)), -math.inf)
