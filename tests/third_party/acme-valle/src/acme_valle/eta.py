"""Eta sampling (2210.15191, equation 6)."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from valle_core.interfaces import SamplerView
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Eta:
    """Draws among tokens with p ≥ min(ε, √ε · exp(−entropy)); the likeliest always stays.

    Attributes:
        epsilon: ε, between 0 (keeps all) and 1.
    """

    epsilon: float = 0.0009

    def __post_init__(self) -> None:
        if not 0 <= self.epsilon <= 1:
            raise UserError(f"acme-eta's epsilon must be in [0, 1], got {self.epsilon}")

    def choose(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Int[Tensor, "B"]:
        p = logits.double().softmax(-1)  # [B, V]
        entropy = -(p * p.clamp(min=1e-300).log()).sum(-1, keepdim=True)
        threshold = (self.epsilon**0.5 * (-entropy).exp()).clamp(max=self.epsilon)
        keep = (p >= threshold) | (p == p.amax(-1, keepdim=True))
        # Whole numbers add up alike in every order, so a row alone draws what it draws in a batch.
        counts = (p * keep * 2.0**40).long().cumsum(-1)
        return (counts <= (view.uniform() * counts[:, -1]).long()[:, None]).sum(-1)


def build(options: Eta) -> Eta:
    """Factory of `acme-eta`: the options are the sampler."""
    return options
