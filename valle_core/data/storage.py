"""The ways records lie on disk, behind one function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, Protocol, cast

import numpy as np
from jaxtyping import Int, Integer
from torch import Tensor

from valle_core.data.options import StorageName
from valle_core.data.record import Location, Record
from valle_core.plugin import UserError
from valle_core.registry.loading import load
from valle_core.registry.scan import STORAGE, scan


class Store(Protocol):
    """Reads records of one dataset."""

    def read(self, id: str, location: Location) -> Record:
        """The record, or `UserError` where it is missing or damaged."""
        ...

    def read_all(self, items: Sequence[tuple[str, Location]]) -> Iterator[Record]:
        """Many records in the order that reads the disk from front to back."""
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
    """A reader. Safe to carry into worker processes.

    Readers are announced in the entry points of `valle.storage`.

    Raises:
        UserError: nobody here reads it.
    """
    return cast(Callable[[Path], Store], reader_of(storage, f"dataset '{folder}' is stored as {storage}"))(folder)


def reader_of(name: str, what: str) -> Any:
    """What another distribution announces in `valle.storage` under this name; `what` begins the error."""
    for found in scan().found:
        if (found.group, found.name) == (STORAGE, name):
            return load(found.value)
    raise UserError(
        f"{what}. That needs valle-data, which is not installed. "
        "Install it with: pip install ./plugins/valle-{data,kit,language,testing} (in a checkout of valle)"
    )
