"""The part of the suite of backbones on what a cached row shares with other rows, other caches and the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any
from unittest import SkipTest

import torch
from torch import Tensor, nn

from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_testing.contract import contract
from valle_testing.suites.arch.batch import Batch, Build, alone, batch, close, device_of, dtype_of, finished, ready
from valle_testing.suites.arch.cache import ROOM, Decoding


@contract("Cache", "nbytes: bytes that its tensors hold.")
@torch.no_grad()
def states_what_its_cache_holds(build: Build) -> None:
    """A fresh cache has a length of 0 for each row; its bytes are those of its tensors and grow with the batch."""
    backbone = ready(build)
    device, dtype = device_of(backbone), dtype_of(backbone)
    held = []
    for batch_size in (2, 4):
        cache = backbone.new_cache(batch_size, ROOM, dtype, device)
        lengths = cache.lengths
        assert lengths.tolist() == [0] * batch_size, f"lengths of a fresh cache of {batch_size} rows: {lengths}"
        assert not lengths.is_floating_point(), f"lengths are {lengths.dtype}"
        rows = batch(backbone, [6] * batch_size)
        finished(backbone, rows, SequenceMask.causal(rows.lengths), cache=cache)
        tensors = {tensor.untyped_storage().data_ptr(): tensor for tensor in _tensors(cache)}.values()
        every = sum(tensor.untyped_storage().nbytes() for tensor in tensors)
        states = sum(tensor.untyped_storage().nbytes() for tensor in tensors if tensor.is_floating_point())
        assert states <= cache.nbytes <= every, (
            f"nbytes is {cache.nbytes}, its states take {states} and all of its tensors {every}"
        )
        held.append(cache.nbytes)
    assert held[0] < held[1], f"caches of 2 and 4 rows both hold {held[0]} bytes"


@contract("Cache", "Two caches share nothing, nor do rows of one.")
@torch.no_grad()
def caches_share_nothing(build: Build) -> None:
    """Two caches of one backbone, fed in turns."""
    backbone = ready(build)
    one, two = (Decoding(backbone, batch(backbone, lengths)) for lengths in ([12, 9], [10, 11]))
    one.feed([6, 4])
    two.feed([3, 7])
    for _ in range(3):
        one.feed([1, 1])
        two.feed([2, 1])


@contract("Cache", "Two caches share nothing, nor do rows of one.")
@torch.no_grad()
def steps_with_the_bits_it_gives_alone(build: Build) -> None:
    """Where it steps rows of several caches at once (`together`): as the full forward, each with its bits of alone."""
    backbone: Any = ready(build)
    if not hasattr(backbone, "together"):
        raise SkipTest("it does not step rows of several caches at once")
    rows, starts = batch(backbone, [12] * 6), [6, 1, 4, 3, 6, 2]
    wanted = [alone(backbone, rows, b) for b in range(6)]

    def prompted(b: int) -> Any:
        cache = backbone.new_cache(1, ROOM, dtype_of(backbone), device_of(backbone))
        lengths = torch.tensor([starts[b]], device=rows.x.device)
        given = rows.x[b : b + 1, : starts[b]], SequenceMask.causal(lengths), rows.positions[b : b + 1, : starts[b]]
        backbone(*given, condition=rows.condition[b : b + 1], cache=cache)
        return cache

    shared, own = ([prompted(b) for b in range(6)] for _ in range(2))
    together, single = backbone.together(), backbone.together()
    for step in range(5):
        x = torch.stack([rows.x[b, start + step] for b, start in enumerate(starts)])
        try:
            states = together(x, shared)
        except UserError as error:
            if step:
                raise
            raise SkipTest(f"it does not step these rows at once: {error}") from error
        for b, start in enumerate(starts):
            assert torch.equal(single(x[b : b + 1], [own[b]])[0], states[b]), (
                f"row {b} has other bits among 6 than alone, in step {step}"
            )
            close(states[b], wanted[b][start + step], f"row {b}, position {start + step}, stepped together")


@contract("Cache.select", "repeats allowed, and go on apart")
@torch.no_grad()
def copies_of_a_row_go_on_apart(build: Build) -> None:
    """A row kept three times, with another continuation each, and the row kept beside them."""
    backbone = ready(build)
    rows = batch(backbone, [12, 12, 12, 9])
    x = rows.x.clone()
    x[1, :6] = x[2, :6] = x[0, :6]
    condition = rows.condition.clone()
    condition[1] = condition[2] = condition[0]
    whole = Decoding(backbone, _rows_of(rows, x, condition, [0, 1, 2, 3]))
    wanted = whole.wanted
    decoding = Decoding(backbone, _rows_of(rows, x, condition, [0, 3]))
    decoding.feed([6, 4])
    decoding.select([0, 0, 0, 1])
    decoding.rows, decoding.wanted = whole.rows, wanted
    for new in ([1, 1, 1, 1], [2, 1, 3, 1], [1, 1, 1, 1]):
        decoding.feed(new)


@contract("Cache", "It keeps hold of no tensor it was given.")
@torch.no_grad()
def keeps_no_hold_of_what_it_was_given(build: Build) -> None:
    """Masks, positions, states, rows and lengths that are written to after a call change nothing held."""
    backbone = ready(build)
    decoding = Decoding(backbone, batch(backbone, [12, 9, 10]))
    rows = decoding.rows

    def lent(new: list[int]) -> None:
        start = decoding.cache.lengths.clone()
        lengths = start + torch.tensor(new, device=start.device)
        place = start[:, None] + torch.arange(max(new), device=start.device)
        now = decoding.rows
        x = now.x.gather(1, place[..., None].expand(-1, -1, now.x.shape[2]))
        given = [x, lengths, start, torch.zeros_like(start), place, now.condition.clone()]
        mask = SequenceMask(lengths=lengths, prefix=given[3], query_start=start, form="causal")
        backbone(x, mask, place, condition=given[5], cache=decoding.cache)
        wanted = lengths.tolist()
        for tensor in given:
            tensor.fill_(3)
        held = decoding.cache.lengths.tolist()
        assert held == wanted, f"lengths became {held} when the caller wrote to its mask, they were {wanted}"

    lent([4, 4, 4])
    decoding.feed([1, 1, 1])
    index = torch.tensor([2, 0, 1], device=rows.x.device)
    decoding.select(index.tolist(), index)
    index.fill_(0)
    lent([1, 1, 1])
    decoding.feed([1, 2, 1])
    kept = decoding.cache.lengths - 1
    before = kept.tolist()
    try:
        decoding.cache.rewind(kept)
    except UserError:
        return  # the contract allows it; `rewind` says whether it declares to
    kept.fill_(0)
    assert decoding.cache.lengths.tolist() == before, "lengths given to rewind are held, and change with the caller's"
    decoding.feed([1, 1, 1])


def _rows_of(rows: Batch, x: Tensor, condition: Tensor, order: list[int]) -> Batch:
    return Batch(
        x=x[order],
        lengths=rows.lengths[order],
        prefix=rows.prefix[order],
        positions=rows.positions[order],
        condition=condition[order],
    )


def _tensors(held: object, depth: int = 5) -> Iterator[Tensor]:
    """Tensors inside an object: in its attributes, containers and what they hold, modules aside."""
    if isinstance(held, Tensor):
        yield held
        return
    if depth == 0 or isinstance(held, (nn.Module, type, str, bytes, int, float)):
        return
    if isinstance(held, dict):
        inner = list(held.values())
    elif isinstance(held, (list, tuple, set, frozenset)):
        inner = list(held)
    elif is_dataclass(held):
        inner = [getattr(held, field.name) for field in fields(held)]
    else:
        names = [*getattr(held, "__dict__", ()), *getattr(type(held), "__slots__", ())]
        inner = [getattr(held, name, None) for name in names]
    for one in inner:
        yield from _tensors(one, depth - 1)


CACHED_ROW_CHECKS: tuple[Callable[[Build], None], ...] = (
    states_what_its_cache_holds,
    caches_share_nothing,
    steps_with_the_bits_it_gives_alone,
    copies_of_a_row_go_on_apart,
    keeps_no_hold_of_what_it_was_given,
)
