"""Sharpens or flattens the distribution."""

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
class Temperature:
    """Logits divided by a temperature.

    Attributes:
        t: temperature, 0 or in [0.001, 10000]; 0 keeps only the most likely token, 1 changes nothing.
    """

    t: float = 1.0

    def __post_init__(self) -> None:
        if self.t != 0:  # below a thousandth logits overflow to infinities, of which the first would always win
            require("temperature's t", self.t, low=1e-3, high=1e4, note="0 or ")

    def process(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]:
        if self.t > 0:
            return logits / self.t
        best = logits.argmax(dim=-1, keepdim=True)
        return logits.new_full(logits.shape, -math.inf).scatter(1, best, logits.gather(1, best))
