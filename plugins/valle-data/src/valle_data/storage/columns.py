"""The index as columns: strings end to end with offsets, numbers side by side; as a file it is mapped, not read."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from valle_core.data.record import IndexEntry
from valle_core.reading.json_text import loads
from valle_core.reading.place import inside
from valle_core.reading.tensors import map_tensors

COLUMNS = "index.safetensors"
VERSION = 2
"""Of the file; one of another version is not used, because `index.jsonl` says the same. Version 1 had no digest."""

Columns = dict[str, np.ndarray]
"""Strings `x` are `x` (UTF-8) and `x_offsets` [N + 1]; the columns are those that `ColumnWriter.columns` makes."""

_TONES = ("tones", "tone_names", "tone_names_offsets")
"""Only in a dataset that has tones: −1 or the place of a row's tone among the sorted names."""

_COUNTS = ("symbols",)
"""Only in a dataset whose rows say how many symbols they have: −1 for one that does not."""

_STRINGS = ("ids", "texts", "hashes", "speaker_names", "language_names", "files")
_NUMBERS = {
    "order": np.int64,
    "speakers": np.int32,
    "languages": np.int32,
    "file": np.int32,
    "row": np.int64,
    "seconds": np.float64,
    "frames": np.int32,
}
_CHUNK = 1 << 16


class Strings(Sequence[str]):
    """Many strings in one array of bytes; each is decoded when it is asked for."""

    def __init__(self, content: UInt8[np.ndarray, "n"], offsets: Int[np.ndarray, "N_plus_1"]) -> None:
        self._content, self._offsets = content, offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, place):  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._content[self._offsets[place] : self._offsets[place + 1]].tobytes().decode(errors="replace")

    def __iter__(self) -> Iterator[str]:
        return self.at(np.arange(len(self)))

    def at(self, places: Int[np.ndarray, "n"]) -> Iterator[str]:
        """The strings at these places, in their order; quick where the places lie close together."""
        for start in range(0, len(places), _CHUNK):
            chunk = places[start : start + _CHUNK]
            begins, ends = self._offsets[chunk].tolist(), self._offsets[chunk + 1].tolist()
            low, high = min(begins), max(ends)
            if high - low > 4 * (sum(ends) - sum(begins)):
                yield from (self[place] for place in chunk.tolist())
                continue
            content = self._content[low:high].tobytes()
            for begin, end in zip(begins, ends, strict=True):
                yield content[begin - low : end - low].decode(errors="replace")


class ColumnWriter:
    """Collects rows as columns; holds no `Row`."""

    def __init__(self) -> None:
        self._strings = {name: (bytearray(), array("q", [0])) for name in ("ids", "texts", "hashes")}
        self._named: dict[str, tuple[dict[str, int], array[int]]] = {
            name: ({}, array("i")) for name in ("speakers", "languages", "file")
        }
        self._row, self._frames, self._seconds = array("q"), array("i"), array("d")
        self._tones: tuple[dict[str, int], array[int]] = ({}, array("i"))
        self._symbols = array("i")
        self._last, self._sorted = "", True

    def add(self, row: IndexEntry) -> None:
        """Append one."""
        self._sorted = self._sorted and self._last <= row.id
        self._last = row.id
        for name, text in (("ids", row.id), ("texts", row.text), ("hashes", row.hash)):
            content, offsets = self._strings[name]
            content += text.encode()
            offsets.append(len(content))
        file, number = (row.location, -1) if isinstance(row.location, str) else row.location
        for name, text in (("speakers", row.speaker), ("languages", row.language), ("file", file)):
            known, codes = self._named[name]
            codes.append(known.setdefault(text, len(known)))
        tones, codes = self._tones
        codes.append(-1 if row.tone is None else tones.setdefault(row.tone, len(tones)))
        self._symbols.append(-1 if row.symbols is None else row.symbols)
        self._row.append(number)
        self._frames.append(row.frames)
        self._seconds.append(row.seconds)

    def columns(self) -> Columns:
        """`order` holds the rows' places sorted by id; `speakers`, `languages`, `file` number sorted names;
        `row` is −1 where the location is a file of its own."""
        columns: Columns = {}
        for name, (content, offsets) in self._strings.items():
            columns |= {name: np.frombuffer(bytes(content), np.uint8), f"{name}_offsets": np.array(offsets, np.int64)}
        for name, table in (("speakers", "speaker_names"), ("languages", "language_names"), ("file", "files")):
            columns |= _numbered(name, table, *self._named[name])
        if self._tones[0]:
            columns |= _numbered("tones", "tone_names", *self._tones)
        columns |= {
            "row": np.array(self._row, np.int64),
            "frames": np.array(self._frames),
            "seconds": np.array(self._seconds),
        }
        if max(self._symbols, default=-1) >= 0:
            columns["symbols"] = np.array(self._symbols)
        order = np.arange(len(self._row))
        if not self._sorted:
            ids = list(Strings(columns["ids"], columns["ids_offsets"]))
            order = np.array(sorted(range(len(ids)), key=ids.__getitem__))
        return columns | {"order": order.astype(np.int64)}


def _numbered(name: str, table: str, known: Mapping[str, int], codes: Sequence[int]) -> Columns:
    """Codes in the order of first use → places among the sorted names; −1 stays."""
    names = sorted(known)
    rank = np.full(len(names) + 1, -1, np.int32)
    rank[[known[one] for one in names]] = np.arange(len(names), dtype=np.int32)
    return {name: rank[np.array(codes, np.int32)], **_joined(table, names)}


def _joined(name: str, texts: Iterable[str]) -> Columns:
    encoded = [text.encode() for text in texts]
    offsets = np.cumsum([0, *(len(text) for text in encoded)], dtype=np.int64)
    return {name: np.frombuffer(b"".join(encoded), np.uint8), f"{name}_offsets": offsets}


def map_columns(folder: Path, index_hash: str, *, proven: bool = False, again: bool = False) -> Columns | None:
    """The columns of the `index.jsonl` with this hash, mapped; None where the file is missing, of another index,
    of another version, or damaged.

    Args:
        folder, index_hash: of the dataset.
        proven: take none whose digest is not known (of an older valle), for what is written down again.
        again: the digest was compared already, by who opened the dataset.
    """
    try:
        tensors, text = map_tensors(inside(folder, COLUMNS))
        facts = loads(text.get("valle", "{}"))
        columns = {name: tensor.numpy() for name, tensor in tensors.items()}
    except (OSError, ValueError, TypeError):
        return None
    if not isinstance(facts, dict) or facts.get("index_hash") != index_hash or not _fit(columns):
        return None
    if facts.get("version") == 1 and not proven:
        return columns
    whole = facts.get("version") == VERSION and (again or facts.get("digest") == digest_of(columns))
    return columns if whole else None


def digest_of(columns: Columns) -> str:
    """SHA-256 over names, types, lengths and bytes."""
    digest = hashlib.sha256()
    for name in sorted(columns):
        column = np.ascontiguousarray(columns[name])
        digest.update(f"{name} {column.dtype} {len(column)}\n".encode())
        digest.update(column.view(np.uint8).data)
    return digest.hexdigest()


def _fit(columns: Mapping[str, np.ndarray]) -> bool:
    """Whether the columns are all there, of their types, as long as each other, and point at nothing outside."""
    needed = {*_NUMBERS, *_STRINGS, *(f"{name}_offsets" for name in _STRINGS)}
    toned, counted = "tones" in columns, "symbols" in columns
    needed |= {*(_TONES if toned else ()), *(_COUNTS if counted else ())}
    if set(columns) != needed or any(one.ndim != 1 for one in columns.values()):
        return False
    N = len(columns["order"])
    strings = (*_STRINGS, "tone_names") if toned else _STRINGS
    numbers = {**_NUMBERS, **({"tones": np.int32} if toned else {}), **({"symbols": np.int32} if counted else {})}
    tables = {"speakers": "speaker_names", "languages": "language_names", "file": "files"}
    return (
        all(_divides(columns[f"{name}_offsets"], columns[name]) for name in strings)
        and all(len(columns[f"{name}_offsets"]) == N + 1 for name in ("ids", "texts", "hashes"))
        and all(columns[name].dtype == kind and len(columns[name]) == N for name, kind in numbers.items())
        and all(_within(columns[name], 0, len(columns[f"{names}_offsets"]) - 1) for name, names in tables.items())
        and (not toned or _within(columns["tones"], -1, len(columns["tone_names_offsets"]) - 1))
        and (not counted or _within(columns["symbols"], -1, 1 << 31))
        and _within(columns["order"], 0, N)
        and bool((np.bincount(columns["order"], minlength=N) == 1).all())
        and _within(columns["row"], -1, 1 << 62)
        and _within(columns["frames"], 0, 1 << 31)
        and bool(np.isfinite(columns["seconds"]).all() and (columns["seconds"] >= 0).all())
    )


def _divides(offsets: np.ndarray, content: np.ndarray) -> bool:
    if content.dtype != np.uint8 or offsets.dtype != np.int64 or not len(offsets):
        return False
    return bool(offsets[0] == 0 and offsets[-1] == len(content) and (offsets[1:] >= offsets[:-1]).all())


def _within(column: np.ndarray, low: int, end: int) -> bool:
    return not len(column) or bool(low <= int(column.min()) and int(column.max()) < end)
