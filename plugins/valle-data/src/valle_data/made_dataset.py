"""A synthetic dataset of any size, written without audio, a codec or a frontend, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import torch

from valle_core.data.manifest import Manifest
from valle_core.data.options import StorageName
from valle_core.data.record import IndexEntry, Location, Record
from valle_core.text.symbols import SymbolMap
from valle_core.types import CodecIdentity
from valle_data.storage.facts import write_index, write_manifest
from valle_data.storage.hdf5 import file_name, pack
from valle_data.storage.records import write_part
from valle_data.storage.rows import hash_of

MADE = CodecIdentity(name="made", sample_rate=16_000, hop=320, num_levels=8, codebook_size=256, weights_hash="0" * 16)
_PART = 512


def made_records(count: int, *, seed: int = 0, seconds: tuple[float, float] = (1.0, 9.0)) -> Iterator[Record]:
    """`count` records with random codes of `MADE`, in the order of their ids `NNNNNNN`."""
    rng, generator = Random(seed), torch.Generator().manual_seed(seed)
    for number in range(count):
        frames = round(rng.uniform(*seconds) * 50)
        codes = torch.randint(256, (frames, 8), dtype=torch.uint8, generator=generator)
        letters = tuple(rng.choice("abcdefgh ") for _ in range(rng.randint(1, 20)))
        yield Record(id=f"{number:07d}", codes=codes, phonemes=letters, words=((0, len(letters)),))


def write_lengths(folder: Path, frames: Sequence[int], symbols: Sequence[int], *, speakers: int = 30) -> Manifest:
    """A dataset of random codes and letters, of which each utterance has so many frames and symbols."""
    rng, generator = Random(0), torch.Generator().manual_seed(0)
    records = [
        Record(
            id=f"{number:07d}",
            codes=torch.randint(256, (length, 8), dtype=torch.uint8, generator=generator),
            phonemes=tuple(rng.choices("abcdefgh ", k=count)),
            words=((0, count),),
        )
        for number, (length, count) in enumerate(zip(frames, symbols, strict=True))
    ]
    return write_dataset(folder, records, storage="shards", speakers=speakers)


def write_dataset(
    folder: Path,
    records: list[Record],
    *,
    storage: StorageName = "files",
    speakers: int = 3,
    texts: tuple[str, ...] = ("a text",),
    held_out: tuple[str, ...] = (),
) -> Manifest:
    """Make `folder` a whole dataset of these records, in their order; speakers `s0`, `s1`, … and texts take turns."""
    folder.mkdir(parents=True, exist_ok=True)
    locations: list[Location]
    if storage == "hdf5":
        locations = [*pack(folder, file_name((one.id, hash_of(one)) for one in records), iter(records))]
    else:
        parts = range(0, len(records), _PART)
        locations = [
            location
            for number, start in enumerate(parts)
            for location in write_part(storage, folder, number, records[start : start + _PART])
        ]
    rows = [
        replace(
            made_row(record.id, number, len(record.codes), location, hash_of(record), speakers=speakers, texts=texts),
            symbols=len(record.phonemes),
        )
        for number, (record, location) in enumerate(zip(records, locations, strict=True))
    ]
    return write_facts(
        folder, rows, storage=storage, held_out=held_out, phonemes={s for r in records for s in r.phonemes}
    )


def made_row(
    id: str, number: int, frames: int, location: Location, hash: str, *, speakers: int, texts: tuple[str, ...]
) -> IndexEntry:
    """The index line of the `number`-th utterance."""
    return IndexEntry(
        id=id,
        speaker=f"s{number % speakers}",
        language="xx" if number % 2 else "yy",
        text=texts[number % len(texts)],
        seconds=round(frames * 320 / 16_000, 6),
        frames=frames,
        location=location,
        hash=hash,
    )


def write_facts(
    folder: Path, rows: Iterable[IndexEntry], *, storage: StorageName, held_out: tuple[str, ...], phonemes: set[str]
) -> Manifest:
    """Write the index and `dataset.json` of these rows, which may be made on the way."""
    seconds: list[float] = []
    speakers: set[str] = set()

    def counted() -> Iterator[IndexEntry]:
        for row in rows:
            seconds.append(row.seconds)
            speakers.add(row.speaker)
            yield row

    index_hash = write_index(folder, counted())
    manifest = Manifest(
        storage=storage,
        codec=MADE,
        symbols=SymbolMap.from_observed(phonemes),
        languages=("xx", "yy"),
        frontend="made",
        held_out=held_out,
        utterances=len(seconds),
        seconds=round(sum(seconds), 6),
        speakers=len(speakers),
        index_hash=index_hash,
    )
    write_manifest(folder, manifest)
    return manifest
