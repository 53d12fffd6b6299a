"""The two ways records lie on disk, behind one pair of functions: write a part, open a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, Protocol

from valle_core.data.file_storage import FileStore, write_files
from valle_core.data.record import Location, Record
from valle_core.data.shard_storage import ShardStore, write_shard

StorageName = Literal["files", "shards"]


class Store(Protocol):
    """Reads records of one dataset."""

    def read(self, id: str, location: Location) -> Record:
        """The record, or `UserError` where it is missing or damaged."""
        ...

    def read_all(self, items: Sequence[tuple[str, Location]]) -> Iterator[Record]:
        """Many records in the order that reads the disk from front to back."""
        ...


def write_part(storage: StorageName, folder: Path, number: int, records: Sequence[Record]) -> list[Location]:
    """Store one part of a dataset; where each record lies. Each file appears whole or not at all."""
    if storage == "files":
        return [*write_files(folder, records)]
    return [*write_shard(folder, number, records)]


def open_store(storage: StorageName, folder: Path) -> Store:
    """A reader. Safe to carry into worker processes."""
    return FileStore(folder) if storage == "files" else ShardStore(folder)
