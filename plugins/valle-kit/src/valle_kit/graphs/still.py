"""Caches whose rows may move into buffers that stay where they are, for steps that are replayed over these."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from jaxtyping import Int
from torch import Tensor

SHORTEST = 256
"""Fewest positions that a step is captured for; from there on twice as many each time."""


class Settles(ABC):
    """A cache that may move into the buffers of another, which a captured step writes.

    Attributes:
        lengths: [B] positions consumed by each row.
        lease: of whom it is that the buffers are.
        padded: of the buffers: whether a step says by its mask how much of each row counts.
    """

    lengths: Int[Tensor, "B"]
    lease: Any = None
    padded: ClassVar[bool] = False

    @abstractmethod
    def held(self) -> Sequence[Tensor]:
        """The tensors that it is."""
        ...

    @abstractmethod
    def hold(self, tensors: Sequence[Tensor]) -> None:
        """Be these."""
        ...

    @abstractmethod
    def still(self, rows: int, capacity: int) -> Self:
        """Empty buffers like its own for so many rows; they read no number from the device."""
        ...

    @abstractmethod
    def open_for(self, reach: int) -> int:
        """Of buffers: make ready for a step of rows of at most `reach` positions; the most that it is good for."""
        ...

    def reach(self) -> int:
        """Most positions of a row, as far as it is known without reading the device; 0 where no step depends on it."""
        return 0

    def overwritten(self) -> Sequence[Tensor]:
        """What a step changes of the positions before it."""
        return self.held()

    def settle(self, still: Self) -> None:
        """Copy what it holds to the beginning of the buffers, and live there."""
        parts = []
        for mine, buffer in zip(self.held(), still.held(), strict=True):
            part = buffer[tuple(slice(0, size) for size in mine.shape)]
            part.copy_(mine)
            parts.append(part)
        self.hold(parts)

    def lives_in(self, still: Self) -> bool:
        """Whether that is where it is."""
        return self.held()[0].data_ptr() == still.held()[0].data_ptr()


def doubled(least: int, most: int) -> int:
    """The first of `SHORTEST`, twice that, … that is `least` or more, but no more than `most`."""
    size = SHORTEST
    while size < least:
        size *= 2
    return min(size, most)
