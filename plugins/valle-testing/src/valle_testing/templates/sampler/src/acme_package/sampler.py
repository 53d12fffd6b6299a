"""η-sampling: a threshold that follows the entropy (Hewitt et al. 2022, arXiv 2210.15191, section 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from valle_core.plugin import UserError

if TYPE_CHECKING:  # help shows the options without importing torch
    from jaxtyping import Float
    from torch import Tensor
    from valle_core.interfaces import SamplerView


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeNameSampler:
    """Drops the tokens below η = min(ε, √ε · exp(−entropy)); the most likely ones always stay.

    Attributes:
        epsilon: ε, above 0 and below 1; the paper uses 0.0003 … 0.004.
    """

    epsilon: float = 0.002

    def __post_init__(self) -> None:
        if not 0.0 < self.epsilon < 1.0:
            raise UserError(f"acme-name's epsilon must be in (0, 1), got {self.epsilon}")

    def process(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]:
        log_p = logits.float().log_softmax(dim=-1)
        p = log_p.exp()
        negative_entropy = (p * log_p.masked_fill(p == 0, 0.0)).sum(dim=-1, keepdim=True)  # 0 · log 0 is 0
        eta = (math.sqrt(self.epsilon) * negative_entropy.exp()).clamp(max=self.epsilon)
        return logits.masked_fill((p < eta) & (p < p.amax(dim=-1, keepdim=True)), -math.inf)


def build(options: AcmeNameSampler) -> AcmeNameSampler:
    """Factory of the entry point: the options are the sampler."""
    return options
