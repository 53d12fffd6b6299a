"""Keeps the surprise of an answer at a target (mirostat 2.0 of the authors of arXiv 2007.14966)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from valle_samplers.bounds import require
from valle_samplers.drawing import draw
from valle_samplers.surprise import bound_of, learn, surprises

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from valle_core.interfaces import SamplerView


@dataclass(frozen=True, kw_only=True, slots=True)
class MirostatV2:
    """Draws among the tokens whose surprise is at most the bound µ; the best token always stays.

    Each row has its own µ: it begins at 2 · tau and loses eta · (surprise of the token drawn − tau).

    Attributes:
        tau: target surprise in bits, from 0 to 100; the mean over the output comes near it.
        eta: learning rate of the bound, from 0 to 1.
    """

    tau: float = 3.0
    eta: float = 0.1

    def __post_init__(self) -> None:
        require("mirostat_v2's tau", self.tau, low=0.0, high=100.0)
        require("mirostat_v2's eta", self.eta, low=0.0, high=1.0)

    def choose(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Int[Tensor, "B"]:
        bound, bits = bound_of(view, self.tau), surprises(logits)
        least = bits.amin(-1, keepdim=True)
        token = draw(logits.masked_fill((bits > bound[:, None]) & (bits > least), -math.inf), view.uniform())
        learn(view, bound, bits, token, self.tau, self.eta)
        return token
