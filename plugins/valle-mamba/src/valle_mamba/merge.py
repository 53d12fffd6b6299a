"""Brings the second direction's findings to the places they belong to and adds them by learned weights."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_mamba.reading import Backward


class Merge(nn.Module):
    """y = w₀ · forward + w₁ · backward per channel, where a second reading took place; elsewhere y = forward.

    Both weights begin at ½: the mean of two directions has the scale the layer expects of one.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((2, width), 0.5))
        self.weight._no_weight_decay = True  # pyright: ignore[reportAttributeAccessIssue]

    @staticmethod
    def taken(x: Float[Tensor, "B T W"], back: Backward) -> Float[Tensor, "R M W"]:
        """x in the order of the second reading."""
        return x.flatten(0, 1)[back.take]

    def forward(
        self, first: Float[Tensor, "B T W"], second: Float[Tensor, "R M W"], back: Backward
    ) -> Float[Tensor, "B T W"]:
        w = self.weight.to(first.dtype)
        flat = first.flatten(0, 1)
        found = second.flatten(0, 1)[back.source]
        if back.put is None:
            return torch.addcmul(flat * w[0], found, w[1]).view_as(first)
        merged = torch.addcmul(flat[back.put] * w[0], found, w[1])
        return flat.index_copy(0, back.put, merged).view_as(first)
