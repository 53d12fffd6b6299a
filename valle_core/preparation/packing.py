"""The last step of a preparation into HDF5: what earlier runs and this one stored becomes one file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from valle_core.data.hdf5_storage import Hdf5Store, file_name, pack
from valle_core.data.index import read_rows
from valle_core.data.record import Record, Row
from valle_core.data.shard_storage import ShardStore


def pack_rows(folder: Path, rows: Sequence[Row]) -> list[Row]:
    """Write the HDF5 file of these rows, whose records lie in shards and in the file before; the rows to index.

    Nothing is written where the file holds exactly them. What they were made from stays, see `forget_packed`.
    """
    name = file_name((row.id, row.hash) for row in rows)
    if [row.location for row in rows] == [(name, number) for number in range(len(rows))]:
        return [*rows]
    locations = pack(folder, name, _records(folder, rows))
    return [replace(row, location=location) for row, location in zip(rows, locations, strict=True)]


def forget_packed(folder: Path) -> None:
    """Remove what a finished dataset no longer names; to be called once `dataset.json` is written and no part waits."""
    named = {str(row.location[0]) for row in read_rows(folder)}
    for path in folder.glob("records-*.h5"):
        if path.name not in named:
            path.unlink(missing_ok=True)
    shutil.rmtree(folder / "shards", ignore_errors=True)


def _records(folder: Path, rows: Sequence[Row]) -> Iterator[Record]:
    shards, packed = ShardStore(folder), Hdf5Store(folder)
    for row in rows:
        yield (packed if str(row.location[0]).endswith(".h5") else shards).read(row.id, row.location)
