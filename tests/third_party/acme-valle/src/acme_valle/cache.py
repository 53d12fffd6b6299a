"""The decoding state of retention: a matrix per head, whatever the length."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.plugin import UserError


class RetentionCache:
    """See `valle_core.interfaces.Cache`."""

    states: Float[Tensor, "layers B H Dh Dh"]
    lengths: Int[Tensor, "B"]

    def __init__(
        self, layers: int, batch: int, heads: int, width: int, max_length: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.states = torch.zeros(layers, batch, heads, width, width, dtype=dtype, device=device)
        self.lengths = torch.zeros(batch, dtype=torch.long, device=device)
        self.max_length = max_length

    @property
    def nbytes(self) -> int:
        return self.states.nbytes + self.lengths.nbytes

    def select(self, rows: Int[Tensor, "R"]) -> None:
        self.states, self.lengths = self.states[:, rows], self.lengths[rows]

    def rewind(self, lengths: Int[Tensor, "B"]) -> None:
        if not torch.equal(lengths, self.lengths):
            raise UserError("arch 'acme-retention' keeps no history to rewind to; decode without drafts")

    def advance(self, lengths: Int[Tensor, "B"]) -> None:
        """Take the rows to these lengths. Raises `UserError` above the length it was made for."""
        if int(lengths.max()) > self.max_length:
            raise UserError(f"the cache holds {self.max_length} positions a row; give new_cache a larger max_length")
        self.lengths = lengths.clone()
