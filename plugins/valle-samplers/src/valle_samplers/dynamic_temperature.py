"""A temperature that follows how unsure the model is: low where it is sure, high where it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from valle_core.plugin import UserError
from valle_samplers.bounds import require
from valle_samplers.distribution import candidates, entropy

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from valle_core.interfaces import SamplerView


@dataclass(frozen=True, kw_only=True, slots=True)
class DynamicTemperature:
    """Logits divided by low + (high − low) · u^exponent, where u in [0, 1] says how unsure the row is.

    Over n tokens that are left, u is the entropy divided by ln n, its largest value; or, by confidence,
    (1 − p) / (1 − 1/n) of the best token's probability p. With one token left u is 0.

    Attributes:
        low: temperature of a row that is certain, from 0.001 to 10,000.
        high: temperature of a row without any preference, at least low.
        exponent: how u is bent, from 0.01 to 100; above 1 only rows that are very unsure get near high.
        by: entropy, or confidence: the probability of the best token alone.
    """

    low: float = 0.5
    high: float = 1.5
    exponent: float = 1.0
    by: Literal["entropy", "confidence"] = "entropy"

    def __post_init__(self) -> None:
        require("dynamic_temperature's low", self.low, low=1e-3, high=1e4)
        require("dynamic_temperature's high", self.high, low=self.low, high=1e4)
        require("dynamic_temperature's exponent", self.exponent, low=0.01, high=100.0)
        if self.by not in ("entropy", "confidence"):
            raise UserError(f"dynamic_temperature's by must be entropy or confidence, got {self.by!r}")

    def process(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]:
        values = logits.float() if logits.element_size() < 4 else logits
        count = candidates(values).to(values)
        if self.by == "entropy":
            unsure = entropy(values) / count.log()
        else:
            unsure = (1 - values.softmax(-1).amax(-1, keepdim=True)) / (1 - 1 / count)
        unsure = unsure.nan_to_num(0.0).clamp(0.0, 1.0)
        return (values / (self.low + (self.high - self.low) * unsure**self.exponent)).to(logits)
