"""What a preparation has done so far, so that a killed one goes on and a finished one does nothing.

Each part of the work leaves `parts/{number}.jsonl` after its data; a finished dataset has the same knowledge in
`sources.jsonl` (every recording tried), `index.jsonl` (those that became utterances) and `dataset.json`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valle_core.data.index import INDEX, read_rows
from valle_core.data.record import Row
from valle_core.files import write_text
from valle_core.plugin import UserError
from valle_core.preparation.recordings import Rejection
from valle_core.preparation.treatment import Treatment

SOURCES, PARTS = "sources.jsonl", "parts"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a recording.

    Attributes:
        id: of the recording.
        stamp: state of its files when it was read.
        row: its line of the index, or None where it was rejected.
        rejection: why it was rejected, or None.
        treatment: what was done to its audio, or None for nothing.
    """

    id: str
    stamp: str
    row: Row | None = None
    rejection: Rejection | None = None
    treatment: Treatment | None = None


class Journal:
    """The outcomes known so far, and the symbols seen in parts that are not in `dataset.json` yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.outcomes: dict[str, Outcome] = {}
        self.symbols: set[str] = set()
        self._load_finished()
        self.pending = sorted((folder / PARTS).glob("*.jsonl"))
        for path in self.pending:
            self._load_part(path)
        used = [int(path.stem) for path in self.pending]
        used += [_shard_number(outcome.row) for outcome in self.outcomes.values() if outcome.row]
        self._next = max(used, default=-1) + 1

    @property
    def next_part(self) -> int:
        """Number of the part to write next."""
        return self._next

    def commit(self, outcomes: Sequence[Outcome], symbols: Iterable[str]) -> None:
        """Remember a part whose data is on disk."""
        symbols = sorted(set(symbols))
        lines: list[dict[str, Any]] = [{"symbols": symbols}]
        for outcome in outcomes:
            lines.append({**_source(outcome), "row": outcome.row.to_json() if outcome.row else None})
        write_text(self._folder / PARTS / f"{self._next:06d}.jsonl", _jsonl(lines))
        self.outcomes.update({outcome.id: outcome for outcome in outcomes})
        self.symbols.update(symbols)
        self._next += 1

    def write_sources(self) -> None:
        """Replace `sources.jsonl` by the outcomes."""
        lines = [_source(self.outcomes[id]) for id in sorted(self.outcomes)]
        write_text(self._folder / SOURCES, _jsonl(lines))

    def forget_parts(self) -> None:
        """Remove the parts once the dataset's own files hold what they say."""
        shutil.rmtree(self._folder / PARTS, ignore_errors=True)

    def _load_finished(self) -> None:
        if not (self._folder / SOURCES).exists():
            return
        rows = {row.id: row for row in read_rows(self._folder)} if (self._folder / INDEX).exists() else {}
        for line in _read_jsonl(self._folder / SOURCES):
            outcome = _outcome(line, rows.get(line["id"]))
            if outcome.row or outcome.rejection:
                self.outcomes[outcome.id] = outcome

    def _load_part(self, path: Path) -> None:
        header, *lines = _read_jsonl(path)
        self.symbols.update(header["symbols"])
        for line in lines:
            self.outcomes[line["id"]] = _outcome(line, Row.from_json(line["row"]) if line["row"] else None)


def _shard_number(row: Row) -> int:
    """Of the shard a row lies in; −1 where it lies in a file of its own or in the HDF5 file."""
    shard = "" if isinstance(row.location, str) else Path(row.location[0]).stem
    return int(shard) if shard.isdecimal() else -1


def _source(outcome: Outcome) -> dict[str, Any]:
    rejection = outcome.rejection
    line: dict[str, Any] = {
        "id": outcome.id,
        "stamp": outcome.stamp,
        "reason": rejection.reason if rejection else None,
        "detail": rejection.detail if rejection else None,
    }
    if rejection and rejection.measured is not None:
        line["measured"] = rejection.measured
    if outcome.treatment:
        line["treatment"] = outcome.treatment.to_json()
    return line


def _outcome(line: dict[str, Any], row: Row | None) -> Outcome:
    if line["reason"] is None:
        treatment = Treatment(**line["treatment"]) if "treatment" in line else None
        return Outcome(id=line["id"], stamp=line["stamp"], row=row, treatment=treatment)
    measured = line.get("measured")
    rejection = Rejection(id=line["id"], reason=line["reason"], detail=line["detail"], measured=measured)
    return Outcome(id=line["id"], stamp=line["stamp"], rejection=rejection)


def _jsonl(lines: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _read_jsonl(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_bytes().splitlines()]
    except (OSError, ValueError) as error:
        raise UserError(f"'{path}' is damaged ({error}). Remove its folder and prepare again") from error
