"""One adapter: a parametrisation of a weight, which may act at some codebook levels only."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Adapter(nn.Module):
    """W → W + alpha / rank · B A (2106.09685, equation 3): a parametrisation of `weight`.

    Whatever reads the weight reads the sum, so it works where a layer is no plain product too (a ternary layer rounds
    the sum, a scan reads it). B begins at zero, so that nothing changes at first. In eval mode the sum is kept
    until one of its parts is written to or moved.

    Attributes:
        levels: those that it acts at; None for all.
        on: whether it acts now; where it acts at all levels that is always so (see `valle_lora.by_level`).
    """

    def __init__(
        self, weight: Float[Tensor, "O I"], rank: int, alpha: float, levels: frozenset[int] | None = None
    ) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        self.lora_A = nn.Parameter(weight.detach().new_empty(rank, inputs).uniform_(-1, 1) * inputs**-0.5)
        self.lora_B = nn.Parameter(weight.detach().new_zeros(outputs, rank))
        self.scale = alpha / rank
        self.levels, self.on = levels, levels is None or 0 in levels
        self._kept: tuple[object, Tensor] | None = None

    def forward(self, weight: Float[Tensor, "O I"]) -> Float[Tensor, "O I"]:
        """The sum, or the weight alone where it does not act."""
        if not self.on:
            return weight
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
