"""Keeps the surprise of an answer at a target (mirostat, Basu et al. 2020, arXiv 2007.14966, algorithm 1)."""

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
class Mirostat:
    """Draws among the k best tokens; k follows from the exponent of Zipf's law fitted to the row and from the bound µ.

    Each row has its own µ: it begins at 2 · tau and loses eta · (surprise of the token drawn − tau).

    Attributes:
        tau: target surprise in bits, from 0 to 100; the mean over the output comes near it.
        eta: learning rate of the bound, from 0 to 1.
        m: tokens that Zipf's law is fitted to, from 2 to a million.
    """

    tau: float = 3.0
    eta: float = 0.1
    m: int = 100

    def __post_init__(self) -> None:
        require("mirostat's tau", self.tau, low=0.0, high=100.0)
        require("mirostat's eta", self.eta, low=0.0, high=1.0)
        require("mirostat's m", self.m, low=2, high=1e6)

    def choose(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Int[Tensor, "B"]:
        import torch

        bound, bits = bound_of(view, self.tau), surprises(logits)
        order = bits.sort(dim=-1, stable=True).indices
        kept = kept_by_zipf(bits.gather(1, order), bound, self.m)  # [B, 1]
        rank = torch.empty_like(order).scatter(
            1, order, torch.arange(logits.shape[1], device=logits.device).expand_as(order)
        )
        token = draw(logits.masked_fill(rank >= kept, -math.inf), view.uniform())
        learn(view, bound, bits, token, self.tau, self.eta)
        return token


def kept_by_zipf(bits: Float[Tensor, "B V"], bound: Float[Tensor, "B"], m: int) -> Int[Tensor, "B 1"]:
    """k of the paper's equation for k(µ), from surprises in ascending order.

    The exponent is ŝ = Σ tᵢbᵢ / Σ tᵢ², tᵢ = ln((i + 1) / i), bᵢ = ln(pᵢ / pᵢ₊₁), and with ε̂ = ŝ − 1 and N tokens left
    k = (ε̂ 2^µ / (1 − N^−ε̂))^(1/ŝ), here in logarithms; at ε̂ = 0 the fraction is 2^µ / ln N.
    """
    import torch

    left = bits.isfinite()
    N = left.sum(-1).double()
    fitted = bits[:, :m]
    step = torch.arange(1, fitted.shape[1], device=bits.device, dtype=bits.dtype)
    t = ((step + 1) / step).log() * left[:, 1:m]
    b = (fitted.diff(dim=-1) * math.log(2)).masked_fill(~left[:, 1:m], 0.0)
    s = ((t * b).sum(-1) / t.square().sum(-1)).nan_to_num(1.0, posinf=1.0).clamp(min=1e-6)
    epsilon = s - 1
    flat = epsilon.abs() < 1e-9
    ratio = torch.where(flat, 1.0, epsilon) / torch.where(flat, N.log(), -torch.expm1(-epsilon * N.log()))
    exponent = (ratio.log() + bound * math.log(2)) / s  # ln k
    return exponent.nan_to_num(0.0).clamp(min=0.0).minimum(N.log()).exp().round().long()[:, None].clamp(min=1)
