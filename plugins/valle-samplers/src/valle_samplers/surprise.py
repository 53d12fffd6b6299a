"""Surprise in bits, and the bound on it that a row learns (both versions of mirostat)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from valle_core.interfaces import SamplerView

_BOUND = "bound"


def surprises(logits: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
    """−log₂ p of every token, float64; +inf where p is 0."""
    return logits.double().log_softmax(-1) / -math.log(2)


def bound_of(view: SamplerView, tau: float) -> Float[Tensor, "B"]:
    """µ of each row: 2 · tau before its first token."""
    known = view.state.get(_BOUND)
    return view.lengths.double().mul(0.0).add(2 * tau) if known is None else known


def learn(
    view: SamplerView,
    bound: Float[Tensor, "B"],
    bits: Float[Tensor, "B V"],
    token: Int[Tensor, "B"],
    tau: float,
    eta: float,
) -> None:
    """µ ← µ − eta · (surprise of the token − tau)."""
    view.state[_BOUND] = bound - eta * (bits.gather(1, token[:, None]).squeeze(1) - tau)
