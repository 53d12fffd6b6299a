"""What became of each recording of a part: `parts/{number}.jsonl`, written once the part's data is on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valle_core.data.record import IndexEntry
from valle_core.files import write_text
from valle_core.plugin import UserError
from valle_core.reading.json_text import loads, read_bytes
from valle_core.reading.kinds import check_kinds
from valle_data.preparation.plan import PARTS, Plan
from valle_data.preparation.recordings import Rejection
from valle_data.preparation.treatment import Treatment
from valle_data.storage.facts import row_json
from valle_data.storage.rows import row_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a recording.

    Attributes:
        id: of the recording.
        stamp: state of its files when it was read.
        row: its line of the index, or None where it was rejected.
        rejection: why it was rejected, or None.
        treatment: what was done to its audio, or None.
        owner: the source that brought it, in a finished dataset; "" where that is not known.
    """

    id: str
    stamp: str
    row: IndexEntry | None = None
    rejection: Rejection | None = None
    treatment: Treatment | None = None
    owner: str = ""

    def source(self) -> dict[str, Any]:
        """Its line of `sources.jsonl`."""
        rejection = self.rejection
        line: dict[str, Any] = {
            "id": self.id,
            "stamp": self.stamp,
            "reason": rejection.reason if rejection else None,
            "detail": rejection.detail if rejection else None,
        }
        if rejection and rejection.measured is not None:
            line["measured"] = rejection.measured
        if self.treatment:
            line["treatment"] = self.treatment.to_json()
        if self.owner:
            line["source"] = self.owner
        return line


class Journal:
    """The parts of a plan that are done, whoever did them. Nothing of them stays in memory."""

    def __init__(self, out: Path, plan: Plan) -> None:
        self.plan = plan
        self._folder, self._digest = out / PARTS, plan.digest()

    def done(self, number: int) -> bool:
        """Whether a part was made.

        Raises:
            UserError: its file is damaged.
        """
        return self._lines(number) is not None

    def missing(self, numbers: Iterable[int]) -> list[int]:
        """Those of the parts that nobody made yet."""
        return [number for number in numbers if not self.done(number)]

    def commit(self, number: int, outcomes: Iterable[Outcome], symbols: Iterable[str]) -> None:
        """Remember a part whose data is on disk."""
        lines = [
            {**outcome.source(), "row": row_json(outcome.row) if outcome.row else None}
            for outcome in sorted(outcomes, key=lambda outcome: outcome.id)
        ]
        body = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        facts = {"plan": self._digest, "symbols": sorted(set(symbols)), "hash": _hash(body.encode())}
        write_text(self._path(number), json.dumps(facts, ensure_ascii=False) + "\n" + body)

    def outcomes(self) -> Iterator[Outcome]:
        """Of all parts, sorted by id, read as they are asked for. Raises `UserError` where a part is missing."""
        for number in self.plan.numbers:
            for line in self._read(number)[1].splitlines():
                try:
                    outcome = _outcome(line)
                except (ValueError, KeyError, TypeError) as error:
                    raise self._damaged(number, error) from error
                yield outcome

    def outcomes_made(self) -> Iterator[Outcome]:
        """Of the parts that are made so far."""
        bodies = [lines[1] for number in self.plan.numbers if (lines := self._lines(number)) is not None]
        return (_outcome(line) for body in bodies for line in body.splitlines())

    def symbols(self) -> set[str]:
        """Phonemes seen in all parts."""
        return {symbol for number in self.plan.numbers for symbol in self._read(number)[0]["symbols"]}

    def _read(self, number: int) -> tuple[dict[str, Any], bytes]:
        lines = self._lines(number)
        if lines is None:
            raise UserError(f"'{self._path(number)}' is gone. Run the same command again: it is made anew")
        return lines

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.jsonl"

    def _lines(self, number: int) -> tuple[dict[str, Any], bytes] | None:
        """Facts and outcomes of a part, or None where nobody made it."""
        path = self._path(number)
        try:
            first, _, body = read_bytes(path).partition(b"\n")
            facts = loads(first)
            check_kinds(facts, {"plan": str, "hash": str, "symbols": (str,)})
            if facts["plan"] != self._digest:
                return None  # left by another plan; it is made anew
            if facts["hash"] != _hash(body):
                raise ValueError("its hash is another")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._damaged(number, error) from error
        return facts, body

    def _damaged(self, number: int, error: Exception) -> UserError:
        return UserError(
            f"'{self._path(number)}' is damaged ({error!r}). Remove it and run the same command again: "
            "this part is made anew"
        )


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


def _outcome(line: bytes) -> Outcome:
    stored = loads(line)
    check_kinds(stored, {})
    return source_outcome(stored, row_of(stored["row"]) if stored["row"] else None)


def source_outcome(line: dict[str, Any], row: IndexEntry | None) -> Outcome:
    """The outcome of a line of `sources.jsonl` and, where it became an utterance, its row."""
    check_kinds(line, {"id": str, "stamp": str})
    if line["reason"] is None:
        treatment = Treatment.from_json(line["treatment"]) if "treatment" in line else None
        return Outcome(id=line["id"], stamp=line["stamp"], row=row, treatment=treatment)
    check_kinds(line, {"reason": str, "detail": str, "measured": float}, ("measured",))
    measured = line.get("measured")
    rejection = Rejection(id=line["id"], reason=line["reason"], detail=line["detail"], measured=measured)
    return Outcome(id=line["id"], stamp=line["stamp"], rejection=rejection)
