"""Batches of utterance ids for one rank, with an exact place to go on from."""

from __future__ import annotations

import hashlib
import heapq
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float, Int

from valle_core.data.options import BatchOptions
from valle_core.plugin import UserError
from valle_core.reading.kinds import check_kinds, is_of
from valle_data.batching.curriculum import allowed, described, refuse_start
from valle_data.batching.epoch_batches import BATCHES_VERSION, EpochBatches, batches_of_epoch, deal

Batch = tuple[str, ...]

_SKETCH = 64
_MOST = 1 << 40  # epochs, and batches; more is no place that a run was at


class Durations(Protocol):
    """A dataset, as batching needs it: three columns of equal length."""

    @property
    def ids(self) -> Sequence[str]: ...
    @property
    def durations(self) -> Float[np.ndarray, "n"]: ...
    @property
    def speaker_numbers(self) -> Int[np.ndarray, "n"]: ...


class Batches:
    """Iterating gives the rest of the present epoch as tuples of ids, then moves on to the next epoch.

    Ranks read disjoint parts and equally many batches; together they read every utterance once an epoch (fewer
    than `world` utterances may wait for another epoch where batches of one do not divide, see `left_over`).

    The state counts batches handed out. A loader that fetches ahead must store the state of the batch it trains
    on (`state_dict` right after each batch).

    A curriculum shortens epochs while it lasts: each holds the utterances that are not too long yet, and ends after a
    tenth of the curriculum at the latest, so that the longest utterance grows at least ten times. How far it has come
    is counted in batches of earlier epochs and stored with the state.

    Where another number of ranks goes on, what is left of the epoch is dealt to them: the batches that were not read
    come in the same order, so that k batches of each of n ranks are those that n · k of a single one would be.

    Attributes:
        epoch: counted from 0.
        batch: batches of this epoch handed out so far, to the present ranks.
        left_out: utterances that no batch may hold, by reason.
        left_over: utterances of the present epoch that no rank reads.
        waiting: utterances that the curriculum keeps out of the present epoch, too long yet or cut off at its end.
    """

    def __init__(
        self,
        dataset: Durations,
        options: BatchOptions,
        *,
        rank: int = 0,
        world: int = 1,
        sizes: Float[np.ndarray, "n"] | None = None,
    ) -> None:
        """`sizes` are the seconds that each utterance takes of a batch; without them those that it lasts.

        Raises:
            UserError: the filters leave nothing, or fewer utterances than ranks.
        """
        if not 0 <= rank < world:
            raise UserError(f"rank must be in [0, {world - 1}], got {rank}")
        self._options, self._rank, self._world = options, rank, world
        self._ids, self._seconds, self._speakers = dataset.ids, dataset.durations, dataset.speaker_numbers
        self._sizes = self._seconds if sizes is None else sizes
        self._kept, self.left_out = _filter(self._seconds, options)
        if self.left_out:
            logging.getLogger(__name__).warning(self.report())
        if not len(self._kept):
            raise UserError(
                f"{self.report()}. Nothing is left to train on: change --min-seconds, --max-seconds or batch seconds"
            )
        if len(self._kept) < world:
            raise UserError(f"{len(self._kept)} utterances cannot feed {world} processes. Use fewer processes")
        refuse_start(self._seconds[self._kept], options, world)
        self.epoch = 0
        self.batch = 0
        self.left_over = self.waiting = 0
        self._before = 0  # batches of earlier epochs
        self._dealt: list[tuple[int, int]] = []  # of this epoch: other numbers of ranks, and what each of them read
        self._made: tuple[tuple[int, int], EpochBatches] | None = None
        self._identity = self._fingerprint()

    def report(self) -> str:
        """One line about what the filters kept."""
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.left_out.items())) or "none left out"
        total = len(self._kept) + sum(self.left_out.values())
        return f"{len(self._kept)} of {total} utterances are in batches ({reasons})"

    def __len__(self) -> int:
        """Batches of this rank in the present epoch."""
        return len(self._epoch_batches()) // self._world

    def __iter__(self) -> Iterator[Batch]:
        batches = self._epoch_batches()
        while self.batch < len(batches) // self._world:
            self.batch += 1
            places: list[int] = self._kept[batches[(self.batch - 1) * self._world + self._rank]].tolist()
            yield tuple(self._ids[place] for place in places)
        self.start_epoch(self.epoch + 1)

    def state_dict(self) -> dict[str, Any]:
        """Plain JSON; the same on every rank."""
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "before": self._before,
            "world": self._world,
            **({"dealt": [*map(list, self._dealt)]} if self._dealt else {}),
            "planner": BATCHES_VERSION,
            "fingerprint": self._identity,
            "options": described(self._options),
            "sizes": self._sizes_hash,
            "utterances": len(self._kept),
            "sketch": self._sketch,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly there.

        Raises:
            UserError: the state is of other utterances, other options or another way of planning, so that batches would
                repeat or be lost. Where utterances were only added, the next epoch is begun instead, with a warning.
        """
        check_kinds(state, {"epoch": int, "batch": int, "world": int, "fingerprint": str})
        if state.get("planner") != BATCHES_VERSION:
            raise UserError(
                "the interrupted run planned its batches as another version of valle does. Resume it with that version"
            )
        epoch, before = state["epoch"], state.get("before", 0)
        if not 0 <= epoch <= _MOST or not is_of(before, int) or not 0 <= before <= _MOST:
            raise UserError(f"epoch and batches before it must be in [0, {_MOST}], got {epoch} and {before!r:.40}")
        self.epoch, self.batch, self._before = epoch, int(state["batch"]), before
        self._dealt, self._made = _dealt(state), None
        world = state["world"]
        if world != self._world:
            self._dealt, self.batch = [*self._dealt, (world, self.batch)], 0
        if state["fingerprint"] != self._identity:
            self._go_on_with_more(state)
        elif state.get("sizes") != self._sizes_hash:
            raise UserError(
                "rows are not as long as those of the interrupted run. Give the same tasks with their options"
            )
        elif not 0 <= self.batch <= len(self):
            raise UserError(f"the batch of the epoch must be in [0, {len(self)}], got {self.batch}")
        if world != self._world and not self._rank:
            logging.getLogger(__name__).warning(
                "the run was saved by %d process%s and goes on with %d: the rest of the epoch is dealt to them, and "
                "dropout is drawn otherwise; a step of the same size takes --accumulate × %g",
                world,
                "es" * (world != 1),
                self._world,
                world / self._world,
            )

    def _go_on_with_more(self, state: Mapping[str, Any]) -> None:
        """The next epoch, where nothing has changed but that utterances were added."""
        if state.get("options", described(self._options)) != described(self._options):
            raise UserError("the batch options are not those of the interrupted run. Give the same")
        sketch, had = state.get("sketch"), state.get("utterances")
        if not isinstance(sketch, list) or not isinstance(had, int):
            raise UserError("the dataset or the batch options are not those of the interrupted run. Give the same")
        if had >= len(self._kept) or not set(map(str, sketch)) <= self._marks():
            raise UserError("the dataset is not that of the interrupted run, nor has it only grown. Give the same")
        logging.getLogger(__name__).warning(
            "the dataset has grown from %d to %d utterances: the run goes on with a new epoch", had, len(self._kept)
        )
        self.start_epoch(self.epoch + 1)

    @cached_property
    def _sizes_hash(self) -> str:
        """Once: the state is asked for at every batch, and a million utterances take milliseconds."""
        return hashlib.sha256(np.ascontiguousarray(self._sizes, np.float64).tobytes()).hexdigest()[:16]

    @cached_property
    def _sketch(self) -> list[str]:
        """The smallest marks: all among another dataset's only if it holds (nearly) all of these utterances."""
        return heapq.nsmallest(_SKETCH, self._marks())

    def _marks(self) -> set[str]:
        """One of each utterance that may be in batches, from its id and duration."""
        return {
            hashlib.blake2b(f"{self._ids[place]}\n{self._seconds[place]:.6f}".encode(), digest_size=8).hexdigest()
            for place in self._kept.tolist()
        }

    def start_epoch(self, epoch: int) -> None:
        """Go to the beginning of an epoch; a curriculum goes on from where it is."""
        self._before += self.batch + sum(read for _, read in self._dealt)
        self.epoch, self.batch, self._dealt = epoch, 0, []

    def _epoch_batches(self) -> EpochBatches:
        """Of the present epoch, dealt to the ranks; its utterances are places in `_kept`."""
        key = self.epoch, self._before
        if self._made is None or self._made[0] != key:
            seconds, speakers = self._seconds[self._kept], self._speakers[self._kept]
            inside, most = allowed(seconds, self._options, self._before)
            sizes = self._sizes[self._kept][inside]
            batches = batches_of_epoch(sizes, speakers[inside], self._options, seed=self._options.seed, epoch=key[0])
            for world, read in self._dealt:
                batches = _behind(deal(batches, world), world * read)
            unread = len(batches.utterances)
            batches = deal(batches, self._world)
            self.left_over = unread - len(batches.utterances)
            if self.left_over:
                logging.getLogger(__name__).warning(
                    "%d utterances wait for another epoch than %d: they do not divide by %d processes",
                    self.left_over,
                    self.epoch,
                    self._world,
                )
            batches = EpochBatches(inside[batches.utterances], batches.starts)
            if most is not None:
                most = max(0, most - sum(read for _, read in self._dealt))
                batches = batches.picked(np.arange(min(len(batches), most * self._world)))
            self.waiting = len(seconds) - len(inside) + unread - self.left_over - len(batches.utterances)
            if self.waiting:
                logging.getLogger(__name__).log(
                    logging.INFO if self._before else logging.WARNING,
                    "curriculum: %d of %d utterances are in epoch %d, up to %.2f s long; %d wait",
                    len(batches.utterances),
                    len(seconds),
                    self.epoch,
                    float(seconds[inside].max()),
                    self.waiting,
                )
            self._made = key, batches
        return self._made[1]

    def _fingerprint(self) -> str:
        """Equal for equal utterances and options."""
        digest = hashlib.sha256(described(self._options).encode())
        for id in self._ids:
            digest.update(f"{id}\n".encode())
        for column, kind in ((self._seconds, np.float64), (self._speakers, np.int64), (self._kept, np.int64)):
            digest.update(np.ascontiguousarray(column, kind).tobytes())
        return digest.hexdigest()[:16]


def _dealt(state: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Numbers of ranks that read of the epoch before those of the state, and the batches that each of them read.

    Raises:
        UserError: it is no such list.
    """
    found = state.get("dealt", [])
    every = [(state["world"], state["batch"]), *found] if isinstance(found, list) else []
    if not all(len(one) == 2 and all(is_of(n, int) and 0 <= n <= _MOST for n in one) and one[0] for one in every) or (
        not every
    ):
        raise UserError(f"ranks and the batches they read must be pairs in [0, {_MOST}], got {found!r:.60}")
    return [(world, read) for world, read in found]


def _behind(batches: EpochBatches, count: int) -> EpochBatches:
    """Those after the first `count`. Raises `UserError` where there are not as many."""
    if count > len(batches):
        raise UserError(f"the batch of the epoch must be in [0, {len(batches)}], got {count}")
    return batches.picked(np.arange(count, len(batches)))


def _filter(seconds: Float[np.ndarray, "n"], options: BatchOptions) -> tuple[Int[np.ndarray, "k"], Counter[str]]:
    """Places of what may be in batches, and how many are not, by reason."""
    longest = options.seconds if options.max_seconds is None else options.max_seconds
    left = np.ones(len(seconds), bool)
    left_out = Counter[str]()
    for reason, wrong in (
        (f"shorter than {options.min_seconds:g} s", seconds < options.min_seconds),
        (f"longer than {longest:g} s", seconds > longest),
        (f"longer than a batch of {options.seconds:g} s", seconds > options.seconds),
    ):
        if count := int((wrong & left).sum()):
            left_out[reason] = count
        left &= ~wrong
    return np.flatnonzero(left), left_out
