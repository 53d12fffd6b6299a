"""The index of similar utterances: a file beside a dataset's own, made by `valle data similar`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int
from torch import Tensor

from valle_core.data.manifest import Manifest
from valle_core.plugin import UserError
from valle_core.reading.json_text import loads
from valle_core.reading.kinds import Kind, check_kinds
from valle_core.reading.place import inside
from valle_core.reading.tensors import map_tensors

VERSION = 1
FILES = {False: "similar.safetensors", True: "similar-across.safetensors"}
"""Name of the file, by whether neighbours are of any speaker."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SimilarFacts:
    """What an index was made of.

    Attributes:
        by: what was compared, e.g. `codec`.
        across: whether neighbours are of any speaker.
        neighbours: K, how many each utterance has at most.
        belongs_to: equal for equal rows and an equal split of a dataset; see `mark_of`.
        version: of the file.
    """

    by: str
    across: bool
    neighbours: int
    belongs_to: str
    version: int = VERSION


def mark_of(manifest: Manifest) -> str:
    """The dataset that an index belongs to: its rows and what training never sees of them."""
    held_out = "\n".join(manifest.held_out)
    return hashlib.sha256(f"{manifest.index_hash}\n{held_out}".encode()).hexdigest()[:16]


def command(path: Path, *, across: bool) -> str:
    """What makes the index."""
    return f"valle data similar {path}{' --across' if across else ''}"


class SimilarIndex:
    """The most similar utterances of each, by place in the stored order of the dataset.

    Attributes:
        facts: how it was made.
        path: of the dataset.
    """

    def __init__(self, path: Path, facts: SimilarFacts, places: Int[np.ndarray, "N K"]) -> None:
        self.path, self.facts, self._places = path, facts, places

    def places(self, place: int, n: int) -> Int[np.ndarray, "k"]:
        """Places of the utterances most similar to the one at `place`, at least n of them where there are as many.

        Raises `UserError` for an n outside 1 … K.
        """
        if not 1 <= n <= self.facts.neighbours:
            raise UserError(
                f"{n} similar utterances are asked for, the index of '{self.path}' has up to {self.facts.neighbours}. "
                f"Ask for fewer, or: {command(self.path, across=self.facts.across)} --neighbours {max(n, 1)}"
            )
        row = self._places[place]
        return row[row >= 0]


def open_similar(folder: Path, manifest: Manifest, *, across: bool = False) -> SimilarIndex:
    """The index of a dataset, mapped.

    Raises:
        UserError: there is none, or it is damaged or of another state of the dataset; with the command that makes it.
    """
    path = folder / FILES[across]
    make = command(folder, across=across)
    if not path.exists():
        raise UserError(f"'{folder}' has no index of similar utterances. Make it: {make}")
    try:
        tensors, text = map_tensors(inside(folder, path.name))
        stored: Mapping[str, Any] = loads(text.get("valle", "null"))
        check_kinds(stored, {"version": int})
        if stored["version"] != VERSION:
            found = stored["version"]
            raise UserError(f"'{path}' has version {found!r}, this valle reads {VERSION}. Make it again: {make}")
        check_kinds(stored, _KINDS)
        facts = SimilarFacts(**{name: stored[name] for name in (*_KINDS, "version")})
        places = _places(tensors, manifest.utterances)
    except (OSError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(
            f"'{path}' is damaged ({getattr(error, 'strerror', None) or error}). Make it again: {make}"
        ) from error
    again = f"{make} --by {facts.by}"
    if facts.belongs_to != mark_of(manifest) or len(places) != manifest.utterances:
        raise UserError(f"'{path}' was made before '{folder}' was changed. Make it again: {again}")
    return SimilarIndex(folder, facts, places)


_KINDS: Mapping[str, Kind] = {"by": str, "across": bool, "neighbours": int, "belongs_to": str}


def _places(tensors: Mapping[str, Tensor], count: int) -> Int[np.ndarray, "N K"]:
    """Raises `ValueError` unless they are places of a dataset of `count` rows, or −1."""
    if "places" not in tensors:
        raise ValueError("it has no places")
    places = tensors["places"].numpy()
    if places.ndim != 2 or places.dtype.kind != "i":
        raise ValueError(f"its places are {places.dtype} {list(places.shape)}")
    if places.size and not (int(places.min()) >= -1 and int(places.max()) < max(count, len(places))):
        raise ValueError("its places lie outside of the dataset")
    return places
