"""What rows remember while they are decoded: one vector per layer."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from valle_core.plugin import UserError
from valle_core.types import SequenceMask


class StateCache:
    """See `valle_core.interfaces.Cache`. No gradient passes through it.

    Attributes:
        lengths: [B] positions consumed by each row.
        states: [layers, B, D].
    """

    lengths: Int[Tensor, "B"]
    states: Float[Tensor, "layers B D"]

    def __init__(
        self, layers: int, batch: int, d_model: int, max_length: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.lengths = torch.zeros(batch, dtype=torch.long, device=device)
        self.states = torch.zeros(layers, batch, d_model, dtype=dtype, device=device)
        self._capacity = max_length
        self._most = 0  # no row is longer; known without asking the device

    @property
    def nbytes(self) -> int:
        return self.lengths.nbytes + self.states.nbytes

    def select(self, rows: Int[Tensor, "R"]) -> None:
        self.lengths = self.lengths.index_select(0, rows)
        self.states = self.states.index_select(1, rows)

    def rewind(self, lengths: Int[Tensor, "B"]) -> None:
        """Only to where it is: a recurrent state cannot give back what it took in."""
        if not torch.equal(lengths.to(self.lengths), self.lengths):
            raise UserError("arch 'acme-name' cannot rewind its cache. Decode without drafts, or try: --arch llama")

    def advance(self, mask: SequenceMask, T: int) -> None:
        """Rows are `mask.lengths` long from here on. Raises `UserError` where the longest does not fit."""
        self._most += T
        if self._most > self._capacity:  # padding may have been counted, so look
            self._most = int(mask.lengths.max())
            if self._most > self._capacity:
                raise UserError(
                    f"the cache holds {self._capacity} positions a row and {self._most} are needed; "
                    "give new_cache a larger max_length"
                )
        self.lengths = mask.lengths.clone()

    def write(self, layer: int, states: Float[Tensor, "B D"]) -> None:
        self.states[layer].copy_(states.detach())
