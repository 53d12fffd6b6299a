"""Processes that make batches ahead of the training, in the order in which they are asked for."""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from valle_core.plugin import UserError
from valle_core.registry.identity import warn
from valle_core.training.examples import BatchIds
from valle_core.training.interrupt import ASKING
from valle_core.training.recipe import RowRecipe
from valle_core.training.rows import Example, Nothing, RowMaker

_DEATHS = 3
"""Workers that may die, one after the other, without a batch in between."""


def fetch_ahead(recipe: RowRecipe, workers: int, batch_ids: Iterator[BatchIds]) -> Iterator[Example | Nothing]:
    """The examples of these batches in order, made by `workers` processes; two each are under way.

    Each process starts afresh, builds the recipe for itself and computes with one thread. They end with the iterator.

    A worker that died is started again, with the batches that did not come.

    Raises:
        UserError: as a worker says it, or where workers die again and again.
    """
    pending: deque[BatchIds] = deque()
    died = 0
    while True:
        try:
            for made in _loaded(recipe, workers, chain(list(pending), _noted(batch_ids, pending))):
                if isinstance(made, _Refusal):
                    raise UserError(made.message)
                pending.popleft()
                died = 0
                yield made
            return
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            died += 1
            why = str(error).splitlines()[0]
            if died > _DEATHS:
                raise UserError(f"a data worker died ({why}). Give fewer (--data.workers) or more memory") from error
            warn(f"a data worker died ({why}) and is started again")


def _noted(batch_ids: Iterator[BatchIds], pending: deque[BatchIds]) -> Iterator[BatchIds]:
    """The same, each kept until its example has come."""
    for ids in batch_ids:
        pending.append(ids)
        yield ids


def _loaded(recipe: RowRecipe, workers: int, batch_ids: Iterator[BatchIds]) -> Iterator[Any]:
    loader = DataLoader(
        _Rows(recipe),
        batch_size=None,
        sampler=batch_ids,  # pyright: ignore[reportArgumentType]
        num_workers=workers,
        collate_fn=_as_it_is,
        worker_init_fn=_leave_interrupts_to_the_run,
        multiprocessing_context="spawn",
        generator=torch.Generator(),  # or it would draw from the generator that dropout draws from
    )
    child = getattr(signal, "SIGCHLD", None)
    before = child and signal.getsignal(child)
    made = iter(loader)
    if child and threading.current_thread() is threading.main_thread():
        signal.signal(child, before)  # torch's raises wherever the run is; a death is noticed here all the same
    return made


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A `UserError` of a worker, which would lose its one line on the way."""

    message: str


class _Rows(Dataset[Any]):
    """A worker's view: it is asked for a batch by its ids, and opens the recipe at the first."""

    def __init__(self, recipe: RowRecipe) -> None:
        self._recipe = recipe
        self._maker: RowMaker | None = None

    def __getitem__(self, batch_ids: Any) -> Example | Nothing | _Refusal:
        try:
            self._maker = self._maker or self._recipe.open()
            return self._maker.example(*batch_ids)
        except UserError as error:
            return _Refusal(str(error))


def _as_it_is(made: Any) -> Any:
    return made


def _leave_interrupts_to_the_run(worker: int) -> None:
    """A signal that asks to stop often reaches every process; the run finishes its step first and needs its batches."""
    for name in ASKING:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
