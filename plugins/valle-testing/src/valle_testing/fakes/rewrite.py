"""A rewrite of a few lines that keeps the whole contract, for tests of everything around rewrites."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from valle_core.plugin import UserError


class Rounded(nn.Linear):
    """A linear layer whose weight is rounded to 64ths, straight-through; with a gain that is saved."""

    def __init__(self, linear: nn.Linear) -> None:
        like = {"device": linear.weight.device, "dtype": linear.weight.dtype}
        super().__init__(linear.in_features, linear.out_features, bias=linear.bias is not None, **like)
        self.weight.data.copy_(linear.weight)
        if linear.bias is not None:
            self.bias.data.copy_(linear.bias)
        self.gain: Tensor
        self.register_buffer("gain", 1 + torch.rand((), **like))

    def forward(self, x: Float[Tensor, "*rows inside"]) -> Float[Tensor, "*rows outside"]:
        """gain · (W₆₄ x + b)."""
        rounded = self.weight + ((self.weight * 64).round() / 64 - self.weight).detach()
        return self.gain * F.linear(x, rounded, self.bias)


class FakeRewrite:
    """Replaces every plain linear layer by a `layer`."""

    layer: type[Rounded] = Rounded

    def targets(self, backbone: nn.Module) -> Sequence[str]:
        """Plain linear layers."""
        return [
            name
            for name, part in backbone.named_modules()
            if isinstance(part, nn.Linear) and not isinstance(part, Rounded)
        ]

    def apply(self, backbone: nn.Module) -> nn.Module:
        """In place."""
        names = self.targets(backbone)
        if not names:
            raise UserError("there is no linear layer to round. Choose another --arch")
        for name in names:
            linear = backbone.get_submodule(name)
            assert isinstance(linear, nn.Linear)
            backbone.set_submodule(name, self.layer(linear).train(linear.training))
        return backbone
