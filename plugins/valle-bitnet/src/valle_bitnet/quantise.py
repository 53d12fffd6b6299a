"""The rounding of BitNet b1.58 (Ma et al. 2024, arXiv 2402.17764, section 2) and the product of what was rounded.

Ternary weights times 8-bit activations are sums of whole numbers. They are exact in int32, and in float32 up to
2^24 / 127 ≈ 132 000 inputs, so every way to compute them (trained or packed, in a batch or alone) gives the same bits.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int8
from torch import Tensor
from torch.nn import functional as F

SMALLEST = 1e-5
"""Lower bound of both scales, so that matrices and positions of zeros stay zero."""

LEVELS = 127


def precise(dtype: torch.dtype) -> torch.dtype:
    """The dtype scales are computed in: float32, or float64 for float64."""
    return torch.promote_types(dtype, torch.float32)


@torch.no_grad()
def ternary(weight: Float[Tensor, "O I"]) -> tuple[Int8[Tensor, "O I"], Float[Tensor, ""]]:
    """−1, 0 or 1 for each weight, and β = mean |W|: round(clip(W / β, −1, 1)), eq. 1–3."""
    weight = weight.to(precise(weight.dtype))
    scale = weight.abs().mean().clamp(min=SMALLEST)
    half = scale / 2  # halves are rounded to even, so to zero
    return (weight > half).view(torch.int8) - (weight < -half).view(torch.int8), scale


@torch.no_grad()
def activation_scale(x: Float[Tensor, "*rows I"]) -> Float[Tensor, "*rows 1"]:
    """127 / max |x| of each position: what turns it into 8-bit levels."""
    largest = x.abs().amax(-1, keepdim=True).to(precise(x.dtype))
    return LEVELS / largest.clamp(min=SMALLEST)


def levels_of(x: Float[Tensor, "*rows I"], scale: Float[Tensor, "*rows 1"]) -> Float[Tensor, "*rows I"]:
    """Whole numbers from −128 to 127; the gradient passes straight through the rounding.

    y + (round(y) − y) is exactly round(y): both differences lie on the grid of the larger number.
    """
    y = x.to(scale.dtype) * scale
    return y + (y.round().clamp(-LEVELS - 1, LEVELS) - y).detach()


def ternary_straight_through(weight: Float[Tensor, "O I"]) -> tuple[Float[Tensor, "O I"], Float[Tensor, ""]]:
    """`ternary` as numbers of the weight's precision, with the gradient passed straight through to W / β."""
    rounded, scale = ternary(weight)
    y = weight.to(scale.dtype) / scale
    return y + (rounded.to(y.dtype) - y).detach(), scale


def product(
    x: Float[Tensor, "*rows I"], weight: Float[Tensor, "O I"] | Int8[Tensor, "O I"], scale: Float[Tensor, ""]
) -> Float[Tensor, "*rows O"]:
    """β / s · (levels of x) Wᵀ, W made of −1, 0 and 1.

    An int8 weight without gradients is multiplied in int8 where torch can (on a CPU several times faster than float32).
    """
    by = activation_scale(x)
    levels = levels_of(x, by)
    if weight.dtype == torch.int8 and not (torch.is_grad_enabled() and x.requires_grad):
        out = _whole(levels, weight, x.dtype)
    else:
        out = F.linear(levels.to(x.dtype), weight.to(x.dtype))
    kind = x.device.type
    autocast = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    wanted = torch.get_autocast_dtype(kind) if autocast else x.dtype
    return (out.to(by.dtype) * (scale.to(by.dtype) / by)).to(wanted)


def _whole(levels: Tensor, weight: Int8[Tensor, "O I"], dtype: torch.dtype) -> Tensor:
    """The sums as int32, or in `dtype` where torch has no such product."""
    if levels.device.type == "cpu" and levels.numel():
        rows = levels.detach().reshape(-1, levels.shape[-1]).to(torch.int8)
        return torch._int_mm(rows, weight.t()).view(*levels.shape[:-1], len(weight))
    return F.linear(levels.to(dtype), weight.to(dtype))
