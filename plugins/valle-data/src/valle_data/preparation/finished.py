"""What a finished dataset knows of every recording that was tried: `sources.jsonl` beside its index."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from valle_core.files import write_json
from valle_core.plugin import UserError
from valle_core.reading.json_text import loads, read_json
from valle_core.reading.kinds import check_kinds
from valle_data.preparation.journal import Outcome, source_outcome
from valle_data.preparation.recordings import Recording, Rejection
from valle_data.preparation.treatment import Treatment
from valle_data.storage.columns import map_columns
from valle_data.storage.damage import Damaged, damaged
from valle_data.storage.index import INDEX, Index, hash_index, open_index
from valle_data.storage.manifest import MANIFEST, read_manifest

SOURCES = "sources.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """The recordings of the last finished dataset; the rows stay in the mapped index.

    Attributes:
        stamps: of every recording tried, in the order of their ids.
        rejections: of those that were left out.
        treatments: of the others, as far as anything was done to their audio.
        index: rows of the others; None before the first dataset.
        symbols: phonemes of all records, where they were read.
        sources: which source brought a recording, as far as it was written down.
    """

    stamps: dict[str, str] = field(default_factory=dict)
    rejections: dict[str, Rejection] = field(default_factory=dict)
    treatments: dict[str, Treatment] = field(default_factory=dict)
    index: Index | None = None
    symbols: frozenset[str] = frozenset()
    sources: dict[str, str] = field(default_factory=dict)

    def lacking(self, recordings: Iterable[Recording]) -> list[str]:
        """Ids that are new or whose files have changed."""
        return [one.id for one in recordings if self.stamps.get(one.id) != one.stamp()]

    def utterances(self, without: Collection[str]) -> Iterator[str]:
        """Ids that have a row, sorted."""
        return (id for id in self.stamps if id not in self.rejections and id not in without)

    def outcomes(self, present: Collection[str], without: Collection[str]) -> Iterator[Outcome]:
        """Of the recordings that are `present` still and not `without`, sorted by id; rows are made on the way."""
        index, place = self.index, 0
        for id, stamp in self.stamps.items():
            if id in self.rejections:
                row = None
            else:
                assert index is not None
                while index.ids[int(index.order[place])] != id:
                    place += 1
                row = index.row(int(index.order[place]))
            if id in present and id not in without:
                rejection, treatment = self.rejections.get(id), self.treatments.get(id)
                yield Outcome(id=id, stamp=stamp, row=row, rejection=rejection, treatment=treatment)


def read_finished(out: Path) -> Finished:
    """What is known; nothing where no dataset was finished.

    Raises:
        UserError: one of the two files is damaged.
    """
    path = out / SOURCES
    if not path.exists():
        return Finished()
    try:
        index = open_index(out, hash_index(out), proven=True) if (out / INDEX).exists() else None
        rows = set(index.ids) if index is not None else set[str]()
        stamps: dict[str, str] = {}
        rejections: dict[str, Rejection] = {}
        treatments: dict[str, Treatment] = {}
        sources: dict[str, str] = {}
        with path.open("rb") as file:
            for text in file:
                line = loads(text)
                check_kinds(line, {"id": str, "stamp": str})
                id, reason = line["id"], line["reason"]
                if reason is None and id not in rows:
                    continue  # killed between the two files: its part is there still, or it is made anew
                outcome = source_outcome(line, None)
                if outcome.rejection:
                    rejections[id] = outcome.rejection
                if outcome.treatment:
                    treatments[id] = outcome.treatment
                stamps[id] = line["stamp"]
                if source := line.get("source"):
                    sources[id] = sys.intern(str(source))
    except (UserError, OSError, ValueError, KeyError, TypeError) as error:
        found = str(error if isinstance(error, Damaged) else damaged(path, error))
        raise UserError(f"{found}, or remove '{path}' and run the same command again: all is prepared anew") from error
    return Finished(stamps=stamps, rejections=rejections, treatments=treatments, index=index, sources=sources)


def next_shard(finished: Finished) -> int:
    """The lowest number that no shard of the dataset has."""
    numbers = [-1]
    for file in finished.index.files if finished.index is not None else ():
        folder, _, name = file.partition("/")
        if folder == "shards" and Path(name).stem.isdecimal():
            numbers.append(int(Path(name).stem))
    return max(numbers) + 1


def is_current(out: Path, held_out: tuple[str, ...]) -> bool:
    """Whether `dataset.json` fits the index beside it and the split asked for."""
    if not all((out / name).exists() for name in (MANIFEST, INDEX)):
        return False
    manifest = read_manifest(out)
    fits = hash_index(out) == manifest.index_hash and map_columns(out, manifest.index_hash) is not None
    return manifest.complete and fits and manifest.held_out == held_out


def reopen(out: Path) -> None:
    """Mark a finished dataset as half-written before its utterances are replaced."""
    if (out / MANIFEST).exists():
        stored = read_json(out / MANIFEST)
        write_json(out / MANIFEST, {**stored, "complete": False})
