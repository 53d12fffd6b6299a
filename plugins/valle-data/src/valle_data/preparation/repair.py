"""`valle prepare --repair`: what is whole of a finished dataset is found by reading it; the rest is made anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from valle_core.codes.checks import check_codes
from valle_core.data.record import IndexEntry, Record
from valle_core.plugin import UserError
from valle_core.types import CodecIdentity
from valle_data.preparation.finished import SOURCES, Finished, read_finished, reopen
from valle_data.preparation.plan import forget_plan, read_plan
from valle_data.storage.damage import Damaged
from valle_data.storage.files import FileStore
from valle_data.storage.hdf5 import Hdf5Store
from valle_data.storage.index import Index, hash_index, open_index
from valle_data.storage.manifest import MANIFEST, Newer, read_manifest
from valle_data.storage.rows import hash_of
from valle_data.storage.shards import ShardStore


def what_is_whole(out: Path, codec: CodecIdentity) -> Finished:
    """What is known of a finished dataset, without what is damaged; files that cannot be read are removed.

    Raises:
        UserError: it is of a newer valle.
    """
    _forget_damaged(out)
    try:
        finished = read_finished(out)
    except UserError:
        (out / SOURCES).unlink(missing_ok=True)
        return Finished()
    if finished.index is None:
        return finished
    broken, symbols = set[str](), set[str]()
    for row, record in _records(out, finished.index):
        if record is None or not _is_whole(record, row, codec):
            broken.add(row.id)
        else:
            symbols.update(record.phonemes)
    if broken:
        reopen(out)
    stamps = {id: stamp for id, stamp in finished.stamps.items() if id not in broken}
    return replace(finished, stamps=stamps, symbols=frozenset(symbols))


def forget_unnamed(out: Path) -> None:
    """Remove shards that no record of the dataset lies in any more."""
    files = set(open_index(out, hash_index(out)).files)
    for path in (out / "shards").glob("*.safetensors"):
        if f"shards/{path.name}" not in files:
            path.unlink(missing_ok=True)


def _forget_damaged(out: Path) -> None:
    """Remove a plan and a `dataset.json` that cannot be read: both are made from what lies beside them."""
    try:
        read_plan(out)
    except Newer:
        raise
    except UserError:
        forget_plan(out)
    if not (out / MANIFEST).exists():
        return
    try:
        read_manifest(out)
    except Newer:
        raise
    except UserError:
        (out / MANIFEST).unlink(missing_ok=True)


def _records(out: Path, index: Index) -> Iterator[tuple[IndexEntry, Record | None]]:
    """Every row with its record, None where that cannot be read."""
    files, shards, packed = FileStore(out), ShardStore(out), Hdf5Store(out)
    for row in map(index.row, range(len(index))):
        store = files if isinstance(row.location, str) else packed if row.location[0].endswith(".h5") else shards
        try:
            yield row, store.read(row.id, row.location)
        except Damaged:
            yield row, None


def _is_whole(record: Record, row: IndexEntry, codec: CodecIdentity) -> bool:
    try:
        check_codes(record.codes, num_levels=codec.num_levels, codebook_size=codec.codebook_size, what=row.id)
    except UserError:
        return False
    return hash_of(record) == row.hash and len(record.codes) == row.frames
