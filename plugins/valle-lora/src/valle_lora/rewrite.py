"""The rewrite `lora`: the weights of linear layers become what they were plus a product of two thin matrices."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from valle_core.plugin import UserError
from valle_lora.options import LoraOptions


class Adapter(nn.Module):
    """W → W + alpha / rank · B A (2106.09685, equation 3): a parametrisation of `weight`.

    Whatever reads the weight reads the sum, so it works where a layer is no plain product too (a ternary layer rounds
    the sum, a scan reads it). B begins at zero, so that nothing changes at first. In eval mode the sum is kept
    until one of its parts is written to or moved.
    """

    def __init__(self, weight: Float[Tensor, "O I"], rank: int, alpha: float) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        self.lora_A = nn.Parameter(weight.detach().new_empty(rank, inputs).uniform_(-1, 1) * inputs**-0.5)
        self.lora_B = nn.Parameter(weight.detach().new_zeros(outputs, rank))
        self.scale = alpha / rank
        self._kept: tuple[object, Tensor] | None = None

    def forward(self, weight: Float[Tensor, "O I"]) -> Float[Tensor, "O I"]:
        """The sum."""
        parts = (weight, self.lora_A, self.lora_B)
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling() or weight.is_inference():
            return torch.addmm(weight, self.lora_B, self.lora_A, alpha=self.scale)
        stamp = [(part.data_ptr(), part._version, part.dtype, part.device) for part in parts]
        if self._kept is None or self._kept[0] != stamp:
            self._kept = stamp, torch.addmm(weight, self.lora_B, self.lora_A, alpha=self.scale)
        return self._kept[1]

    def train(self, mode: bool = True) -> Adapter:
        """Forgets what was kept."""
        self._kept = None
        return super().train(mode)


class LoraRewrite:
    """Satisfies `valle_core.interfaces.Rewrite`; applied again, it adds another adapter to the same layers."""

    def __init__(self, options: LoraOptions) -> None:
        self.options = options

    def targets(self, backbone: nn.Module) -> Sequence[str]:
        """Linear layers whose name fits a pattern."""
        return [name for name in linear_layers(backbone) if any(fnmatchcase(name, one) for one in self.options.targets)]

    def apply(self, backbone: nn.Module) -> nn.Module:
        """In place. The weights that get an adapter are frozen.

        Raises:
            UserError: a pattern names no linear layer, or there is none.
        """
        there = linear_layers(backbone)
        if not there:
            raise UserError("rewrite 'lora' finds no linear layer. Leave it out")
        for pattern in self.options.targets:
            if not any(fnmatchcase(name, pattern) for name in there):
                named = ", ".join(there[:8])
                raise UserError(
                    f"rewrite 'lora': target {pattern!r} names no linear layer. They are called like: {named}"
                )
        for name in self.targets(backbone):
            layer = backbone.get_submodule(name)
            adapter = Adapter(whole_weight(layer), self.options.rank, self.options.alpha)
            parametrize.register_parametrization(layer, "weight", adapter, unsafe=True)
            layer.train(layer.training)
            whole_weight(layer).requires_grad_(False)
        return backbone


def whole_weight(layer: Any) -> nn.Parameter:
    """The weight itself, without what adapters add."""
    return layer.parametrizations.weight.original if parametrize.is_parametrized(layer, "weight") else layer.weight


def adapters_of(layer: Any) -> list[Adapter]:
    """Those that a layer has, the oldest first."""
    return list(layer.parametrizations.weight) if parametrize.is_parametrized(layer, "weight") else []


def merge(layer: Any) -> None:
    """What adapters add becomes the weight; the layer is of its former class again.

    torch's own `remove_parametrizations` would take `weight` from every copy of the layer, as they share a class.
    """
    if adapters_of(layer):
        trained, weight = whole_weight(layer).requires_grad, layer.weight.detach().clone()
        del layer.parametrizations
        layer.__class__ = type(layer).__bases__[0]
        layer.register_parameter("weight", nn.Parameter(weight, requires_grad=trained))


def linear_layers(backbone: nn.Module) -> list[str]:
    """Names of the linear layers, each once, whether they have an adapter or not."""
    return [name for name, part in backbone.named_modules() if isinstance(part, nn.Linear)]


def build(options: LoraOptions) -> LoraRewrite:
    """Factory of the registry entry `lora`."""
    return LoraRewrite(options)
