"""RMSNorm (Zhang & Sennrich 2019, arXiv 1910.07467) in half the passes over the memory where a CPU trains."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


def rms_norm(norm: nn.Module, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
    """What the layer makes of `x`; an `nn.RMSNorm` over the last dimension is computed here, equal but for roundings.

    PyTorch has no kernel of it for the CPU: it records eight operations and their gradients.
    """
    quick = (
        type(norm) is nn.RMSNorm
        and torch.is_grad_enabled()
        and x.device.type == "cpu"
        and type(norm.weight) is nn.Parameter
        and x.dtype == norm.weight.dtype == torch.float32
        and norm.weight.shape == x.shape[-1:]
        and norm.eps is not None
        and not (norm._forward_hooks or norm._forward_pre_hooks)
        and not torch.compiler.is_compiling()
    )
    return _RmsNorm.apply(x, norm.weight, norm.eps) if quick else norm(x)


class _RmsNorm(torch.autograd.Function):
    """y = x / √(mean x² + ε) · w."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        scale = (length.square() / x.shape[-1] + eps).rsqrt()  # [*B, 1]
        even = x * scale
        ctx.save_for_backward(even, scale, weight)
        return even * weight

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        even, scale, weight = ctx.saved_tensors
        D = len(weight)
        along = (gradients[0] * even).reshape(-1, D)
        of_x = None
        if ctx.needs_input_grad[0]:
            share = (along @ weight / -D).view(scale.shape)
            of_x = (gradients[0] * weight).addcmul_(even, share).mul_(scale)
        return of_x, along.sum(0) if ctx.needs_input_grad[1] else None, None
