"""The ways records lie on disk, behind one pair of functions: write a part, open a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from valle_core.data.file_storage import FileStore, write_files
from valle_core.data.hdf5_storage import Hdf5Store
from valle_core.data.options import StorageName
from valle_core.data.record import Location, Record
from valle_core.data.shard_storage import ShardStore, write_shard


class Store(Protocol):
    """Reads records of one dataset."""

    def read(self, id: str, location: Location) -> Record:
        """The record, or `UserError` where it is missing or damaged."""
        ...

    def read_all(self, items: Sequence[tuple[str, Location]]) -> Iterator[Record]:
        """Many records in the order that reads the disk from front to back."""
        ...


def write_part(storage: StorageName, folder: Path, number: int, records: Sequence[Record]) -> list[Location]:
    """Store one part of a dataset; where each record lies. Each file appears whole or not at all.

    Parts of `hdf5` are shards, because a file that grows cannot be made safe from kill -9; `hdf5_storage.pack` turns
    them into the one file at the end.
    """
    if storage == "files":
        return [*write_files(folder, records)]
    return [*write_shard(folder, number, records)]


def open_store(storage: StorageName, folder: Path) -> Store:
    """A reader. Safe to carry into worker processes."""
    stores = {"files": FileStore, "shards": ShardStore, "hdf5": Hdf5Store}
    return stores[storage](folder)
