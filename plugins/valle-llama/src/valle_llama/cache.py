"""The key-value cache with room for a compiled step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from valle_kit.key_value_cache import KeyValueCache

if TYPE_CHECKING:
    from valle_kit.stepping.runner import Tables
    from valle_llama.fused_step import FusedStep


class LlamaCache(KeyValueCache):
    """See `KeyValueCache`; keys are rotated.

    Attributes:
        fused: the compiled step made for this cache, if any (see `valle_llama.decoding`).
    """

    def __init__(
        self, n_layers: int, batch: int, heads: int, width: int, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        super().__init__(n_layers, batch, heads, width, capacity, dtype, device)
        self.fused: FusedStep | None = None
        self._tables: tuple[int, Tables] | None = None

    @property
    def tables(self) -> Tables:
        """Where a compiled step finds each row."""
        place = self.keys.data_ptr()
        if self._tables is None or self._tables[0] != place:
            from valle_kit.stepping.runner import Tables

            layers = zip(self.keys.unbind(), self.values.unbind(), strict=True)
            self._tables = place, Tables([(keys, values, self.keys.shape[3]) for keys, values in layers])
        return self._tables[1]

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles leave out the compiled step: its addresses are this cache's alone."""
        return {**self.__dict__, "fused": None, "_tables": None}
