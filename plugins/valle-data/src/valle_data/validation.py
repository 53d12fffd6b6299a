"""Looks for everything that is wrong with a dataset: codes, lengths, hashes, counts, the index and its columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from valle_core.codes.checks import check_codes
from valle_core.data.dataset import Dataset
from valle_core.data.record import IndexEntry, Record
from valle_core.plugin import UserError
from valle_data.storage.columns import COLUMNS
from valle_data.storage.index import INDEX, read_rows
from valle_data.storage.manifest import MANIFEST
from valle_data.storage.rows import hash_of

COLUMNS_DIFFER = f"{COLUMNS} differs from {INDEX}; remove it and run the same `valle prepare`, which makes it anew"

Progress = Callable[[int, int], None]
"""Receives utterances done and utterances in all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        id: utterance, or the file that speaks for the whole dataset.
        what: is wrong with it, in one line.
    """

    id: str
    what: str

    def __str__(self) -> str:
        return f"{self.id}: {self.what}"


def problems(dataset: Dataset, progress: Progress | None = None) -> Iterator[Problem]:
    """Everything that is wrong with a whole dataset, found by reading all of it once."""
    yield from fact_problems(dataset)
    ids = set[str]()
    for number, (row, written) in enumerate(zip(dataset.stored_rows(), read_rows(dataset.path), strict=False), 1):
        if row.id in ids:
            yield Problem(id=row.id, what=f"occurs twice in {INDEX}")
        ids.add(row.id)
        if row != written:
            yield Problem(id=written.id, what=COLUMNS_DIFFER)
        yield from _utterance(dataset, written)
        if progress:
            progress(number, len(dataset))
    for id in dataset.manifest.held_out:
        if id not in ids:
            yield Problem(id=id, what=f"is held out in {MANIFEST}, but is not in {INDEX}")


def fact_problems(dataset: Dataset) -> Iterator[Problem]:
    """What its `dataset.json` says otherwise than its index."""
    manifest = dataset.manifest
    for name, stored, found in (
        ("utterances", manifest.utterances, len(dataset)),
        ("speakers", manifest.speakers, len(dataset.speakers())),
    ):
        if stored != found:
            yield Problem(id=MANIFEST, what=f"says {stored} {name}, the index has {found}")
    seconds = float(np.sum(dataset.durations))
    if abs(manifest.seconds - seconds) > 1e-3:
        yield Problem(id=MANIFEST, what=f"says {manifest.seconds:.3f} seconds, the index has {seconds:.3f}")


def _utterance(dataset: Dataset, row: IndexEntry) -> Iterator[Problem]:
    try:
        record = dataset.record(row.id)
    except UserError as error:
        yield Problem(id=row.id, what=str(error))
        return
    for what in record_problems(dataset, row, record):
        yield Problem(id=row.id, what=what)


def record_problems(dataset: Dataset, row: IndexEntry, record: Record) -> Iterator[str]:
    """What is wrong with an utterance; each reads after its id."""
    yield from _codes(dataset, row, record)
    yield from _text(dataset, row, record)


def _codes(dataset: Dataset, row: IndexEntry, record: Record) -> Iterator[str]:
    codec = dataset.codec
    try:
        check_codes(
            record.codes,
            num_levels=codec.num_levels,
            codebook_size=codec.codebook_size,
            what=f"utterance '{row.id}'",
        )
    except UserError as error:
        yield str(error)
    if len(record.codes) != row.frames:
        yield f"has {len(record.codes)} frames, the index says {row.frames}"
    seconds = row.frames * codec.hop / codec.sample_rate
    if abs(seconds - row.seconds) > 1e-5:
        yield f"lasts {row.seconds} s by the index, but {row.frames} frames are {seconds:.6f} s"
    if hash_of(record) != row.hash:
        yield f"has hash {hash_of(record)}, the index says {row.hash}"


def _text(dataset: Dataset, row: IndexEntry, record: Record) -> Iterator[str]:
    P = len(record.phonemes)
    if wrong := [word for word in record.words if not 0 <= word[0] <= word[1] <= P]:
        yield f"has the word {list(wrong[0])} outside its {P} phonemes"
    if unknown := sorted(dataset.manifest.symbols.unknown(record.phonemes)):
        yield f"has phonemes that the symbol map lacks: {' '.join(unknown)}"
    if row.language not in dataset.manifest.languages:
        yield f"is in language '{row.language}', which {MANIFEST} does not name"
