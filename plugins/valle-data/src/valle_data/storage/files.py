"""Storage `files`: one safetensors file per utterance under `utterances/`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from safetensors.torch import load

from valle_core.data.record import Location, Record
from valle_core.reading.json_text import read_bytes
from valle_core.reading.place import Inside
from valle_core.reading.tensors import damage_named
from valle_data.storage.damage import damaged
from valle_data.storage.stored_record import record_of


class FileStore:
    """Reads one file per utterance."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._inside = folder, Inside(folder)

    def read(self, id: str, location: Location) -> Record:
        """See `Store.read`."""
        try:
            content = read_bytes(self._inside.path(location))
            with damage_named():
                tensors = load(content)
                return record_of(id, tensors["codes"], tensors["phonemes"], tensors["words"], tensors.get("times"))
        except (OSError, ValueError) as error:
            raise damaged(self._folder / str(location), error) from error

    def read_all(self, items: Sequence[tuple[str, Location]]) -> Iterator[Record]:
        """See `Store.read_all`: in the order given."""
        return (self.read(id, location) for id, location in items)
