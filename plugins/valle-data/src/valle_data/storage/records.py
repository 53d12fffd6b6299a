"""Writes records: a safetensors file for each, or many end to end in a shard."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from jaxtyping import Int, UInt8
from safetensors.torch import save
from torch import Tensor

from valle_core.data.options import StorageName
from valle_core.data.record import Location, Record
from valle_core.files import replacing

_LONGEST = 200  # bytes of a name that stays readable; most file systems allow 255 in all


def write_part(storage: StorageName, folder: Path, number: int, records: Sequence[Record]) -> list[Location]:
    """Store one part of a dataset; where each record lies. Each file appears whole or not at all.

    Parts of `hdf5` are shards, because a file that grows cannot be made safe from kill -9; `hdf5.pack` turns them into
    the one file at the end.
    """
    if storage == "files":
        return [*write_files(folder, records)]
    return [*write_shard(folder, number, records)]


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


def columns_of(records: Sequence[Record]) -> dict[str, list[Tensor]]:
    """Each part of the records as tensors that can be laid end to end."""
    return {
        "codes": [record.codes for record in records],
        "phonemes": [phonemes_to_bytes(record.phonemes) for record in records],
        "words": [words_to_tensor(record.words) for record in records],
        "times": [times_to_tensor(record.times) for record in records],
    }


def write_shard(folder: Path, number: int, records: Sequence[Record]) -> list[tuple[str, int]]:
    """Write `shards/{number}.safetensors`: per kind one tensor of all rows and the rows' offsets [S + 1]."""
    if not records:
        return []
    location = f"shards/{number:06d}.safetensors"
    tensors = {}
    for name, rows in columns_of(records).items():
        if name == "times" and not any(map(len, rows)):
            continue
        tensors[name] = torch.cat(rows)
        tensors[f"{name}_offsets"] = _offsets(rows)
    with replacing(folder / location) as temporary:
        temporary.write_bytes(save(tensors))
    return [(location, row) for row in range(len(records))]


def _offsets(rows: Sequence[Tensor]) -> Int[Tensor, "S_plus_1"]:
    return torch.tensor([0, *(len(row) for row in rows)], dtype=torch.int64).cumsum(0)


def phonemes_to_bytes(phonemes: tuple[str, ...]) -> UInt8[Tensor, "n"]:
    """UTF-8 JSON as a tensor, so that safetensors can hold it."""
    return torch.frombuffer(bytearray(json.dumps(phonemes, ensure_ascii=False).encode()), dtype=torch.uint8)


def words_to_tensor(words: tuple[tuple[int, int], ...]) -> Int[Tensor, "W two"]:
    """[W, 2] half-open ranges."""
    return torch.tensor(words, dtype=torch.int32).reshape(-1, 2)


def times_to_tensor(times: tuple[int, ...]) -> Int[Tensor, "n"]:
    """[P + 1], or [0]."""
    return torch.tensor(times, dtype=torch.int32)
