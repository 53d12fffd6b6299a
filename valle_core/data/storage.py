"""The ways records lie on disk, behind one function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Protocol, cast

import numpy as np
from jaxtyping import Float, Int, Integer
from torch import Tensor

from valle_core.data.manifest import Manifest
from valle_core.data.options import StorageName
from valle_core.data.record import IndexEntry, Location, Record
from valle_core.registry.directory import service


class Store(Protocol):
    """Reads records of one dataset."""

    def read(self, id: str, location: Location) -> Record:
        """The record, or `UserError` where it is missing or damaged."""
        ...

    def read_all(self, items: Sequence[tuple[str, Location]]) -> Iterator[Record]:
        """Many records in the order that reads the disk from front to back."""
        ...


class Strings(Protocol):
    """Many strings, each made when it is asked for."""

    def __getitem__(self, place: int) -> str: ...
    def at(self, places: Int[np.ndarray, "n"]) -> Iterator[str]:
        """The strings at these places, in their order."""
        ...


class Index(Protocol):
    """Rows by their place 0 … N − 1 in the stored order. It may be carried into worker processes.

    Attributes:
        ids: of all rows, in stored order.
        order: places sorted by id.
        speaker_names, language_names, tone_names: sorted.
        speakers, languages, tones: for each row its place among those names, −1 for no tone.
        seconds: of each row.
        symbols: of each row's text, guessed where an older valle wrote it.
    """

    ids: Strings
    order: Int[np.ndarray, "N"]
    speaker_names: tuple[str, ...]
    language_names: tuple[str, ...]
    tone_names: tuple[str, ...]
    speakers: Int[np.ndarray, "N"]
    languages: Int[np.ndarray, "N"]
    tones: Int[np.ndarray, "N"]
    seconds: Float[np.ndarray, "N"]
    symbols: Int[np.ndarray, "N"]

    def __len__(self) -> int: ...
    def place(self, id: str) -> int | None:
        """Where a row is, or None."""
        ...

    def named(self, places: Int[np.ndarray, "n"], without: int | None = None) -> Sequence[str]:
        """The ids at these places but the one at `without` among them, each decoded when it is asked for."""
        ...

    def row(self, place: int) -> IndexEntry:
        """One row as `index.jsonl` has it."""
        ...

    def location(self, place: int) -> Location:
        """Where its record lies."""
        ...

    def on_disk(self, places: Int[np.ndarray, "n"]) -> Int[np.ndarray, "n"]:
        """The places in the order that reads the disk from front to back."""
        ...


class Neighbours(Protocol):
    """An index of similar utterances, as `valle data similar` makes it."""

    def places(self, place: int, n: int) -> Int[np.ndarray, "k"]:
        """Places of the utterances most similar to the one at `place`, at least n of them where there are as many."""
        ...


class Noise(Protocol):
    """A set of noise, as `valle prepare-noise` makes it."""

    @property
    def hash(self) -> str:
        """Equal for equal noise sets."""
        ...

    def noise(self, frames: int, rng: Random, *, label: str | None = None) -> Integer[Tensor, "F Q"]:
        """See `Pool.noise`."""
        ...


Pair = tuple[Integer[Tensor, "F Q"], Integer[Tensor, "G Q"], float]
"""a, b and decibels, as `Pool.mix` takes them."""


class Mixes(Protocol):
    """What mixes sounds that are given as codes."""

    def mix_all(self, pairs: Sequence[Pair]) -> Sequence[Integer[Tensor, "F Q"]]:
        """See `Pool.mix_all`."""
        ...


def open_store(storage: StorageName, folder: Path) -> Store:
    """A reader. Safe to carry into worker processes. Raises `UserError` where nobody here reads it."""
    return cast(Callable[[Path], Store], service(storage, f"dataset '{folder}' is stored as {storage}"))(folder)


def open_index(folder: Path, manifest: Manifest) -> Index:
    """The rows of a dataset. Raises `UserError` where they are missing, damaged or others, or nobody reads them."""
    return cast(Index, service("index", f"dataset '{folder}' has an index")(folder, manifest))
