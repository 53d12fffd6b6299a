"""What `valle bench arch` runs beside `acme-retention`: the same weights, one position at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_core.types import SequenceMask


class Twin:
    """A `valle_bench.reference.ReferenceModel` that only knows the recurrent form."""

    def __init__(self, backbone: Any) -> None:
        self._backbone = backbone

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Finished states, position by position."""
        B, T, _ = x.shape
        cache = self._backbone.new_cache(B, T, x.dtype, x.device)
        steps = []
        for t in range(T):
            lengths = torch.full((B,), t + 1, device=x.device)
            mask = SequenceMask(lengths=lengths, prefix=torch.zeros_like(lengths), query_start=lengths - 1)
            positions = torch.full((B, 1), t, device=x.device)
            steps.append(self._backbone(x[:, t : t + 1], mask, positions, cache=cache).h)
        return self._backbone.finish(torch.cat(steps, dim=1))

    def parameters(self) -> Iterable[nn.Parameter]:
        """What a training step gives gradients to."""
        return self._backbone.parameters()

    def decoder(self, batch: int, max_length: int) -> None:
        """It does not decode by itself."""
        return
