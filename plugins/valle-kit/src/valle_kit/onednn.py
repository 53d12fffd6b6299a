"""Linear layers by oneDNN where PyTorch's usual way on the CPU is the slower one.

PyTorch multiplies float32 matrices by Intel's MKL, which on AMD processors runs its AVX2 code also where there is
AVX-512; oneDNN, which PyTorch has for convolutions, then takes less than half the time.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

ROWS = 8
"""Fewer rows than these are as fast by the usual way, or faster."""


class OneDnnLinear(nn.Linear):
    """`nn.Linear` by oneDNN without gradients, equal but for roundings; what it does not take goes the usual way."""

    def forward(self, input: Float[Tensor, "*B K"]) -> Float[Tensor, "*B N"]:
        usual = (
            torch.is_grad_enabled()
            or input.numel() < ROWS * input.shape[-1]
            or not (input.dtype == self.weight.dtype == torch.float32)
            or input.device.type != "cpu"
            or torch.is_autocast_enabled("cpu")
            or torch.compiler.is_compiling()
        )
        if usual:
            return F.linear(input, self.weight, self.bias)
        return torch.ops.mkldnn._linear_pointwise(input, self.weight, self.bias, "none", [], "")


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
