"""Some ids of an index, as a sequence that holds none of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int

from valle_core.data.storage import Index


class Ids(Sequence[str]):
    """Some ids of an index, each decoded when it is asked for. Equal to any sequence of the same strings."""

    def __init__(self, index: Index, places: Int[np.ndarray, "n"]) -> None:
        self._index, self._places = index, places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, item):  # pyright: ignore[reportIncompatibleMethodOverride]
        if isinstance(item, slice):
            return Ids(self._index, self._places[item])
        return self._index.ids[int(self._places[item])]

    def __iter__(self) -> Iterator[str]:
        return self._index.ids.at(self._places)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return f"Ids({[*self[:3]]}{' …' if len(self) > 3 else ''}, {len(self)} in all)"
