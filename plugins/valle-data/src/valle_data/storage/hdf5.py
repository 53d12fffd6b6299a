"""Storage `hdf5`: all utterances of a dataset laid end to end in one HDF5 file."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from valle_core.data.record import Location, Record
from valle_core.files import replacing
from valle_core.plugin import UserError
from valle_core.reading.place import Inside
from valle_core.reading.tensors import damage_named
from valle_data.storage.damage import damaged
from valle_data.storage.records import columns_of
from valle_data.storage.shards import PARTS, offsets_of
from valle_data.storage.stored_record import record_of

_TOGETHER = 256  # records written or read at once
_CHUNK_BYTES = 1 << 16


def file_name(records: Iterable[tuple[str, str]]) -> str:
    """`records-{hash}.h5` from all (id, hash) in order: equal contents have one name, others never replace it."""
    digest = hashlib.sha256()
    for id, hash in records:
        digest.update(f"{id}\n{hash}\n".encode())
    return f"records-{digest.hexdigest()[:12]}.h5"


def pack(folder: Path, name: str, records: Iterable[Record]) -> Iterator[tuple[str, int]]:
    """Write one HDF5 file; yields where each record lies. The file appears whole after the last one.

    Raises:
        UserError: h5py is missing, or the disk is full.
    """
    h5py = _h5py()
    with replacing(folder / name) as temporary, temporary.open("wb+", buffering=0) as raw:
        kept = _Kept(raw)
        with h5py.File(kept, "w") as file:
            offsets: dict[str, list[int]] = {part: [0] for part in PARTS}
            waiting: list[Record] = []
            for row, record in enumerate(records):
                waiting.append(record)
                if len(waiting) == _TOGETHER:
                    _append(file, waiting, offsets)
                    kept.check()
                    waiting = []
                yield name, row
            _append(file, waiting, offsets)
            for part in PARTS:
                file.create_dataset(f"{part}_offsets", data=np.array(offsets[part], np.int64))
        kept.check()


class _Kept:
    """A file that keeps a failed write to itself until `check`: HDF5 cannot close a file that it could not write,
    and crashes the process later."""

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw
        self._error: OSError | None = None
        self.read, self.readinto, self.seek, self.tell, self.flush = (
            raw.read,
            raw.readinto,
            raw.seek,
            raw.tell,
            raw.flush,
        )

    def write(self, content: Any) -> int:
        left = memoryview(content).cast("B")
        size = len(left)
        try:
            while len(left) and self._error is None:
                left = left[self._raw.write(left) :]
        except OSError as error:
            self._error = error
        return size

    def truncate(self, size: int) -> int:
        try:
            return self._raw.truncate(size)
        except OSError as error:
            self._error = self._error or error
            return size

    def check(self) -> None:
        """Raises what went wrong."""
        if self._error is not None:
            raise self._error


def _append(file: Any, records: Sequence[Record], offsets: dict[str, list[int]]) -> None:
    for part, rows in columns_of(records).items() if records else ():
        content = torch.cat(rows).numpy()
        if part not in file:
            width = content.itemsize * int(np.prod(content.shape[1:]))
            file.create_dataset(
                part,
                shape=(0, *content.shape[1:]),
                maxshape=(None, *content.shape[1:]),
                chunks=(max(_CHUNK_BYTES // width, 1), *content.shape[1:]),
                dtype=content.dtype,
            )
        begin = offsets[part][-1]
        file[part].resize(begin + len(content), axis=0)
        file[part][begin:] = content
        offsets[part] += (begin + np.cumsum([len(row) for row in rows])).tolist()


class Hdf5Store:
    """Reads rows of the file, which each process opens for itself."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._inside = folder, Inside(folder)
        self._open: dict[tuple[int, str], _Opened] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def read(self, id: str, location: Location) -> Record:
        """See `Store.read`."""
        return next(self._read(*_place(location, id)))

    def read_all(self, items: Sequence[tuple[str, Location]]) -> Iterator[Record]:
        """See `Store.read_all`: rows that follow each other are read together."""
        run: list[tuple[str, int]] = []
        name = ""
        for file, [(id, row)] in sorted(_place(location, id) for id, location in items):
            if run and (file != name or row != run[-1][1] + 1 or len(run) == _TOGETHER):
                yield from self._read(name, run)
                run = []
            name = file
            run.append((id, row))
        if run:
            yield from self._read(name, run)

    def _read(self, name: str, items: Sequence[tuple[str, int]]) -> Iterator[Record]:
        """Rows that follow each other."""
        _h5py()  # where it is missing, no file is to blame
        try:
            with damage_named():
                parts = self._file(name).rows(items[0][1], items[-1][1] + 1)
                records = [record_of(id, *row) for (id, _), *row in zip(items, *parts, strict=True)]
        except (OSError, ValueError) as error:
            raise damaged(self._folder / name, error) from error
        yield from records

    def _file(self, name: str) -> _Opened:
        key = (os.getpid(), name)  # a handle that came through fork is not used: HDF5 would share its state
        if key not in self._open:
            path = self._inside.path(name)
            self._open[key] = _Opened(_h5py().File(path, "r", locking="best-effort"))
        return self._open[key]


def _place(location: Location, id: str) -> tuple[str, list[tuple[str, int]]]:
    file, row = location if isinstance(location, tuple) else (location, -1)
    return file, [(id, row)]


class _Opened:
    """An open file and the offsets of its rows."""

    def __init__(self, file: Any) -> None:
        size = os.stat(file.filename).st_size
        names = [part for part in PARTS if part != "times" or part in file]
        self._parts = [plain_dataset(file, part, size) for part in names]
        offsets = [plain_dataset(file, f"{part}_offsets", size) for part in names]
        self._offsets = [
            np.array(offsets_of(torch.from_numpy(one[:].astype(np.int64)), len(part)))
            for one, part in zip(offsets, self._parts, strict=True)
        ]

    def rows(self, first: int, last: int) -> list[list[Tensor]]:
        """Of each part, the rows `first` … `last` − 1."""
        if not 0 <= first < last < min(map(len, self._offsets)):
            raise ValueError("it has fewer rows than the index says")
        return [_cut(part, offsets[first : last + 1]) for part, offsets in zip(self._parts, self._offsets, strict=True)]


def plain_dataset(file: Any, name: str, size: int) -> Any:
    """A dataset of integers that lies in this file of `size` bytes, as it is written here.

    Raises:
        ValueError: it is missing, a link, virtual, of other values, or kept outside of the file; or it promises more
            than the file holds, as what is compressed or was never written does.
    """
    h5py = _h5py()
    found: Any = file[name] if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
    if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
        raise ValueError(f"'{name}' does not lie in it")
    if found.dtype.kind not in "iu" or not 1 <= found.ndim <= 2 or found.id.get_create_plist().get_nfilters():
        raise ValueError(f"'{name}' is not as valle writes it")
    nbytes = int(np.prod(found.shape, dtype=object)) * found.dtype.itemsize
    if not nbytes <= found.id.get_storage_size() <= size:
        raise ValueError(f"'{name}' promises {nbytes} bytes, more than are there")
    return found


def _cut(part: Any, offsets: np.ndarray) -> list[Tensor]:
    content = torch.from_numpy(part[offsets[0] : offsets[-1]])
    return list(content.split(np.diff(offsets).tolist()))


def _h5py() -> Any:
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise UserError("storage hdf5 needs h5py. Install it with: pip install h5py") from error
    return h5py
