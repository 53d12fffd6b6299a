"""Some ids of an index, as a sequence that holds none of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int

from valle_core.data.storage import Index


class Ids(Sequence[str]):
    """Some ids of an index, each decoded when it is asked for. Equal to any sequence of the same strings.

    Args:
        index: where they are.
        places: of them.
        without: which of the places is left out, or None; nothing is copied for it.
    """

    def __init__(self, index: Index, places: Int[np.ndarray, "n"], without: int | None = None) -> None:
        self._index, self._places, self._without = index, places, without

    def __len__(self) -> int:
        return len(self._places) - (self._without is not None)

    def __getitem__(self, item):  # pyright: ignore[reportIncompatibleMethodOverride]
        if isinstance(item, slice):
            return Ids(self._index, self._left()[item])
        place = range(len(self))[item]  # raises where there is none
        return self._index.ids[int(self._places[place + (self._without is not None and place >= self._without)])]

    def __iter__(self) -> Iterator[str]:
        return self._index.ids.at(self._left())

    def _left(self) -> Int[np.ndarray, "n"]:
        return self._places if self._without is None else np.delete(self._places, self._without)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return f"Ids({[*self[:3]]}{' …' if len(self) > 3 else ''}, {len(self)} in all)"
