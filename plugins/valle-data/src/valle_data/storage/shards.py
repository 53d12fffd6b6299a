"""Storage `shards`: many utterances laid end to end in one safetensors file, for sequential reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from valle_core.data.record import Location, Record
from valle_core.reading.place import Inside
from valle_core.reading.tensors import damage_named, map_tensors
from valle_data.storage.damage import damaged
from valle_data.storage.stored_record import record_of

PARTS = ("codes", "phonemes", "words", "times")
"""What is stored of a record; the last one only where a record has it."""


class ShardStore:
    """Reads rows of shards through memory maps that stay open (one per shard and process)."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._inside = folder, Inside(folder)
        self._open: dict[str, _Shard] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def read(self, id: str, location: Location) -> Record:
        """See `Store.read`."""
        shard, row = location if isinstance(location, tuple) else (location, -1)
        try:
            with damage_named():
                return record_of(id, *self._shard(shard).row(row))
        except (OSError, ValueError) as error:
            raise damaged(self._folder / shard, error) from error

    def read_all(self, items: Sequence[tuple[str, Location]]) -> Iterator[Record]:
        """See `Store.read_all`: shard after shard, row after row."""
        return (self.read(id, location) for id, location in sorted(items, key=_place))

    def _shard(self, shard: str) -> _Shard:
        if shard not in self._open:
            tensors, _ = map_tensors(self._inside.path(shard))
            parts = [name for name in PARTS if name != "times" or name in tensors]
            self._open[shard] = _Shard(
                [tensors[name] for name in parts],
                [offsets_of(tensors[f"{name}_offsets"], len(tensors[name])) for name in parts],
            )
        return self._open[shard]


def _place(item: tuple[str, Location]) -> tuple[str, int]:
    location = item[1]
    return location if isinstance(location, tuple) else (location, -1)


def offsets_of(stored: Tensor, length: int) -> list[int]:
    """Where the rows of `length` lines begin and end. Raises `ValueError` unless they cover all of them in order."""
    if stored.ndim != 1 or stored.dtype != torch.int64 or not len(stored):
        raise ValueError("the offsets of its rows are not numbers")
    if int(stored[0]) != 0 or int(stored[-1]) != length or bool((stored.diff() < 0).any()):
        raise ValueError(f"the offsets of its rows do not divide its {length} lines")
    return stored.tolist()


class _Shard(NamedTuple):
    """The mapped tensors of one shard (a slice of one costs 1 µs, one of the file 40 µs) and their offsets."""

    tensors: list[Tensor]
    offsets: list[list[int]]

    def row(self, row: int) -> list[Tensor]:
        if not 0 <= row < min(map(len, self.offsets)) - 1:
            raise ValueError(f"it has no row {row}")
        return [
            tensor[offsets[row] : offsets[row + 1]] for tensor, offsets in zip(self.tensors, self.offsets, strict=True)
        ]
