"""Makes the end of an answer likelier, or less likely, the longer it gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from valle_samplers.bounds import require

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from valle_core.interfaces import SamplerView


@dataclass(frozen=True, kw_only=True, slots=True)
class LengthPenalty:
    """The stop token's logit l becomes l + |l| · (factor^(n − start) − 1) once a row has n > start tokens.

    |l| makes it safe for either sign: a factor above 1 always makes stopping likelier. A chain without a stop token
    is left as it is.

    Attributes:
        factor: from 0.001 to 1000; 1 changes nothing, above 1 ends the output sooner, below 1 later.
        start: tokens of output before it begins, from 0 to a million.
    """

    factor: float = 1.01
    start: int = 0

    def __post_init__(self) -> None:
        require("length_penalty's factor", self.factor, low=1e-3, high=1e3)
        require("length_penalty's start", self.start, low=0, high=1e6)

    def process(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]:
        import torch

        if view.stop is None:
            return logits
        steps = (view.lengths - self.start).clamp(min=0).double()
        gain = torch.full_like(steps, self.factor).pow(steps).sub(1).clamp(max=1e30)  # [B]
        before = logits[:, view.stop]
        exact = torch.promote_types(logits.dtype, torch.float32)
        change = before.to(exact).abs() * gain.to(exact)
        after = before + change.clamp(max=torch.finfo(logits.dtype).max / 2).to(logits)
        after = before.where(before.isneginf(), after)
        return logits.index_copy(1, _index(logits, view.stop), after[:, None])


def _index(logits: Float[Tensor, "B V"], token: int) -> Tensor:
    import torch

    return torch.full((1,), token, dtype=torch.long, device=logits.device)
