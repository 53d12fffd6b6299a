"""An opened dataset: ids, utterances, speakers, and the pool in which tasks find other audio."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from valle_core.data.manifest import Manifest, read_index, read_manifest
from valle_core.data.record import Record, Row
from valle_core.data.storage import Store, open_store
from valle_core.plugin import UserError
from valle_core.text.symbols import SymbolMap, language_index
from valle_core.types import CodecIdentity, Utterance

Part = Literal["all", "train", "held-out"]


class Dataset:
    """A prepared corpus or a part of it. Reading is lazy; the object may be carried into worker processes.

    Attributes:
        path: its folder.
        codec: whose codes it holds.
        frame_rate: frames per second.
        symbols: numbering of the phonemes in `Utterance.symbols`.
        languages: tags; `Utterance.language` is an index in it.
        ids: sorted.
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        rows: Mapping[str, Row],
        store: Store,
        *,
        symbols: SymbolMap,
        languages: Sequence[str],
    ) -> None:
        self.path = path
        self.manifest = manifest
        self.codec: CodecIdentity = manifest.codec
        self.frame_rate = manifest.codec.sample_rate / manifest.codec.hop
        self.symbols = symbols
        self.languages = tuple(languages)
        self.ids = tuple(sorted(rows))
        self._rows = rows
        self._store = store

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, id: str) -> Row:
        """The index line of an utterance. Raises `UserError` for an unknown id."""
        if id not in self._rows:
            raise UserError(f"utterance '{id}' is not in dataset '{self.path}'. Use one of its ids")
        return self._rows[id]

    def seconds(self, id: str) -> float:
        """Duration of an utterance."""
        return self.row(id).seconds

    def record(self, id: str) -> Record:
        """Codes, phonemes and words of an utterance as stored."""
        return self._store.read(id, self.row(id).location)

    def utterance(self, id: str) -> Utterance:
        """One utterance as training sees it."""
        return self._utterance(self.record(id))

    def utterances(self) -> Iterator[Utterance]:
        """All of them in the order that reads the disk from front to back."""
        items = [(id, self._rows[id].location) for id in self.ids]
        return (self._utterance(record) for record in self._store.read_all(items))

    def codes(self, id: str) -> Int[Tensor, "F Q"]:
        """See `Pool.codes`."""
        return self.record(id).codes.long()

    def other(self, speaker: str, exclude: str) -> Sequence[str]:
        """See `Pool.other`."""
        return [id for id in self.by_speaker.get(speaker, ()) if id != exclude]

    @cached_property
    def by_speaker(self) -> Mapping[str, tuple[str, ...]]:
        """Sorted ids of each speaker, the speakers sorted."""
        speakers: dict[str, list[str]] = {}
        for id in self.ids:
            speakers.setdefault(self._rows[id].speaker, []).append(id)
        return {speaker: tuple(speakers[speaker]) for speaker in sorted(speakers)}

    def speakers(self) -> tuple[str, ...]:
        """Sorted speaker ids."""
        return tuple(self.by_speaker)

    def part(self, part: Part) -> Dataset:
        """The utterances of one side of the split; speakers and pool are that side's, too."""
        held_out = frozenset(self.manifest.held_out)
        if part == "all":
            return self
        if part not in ("train", "held-out"):
            raise UserError(f"dataset part '{part}' is unknown. Choose all, train or held-out")
        return self.subset([id for id in self.ids if (id in held_out) == (part == "held-out")])

    def subset(self, ids: Collection[str]) -> Dataset:
        """The dataset of these ids only."""
        rows = {id: self.row(id) for id in ids}
        return Dataset(self.path, self.manifest, rows, self._store, symbols=self.symbols, languages=self.languages)

    def unknown_symbols(self) -> Counter[str]:
        """How often each phoneme of the data is missing from `symbols` (reads every record)."""
        items = [(id, self._rows[id].location) for id in self.ids]
        counts: Counter[str] = Counter()
        for record in self._store.read_all(items):
            counts.update(self.symbols.unknown(record.phonemes))
        return counts

    def _utterance(self, record: Record) -> Utterance:
        row = self._rows[record.id]
        return Utterance(
            id=row.id,
            speaker=row.speaker,
            language=language_index(self.languages, row.language),
            symbols=torch.tensor(self.symbols.indices(record.phonemes), dtype=torch.long),
            codes=record.codes.long(),
        )


def open_dataset(
    path: Path,
    *,
    part: Part = "all",
    symbols: SymbolMap | None = None,
    languages: Sequence[str] | None = None,
) -> Dataset:
    """Open a folder that `valle prepare` made, whatever its storage.

    `symbols` and `languages` replace the dataset's own, to go on with a checkpoint's numbering.

    Raises:
        UserError: no dataset, a half-written one, an unknown format, or a language missing from `languages`.
    """
    path = Path(path)
    manifest = read_manifest(path)
    if not manifest.complete:
        raise UserError(f"dataset '{path}' is half-written. Finish it: run the same `valle prepare` again")
    rows = {row.id: row for row in read_index(path, index_hash=manifest.index_hash)}
    for language in manifest.languages if languages is not None else ():
        language_index(languages or (), language)
    dataset = Dataset(
        path,
        manifest,
        rows,
        open_store(manifest.storage, path),
        symbols=symbols or manifest.symbols,
        languages=languages if languages is not None else manifest.languages,
    )
    return dataset.part(part)
