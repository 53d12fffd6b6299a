"""A linear layer of low rank in place of a whole one."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class ThinLinear(nn.Module):
    """U (V x) + b, where U V is the nearest matrix of that rank to W (truncated singular value decomposition)."""

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__()
        weight = linear.weight.detach()
        wide = weight.to(torch.promote_types(weight.dtype, torch.float32))  # no decomposition in 16 bits
        left, values, right = torch.linalg.svd(wide, full_matrices=False)
        root = values[:rank].sqrt()
        self.down = nn.Parameter((root[:, None] * right[:rank]).to(weight.dtype))  # [rank, in]
        self.up = nn.Parameter((left[:, :rank] * root).to(weight.dtype))  # [out, rank]
        self.bias = linear.bias

    def forward(self, x: Float[Tensor, "*rows inside"]) -> Float[Tensor, "*rows outside"]:
        return functional.linear(functional.linear(x, self.down), self.up, self.bias)
