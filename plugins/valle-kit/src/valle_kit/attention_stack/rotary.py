"""Rotary positions (Su et al. 2021, arXiv 2104.09864) in Hugging Face's layout: both halves of a head turn together."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

Rotation = tuple[Float[Tensor, "B 1 T Dh"], Float[Tensor, "B 1 T Dh"]]
"""Cosines and sines."""


def rotary_frequencies(width: int, theta: float, device: torch.device | None = None) -> Float[Tensor, "half"]:
    """θ^(−2i / Dh) for i in 0 … Dh / 2 − 1 (eq. 15), Dh being the width of a head.

    Computed in every call: a buffer would be rounded by `.to(bfloat16)`.
    """
    exponents = torch.arange(0, width, 2, dtype=torch.float32, device=device) / width
    return 1.0 / theta**exponents


def rotation(positions: Int[Tensor, "B T"], frequencies: Float[Tensor, "half"], dtype: torch.dtype) -> Rotation:
    """Cosines and sines of the positions' angles, each half of the head alike."""
    angles = positions[:, None, :, None].float() * frequencies
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Float[Tensor, "B H T Dh"], by: Rotation) -> Float[Tensor, "B H T Dh"]:
    """Rotate each pair (x[i], x[i + Dh/2]) by its position's angle."""
    cos, sin = by
    if x.requires_grad and torch.is_grad_enabled() and x.dtype == cos.dtype and not torch.compiler.is_compiling():
        return _Turned.apply(x, cos, sin)
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class _Turned(torch.autograd.Function):
    """The same in three passes over the memory; the gradient is turned back, by the opposite angles."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin, 1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _turned(gradients[0], *ctx.saved_tensors, -1), None, None


def _turned(x: Tensor, cos: Tensor, sin: Tensor, sign: int) -> Tensor:
    (first, second), (sin, _) = x.chunk(2, dim=-1), sin.chunk(2, dim=-1)
    out = x * cos
    out[..., : sin.shape[-1]].addcmul_(second, sin, value=-sign)
    out[..., sin.shape[-1] :].addcmul_(first, sin, value=sign)
    return out
