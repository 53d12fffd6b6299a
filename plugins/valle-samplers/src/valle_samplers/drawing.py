"""Draws one token per row from a distribution by inverting its cumulative sum."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


def draw(logits: Float[Tensor, "B V"], uniform: Float[Tensor, "B"]) -> Int[Tensor, "B"]:
    """The first token whose cumulative probability exceeds `uniform`, numbers in (0, 1).

    Probabilities are counted in units of 2⁻⁴⁰ so that the cumulative sum is exact in every order of summation:
    equal logits and numbers give equal tokens at every batch size and on every device. −inf is never drawn.
    """
    counts = (logits.double().softmax(dim=-1) * 2.0**40).long().cumsum(dim=-1)  # [B, V]
    target = (uniform.double()[:, None] * counts[:, -1:]).long()
    return (counts <= target).sum(dim=-1)
