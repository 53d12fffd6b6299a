"""What a recurrent backbone remembers of its rows: buffers of constant size, written in place."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_kit.compiled_steps import SteppedCache
from valle_mamba.sizes import Sizes


class Memory:
    """One layer's part of a cache: views into its buffers.

    Attributes:
        conv: [B, K − 1, C] the last inputs of the convolution.
        state: [B, …] the state of the scan.
        new: [B] positions each row takes in this call, or None where all take all.
        fresh: known to be empty, all zeros.
    """

    __slots__ = ("conv", "fresh", "new", "state")

    def __init__(self, conv: Tensor, state: Tensor, new: Int[Tensor, "B"] | None, *, fresh: bool) -> None:
        self.conv, self.state, self.new, self.fresh = conv, state, new, fresh

    @torch.no_grad()
    def replace(self, state: Tensor, conv: Float[Tensor, "B K1 C"]) -> None:
        """Write what the layer is to remember from now on."""
        self.state.copy_(state)
        self.conv.copy_(conv)


class MambaCache(SteppedCache):
    """States of every layer; as large for a row of one position as for one of a million.

    Attributes:
        conv: [n_layers, B, K − 1, C], in the cache's dtype.
        state: [n_layers, B, …], in float32 at least: what is added up over a row needs the digits.
        lengths: [B] positions consumed by each row.
        capacity: longest row it takes.
        extent: no row is longer than this; known without reading the device.
    """

    conv: Float[Tensor, "layers B K1 C"]
    state: Float[Tensor, "layers B ..."]
    lengths: Int[Tensor, "B"]

    def __init__(self, sizes: Sizes, batch: int, capacity: int, dtype: torch.dtype, device: torch.device) -> None:
        self._arch = sizes.arch
        self.conv = torch.zeros(sizes.n_layers, batch, sizes.d_conv - 1, sizes.conv_width, dtype=dtype, device=device)
        wide = torch.promote_types(dtype, torch.float32)
        self.state = torch.zeros(sizes.n_layers, batch, *sizes.state_shape, dtype=wide, device=device)
        self.lengths = torch.zeros(batch, dtype=torch.long, device=device)
        self.capacity = capacity
        self.extent = 0
        self._exact = True

    @property
    def nbytes(self) -> int:
        return self.conv.nbytes + self.state.nbytes + self.lengths.nbytes

    def select(self, rows: Int[Tensor, "R"]) -> None:
        self.conv = self.conv.index_select(1, rows)
        self.state = self.state.index_select(1, rows)
        self.lengths = self.lengths.index_select(0, rows)
        self._exact = self._exact and self.lengths.device.type != "cpu"

    def rewind(self, lengths: Int[Tensor, "B"]) -> None:
        """Only the present lengths (nothing to do) and 0 (begin anew) can be had from a state that has moved on."""
        stays, anew = lengths == self.lengths, lengths == 0
        if lengths.shape != self.lengths.shape or not bool((stays | anew).all()):
            raise UserError(
                f"cannot rewind the cache of arch '{self._arch}' from {self.lengths.tolist()} to {lengths.tolist()}: "
                "a recurrent state forgets nothing but everything; keep a copy of the cache, or feed the rows again"
            )
        for buffer in (self.conv, self.state):
            buffer[:, anew] = 0
        self.lengths = lengths.to(self.lengths).clone()
        self._exact = False

    def held(self) -> tuple[Tensor, Tensor]:
        return self.conv, self.state

    def hold(self, tensors: Sequence[Tensor]) -> None:
        self.conv, self.state = tensors

    def still(self, rows: int, capacity: int) -> MambaCache:
        twin = copy.copy(self)
        twin.hold([one.new_zeros(len(one), rows, *one.shape[2:]) for one in self.held()])
        twin.lengths, twin.capacity = self.lengths.new_zeros(rows), capacity
        return twin

    def open_for(self, reach: int) -> int:
        self.extent = 0
        return 0

    def buffers(self) -> list[tuple[Tensor, Tensor, int]]:
        return [(conv, state, 0) for conv, state in zip(self.conv, self.state, strict=True)]

    def memory(self, layer: int, new: Int[Tensor, "B"] | None = None, *, fresh: bool = False) -> Memory:
        """The part of one layer."""
        return Memory(self.conv[layer], self.state[layer], new, fresh=fresh)

    def reserve(self, mask: SequenceMask, new: int) -> None:
        """Make sure the rows fit with at most `new` positions more each, and raise `extent`.

        The device is read only where the bound known without it does not say that they fit.
        """
        if self.extent + new <= self.capacity:
            self.extent += new
            self._exact = self._exact and not mask.padded
        else:
            longest = self.extent + new
            if mask.padded or not self._exact:
                longest = int(mask.lengths.max()) if len(mask.lengths) else 0
            if longest > self.capacity:
                raise UserError(
                    f"the cache of arch '{self._arch}' holds {self.capacity} positions and a row needs {longest}; "
                    "make it longer with new_cache(max_length=…)"
                )
            self.extent, self._exact = longest, True

    def grow(self) -> None:
        """Make room for one position more in every row."""
        if self.extent >= self.capacity and not self._exact:
            self.extent, self._exact = int(self.lengths.max()) if len(self.lengths) else 0, True
        if self.extent >= self.capacity:
            raise UserError(
                f"the cache of arch '{self._arch}' holds {self.capacity} positions and a row needs {self.extent + 1}; "
                "make it longer with new_cache(max_length=…)"
            )
        self.extent += 1
