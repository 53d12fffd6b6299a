"""The last step of a preparation into HDF5: what earlier runs and this one stored becomes one file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from valle_core.data.record import IndexEntry, Record
from valle_data.preparation.plan import DONE
from valle_data.storage.hdf5 import Hdf5Store, file_name, pack
from valle_data.storage.index import Index
from valle_data.storage.shards import ShardStore


def pack_rows(folder: Path, index: Index) -> Iterator[IndexEntry]:
    """Write the HDF5 file of these rows, whose records lie in shards and in the file before; yields the rows to index.

    Nothing is written where the file holds exactly them. What they were made from stays, see `forget_packed`.
    """
    places = range(len(index))
    name = file_name((row.id, row.hash) for row in map(index.row, places))
    if all(index.location(place) == (name, place) for place in places):
        return map(index.row, places)
    locations = pack(folder, name, _records(folder, index))
    return (replace(index.row(place), location=where) for place, where in zip(places, locations, strict=True))


def forget_packed(folder: Path, index: Index) -> None:
    """Remove what the finished dataset of this index no longer names."""
    for path in folder.glob("records-*.h5"):
        if path.name not in index.files:
            path.unlink(missing_ok=True)
    shutil.rmtree(folder / "shards", ignore_errors=True)


def left_over(folder: Path) -> bool:
    """Whether a killed run left what `forget_packed` or `forget_plan` removes."""
    packed = list(folder.glob("records-*.h5"))
    return len(packed) > 1 or bool(packed and (folder / "shards").exists()) or (folder / DONE).exists()


def _records(folder: Path, index: Index) -> Iterator[Record]:
    shards, packed = ShardStore(folder), Hdf5Store(folder)
    for row in map(index.row, range(len(index))):
        yield (packed if str(row.location[0]).endswith(".h5") else shards).read(row.id, row.location)
