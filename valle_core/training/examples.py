"""An endless, resumable stream of packed batches."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from valle_core.plugin import UserError
from valle_core.training.rows import Example, Nothing

BatchIds = tuple[int, tuple[str, ...]]
"""Epoch, and the ids of a batch."""

Fetch = Callable[[Iterator[BatchIds]], Iterator[Example | Nothing]]
"""Ids of batches → their examples in order. It may ask for some ahead."""

_PATIENCE = 100


class IdBatches(Protocol):
    """Batches of utterance ids, epoch after epoch; what `batches` of `valle.services` makes."""

    def __iter__(self) -> Iterator[tuple[str, ...]]: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...

    @property
    def epoch(self) -> int: ...


class ExampleStream:
    """The state is that of the example given last, however far ahead others are being made.

    Args:
        batches: which utterances go together.
        fetch: makes the examples.
        noise: what identifies the noise set, or "".
    """

    def __init__(self, batches: IdBatches, fetch: Fetch, *, noise: str = "") -> None:
        self._batches, self._fetch, self._noise = batches, fetch, noise
        self._at = batches.state_dict()

    def __iter__(self) -> Iterator[Example]:
        states: deque[dict[str, Any]] = deque()
        empty, skipped, begun = 0, Counter[str](), time.perf_counter()
        for example in self._fetch(self._batch_ids(states)):
            self._at = states.popleft()
            if isinstance(example, Nothing):
                empty += 1
                skipped.update(example.skipped)
                if empty > _PATIENCE:
                    raise UserError(refusal(skipped, skipped.total()))
                continue
            skipped.update(example.skipped)
            yield replace(example, skipped=skipped, waited=time.perf_counter() - begun)
            empty, skipped, begun = 0, Counter[str](), time.perf_counter()

    def _batch_ids(self, states: deque[dict[str, Any]]) -> Iterator[BatchIds]:
        while True:
            for ids in self._batches:
                states.append(self._batches.state_dict())
                yield self._batches.epoch, ids

    def state_dict(self) -> dict[str, Any]:
        """Plain JSON: go on after the example given last."""
        return {**self._at, "noise": self._noise}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Raises `UserError` for the state of another run, or of one with other noise."""
        if state.get("noise", "") != self._noise:
            raise UserError("the noise is not that of the interrupted run. Give the same --data.noise, or start anew")
        self._batches.load_state_dict({name: value for name, value in state.items() if name != "noise"})
        self._at = self._batches.state_dict()


def refusal(reasons: Mapping[str, int], examined: int) -> str:
    """What to say where nothing can be trained on."""
    return f"none of {examined} utterances can be used by the chosen tasks: {named(reasons)}"


def named(reasons: Mapping[str, int]) -> str:
    """`5 × reason, 2 × another`, the most frequent first."""
    return ", ".join(f"{count} × {reason}" for reason, count in Counter(reasons).most_common())
