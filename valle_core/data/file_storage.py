"""Storage `files`: one safetensors file per utterance under `utterances/`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from safetensors.torch import load, save

from valle_core.data.damage import damaged
from valle_core.data.record import Location, Record, phonemes_to_bytes, record_of, times_to_tensor, words_to_tensor
from valle_core.files import replacing
from valle_core.reading.json_text import read_bytes
from valle_core.reading.place import Inside
from valle_core.reading.tensors import damage_named

_LONGEST = 200  # bytes of a name that stays readable; most file systems allow 255 in all


def write_files(folder: Path, records: Sequence[Record]) -> list[str]:
    """Write each record; their paths relative to `folder`."""
    with ThreadPoolExecutor(8) as pool:  # waiting for the disk in turn took 5 ms a file, together 1 ms
        return list(pool.map(lambda record: _write_file(folder, record), records))


def _write_file(folder: Path, record: Record) -> str:
    location = f"utterances/{'/'.join(_short(name) for name in record.id.split('/'))}.safetensors"
    tensors = {
        "codes": record.codes,
        "phonemes": phonemes_to_bytes(record.phonemes),
        "words": words_to_tensor(record.words),
        **({"times": times_to_tensor(record.times)} if record.times else {}),
    }
    with replacing(folder / location) as temporary:
        temporary.write_bytes(save(tensors))
    return location


def _short(name: str) -> str:
    """A folder's or file's name that leaves room for an ending."""
    if len(name.encode()) <= _LONGEST:
        return name
    return f"{name.encode()[: _LONGEST - 17].decode(errors='ignore')}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"


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
