"""Processes that make batches ahead of the training, in the order in which they are asked for."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from valle_core.plugin import UserError
from valle_core.training.examples import BatchIds
from valle_core.training.interrupt import ASKING
from valle_core.training.recipe import RowRecipe
from valle_core.training.rows import Example, Nothing, RowMaker


def fetch_ahead(recipe: RowRecipe, workers: int, batch_ids: Iterator[BatchIds]) -> Iterator[Example | Nothing]:
    """The examples of these batches in order, made by `workers` processes; two each are under way.

    Each process starts afresh, builds the recipe for itself and computes with one thread. They end with the iterator.

    Raises:
        UserError: as a worker says it, or where one died.
    """
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
    try:
        for made in loader:
            if isinstance(made, _Refusal):
                raise UserError(made.message)
            yield made
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise UserError(
            f"a data worker died ({str(error).splitlines()[0]}). Give fewer (--data.workers) or more memory"
        ) from error


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
