"""Keys and values of a decoding batch in one buffer that is allocated once."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.types import SequenceMask

Slots = slice | tuple[Tensor, Tensor]
"""Where new positions go: the same ones in every row, or (row, place), each broadcastable to [B, T]."""


class KeyValueCache:
    """See `valle_core.interfaces.Cache`.

    The host knows a bound on the longest row (`extent`), so no step reads the device. Attention reads the first
    `extent` places. One spare place behind the last takes what padded positions write. The buffer starts as
    zeros: a masked place has weight 0, and 0 · NaN would be NaN.

    Attributes:
        lengths: [B] positions consumed by each row.
        data: [layers, B, 2, H, max_length + 1, Dh]; keys, then values.
        capacity: longest row it holds.
        extent: every length is at most this.
        exact: whether `extent` is the longest length rather than a bound.
    """

    data: Float[Tensor, "layers B 2 H L Dh"]
    lengths: Int[Tensor, "B"]

    def __init__(
        self, layers: int, batch: int, heads: int, width: int, max_length: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.data = torch.zeros(layers, batch, 2, heads, max_length + 1, width, dtype=dtype, device=device)
        self.lengths = torch.zeros(batch, dtype=torch.long, device=device)
        self.capacity = max_length
        self.extent = 0
        self.exact = True

    @property
    def nbytes(self) -> int:
        return self.data.nbytes + self.lengths.nbytes

    def select(self, rows: Int[Tensor, "R"]) -> None:
        self.data = self.data.index_select(1, rows)
        self.lengths = self.lengths.index_select(0, rows)
        self._measure()

    def rewind(self, lengths: Int[Tensor, "B"]) -> None:
        if lengths.shape != self.lengths.shape or bool(((lengths > self.lengths) | (lengths < 0)).any()):
            raise UserError(
                f"rewind: cannot go from lengths {self.lengths.tolist()} to {lengths.tolist()}; "
                "give every row a length between 0 and its present one"
            )
        self.lengths = lengths.to(self.lengths).clone()
        self._measure()

    def reserve(self, mask: SequenceMask, T: int) -> Slots:
        """Places for T new positions of each row. Raises `UserError` where they do not fit."""
        if not mask.padded:  # all rows have one length, so one slice serves them
            if not self.exact:
                self._measure()
            start = self.extent
            self._extend(start + T)
            return slice(start, start + T)
        bound = self.extent + T
        self.exact = False
        self._extend(bound if bound <= self.capacity else int(mask.lengths.max()))
        place = mask.query_start[:, None] + torch.arange(T, device=self.lengths.device)  # [B, T]
        place = place.masked_fill(place >= mask.lengths[:, None], self.capacity)
        return torch.arange(place.shape[0], device=place.device)[:, None], place

    def append(
        self, layer: int, kv: Float[Tensor, "B T 2 H Dh"], slots: Slots
    ) -> tuple[Float[Tensor, "B H Tk Dh"], Float[Tensor, "B H Tk Dh"]]:
        """Write one layer's new keys and values; gives all it holds. No gradient passes."""
        data = self.data[layer]
        new = kv.detach() if kv.requires_grad else kv
        if isinstance(slots, slice):
            data[:, :, :, slots].copy_(new.permute(0, 2, 3, 1, 4))
        else:
            rows, places = slots
            data[rows, :, :, places] = new.to(data.dtype)
        keys, values = data[:, :, :, : self.extent].unbind(1)
        return keys.to(kv.dtype), values.to(kv.dtype)  # they differ under autocast only

    def _extend(self, extent: int) -> None:
        if extent > self.capacity:
            raise UserError(
                f"the cache holds {self.capacity} positions a row and {extent} are needed; "
                "give new_cache a larger max_length"
            )
        self.extent = extent

    def _measure(self) -> None:
        self.extent = int(self.lengths.max()) if self.lengths.numel() else 0
        self.exact = True
