"""A linear layer whose weights are int8 with one scale per output channel; states stay in floating point."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int8
from torch import Tensor, nn
from torch.nn import functional as F

LINE = 64
"""Columns to whose multiple the weights are filled up with zeros, so that a row begins on a line of memory."""


class Int8Linear(nn.Module):
    """`nn.Linear` for inference, its weights rounded to 255 levels: w ≈ scale · weight, scale = max |w| / 127 per row.

    Attributes:
        weight: [O, I filled up to a multiple of 64].
        scale: [O], float32.
        bias: [O], or None.
    """

    weight: Int8[Tensor, "O I_filled"]
    scale: Float[Tensor, "O"]
    bias: Float[Tensor, "O"] | None

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        with torch.no_grad():
            given = linear.weight.detach().float()
            scale = given.abs().amax(1).clamp(min=1e-12) / 127
            rounded = (given / scale[:, None]).round().to(torch.int8)
        self.register_buffer("weight", F.pad(rounded, (0, -self.in_features % LINE)).contiguous())
        self.register_buffer("scale", scale)
        self.register_buffer("bias", None if linear.bias is None else linear.bias.detach().clone())
        self.train(linear.training)

    def forward(self, x: Float[Tensor, "*rows I"]) -> Float[Tensor, "*rows O"]:
        weight = self.weight[:, : self.in_features].to(x.dtype) * self.scale[:, None].to(x.dtype)
        return F.linear(x, weight, None if self.bias is None else self.bias.to(x.dtype))

    def _apply(self, fn, recurse=True):
        """Moves with the model; the scales stay float32 whatever the model is cast to."""
        scale = self.scale
        super()._apply(fn, recurse)
        self.scale = scale.to(self.scale.device)
        return self

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"
