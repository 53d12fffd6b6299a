"""Batches of utterance ids for one rank, with an exact place to go on from."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from valle_core.data.batch_plan import Batch, deal, plan_epoch
from valle_core.data.dataset import Dataset
from valle_core.data.options import BatchOptions
from valle_core.plugin import UserError


class Batches:
    """Iterating gives the rest of the present epoch as tuples of ids, then moves on to the next epoch.

    Ranks read disjoint parts and equally many batches; together they read every utterance once an epoch (fewer
    than `world` utterances may wait for another epoch where batches of one do not divide, see `left_over`).

    The state counts batches handed out. A loader that fetches ahead must store the state of the batch it trains
    on, e.g. by counting steps: `load_state_dict({**state, "batch": steps})`.

    Attributes:
        epoch: counted from 0.
        batch: batches of this epoch handed out so far.
        left_out: utterances that no batch may hold, by reason.
        left_over: utterances of the present epoch that no rank reads.
    """

    def __init__(self, dataset: Dataset, options: BatchOptions, *, rank: int = 0, world: int = 1) -> None:
        """Raises `UserError` where the filters leave nothing, or fewer utterances than ranks."""
        if not 0 <= rank < world:
            raise UserError(f"rank {rank} is not among {world} processes. Give 0 ≤ rank < world")
        self._options, self._rank, self._world = options, rank, world
        self._items, self.left_out = _filter(dataset, options)
        if self.left_out:
            logging.getLogger(__name__).warning(self.report())
        if not self._items:
            raise UserError(
                f"{self.report()}. Nothing is left to train on: change --min-seconds, --max-seconds or batch seconds"
            )
        if len(self._items) < world:
            raise UserError(f"{len(self._items)} utterances cannot feed {world} processes. Use fewer processes")
        self.epoch = 0
        self.batch = 0
        self.left_over = 0
        self._steps: list[list[Batch]] = []
        self._planned = -1
        self._identity = _fingerprint(self._items, options)

    def report(self) -> str:
        """One line about what the filters kept."""
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.left_out.items())) or "none left out"
        total = len(self._items) + sum(self.left_out.values())
        return f"{len(self._items)} of {total} utterances are in batches ({reasons})"

    def __len__(self) -> int:
        """Batches of this rank in the present epoch."""
        return len(self._plan())

    def __iter__(self) -> Iterator[Batch]:
        steps = self._plan()
        while self.batch < len(steps):
            self.batch += 1
            yield steps[self.batch - 1][self._rank]
        self.epoch += 1
        self.batch = 0

    def state_dict(self) -> dict[str, Any]:
        """Plain JSON; the same on every rank."""
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "world": self._world,
            "fingerprint": self._identity,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly there.

        Raises:
            UserError: the state is of other utterances, other options or another number of processes, so that
                batches would repeat or be lost.
        """
        if state["world"] != self._world:
            raise UserError(
                f"the batches were dealt to {state['world']} processes, not {self._world}. Resume with as many, "
                f"or start a new epoch"
            )
        if state["fingerprint"] != self._identity:
            raise UserError(
                "the dataset or the batch options are not those of the interrupted run. Give the same, "
                "or start a new epoch"
            )
        self.epoch, self.batch = int(state["epoch"]), int(state["batch"])
        if not 0 <= self.batch <= len(self._plan()):
            raise UserError(f"batch {self.batch} lies outside the epoch's {len(self._plan())}. Start a new epoch")

    def start_epoch(self, epoch: int) -> None:
        """Go to the beginning of an epoch."""
        self.epoch, self.batch = epoch, 0

    def _plan(self) -> list[list[Batch]]:
        if self._planned != self.epoch:
            batches = plan_epoch(self._items, self._options, seed=self._options.seed, epoch=self.epoch)
            self._steps = deal(batches, self._world)
            read = sum(len(batch) for step in self._steps for batch in step)
            self.left_over = len(self._items) - read
            if self.left_over:
                logging.getLogger(__name__).warning(
                    "%d utterances wait for another epoch than %d: they do not divide by %d processes",
                    self.left_over,
                    self.epoch,
                    self._world,
                )
            self._planned = self.epoch
        return self._steps


def _fingerprint(items: Sequence[tuple[str, str, float]], options: BatchOptions) -> str:
    """Equal for equal utterances and options."""
    digest = hashlib.sha256(repr(options).encode())
    for item in items:
        digest.update(repr(item).encode())
    return digest.hexdigest()[:16]


def _filter(dataset: Dataset, options: BatchOptions) -> tuple[list[tuple[str, str, float]], Counter[str]]:
    """What may be in batches as (id, speaker, seconds), and how many are not, by reason."""
    longest = options.seconds if options.max_seconds is None else options.max_seconds
    items, left_out = [], Counter[str]()
    for id in dataset.ids:
        row = dataset.row(id)
        if row.seconds < options.min_seconds:
            left_out[f"shorter than {options.min_seconds:g} s"] += 1
        elif row.seconds > longest:
            left_out[f"longer than {longest:g} s"] += 1
        elif row.seconds > options.seconds:
            left_out[f"longer than a batch of {options.seconds:g} s"] += 1
        else:
            items.append((id, row.speaker, row.seconds))
    return items, left_out
