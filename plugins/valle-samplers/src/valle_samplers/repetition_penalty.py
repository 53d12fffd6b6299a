"""Makes tokens chosen before less likely (CTRL, Keskar et al. 2019, arXiv 1909.05858, section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from valle_samplers.bounds import require

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from valle_core.interfaces import SamplerView


@dataclass(frozen=True, kw_only=True, slots=True)
class RepetitionPenalty:
    """Positive logits of tokens in the history are divided by the penalty, negative ones multiplied with it.

    A token last chosen d ≥ 1 steps ago gets the factor penalty^((1 − decay)^(d − 1)), so with decay the most
    recent token is held back most and old ones hardly.

    Attributes:
        penalty: repetition penalty; above 1 discourages repetition, below 1 encourages it, 1 changes nothing.
        decay: decay of the penalty with distance, in [0, 1]; 0: all of the history counts alike (as in the paper), 1:
            the last token only.
    """

    penalty: float = 1.2
    decay: float = 0.0

    def __post_init__(self) -> None:
        require("repetition_penalty's penalty", self.penalty, low=1e-3, high=1e3)
        require("repetition_penalty's decay", self.decay, low=0.0, high=1.0)

    def process(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]:
        history = view.history
        if history.shape[1] == 0:
            return logits
        return self._decayed(logits, view) if self.decay else self._alike(logits, history)

    def _alike(self, logits: Float[Tensor, "B V"], history: Int[Tensor, "B L"]) -> Float[Tensor, "B V"]:
        """Changes the history's tokens only, in few operations: at this size each costs more than its arithmetic."""
        import torch

        wide = torch.cat([logits[:, :1], logits], 1)
        index = history + 1  # padding, −1, goes to the spare column in front
        score = wide.gather(1, index)
        # Of the two results the lower one holds back a token, whatever its sign; below 1 the higher one encourages it.
        pick = torch.minimum if self.penalty >= 1 else torch.maximum
        return wide.scatter_(1, index, pick(score * self.penalty, score / self.penalty))[:, 1:]

    def _decayed(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]:
        (B, V), history = logits.shape, view.history
        index = history.masked_fill(history < 0, V)  # padding goes to a spare column
        positions = (history >= 0).cumsum(dim=-1)  # 1 … length
        distance = (view.lengths[:, None] - positions).clamp(min=0)  # d − 1
        nearness = logits.new_tensor(1 - self.decay).pow(distance)  # 1 for the last token; 0⁰ = 1
        exponent = logits.new_zeros(B, V + 1).scatter_reduce(1, index, nearness, reduce="amax")[:, :V]
        factor = logits.new_tensor(self.penalty).pow(exponent)
        return (logits * factor).where(logits < 0, logits / factor)
