"""The part of the suite of backbones on long rows, NaN in padding, and caches in which one row fills all places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from valle_core.interfaces import Backbone
from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_testing.contract import contract
from valle_testing.suites.arch.batch import Batch, Build, alone, batch, close, device_of, finished, ready, weighed
from valle_testing.suites.arch.cache import Decoding

LONG = 150
"""Positions: more than a chunk of 64 or 128, and no multiple of one."""

LONG_TOLERANCE = 5e-5
"""Largest difference of finished states over long rows; sums over more positions round more."""


def long_backbone(build: Build) -> tuple[Backbone, int]:
    """One that takes `LONG` positions, or as many as it can, with that number."""
    backbone = ready(build)
    limit = backbone.max_length
    if limit is None or limit >= LONG:
        return backbone, LONG
    try:
        return ready(lambda: build(max_length=LONG)), LONG
    except (TypeError, UserError):  # it is built with nothing to change, or takes no more
        return backbone, limit


@contract("Backbone", "Each row gives what it gives alone")
@torch.no_grad()
def takes_long_rows(build: Build) -> None:
    """Causal and full rows of up to 150 positions: each as when it is alone, and none sees the future."""
    backbone, T = long_backbone(build)
    lengths = [T, T - 21, T * 2 // 3, T - 1]
    rows = batch(backbone, lengths, [0, lengths[1], 0, lengths[3]])
    found = finished(backbone, rows)
    for b, length in enumerate(lengths):
        wanted = alone(backbone, rows, b)
        close(found[b, :length], wanted, f"row {b} of {lengths} positions", tolerance=LONG_TOLERANCE)
    causal = SequenceMask.causal(rows.lengths)
    before = finished(backbone, rows, causal)
    for place in (T // 2, T * 5 // 6):
        changed = replace(rows, x=rows.x.index_fill(1, rows.lengths.new_tensor([place]), 3.0))
        after = finished(backbone, changed, causal)
        what = f"a causal row of {T} positions saw position {place} before it came"
        close(after[0, :place], before[0, :place], what, tolerance=LONG_TOLERANCE)
        moved = (after - before)[0, place].abs().amax()
        assert float(moved) > 1e-4, f"a causal row of {T} positions does not see position {place}"


@contract("Backbone.__call__", "With a cache, x holds only new positions")
@torch.no_grad()
def decodes_long_rows(build: Build) -> None:
    """Prompts of different lengths, chunks across the borders of 64 and 128 positions, and steps: as the whole."""
    backbone, T = long_backbone(build)
    rows = batch(backbone, [T, T - T // 15])
    wanted = [alone(backbone, rows, b) for b in (0, 1)]
    cache = backbone.new_cache(2, T, rows.x.dtype, device_of(backbone))
    for new in ([T // 3, T // 4], [T // 4, T // 3], [T // 5, T // 5], [1, 1], [0, 1], [1, 0], [2, 3]):
        start = cache.lengths.clone()
        lengths = start + torch.tensor(new, device=start.device)
        place = start[:, None] + torch.arange(max(new), device=start.device)
        x = rows.x.gather(1, place.clamp(max=T - 1)[..., None].expand(-1, -1, rows.x.shape[2]))
        mask = SequenceMask.causal(lengths, query_start=start)
        out = backbone.finish(backbone(x, mask, place, condition=rows.condition, cache=cache).h)
        for b, (a, n) in enumerate(zip(start.tolist(), new, strict=True)):
            what = f"row {b}, positions {a} … {a + n - 1} of {T} from the cache"
            close(out[b, :n], wanted[b][a : a + n], what, tolerance=LONG_TOLERANCE)


@contract("Backbone.__call__", "Padded positions never influence valid ones.")
def keeps_nan_in_padding_out(build: Build) -> None:
    """NaN and infinity behind the rows' lengths: no valid state and no gradient of one changes, whole or cached."""
    backbone = ready(build)
    rows = batch(backbone, [12, 7, 1, 9], [0, 7, 0, 9])
    padding = torch.arange(12, device=rows.x.device) >= rows.lengths[:, None]

    def states_and_gradient(x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.clone().requires_grad_()
        found = finished(backbone, replace(rows, x=x))
        weighed(found.masked_fill(padding[..., None], 0.0)).backward()
        assert x.grad is not None, "x gets no gradient"
        return found.detach(), x.grad

    states, gradient = states_and_gradient(rows.x)
    for bad in (torch.nan, torch.inf):
        found, slope = states_and_gradient(rows.x.masked_fill(padding[..., None], bad))
        assert bool(found[~padding].isfinite().all()), f"{bad} in the padding reaches a valid state"
        close(found[~padding], states[~padding], f"with {bad} in the padding, a valid state")
        assert bool(slope[~padding].isfinite().all()), f"{bad} in the padding reaches the gradient of a valid position"
        close(slope[~padding], gradient[~padding], f"with {bad} in the padding, a gradient", tolerance=2e-4)
    with torch.no_grad():
        decoding = Decoding(backbone, batch(backbone, [14, 9, 12]), padding=torch.nan)
        for new in ([8, 3, 1], [1, 1, 1], [1, 0, 3], [1, 1, 2]):
            decoding.feed(new)


@contract("Cache.select", "repeats allowed, and go on apart")
@torch.no_grad()
def one_row_may_fill_the_cache(build: Build) -> None:
    """`select([0, 0, 0])` of three rows, then `[2, 2]`, then one alone: each copy goes on with its own positions."""
    backbone = ready(build)
    for kept in (0, 1, 2):
        rows = batch(backbone, [13, 13, 13])
        decoding = Decoding(backbone, rows)
        decoding.feed([5, 3, 4])
        begun = [5, 3, 4][kept]
        x = rows.x.clone()
        x[:, :begun] = rows.x[kept, :begun].clone()
        condition = rows.condition[kept].expand_as(rows.condition).clone()
        copies = Batch(x=x, lengths=rows.lengths, prefix=rows.prefix, positions=rows.positions, condition=condition)
        decoding.select([kept] * 3)
        decoding.rows, decoding.wanted = copies, [alone(backbone, copies, b) for b in range(3)]
        for new in ([1, 1, 1], [2, 1, 3]):
            decoding.feed(new)
        decoding.select([2, 2])
        decoding.select([1])
        decoding.feed([1])


LONG_CHECKS: tuple[Callable[[Build], None], ...] = (
    takes_long_rows,
    decodes_long_rows,
    keeps_nan_in_padding_out,
    one_row_may_fill_the_cache,
)
