"""The rows of a dataset: opened as mapped columns, made into a `Row` one at a time."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from valle_core.data.manifest import Manifest
from valle_core.data.record import IndexEntry, Location
from valle_core.plugin import UserError
from valle_core.reading.json_text import loads
from valle_core.reading.place import inside
from valle_data.storage.columns import COLUMNS, Columns, ColumnWriter, Strings, map_columns
from valle_data.storage.damage import REPAIR, damaged
from valle_data.storage.ids import Ids
from valle_data.storage.rows import row_of

INDEX = "index.jsonl"


class Index:
    """Rows by their place 0 … N − 1 in the stored order. Carried into another process it maps the file again.

    Attributes:
        ids: of all rows, in stored order.
        files: sorted names of what the records lie in; with storage `files` as many as rows.
        speaker_names: sorted; `speakers` are places in it.
        language_names: sorted; `languages` are places in it.
        tone_names: sorted; `tones` are places in it, −1 for none.
        order: places sorted by id.
        speakers, languages, tones, seconds, frames: one number per row.
    """

    def __init__(self, columns: Columns, mapped: tuple[Path, str] | None = None) -> None:
        self._columns, self._mapped = columns, mapped
        self.ids, self._texts, self._hashes, self.files = map(self._strings, ("ids", "texts", "hashes", "files"))
        self.speaker_names = tuple(self._strings("speaker_names"))
        self.language_names = tuple(self._strings("language_names"))
        self.order, self.seconds, self.frames = columns["order"], columns["seconds"], columns["frames"]
        self.speakers, self.languages = columns["speakers"], columns["languages"]
        self.tone_names = tuple(self._strings("tone_names")) if "tones" in columns else ()
        self.tones = columns.get("tones", np.full(len(self.order), -1, np.int32))
        self._symbols = columns.get("symbols", np.full(len(self.order), -1, np.int32))

    def __getstate__(self) -> dict[str, Any]:
        return {"mapped": self._mapped, "columns": None if self._mapped else self._columns}

    def __setstate__(self, state: dict[str, Any]) -> None:
        columns = state["columns"] or map_columns(*state["mapped"], again=True)
        if columns is None:
            raise UserError(f"dataset '{state['mapped'][0]}' was changed while it was open. Open it again")
        Index.__init__(self, columns, state["mapped"])

    @property
    def symbols(self) -> Int[np.ndarray, "N"]:
        """Symbols of each row; where it does not say it, as many as its text has bytes, and a half more."""
        return np.where(self._symbols < 0, np.diff(self._columns["texts_offsets"]) * 3 // 2, self._symbols)

    @property
    def stored(self) -> bool:
        """Whether its columns are those of the file."""
        return self._mapped is not None

    def one_by_one(self) -> bool:
        """Whether each record is a file of its own; False too where some are and some are not."""
        return bool((self._columns["row"] < 0).all())

    def in_rows(self) -> bool:
        """Whether each record is a row of a larger file."""
        return bool((self._columns["row"] >= 0).all())

    def __len__(self) -> int:
        return len(self.order)

    def place(self, id: str) -> int | None:
        """Where a row is, or None."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.ids[int(self.order[middle])] < id:
                low = middle + 1
            else:
                high = middle
        place = int(self.order[low]) if low < len(self) else -1
        return place if place >= 0 and self.ids[place] == id else None

    def named(self, places: Int[np.ndarray, "n"], without: int | None = None) -> Ids:
        """The ids at these places but the one at `without` among them."""
        return Ids(self, places, without)

    def row(self, place: int) -> IndexEntry:
        """One row as `index.jsonl` has it."""
        return IndexEntry(
            id=self.ids[place],
            speaker=self.speaker_names[self.speakers[place]],
            language=self.language_names[self.languages[place]],
            text=self._texts[place],
            seconds=float(self.seconds[place]),
            frames=int(self.frames[place]),
            location=self.location(place),
            hash=self._hashes[place],
            tone=self._tone(place),
            symbols=int(self._symbols[place]) if self._symbols[place] >= 0 else None,
        )

    def _tone(self, place: int) -> str | None:
        number = int(self.tones[place])
        return str(self.tone_names[number]) if number >= 0 else None

    def location(self, place: int) -> Location:
        """Where its record lies."""
        file, row = self.files[int(self._columns["file"][place])], int(self._columns["row"][place])
        return file if row < 0 else (file, row)

    def on_disk(self, places: Int[np.ndarray, "n"]) -> Int[np.ndarray, "n"]:
        """The places in the order that reads the disk from front to back."""
        return places[np.lexsort((self._columns["row"][places], self._columns["file"][places]))]

    def _strings(self, name: str) -> Strings:
        return Strings(self._columns[name], self._columns[f"{name}_offsets"])


def index_of(folder: Path, manifest: Manifest) -> Index:
    """The rows of a dataset, which lie as its manifest says. Raises `UserError` where they do not."""
    index = open_index(folder, manifest.index_hash)
    if not (index.one_by_one() if manifest.storage == "files" else index.in_rows()):
        raise damaged(folder / INDEX, ValueError(f"its records do not lie as storage {manifest.storage} does"))
    return index


def open_index(folder: Path, index_hash: str, *, proven: bool = False) -> Index:
    """The rows of an `index.jsonl` of this hash.

    Without usable columns (a dataset of an older valle, or a damaged file) they are made in memory from `index.jsonl`;
    `proven` does so too where an older valle left no digest of them.

    Raises:
        UserError: `index.jsonl` is missing, damaged, or another.
    """
    if hash_index(folder) != index_hash:
        raise UserError(f"dataset '{folder}' is half-written or damaged ({INDEX} is another). {REPAIR}")
    columns = map_columns(folder, index_hash, proven=proven)
    if columns is not None:
        return Index(columns, (Path(folder), index_hash))
    if (folder / COLUMNS).exists() and not proven:
        logging.getLogger(__name__).warning("%s does not fit %s, which is read instead", folder / COLUMNS, INDEX)
    made = ColumnWriter()
    for row in read_rows(folder):
        made.add(row)
    return Index(made.columns())


def hash_index(folder: Path) -> str:
    """SHA-256 of `index.jsonl`."""
    try:
        with inside(folder, INDEX).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise damaged(folder / INDEX, error) from error


def read_rows(folder: Path) -> Iterator[IndexEntry]:
    """The rows of `index.jsonl` in stored order, one at a time. Raises `UserError` for a line that is no row."""
    number = 0
    try:
        with inside(folder, INDEX).open("rb") as file:
            for line in file:
                number += 1
                yield row_of(loads(line))
    except (OSError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise damaged(folder / INDEX, ValueError(f"line {number}: {error.args[-1]}")) from error
