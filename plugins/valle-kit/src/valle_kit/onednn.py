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
        if not self.takes(input):
            return F.linear(input, self.weight, self.bias)
        if torch.is_grad_enabled():
            return _Products.apply(input, self.weight, self.bias)[0]
        return _product(input, self.weight, self.bias)

    def takes(self, input: Float[Tensor, "*B K"]) -> bool:
        """Whether this input goes by oneDNN."""
        return not (
            input.numel() < ROWS * input.shape[-1]
            or type(self.weight) is not nn.Parameter  # sharded, or of an adapter
            or not (input.dtype == self.weight.dtype == torch.float32)
            or input.device.type != "cpu"
            or torch.is_autocast_enabled("cpu")
            or torch.compiler.is_compiling()
        )


def products(x: Float[Tensor, "*B K"], *layers: nn.Module) -> tuple[Tensor, ...]:
    """What each of the layers makes of the same input; their gradients lay it out once for all of them."""
    plain = [layer for layer in layers if type(layer) is OneDnnLinear and not _watched(layer) and layer.takes(x)]
    if len(plain) < len(layers) or not torch.is_grad_enabled():
        return tuple(layer(x) for layer in layers)
    return _Products.apply(x, *(tensor for layer in plain for tensor in (layer.weight, layer.bias)))


def _watched(layer: nn.Module) -> bool:
    return bool(layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks or layer._backward_pre_hooks)


def _product(x: Float[Tensor, "*B K"], weight: Float[Tensor, "N K"], bias: Tensor | None = None) -> Tensor:
    """The input is copied unless it is contiguous; the weight is read as it lies."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class _Products(torch.autograd.Function):
    """Products of one input with several weights, each with a bias or None; their gradients are such products too."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *layers: Tensor | None) -> tuple[Tensor, ...]:
        weights = [weight for weight in layers[::2] if weight is not None]
        ctx.save_for_backward(x, *weights)
        return tuple(_product(x, weight, bias) for weight, bias in zip(weights, layers[1::2], strict=True))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, *weights = ctx.saved_tensors
        of_x, rows = None, x.flatten(0, -2)
        columns = rows.t().contiguous() if any(weight.shape[0] >= x.shape[-1] for weight in weights) else rows.t()
        found: list[Tensor | None] = []
        for place, (weight, gradient) in enumerate(zip(weights, map(Tensor.contiguous, gradients), strict=True)):
            wanted, biased = ctx.needs_input_grad[1 + 2 * place : 3 + 2 * place]
            if ctx.needs_input_grad[0]:
                part = _product(gradient, weight.t())
                of_x = part if of_x is None else of_x.add_(part)
            gradient = gradient.flatten(0, -2)
            found.append(_of_weight(columns, gradient) if wanted else None)
            found.append(gradient.sum(0) if biased else None)
        return of_x, *found


def _of_weight(columns: Float[Tensor, "K R"], gradient: Float[Tensor, "R N"]) -> Float[Tensor, "N K"]:
    """The sum over the rows; of the two that are multiplied the narrower one is copied to lie along them."""
    if gradient.shape[1] >= columns.shape[0]:
        return _product(columns, gradient.t()).t()
    return _product(gradient.t().contiguous(), columns)


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
