"""What an alignment offers so that other runtimes can say a text with it: a pointer from phoneme to phoneme."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from torch import nn


class PointerGraphs(NamedTuple):
    """A pointer in two modules of operations that runtimes have, of one row.

    A unit u is said for d = 0, 1, … frames; what answers frame t reads `units[u] + dwell[min(d, n - 1)]` beside its
    table rows. Where the odds of `advance`, of the state that answers a frame, add up to being over, or at `limits[u]`
    frames, the next unit begins; behind `last` the row ends.

    Attributes:
        text: symbols [1, P], language [1] → units [1, U, D], dwell [n, D], limits [1, U], the first unit [1] and the
            last [1].
        advance: states [1, D] → log odds [1] that the frame is the last of its unit.
    """

    text: nn.Module
    advance: nn.Module


@runtime_checkable
class HasPointerGraphs(Protocol):
    """An alignment that can be exported."""

    def graphs(self) -> PointerGraphs:
        """Modules of their own, in float32."""
        ...
