"""The recurrent state of a decoding batch: constant in size, however long the rows."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_kit.compiled_steps import SteppedCache
from valle_retnet.options import RetNetSizes
from valle_retnet.tables import working


class RetNetCache(SteppedCache):
    """See `valle_core.interfaces.Cache`. One matrix per layer, row and head, of which nothing can be taken back.

    Attributes:
        states: one [B, H, Dk, Dv + 1] per layer, in float32 at least; the last column sums the keys.
        lengths: [B] positions consumed by each row.
        capacity: longest row it takes.
        extent: every length is at most this; known without reading the device.
    """

    states: list[Float[Tensor, "B H Dk W"]]
    lengths: Int[Tensor, "B"]

    def __init__(
        self, sizes: RetNetSizes, batch: int, max_length: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        shape = (batch, sizes.n_heads, sizes.key_width, sizes.value_width + 1)
        self.states = [torch.zeros(shape, dtype=working(dtype), device=device) for _ in range(sizes.n_layers)]
        self.lengths = torch.zeros(batch, dtype=torch.long, device=device)
        self.capacity = max_length
        self.extent = 0

    @property
    def nbytes(self) -> int:
        return sum(state.nbytes for state in self.states) + self.lengths.nbytes

    def select(self, rows: Int[Tensor, "R"]) -> None:
        self.states = [state.index_select(0, rows) for state in self.states]
        self.lengths = self.lengths.index_select(0, rows)

    def rewind(self, lengths: Int[Tensor, "B"]) -> None:
        """Raises `UserError` unless `lengths` are the present ones."""
        if not torch.equal(lengths.to(self.lengths), self.lengths):
            raise UserError(
                "the cache of arch 'retnet' is a sum that cannot forget its last positions: keep a copy from before "
                "them, or decode without drafts"
            )

    def reserve(self, mask: SequenceMask, new: int) -> None:
        """Make sure the rows have room for the new positions of `mask`. Raises `UserError` where they have not."""
        if self.extent + new <= self.capacity:
            self.extent += new
            return
        self._fit(int(mask.lengths.max()) if len(mask.lengths) else 0)

    def held(self) -> list[Tensor]:
        return self.states

    def hold(self, tensors: Sequence[Tensor]) -> None:
        self.states = list(tensors)

    def still(self, rows: int, capacity: int) -> RetNetCache:
        twin = copy.copy(self)
        twin.hold([one.new_zeros(rows, *one.shape[1:]) for one in self.states])
        twin.lengths, twin.capacity = self.lengths.new_zeros(rows), capacity
        return twin

    def open_for(self, reach: int) -> int:
        self.extent = 0
        return 0

    def buffers(self) -> list[tuple[Tensor, Tensor, int]]:
        return [(state, state, 0) for state in self.states]

    def grow(self) -> None:
        """Make room for one position more in every row."""
        if self.extent < self.capacity:
            self.extent += 1
            return
        self._fit(int(self.lengths.max()) + 1 if len(self.lengths) else 0)

    def _fit(self, extent: int) -> None:
        if extent > self.capacity:
            raise UserError(
                f"the cache of arch 'retnet' was made for {self.capacity} positions a row and {extent} are needed; "
                "make it longer with new_cache(max_length=…), it costs no memory"
            )
        self.extent = extent
