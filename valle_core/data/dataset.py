"""An opened dataset: ids, utterances, speakers, and the pool in which tasks find other audio."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from valle_core.data.manifest import NO_TEXT, Manifest
from valle_core.data.record import IndexEntry, Record
from valle_core.data.storage import Index, Neighbours, Store, open_index, open_store
from valle_core.plugin import UserError
from valle_core.registry.directory import service
from valle_core.text.symbols import SymbolMap, language_index
from valle_core.types import CodecIdentity, Utterance

Part = Literal["all", "train", "held-out"]


_CHUNK = 4096  # records whose places are listed at once


class Dataset:
    """A prepared corpus or a part of it. Reading is lazy; the object may be carried into worker processes.

    Attributes:
        path: its folder.
        codec: whose codes it holds.
        frame_rate: frames per second.
        symbols: numbering of the phonemes in `Utterance.symbols`.
        languages: tags; `Utterance.language` is an index in it.
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        index: Index,
        store: Store,
        *,
        places: Int[np.ndarray, "n"],
        symbols: SymbolMap,
        languages: Sequence[str],
    ) -> None:
        """`places` are the rows of `index` that belong to it, sorted by id."""
        self.path = path
        self.manifest = manifest
        self.codec: CodecIdentity = manifest.codec
        self.frame_rate = manifest.codec.sample_rate / manifest.codec.hop
        self.symbols = symbols
        self.languages = tuple(languages)
        self._index, self._places, self._store = index, places, store
        self._inside = np.zeros(len(index), bool)
        self._inside[places] = True

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_of_speaker"}

    def __len__(self) -> int:
        return len(self._places)

    @property
    def ids(self) -> Sequence[str]:
        """Sorted."""
        return self._index.named(self._places)

    @property
    def durations(self) -> Float[np.ndarray, "n"]:
        """Seconds of each utterance, in the order of `ids`."""
        return self._index.seconds[self._places]

    @property
    def symbol_counts(self) -> Int[np.ndarray, "n"]:
        """Symbols of each utterance's text, in the order of `ids`; a guess for datasets of an older valle."""
        return self._index.symbols[self._places]

    @property
    def speaker_numbers(self) -> Int[np.ndarray, "n"]:
        """Place in `speakers()` of each utterance's speaker, in the order of `ids`."""
        return np.unique(self._index.speakers[self._places], return_inverse=True)[1]

    def spoken(self) -> tuple[tuple[str, ...], Int[np.ndarray, "n"]]:
        """The tags of the index, and the place in them of each utterance's language, in the order of `ids`."""
        return self._index.language_names, self._index.languages[self._places]

    def toned(self) -> tuple[tuple[str, ...], Int[np.ndarray, "n"]]:
        """The tones of the index, and the place in them of each utterance's, −1 for none, in the order of `ids`."""
        return self._index.tone_names, self._index.tones[self._places]

    def row(self, id: str) -> IndexEntry:
        """The index line of an utterance. Raises `UserError` for an unknown id."""
        return self._index.row(self._place(id))

    def rows(self) -> Iterator[IndexEntry]:
        """All index lines in the order of `ids`, made as they are asked for."""
        return (self._index.row(place) for place in self._places.tolist())

    def stored_rows(self) -> Iterator[IndexEntry]:
        """All index lines in the order in which they are stored, made as they are asked for."""
        return (self._index.row(place) for place in np.sort(self._places).tolist())

    def seconds(self, id: str) -> float:
        """Duration of an utterance."""
        return float(self._index.seconds[self._place(id)])

    def record(self, id: str) -> Record:
        """Codes, phonemes and words of an utterance as stored."""
        return self._store.read(id, self._index.location(self._place(id)))

    def records(self) -> Iterator[Record]:
        """All of them in the order that reads the disk from front to back."""
        places = self._index.on_disk(self._places)
        for start in range(0, len(places), _CHUNK):
            chunk = places[start : start + _CHUNK]
            locations = (self._index.location(place) for place in chunk.tolist())
            yield from self._store.read_all(list(zip(self._index.ids.at(chunk), locations, strict=True)))

    def utterance(self, id: str) -> Utterance:
        """One utterance as training sees it."""
        return self._utterance(self.record(id))

    def utterances(self) -> Iterator[Utterance]:
        """All of them in the order that reads the disk from front to back."""
        return (self._utterance(record) for record in self.records())

    def codes(self, id: str) -> Integer[Tensor, "F Q"]:
        """See `Pool.codes`."""
        return self.record(id).codes.long()

    def other(self, speaker: str, exclude: str) -> Sequence[str]:
        """See `Pool.other`."""
        places = self._of_speaker.get(speaker, self._places[:0])
        ids = self._index.named(places)
        at = bisect_left(ids, exclude)
        return self._index.named(places, at) if at < len(ids) and ids[at] == exclude else ids

    def nearest(self, index: Neighbours, id: str, n: int) -> Sequence[str]:
        """The n utterances most similar to one, of those that are in this dataset; see `Pool.similar`."""
        places = index.places(self._place(id), n)
        return self._index.named(places[self._inside[places]][:n])

    def speakers(self) -> tuple[str, ...]:
        """Sorted speaker ids."""
        return tuple(self._of_speaker)

    def part(self, part: Part) -> Dataset:
        """The utterances of one side of the split; speakers and pool are that side's, too."""
        held_out = frozenset(self.manifest.held_out)
        if part == "all":
            return self
        if part not in ("train", "held-out"):
            raise UserError(f"dataset part '{part}' is unknown. Choose all, train or held-out")
        inside = np.fromiter(((id in held_out) == (part == "held-out") for id in self.ids), bool, len(self))
        return self._with(self._places[inside])

    def subset(self, ids: Collection[str]) -> Dataset:
        """The dataset of these ids only."""
        inside = np.zeros(len(self._index), bool)
        inside[np.array([self._place(id) for id in ids], np.int64)] = True
        return self._with(self._places[inside[self._places]])

    def _with(self, places: Int[np.ndarray, "n"]) -> Dataset:
        return Dataset(
            self.path,
            self.manifest,
            self._index,
            self._store,
            places=places,
            symbols=self.symbols,
            languages=self.languages,
        )

    @cached_property
    def _of_speaker(self) -> dict[str, Int[np.ndarray, "n"]]:
        """Places of each speaker's utterances, sorted by id."""
        numbers = self._index.speakers[self._places]
        order = np.argsort(numbers, kind="stable")
        found, starts = np.unique(numbers[order], return_index=True)
        groups = np.split(self._places[order], starts[1:])
        return {self._index.speaker_names[number]: group for number, group in zip(found, groups, strict=True)}

    def _place(self, id: str) -> int:
        place = self._index.place(id)
        if place is None or not self._inside[place]:
            raise UserError(f"utterance '{id}' is not in dataset '{self.path}'. Use one of its ids")
        return place

    def _utterance(self, record: Record) -> Utterance:
        row = self.row(record.id)
        return Utterance(
            id=row.id,
            speaker=row.speaker,
            language=language_index(self.languages, row.language),
            symbols=torch.tensor(self.symbols.indices(record.phonemes), dtype=torch.long),
            codes=record.codes.long(),
            times=torch.tensor(record.times) * (self.frame_rate / 1000) if record.times else None,
            written=row.text,
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
    manifest: Manifest = service("manifest", f"dataset '{path}' has a dataset.json")(path)
    if not manifest.complete:
        raise UserError(f"dataset '{path}' is half-written. Finish it: run the same `valle prepare` again")
    index = open_index(path, manifest)
    for language in manifest.languages if languages is not None else ():
        language_index(languages or (), language)
    dataset = Dataset(
        path,
        manifest,
        index,
        open_store(manifest.storage, path),
        places=index.order,
        symbols=symbols or manifest.symbols,
        languages=languages if languages is not None else manifest.languages,
    )
    return dataset.part(part)


def refuse_noise(dataset: Dataset) -> None:
    """Raises `UserError` where a set of noise is to be trained on."""
    if dataset.manifest.frontend == NO_TEXT:
        raise UserError(
            f"'{dataset.path}' holds noise without text. Train on a dataset of speech, with --data.noise {dataset.path}"
        )
