"""The ways records lie on disk, behind one function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, cast

from valle_core.data.file_storage import FileStore
from valle_core.data.options import StorageName
from valle_core.data.record import Location, Record
from valle_core.data.shard_storage import ShardStore
from valle_core.plugin import UserError
from valle_core.registry.loading import load
from valle_core.registry.scan import STORAGE, scan


class Store(Protocol):
    """Reads records of one dataset."""

    def read(self, id: str, location: Location) -> Record:
        """The record, or `UserError` where it is missing or damaged."""
        ...

    def read_all(self, items: Sequence[tuple[str, Location]]) -> Iterator[Record]:
        """Many records in the order that reads the disk from front to back."""
        ...


def open_store(storage: StorageName, folder: Path) -> Store:
    """A reader. Safe to carry into worker processes.

    Storage that the core does not read itself is announced by who does, in the entry points of `valle.storage`.

    Raises:
        UserError: nobody here reads it.
    """
    own = {"files": FileStore, "shards": ShardStore}
    if storage in own:
        return own[storage](folder)
    for found in scan().found:
        if (found.group, found.name) == (STORAGE, storage):
            return cast(Callable[[Path], Store], load(found.value))(folder)
    raise UserError(
        f"dataset '{folder}' is stored as {storage}, which valle-data reads, and that is not installed. "
        "Install it with: pip install ./plugins/valle-data (in a checkout of valle)"
    )
