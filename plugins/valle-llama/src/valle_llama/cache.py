"""Keys and values of a decoding batch, in buffers allocated once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.types import SequenceMask

if TYPE_CHECKING:
    from valle_llama.fused_step import FusedStep


class LlamaCache:
    """Keys and values of every layer, right-padded, with one length per row.

    One slot past the capacity takes what padded positions write, so that they never touch a valid one.

    Attributes:
        keys: [n_layers, B, Hk, capacity + 1, Dh], rotated.
        values: as `keys`.
        lengths: [B] positions consumed by each row.
        extent: no row is longer than this; known without reading the device.
        capacity: longest row it can hold.
        fused: the compiled step made for this cache, if any (see `valle_llama.decoding`).
    """

    keys: Float[Tensor, "layers B Hk S Dh"]
    values: Float[Tensor, "layers B Hk S Dh"]
    lengths: Int[Tensor, "B"]

    def __init__(self, shape: tuple[int, int, int, int], capacity: int, dtype: torch.dtype, device: torch.device):
        n_layers, batch, heads, width = shape
        # Zeros, not empty: kernels multiply masked values by zero, and zero times an old NaN is NaN.
        self.keys = torch.zeros(n_layers, batch, heads, capacity + 1, width, dtype=dtype, device=device)
        self.values = torch.zeros_like(self.keys)
        self.lengths = torch.zeros(batch, dtype=torch.long, device=device)
        self.capacity = capacity
        self.extent = 0
        self._exact = True
        self.fused: FusedStep | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles leave out the compiled step: its addresses are this cache's alone."""
        return {**self.__dict__, "fused": None}

    @property
    def nbytes(self) -> int:
        return self.keys.nbytes + self.values.nbytes + self.lengths.nbytes

    def select(self, rows: Int[Tensor, "R"]) -> None:
        self.keys = self.keys.index_select(1, rows)
        self.values = self.values.index_select(1, rows)
        self.lengths = self.lengths.index_select(0, rows)
        self._measure()

    def rewind(self, lengths: Int[Tensor, "B"]) -> None:
        if lengths.shape != self.lengths.shape or bool((lengths > self.lengths).any()) or bool((lengths < 0).any()):
            raise UserError(
                f"cannot rewind the cache of arch 'llama' from {self.lengths.tolist()} to {lengths.tolist()}: "
                "each length must lie between 0 and the present one"
            )
        self.lengths = lengths.to(self.lengths).clone()
        self._measure()

    def reserve(self, mask: SequenceMask, new: int) -> None:
        """Make sure the rows fit with at most `new` positions more each, and raise `extent`.

        Without padding the extent is exact, as the promise to the kernels asks. With padding it may be too large
        on a device that would have to be waited for.
        """
        if mask.padded and self.lengths.device.type != "cpu" and self.extent + new <= self.capacity:
            self.extent, self._exact = self.extent + new, False
            return
        if mask.padded or not self._exact:
            self._claim(int(mask.lengths.max()) if len(mask.lengths) else 0)
        else:
            self._claim(self.extent + new)

    def grow(self) -> None:
        """Make room for one position more in every row."""
        if not self._exact:
            self._measure()
        self._claim(self.extent + 1)

    def _claim(self, extent: int) -> None:
        if extent > self.capacity:
            raise UserError(
                f"the cache of arch 'llama' holds {self.capacity} positions and a row needs {extent}; "
                "make it longer with new_cache(max_length=…)"
            )
        self.extent, self._exact = extent, True

    def _measure(self) -> None:
        self.extent, self._exact = int(self.lengths.max()) if len(self.lengths) else 0, True

    def slots(self, mask: SequenceMask, new: int) -> Int[Tensor, "B T"] | slice:
        """Where each row's next `new` positions are kept: one range for all without padding; padded ones share the
        spare slot."""
        if not mask.padded:
            return slice(self.extent - new, self.extent)
        slots = mask.query_start[:, None] + torch.arange(new, device=mask.lengths.device)
        return slots.masked_fill(slots >= mask.lengths[:, None], self.capacity)

    def append(
        self,
        layer: int,
        slots: Int[Tensor, "B T"] | slice,
        k: Float[Tensor, "B Hk T Dh"],
        v: Float[Tensor, "B Hk T Dh"],
    ) -> tuple[Float[Tensor, "B Hk S Dh"], Float[Tensor, "B Hk S Dh"]]:
        """Write one layer's new keys and values; returns all of that layer's up to `extent`."""
        keys, values = self.keys[layer], self.values[layer]
        with torch.no_grad():
            if isinstance(slots, slice):
                keys[:, :, slots] = k
                values[:, :, slots] = v
            else:
                index = slots[:, None, :, None].expand(-1, keys.shape[1], -1, keys.shape[3])
                keys.scatter_(2, index, k.to(keys.dtype))
                values.scatter_(2, index, v.to(values.dtype))
        return keys[:, :, : self.extent].to(k.dtype), values[:, :, : self.extent].to(v.dtype)
