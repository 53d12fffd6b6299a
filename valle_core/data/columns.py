"""The index as columns: strings end to end with offsets, numbers side by side; as a file it is mapped, not read."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from valle_core.data.record import Row
from valle_core.files import replacing

COLUMNS = "index.safetensors"
VERSION = 1
"""Of the file; one of another version is not used, because `index.jsonl` says the same."""

Columns = dict[str, np.ndarray]
"""Strings `x` are `x` (UTF-8) and `x_offsets` [N + 1]; the columns are those that `ColumnWriter.columns` makes."""

_TONES = ("tones", "tone_names", "tone_names_offsets")
"""Only in a dataset that has tones: −1 or the place of a row's tone among the sorted names."""

_STRINGS = ("ids", "texts", "hashes", "speaker_names", "language_names", "files")
_NUMBERS = ("order", "speakers", "languages", "file", "row", "seconds", "frames")
_CHUNK = 1 << 16


class Strings(Sequence[str]):
    """Many strings in one array of bytes; each is decoded when it is asked for."""

    def __init__(self, content: UInt8[np.ndarray, "n"], offsets: Int[np.ndarray, "N_plus_1"]) -> None:
        self._content, self._offsets = content, offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, place):  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._content[self._offsets[place] : self._offsets[place + 1]].tobytes().decode()

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
                yield content[begin - low : end - low].decode()


class ColumnWriter:
    """Collects rows as columns; holds no `Row`."""

    def __init__(self) -> None:
        self._strings = {name: (bytearray(), array("q", [0])) for name in ("ids", "texts", "hashes")}
        self._named: dict[str, tuple[dict[str, int], array[int]]] = {
            name: ({}, array("i")) for name in ("speakers", "languages", "file")
        }
        self._row, self._frames, self._seconds = array("q"), array("i"), array("d")
        self._tones: tuple[dict[str, int], array[int]] = ({}, array("i"))
        self._last, self._sorted = "", True

    def add(self, row: Row) -> None:
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
        self._row.append(number)
        self._frames.append(row.frames)
        self._seconds.append(row.seconds)

    def columns(self) -> Columns:
        """`order` holds the rows' places sorted by id; `speakers`, `languages`, `file` number sorted names;
        `row` is −1 where the location is a file of its own."""
        columns: Columns = {}
        for name, (content, offsets) in self._strings.items():
            columns |= {name: np.frombuffer(bytes(content), np.uint8), f"{name}_offsets": np.array(offsets)}
        for name, table in (("speakers", "speaker_names"), ("languages", "language_names"), ("file", "files")):
            columns |= _numbered(name, table, *self._named[name])
        if self._tones[0]:
            columns |= _numbered("tones", "tone_names", *self._tones)
        columns |= {"row": np.array(self._row), "frames": np.array(self._frames), "seconds": np.array(self._seconds)}
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


def write_columns(folder: Path, columns: Columns, index_hash: str) -> None:
    """Replace `index.safetensors`; it belongs to the `index.jsonl` of this hash."""
    tensors = {name: torch.from_numpy(np.array(column)) for name, column in columns.items()}
    with replacing(folder / COLUMNS) as temporary:
        temporary.write_bytes(save(tensors, {"valle": json.dumps({"version": VERSION, "index_hash": index_hash})}))


def map_columns(folder: Path, index_hash: str) -> Columns | None:
    """The columns of the `index.jsonl` with this hash, mapped; None where the file is missing, of another index,
    of another version, or damaged."""
    try:
        file = safe_open(folder / COLUMNS, framework="pt")
        stored = json.loads((file.metadata() or {}).get("valle", "{}"))
        if stored != {"version": VERSION, "index_hash": index_hash}:
            return None
        tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError):
        return None
    columns = {name: tensor.numpy() for name, tensor in tensors.items()}
    return columns if _fit(columns) else None


def _fit(columns: Mapping[str, np.ndarray]) -> bool:
    """Whether the columns are all there and as long as each other."""
    needed = {*_NUMBERS, *_STRINGS, *(f"{name}_offsets" for name in _STRINGS)}
    toned = "tones" in columns
    if set(columns) != (needed | {*_TONES} if toned else needed):
        return False
    N = len(columns["order"])
    strings = (*_STRINGS, "tone_names") if toned else _STRINGS
    whole = all(columns[f"{name}_offsets"][-1:].tolist() == [len(columns[name])] for name in strings)
    rows = all(len(columns[f"{name}_offsets"]) == N + 1 for name in ("ids", "texts", "hashes"))
    return whole and rows and all(len(columns[name]) == N for name in (*_NUMBERS, *(["tones"] if toned else [])))
