"""The cache of a backbone with attention: keys and values of a decoding batch, in buffers allocated once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_kit.compiled_steps import SteppedCache
from valle_kit.graphs.still import doubled

Places = slice | Tensor
"""Where new positions are kept: one range for all rows, or [B, T] places."""


class KeyValueCache:
    """See `valle_core.interfaces.Cache`: keys and values of every layer, right-padded, with one length per row.

    A backbone calls `open` once per forward, `append` in every layer, and sets `lengths` when it is done.
    One place past the capacity takes what padded positions write, so that they never touch a valid one.

    Attributes:
        keys, values: [n_layers, B, Hk, capacity + 1, Dh].
        lengths: [B] positions consumed by each row.
        longest: no row is longer; known without reading the device.
    """

    keys: Float[Tensor, "layers B Hk S Dh"]
    values: Float[Tensor, "layers B Hk S Dh"]
    lengths: Int[Tensor, "B"]

    def __init__(
        self, n_layers: int, batch: int, heads: int, width: int, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        # Zeros, not empty: kernels multiply masked values by zero, and zero times an old NaN is NaN.
        self.keys = torch.zeros(n_layers, batch, heads, capacity + 1, width, dtype=dtype, device=device)
        self.values = torch.zeros_like(self.keys)
        self.lengths = torch.zeros(batch, dtype=torch.long, device=device)
        self.longest = 0
        self._guessed = False

    @property
    def capacity(self) -> int:
        """Longest row it can hold."""
        return self.keys.shape[3] - 1

    @property
    def nbytes(self) -> int:
        return self.keys.nbytes + self.values.nbytes + self.lengths.nbytes

    def select(self, rows: Int[Tensor, "R"]) -> None:
        self.keys, self.values = self.keys.index_select(1, rows), self.values.index_select(1, rows)
        self._set(self.lengths.index_select(0, rows))

    def rewind(self, lengths: Int[Tensor, "B"]) -> None:
        if lengths.shape != self.lengths.shape or bool(((lengths > self.lengths) | (lengths < 0)).any()):
            raise UserError(
                f"lengths to rewind to must be at most {self.lengths.tolist()}, row by row, got {lengths.tolist()}"
            )
        self._set(lengths.to(self.lengths).clone())

    def open(self, mask: SequenceMask, new: int) -> Places:
        """Places for each row's next `new` positions.

        Raises `UserError` when a row needs more than the cache holds. With padding on a device that would have to be
        waited for, `longest` may become larger than it is.
        """
        reached = self.longest + new
        guess = mask.padded and self._waits() and reached <= self.capacity
        if not guess and (mask.padded or self._guessed):
            reached = int(mask.lengths.max()) if len(mask.lengths) else 0
        self._reach(reached, guessed=guess)
        if not mask.padded:
            return slice(reached - new, reached)
        places = mask.query_start[:, None] + torch.arange(new, device=mask.lengths.device)
        return places.masked_fill(places >= mask.lengths[:, None], self.capacity)

    def grow(self) -> None:
        """Make room for one position more in every row; raises `UserError` where there is none."""
        if self._guessed:
            self._set(self.lengths)
        self._reach(self.longest + 1, guessed=False)

    def append(
        self, layer: int, places: Places, k: Float[Tensor, "B Hk T Dh"], v: Float[Tensor, "B Hk T Dh"]
    ) -> tuple[Float[Tensor, "B Hk S Dh"], Float[Tensor, "B Hk S Dh"]]:
        """Keep one layer's new keys and values; gives all of that layer's up to `longest`."""
        held = self.keys[layer], self.values[layer]
        with torch.no_grad():
            for buffer, new in zip(held, (k, v), strict=True):
                if isinstance(places, slice):
                    buffer[:, :, places] = new
                else:
                    at = places[:, None, :, None].expand(-1, buffer.shape[1], -1, buffer.shape[3])
                    buffer.scatter_(2, at, new.to(buffer.dtype))
        keys, values = (buffer[:, :, : self.longest].to(k.dtype) for buffer in held)
        return keys, values

    def _waits(self) -> bool:
        """Whether reading a number means to wait for a device."""
        return self.lengths.device.type != "cpu"

    def _reach(self, reached: int, *, guessed: bool) -> None:
        if reached > self.capacity:
            raise UserError(
                f"the cache holds {self.capacity} positions and a row needs {reached}; "
                "make it longer with new_cache(max_length=…)"
            )
        self.longest, self._guessed = reached, guessed

    def _set(self, lengths: Int[Tensor, "B"]) -> None:
        self.lengths = lengths
        self.longest, self._guessed = int(lengths.max()) if len(lengths) else 0, False


class SteppedKeyValueCache(KeyValueCache, SteppedCache):
    """The same with room for a compiled step."""

    def held(self) -> tuple[Tensor, Tensor]:
        return self.keys, self.values

    def buffers(self) -> list[tuple[Tensor, Tensor, int]]:
        return [(keys, values, self.keys.shape[3]) for keys, values in zip(self.keys, self.values, strict=True)]

    def hold(self, tensors: Sequence[Tensor]) -> None:
        self.keys, self.values = tensors

    def still(self, rows: int, capacity: int) -> StillKeyValueCache:
        layers, _, heads, _, width = self.keys.shape
        return StillKeyValueCache(layers, rows, heads, width, capacity, self.keys.dtype, self.keys.device)

    def open_for(self, reach: int) -> int:
        self.longest = doubled(reach, self.capacity)
        return self.longest

    def reach(self) -> int:
        return self.longest

    def overwritten(self) -> Sequence[Tensor]:
        return ()


class StillKeyValueCache(SteppedKeyValueCache):
    """Buffers for captured steps of one position: where it is kept is read on the device alone."""

    padded = True

    def open(self, mask: SequenceMask, new: int) -> Places:
        return self.lengths[:, None].clamp(max=self.capacity)
