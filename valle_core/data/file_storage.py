"""Storage `files`: one safetensors file per utterance under `utterances/`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save

from valle_core.data.record import (
    Location,
    Record,
    phonemes_from_bytes,
    phonemes_to_bytes,
    words_from_tensor,
    words_to_tensor,
)
from valle_core.files import replacing
from valle_core.plugin import UserError

_LONGEST = 220  # bytes of a name: with `.safetensors`, and as a temporary file, it stays below 255


def write_files(folder: Path, records: Sequence[Record]) -> list[str]:
    """Write each record; their paths relative to `folder`."""
    with ThreadPoolExecutor(8) as pool:  # waiting for the disk in turn took 5 ms a file, together 1 ms
        return list(pool.map(lambda record: _write_file(folder, record), records))


def _write_file(folder: Path, record: Record) -> str:
    location = f"utterances/{_fitting(record.id)}.safetensors"
    tensors = {
        "codes": record.codes,
        "phonemes": phonemes_to_bytes(record.phonemes),
        "words": words_to_tensor(record.words),
    }
    with replacing(folder / location) as temporary:
        temporary.write_bytes(save(tensors))
    return location


def _fitting(id: str) -> str:
    """The id as a path; what no file system takes as one name (255 bytes with our endings) is cut and told apart by
    its hash. Where a record lies is kept in the index, so nothing is read back from the name."""
    return "/".join(part if len(part.encode()) <= _LONGEST else _cut(part) for part in id.split("/"))


def _cut(part: str) -> str:
    start = part.encode()[: _LONGEST - 20].decode(errors="ignore")
    return f"{start}~{hashlib.sha256(part.encode()).hexdigest()[:16]}"


class FileStore:
    """Reads one file per utterance."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, id: str, location: Location) -> Record:
        """See `Store.read`."""
        path = self._folder / str(location)
        try:
            tensors = load(path.read_bytes())
            codes, phonemes, words = tensors["codes"], tensors["phonemes"], tensors["words"]
        except (OSError, SafetensorError, KeyError) as error:
            raise UserError(f"'{path}' is missing or damaged ({error}). Run `valle prepare` again") from error
        return Record(
            id=id,
            codes=codes,
            phonemes=phonemes_from_bytes(phonemes, str(path)),
            words=words_from_tensor(words),
        )

    def read_all(self, items: Sequence[tuple[str, Location]]) -> Iterator[Record]:
        """See `Store.read_all`: in the order given."""
        return (self.read(id, location) for id, location in items)
