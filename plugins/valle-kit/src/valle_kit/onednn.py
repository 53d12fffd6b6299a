"""Linear layers by oneDNN where PyTorch's usual way on the CPU is the slower one.

PyTorch multiplies float32 matrices by Intel's MKL, which on AMD processors runs its AVX2 code also where there is
AVX-512; oneDNN, which PyTorch has for convolutions, then takes less than half the time.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

ROWS = 8
"""Fewer rows than these are as fast by the usual way, or faster."""


class OneDnnLinear(nn.Linear):
    """`nn.Linear` by oneDNN, equal but for roundings; what it does not take goes the usual way."""

    def forward(self, input: Float[Tensor, "*B K"]) -> Float[Tensor, "*B N"]:
        usual = (
            input.numel() < ROWS * input.shape[-1]
            or type(self.weight) is not nn.Parameter  # sharded, or of an adapter
            or not (input.dtype == self.weight.dtype == torch.float32)
            or input.device.type != "cpu"
            or torch.is_autocast_enabled("cpu")
            or torch.compiler.is_compiling()
        )
        if usual:
            return F.linear(input, self.weight, self.bias)
        if torch.is_grad_enabled():
            return _Product.apply(input, self.weight, self.bias)
        return _product(input, self.weight, self.bias)


def _product(x: Float[Tensor, "*B K"], weight: Float[Tensor, "N K"], bias: Tensor | None = None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class _Product(torch.autograd.Function):
    """The product with its gradients, which are such products too."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.biased = bias is not None
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        rows, of_x, of_weight = gradient.flatten(0, -2), None, None
        if ctx.needs_input_grad[0]:
            of_x = _product(gradient.contiguous(), weight.t().contiguous())
        if ctx.needs_input_grad[1]:
            of_weight = _product(rows.t().contiguous(), x.flatten(0, -2).t().contiguous())
        return of_x, of_weight, rows.sum(0) if ctx.biased else None


def linear(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """A fresh linear layer of the class that is faster on this machine."""
    return (OneDnnLinear if pays() else nn.Linear)(inputs, outputs, bias=bias)


def quicken(model: nn.Module, *, here: bool | None = None) -> int:
    """Let the linear layers of a model that only speaks go by oneDNN, where that is faster; how many do now.

    Weights, names and the layers' classes in a checkpoint stay what they are.

    Args:
        here: whether it is faster on this machine; None looks at the processor.
    """
    if not (pays() if here is None else here):
        return 0
    layers = [layer for layer in model.modules() if type(layer) is nn.Linear]
    for layer in layers:
        layer.__class__ = OneDnnLinear
    return len(layers)


def pays(vendors: str | None = None, capability: str | None = None) -> bool:
    """Whether oneDNN is the faster one: on AMD with AVX-512, where this build has it.

    Args:
        vendors: what `/proc/cpuinfo` says; None reads it, and where there is none nothing is known.
        capability: of the processor as PyTorch sees it; None asks.
    """
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        return False
    if vendors is None:
        try:
            with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
                vendors = file.read(4096)
        except OSError:
            return False
    return "AuthenticAMD" in vendors and (capability or torch.backends.cpu.get_cpu_capability()) == "AVX512"
