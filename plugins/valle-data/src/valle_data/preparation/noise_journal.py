"""What a preparation of noise has done so far: one outcome per recording, with a row for each of its pieces."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valle_core.data.index import INDEX, read_rows
from valle_core.data.record import Row
from valle_core.files import write_text
from valle_core.plugin import UserError
from valle_core.reading.json_text import loads, read_bytes
from valle_core.reading.kinds import check_kinds
from valle_data.preparation.recordings import Rejection
from valle_data.storage.facts import row_json

SOURCES, PARTS = "sources.jsonl", "parts"


@dataclass(frozen=True, kw_only=True, slots=True)
class NoiseOutcome:
    """What became of a recording.

    Attributes:
        id: of the recording.
        stamp: state of its file when it was read.
        rows: lines of the index, one per piece.
        rejections: why it, or a piece of it, was left out.
    """

    id: str
    stamp: str
    rows: tuple[Row, ...] = ()
    rejections: tuple[Rejection, ...] = ()

    def to_json(self, *, whole: bool) -> dict[str, Any]:
        """As it is stored: with whole rows in a part, with their ids where the index has them."""
        return {
            "id": self.id,
            "stamp": self.stamp,
            "rows": [row_json(row) if whole else row.id for row in self.rows],
            "rejections": [{"id": one.id, "reason": one.reason, "detail": one.detail} for one in self.rejections],
        }


class NoiseJournal:
    """Outcomes by recording: of the finished set (`sources.jsonl`, `index.jsonl`), then of the parts since.

    Attributes:
        outcomes: of all recordings tried.
        pending: parts that no finished set contains yet.
        next_part: number of the part to write next.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.outcomes: dict[str, NoiseOutcome] = {}
        if (folder / SOURCES).exists() and (folder / INDEX).exists():
            rows = {row.id: row for row in read_rows(folder)}
            self._load(folder / SOURCES, rows)
        self.pending = sorted((folder / PARTS).glob("*.jsonl"))
        for path in self.pending:
            self._load(path, {})
        used = [int(path.stem) for path in self.pending]
        used += [number for one in self.outcomes.values() for number in map(_shard_of, one.rows)]
        self.next_part = max(used, default=-1) + 1

    def commit(self, outcomes: Sequence[NoiseOutcome]) -> None:
        """Remember a part whose data is on disk."""
        _write(self._folder / PARTS / f"{self.next_part:06d}.jsonl", (one.to_json(whole=True) for one in outcomes))
        self.outcomes.update({one.id: one for one in outcomes})
        self.next_part += 1

    def write_sources(self) -> None:
        """Replace `sources.jsonl` by the outcomes."""
        _write(self._folder / SOURCES, (self.outcomes[id].to_json(whole=False) for id in sorted(self.outcomes)))

    def forget_parts(self) -> None:
        """Remove the parts once the set's own files hold what they say."""
        shutil.rmtree(self._folder / PARTS, ignore_errors=True)

    def _load(self, path: Path, rows: Mapping[str, Row]) -> None:
        try:
            for line in read_bytes(path).splitlines():
                stored = loads(line)
                check_kinds(stored, {"id": str, "stamp": str, "rows": (object,), "rejections": (dict,)})
                found = [rows.get(row) if isinstance(row, str) else Row.from_json(row) for row in stored["rows"]]
                if all(found):  # else the index lost it, and it is read again
                    self.outcomes[stored["id"]] = NoiseOutcome(
                        id=stored["id"],
                        stamp=stored["stamp"],
                        rows=tuple(row for row in found if row),
                        rejections=tuple(Rejection(**one) for one in stored["rejections"]),
                    )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"'{path}' is damaged ({error!r}). Remove the folder '{self._folder}' and run the same command again"
            ) from error


def _shard_of(row: Row) -> int:
    stem = "" if isinstance(row.location, str) else Path(row.location[0]).stem
    return int(stem) if stem.isdecimal() else -1


def _write(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    write_text(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
