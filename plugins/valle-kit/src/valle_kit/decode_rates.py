"""What cases of `valle bench decode` share: ways of decoding are timed in turns, and choose the same greedy tokens."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor


class Greedy:
    """A chooser: the most probable token."""

    def choose(self, logits: Float[Tensor, "B V"], view: object) -> Int[Tensor, "B"]:
        """See `valle_core.interfaces.Chooser`."""
        return logits.argmax(-1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """How fast one way decodes.

    Attributes:
        tokens_per_s: new tokens of a row per second after the prompt has been read.
        call_s: seconds of the whole call, prompt included.
    """

    tokens_per_s: float
    call_s: float


def in_turns(
    ways: Sequence[Callable[[int], object]],
    new: int,
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Rate]:
    """The rate of each way; they take turns in every repeat, and the medians count.

    Reading the prompt is taken off by the time of a call for one token.

    Args:
        ways: number of new tokens → anything; called before, so that what they compile is compiled.
        new: tokens, at least 2.
    """

    def seconds(way: Callable[[int], object], count: int) -> float:
        start = clock()
        way(count)
        return clock() - start

    spans = [[(seconds(way, 1), seconds(way, new)) for way in ways] for _ in range(repeats)]
    medians = [[statistics.median(one) for one in zip(*of_way, strict=True)] for of_way in zip(*spans, strict=True)]
    return [Rate(tokens_per_s=(new - 1) / (whole - first), call_s=whole) for first, whole in medians]
