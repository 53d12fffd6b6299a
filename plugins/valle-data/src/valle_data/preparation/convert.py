"""`convert`: the same dataset in another storage, each record checked on the way; a killed one leaves nothing."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from valle_core.data.dataset import Dataset, open_dataset
from valle_core.data.manifest import Manifest
from valle_core.data.options import STORAGES, StorageName
from valle_core.data.record import Location, Record
from valle_core.files import write_json
from valle_core.plugin import UserError
from valle_core.reading.json_text import read_json
from valle_core.reading.place import inside
from valle_data.preparation.locks import Locks
from valle_data.preparation.settings import SETTINGS
from valle_data.storage.damage import REPAIR
from valle_data.storage.facts import write_index, write_manifest
from valle_data.storage.hdf5 import file_name, pack
from valle_data.storage.index import read_rows
from valle_data.storage.records import write_part
from valle_data.validation import COLUMNS_DIFFER, fact_problems, record_problems

Progress = Callable[[int, int], None]
"""Receives utterances done and utterances in all."""

_CARRIED = ("sources.jsonl", "report.json")


def convert(
    source: Path, out: Path, *, storage: StorageName, shard_size: int = 512, progress: Progress | None = None
) -> Manifest:
    """Make `out` the dataset of `source` in `storage`: equal codes, texts, order, split, symbols and identity.

    `out` appears when it is whole. `valle prepare` with that storage goes on with it as with the original.

    Raises:
        UserError: `source` is no whole dataset or holds a damaged record, `out` exists or is being written by another
            process, or the disk is full.
    """
    source, out = Path(source), Path(out)
    if storage not in STORAGES:
        raise UserError(f"storage '{storage}' is unknown. Choose one of {', '.join(STORAGES)}")
    if shard_size < 1:
        raise UserError(f"shard_size must be at least 1, got {shard_size}")
    _refuse_taken(out)
    dataset = open_dataset(source)
    with Locks(out.parent).alone(f"{out.name}.converting", f"'{out}' is being written"):
        _refuse_taken(out)  # another may have finished meanwhile
        growing = out.parent / f".{out.name}.converting"
        _clear(growing)
        try:
            growing.mkdir(parents=True)
            manifest = _write(dataset, growing, storage, shard_size, progress or (lambda done, total: None))
            if out.exists():
                out.rmdir()
            os.replace(growing, out)
        except OSError as error:
            raise UserError(f"cannot write '{out}': {error.strerror}. Choose another place") from error
        finally:
            shutil.rmtree(growing, ignore_errors=True)
    return manifest


def _refuse_taken(out: Path) -> None:
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(f"'{out}' exists already. Choose another --out")


def _clear(growing: Path) -> None:
    """Remove what a killed conversion to the same place left."""
    if growing.exists():
        shutil.rmtree(growing)


def _write(dataset: Dataset, out: Path, storage: StorageName, shard_size: int, progress: Progress) -> Manifest:
    records = _checked(dataset, progress)
    if storage == "hdf5":
        locations: Iterator[Location] = iter(
            pack(out, file_name((row.id, row.hash) for row in dataset.stored_rows()), records)
        )
    else:
        locations = _in_parts(records, storage, out, shard_size)
    rows = (
        dataclasses.replace(row, location=location)
        for row, location in zip(dataset.stored_rows(), locations, strict=True)
    )
    index_hash = write_index(out, rows)
    _carry(dataset.path, out, storage, shard_size)
    manifest = dataclasses.replace(dataset.manifest, storage=storage, index_hash=index_hash)
    write_manifest(out, manifest)
    return manifest


def _checked(dataset: Dataset, progress: Progress) -> Iterator[Record]:
    """Every record in the order of the index. Raises `UserError` for one that is not what was prepared."""
    see = f"See all such with: valle data validate {dataset.path}"
    if wrong := next(fact_problems(dataset), None):
        raise UserError(f"dataset '{dataset.path}' is damaged ({wrong}). {see}")
    rows = zip(dataset.stored_rows(), read_rows(dataset.path), strict=True)
    for number, (row, written) in enumerate(rows, 1):
        if row != written:
            raise UserError(f"utterance '{written.id}' of '{dataset.path}' is damaged ({COLUMNS_DIFFER}). {see}")
        record = dataset.record(row.id)
        if why := next(record_problems(dataset, row, record), None):
            raise UserError(f"utterance '{row.id}' of '{dataset.path}' is damaged (it {why}). {see}")
        yield record
        progress(number, len(dataset))


def _in_parts(records: Iterator[Record], storage: StorageName, out: Path, size: int) -> Iterator[Location]:
    part: list[Record] = []
    number = 0
    for record in records:
        part.append(record)
        if len(part) == size:
            yield from write_part(storage, out, number, part)
            part, number = [], number + 1
    yield from write_part(storage, out, number, part)


def _carry(source: Path, out: Path, storage: StorageName, shard_size: int) -> None:
    """What `valle prepare` needs to go on, with the new storage in it."""
    try:
        for name in _CARRIED:
            if (source / name).exists():
                shutil.copyfile(inside(source, name), out / name)
        if (source / SETTINGS).exists():
            settings: dict[str, Any] = {**read_json(inside(source, SETTINGS))}
            changed = {"storage": storage, "shard_size": None if storage == "files" else shard_size}
            write_json(out / SETTINGS, {**settings, **changed})
    except (ValueError, TypeError) as error:
        raise UserError(f"dataset '{source}' is damaged ({error}). {REPAIR}") from error
