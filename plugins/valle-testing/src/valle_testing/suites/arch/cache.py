"""The part of the suite of backbones that compares decoding from a cache with the full forward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from unittest import SkipTest

import torch
from torch import Tensor

from valle_core.interfaces import Backbone, Cache
from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_testing.contract import contract
from valle_testing.refusing import refused
from valle_testing.suites.arch.batch import Batch, Build, alone, batch, close, device_of, dtype_of, ready

ROOM = 20


class Decoding:
    """Feeds the rows of a batch to a cache chunk by chunk and compares what comes out.

    Every row of the batch is taken up to its own length; padded places hold `padding`.
    """

    def __init__(self, backbone: Backbone, rows: Batch, *, padding: float = 50.0) -> None:
        self.backbone = backbone
        self.padding = padding
        self.rows = rows
        self.wanted = [alone(backbone, rows, b) for b in range(len(rows.lengths))]
        self.cache: Cache = backbone.new_cache(len(rows.lengths), ROOM, rows.x.dtype, device_of(backbone))

    def feed(
        self, new: list[int], *, form: str = "causal", padded: bool = True, width: int | None = None, **how
    ) -> Tensor:
        """Run the next `new[b]` positions of each row and compare them with the rows alone; gives raw states."""
        rows, start = self.rows, self.cache.lengths.clone()
        lengths = start + torch.tensor(new, device=start.device)
        T = max(new) if width is None else width
        place = start[:, None] + torch.arange(T, device=start.device)
        held = place.clamp(max=rows.x.shape[1] - 1)
        x = rows.x.gather(1, held[..., None].expand(-1, -1, rows.x.shape[2]))
        x = x.masked_fill((place >= lengths[:, None])[..., None], self.padding)
        mask = SequenceMask(
            lengths=lengths,
            prefix=torch.minimum(rows.prefix, lengths),
            query_start=start,
            form=form,  # type: ignore[arg-type]
            padded=padded,
        )
        out = self.backbone(x, mask, place, condition=rows.condition, cache=self.cache, **how)
        assert torch.equal(self.cache.lengths, lengths), f"cache.lengths is {self.cache.lengths.tolist()}"
        if "layers" not in how:
            found = self.backbone.finish(out.h)
            for b, (a, n) in enumerate(zip(start.tolist(), new, strict=True)):
                close(found[b, :n], self.wanted[b][a : a + n], f"row {b}, positions {a} … {a + n - 1} from the cache")
        return out.h

    def select(self, order: list[int], given: Tensor | None = None) -> None:
        """Reorder and narrow the cache and what is compared; the cache is told with `given`, where it is."""
        index = torch.tensor(order, device=self.rows.x.device)
        self.cache.select(index if given is None else given)
        rows = self.rows
        self.rows = Batch(
            x=rows.x[index],
            lengths=rows.lengths[index],
            prefix=rows.prefix[index],
            positions=rows.positions[index],
            condition=rows.condition[index],
        )
        self.wanted = [self.wanted[b] for b in order]


@contract("Backbone.__call__", "(mask.lengths − query_start per row) are appended to the cache.")
@torch.no_grad()
def decodes_ragged_rows(build: Build) -> None:
    """A prompt of several lengths, then steps; rows that have ended stand still."""
    backbone = ready(build)
    decoding = Decoding(backbone, batch(backbone, [15, 9, 12, 14]))
    decoding.feed([9, 4, 1, 7])
    for new in ([1, 1, 1, 1], [1, 1, 0, 1], [1, 0, 1, 1], [1, 1, 1, 1]):
        decoding.feed(new)


@contract("SequenceMask", "padded: False promises that every row fills all T positions")
@torch.no_grad()
def decodes_uniform_rows(build: Build) -> None:
    """Rows of one length, with the promise that nothing is padded; also one row alone and a first single step."""
    backbone = ready(build)
    for lengths, chunks in (([14, 14, 14], (8, 1, 1, 3, 1)), ([12], (6, 1, 1)), ([6, 6], (1, 1, 1))):
        decoding = Decoding(backbone, batch(backbone, lengths))
        for n in chunks:
            decoding.feed([n] * len(lengths), padded=False)


@contract("Backbone.__call__", "With a cache, x holds only new positions")
@torch.no_grad()
def decodes_in_chunks(build: Build) -> None:
    """Several new positions at a time, a different number in each row, also as many as there are keys."""
    backbone = ready(build)
    decoding = Decoding(backbone, batch(backbone, [16, 12, 12, 14]))
    for new in ([6, 2, 0, 5], [3, 3, 9, 1], [0, 1, 2, 4], [4, 4, 1, 4]):
        decoding.feed(new)
    decoding = Decoding(backbone, batch(backbone, [9, 10]))
    decoding.feed([5, 1])
    decoding.feed([4, 9], width=10)


@contract("SequenceMask", "`prefix = 0` is causal, `prefix = lengths` is full, between them lies prefix-LM.")
@torch.no_grad()
def decodes_mixed_rows(build: Build) -> None:
    """Causal and full rows prompted in one batch; causal rows go on, as do prefix rows where declared."""
    backbone = ready(build)
    decoding = Decoding(backbone, batch(backbone, [12, 6, 9, 8], [0, 6, 0, 8]))
    decoding.feed([7, 6, 3, 8], form="mixed")
    for new in ([1, 0, 1, 0], [2, 0, 3, 0], [1, 0, 1, 0]):
        decoding.feed(new, form="mixed")
    if "prefix" in backbone.mask_forms:
        decoding = Decoding(backbone, batch(backbone, [12, 9, 9], [4, 5, 0]))
        decoding.feed([4, 7, 3], form="mixed")
        for new in ([1, 1, 1], [3, 1, 2], [1, 0, 1]):
            decoding.feed(new, form="mixed")


@contract("Cache.select", "Keep these rows in this order")
@torch.no_grad()
def decodes_after_select(build: Build) -> None:
    """Rows reordered, repeated and dropped; the promise of no padding holds again for what is left."""
    backbone = ready(build)
    decoding = Decoding(backbone, batch(backbone, [15, 9, 12, 14], [0, 0, 0, 0]))
    decoding.feed([9, 4, 1, 7])
    held = decoding.cache.nbytes
    decoding.select([2, 3, 0, 0, 1])
    decoding.feed([1, 1, 1, 1, 1])
    decoding.select([3, 0])
    assert decoding.cache.nbytes < held, "a narrowed cache holds as many bytes as before"
    decoding.feed([1, 1])
    decoding.feed([2, 3])
    decoding.select([1])
    for _ in range(3):
        decoding.feed([1], padded=False)


@contract("Cache.rewind", "Forget positions at and past `lengths` (≤ the present ones).")
@torch.no_grad()
def decodes_after_rewind(build: Build) -> None:
    """Rejected positions are forgotten and others take their place."""
    backbone = ready(build)
    rows = batch(backbone, [15, 9, 12])
    decoding = Decoding(backbone, rows)
    decoding.feed([8, 4, 6])
    kept = decoding.cache.lengths.clone()
    draft = replace(rows, x=rows.x.roll(3, dims=1))
    decoding.rows, wanted = draft, decoding.wanted
    decoding.wanted = [torch.full_like(states, torch.nan) for states in wanted]
    _unchecked(decoding, [3, 2, 3])
    try:
        decoding.cache.rewind(kept + 1)
        decoding.cache.rewind(kept)
    except UserError as error:
        raise SkipTest(f"its caches cannot rewind: {error}") from error
    assert torch.equal(decoding.cache.lengths, kept), "rewind left other lengths"
    decoding.rows, decoding.wanted = rows, wanted
    for new in ([1, 1, 1], [3, 1, 2], [1, 1, 1]):
        decoding.feed(new)
    more = decoding.cache.lengths + 1
    assert refused(lambda: decoding.cache.rewind(more)), "rewind to more than the present lengths is not refused"


@contract("Backbone.__call__", "Run the layers (all, or the ordered subset `layers`")
@torch.no_grad()
def drafts_and_verifies_on_one_cache(build: Build) -> None:
    """Layer 0 drafts, the cache is rewound, the other layers verify from the draft's states (LayerSkip)."""
    backbone = ready(build)
    decoding = Decoding(backbone, batch(backbone, [12, 9]))
    decoding.feed([6, 4])
    start = decoding.cache.lengths.clone()
    states = decoding.feed([3, 3], layers=(0,))
    try:
        decoding.cache.rewind(start)
    except UserError as error:
        raise SkipTest(f"its caches cannot rewind: {error}") from error
    rows, place = decoding.rows, start[:, None] + torch.arange(3, device=start.device)
    mask = SequenceMask.causal(start + 3, query_start=start)
    rest = tuple(range(1, backbone.n_layers))
    out = backbone(states, mask, place, condition=rows.condition, cache=decoding.cache, layers=rest)
    found = backbone.finish(out.h)
    for b, a in enumerate(start.tolist()):
        close(found[b], decoding.wanted[b][a : a + 3], f"row {b}, drafted by layer 0 and verified by the rest")
    decoding.feed([1, 1])


@contract(
    "Backbone.new_cache",
    "at most `max_length` positions; more raise `UserError`, here and later.",
)
@torch.no_grad()
def refuses_more_than_the_cache_holds(build: Build) -> None:
    """`UserError`; a row that just fits is taken, whatever padding came with it."""
    backbone = ready(build)
    for padded in (True, False):
        cache = backbone.new_cache(1, 4, dtype_of(backbone), device_of(backbone))
        rows = batch(backbone, [6])

        def step(a: int, n: int, cache: Cache = cache, rows: Batch = rows, padded: bool = padded) -> None:
            start = rows.lengths.new_tensor([a])
            mask = replace(SequenceMask.causal(start + n, query_start=start), padded=padded)
            backbone(rows.x[:, a : a + n], mask, rows.positions[:, a : a + n], condition=rows.condition, cache=cache)

        step(0, 3)
        step(3, 1)
        assert refused(lambda step=step: step(4, 1)), (
            f"a fifth position in a cache of four is not refused (padded={padded})"
        )


def _unchecked(decoding: Decoding, new: list[int]) -> None:
    """Feed without comparing: what comes out is about to be rejected."""
    decoding.feed(new, layers=tuple(range(decoding.backbone.n_layers)))


CACHE_CHECKS: tuple[Callable[[Build], None], ...] = (
    decodes_ragged_rows,
    decodes_uniform_rows,
    decodes_in_chunks,
    decodes_mixed_rows,
    decodes_after_select,
    decodes_after_rewind,
    drafts_and_verifies_on_one_cache,
    refuses_more_than_the_cache_holds,
)
