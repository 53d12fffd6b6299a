"""Takes the best token where the model is certain and draws where it is not (after entropix, 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from valle_samplers.bounds import require
from valle_samplers.distribution import entropy_and_spread
from valle_samplers.drawing import draw

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from valle_core.interfaces import SamplerView


@dataclass(frozen=True, kw_only=True, slots=True)
class EntropyAdaptive:
    """The best token of a row whose entropy and whose variance of surprise are both small; of others a draw.

    Attributes:
        entropy: largest entropy of a row that is certain, in nats, from 0 to 1000.
        spread: largest variance of −ln p (varentropy) of a row that is certain, in nats², from 0 to a million.
    """

    entropy: float = 0.5
    spread: float = 2.0

    def __post_init__(self) -> None:
        require("entropy_adaptive's entropy", self.entropy, low=0.0, high=1e3)
        require("entropy_adaptive's spread", self.spread, low=0.0, high=1e6)

    def choose(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Int[Tensor, "B"]:
        entropy, spread = entropy_and_spread(logits.double())
        certain = ((entropy <= self.entropy) & (spread <= self.spread)).squeeze(1)
        return logits.argmax(-1).where(certain, draw(logits, view.uniform()))
