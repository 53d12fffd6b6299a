"""Sinusoidal positions (1706.03762, section 3.5), looked up by position, never by index in the batch."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional


class SinusoidalPositions(nn.Module):
    """Adds a learned multiple of sin and cos of the position, at D/2 frequencies from 1 down to 1/10000.

    Sines have a root mean square of √½, embeddings are made with one of D^−½: the multiple starts where both are
    equally loud. Started at 1, positions drown what stands at them, and the model hardly learns to read.
    """

    table: Float[Tensor, "L D"]

    def __init__(self, max_length: int, d_model: int) -> None:
        super().__init__()
        frequencies = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10_000.0) / d_model))
        angles = torch.arange(max_length)[:, None] * frequencies
        self.register_buffer("table", torch.cat([angles.sin(), angles.cos()], dim=1), persistent=False)
        self.scale = nn.Parameter(torch.full((1,), (2 / d_model) ** 0.5))

    def forward(self, x: Float[Tensor, "B T D"], positions: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        return torch.addcmul(x, functional.embedding(positions, self.table), self.scale)
