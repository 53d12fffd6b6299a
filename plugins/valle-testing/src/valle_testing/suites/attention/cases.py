"""Masks of every form, what goes with them, and who sees whom: the cases of the suite of attention kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from valle_core.types import PackedMask, SequenceMask
from valle_testing.fakes.rule_kernel import rule

Inputs = tuple[Tensor, Tensor, Tensor]
HEADS, WIDTH = 4, 16
MANY = 32
"""Keys from which on who sees whom is worked out by tensors; a test compares the two ways."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A mask and the sizes it goes with.

    Attributes:
        name: in the messages of the suite.
        queries: Tq.
        keys: Tk.
        mask: what the kernel is given.
        needs: capabilities it takes; a kernel that lacks one must refuse it.
    """

    name: str
    queries: int
    keys: int
    mask: SequenceMask | PackedMask
    needs: frozenset[str] = frozenset()


def cases(device: torch.device | str = "cpu") -> tuple[Case, ...]:
    """Every mask form, ragged and uniform, with rows of no length, chunks and steps over a cache."""

    def at(*values: int) -> Tensor:
        return torch.tensor(values, device=device)

    ragged, uniform = at(9, 4, 0, 1), at(9, 9, 9, 9)
    causal, full = SequenceMask.causal, SequenceMask.full
    prefixes = SequenceMask(lengths=at(9, 8, 7, 9), prefix=at(0, 8, 3, 5), query_start=at(0, 0, 0, 0))
    mixed = SequenceMask(lengths=at(9, 8, 0, 5), prefix=at(0, 8, 0, 0), query_start=at(0, 0, 0, 0))
    full_first = SequenceMask(lengths=at(9, 8, 6, 5), prefix=at(9, 0, 6, 0), query_start=at(0, 0, 0, 0))
    tree = torch.tensor([[-1, 0, 0, 2], [-1, -1, 1, 1], [-1, 0, 1, 2], [-1, 0, -1, 2]], device=device)
    both, prefix = frozenset({"mixed"}), frozenset({"mixed", "prefix"})
    return (
        Case(name="causal", queries=9, keys=9, mask=causal(ragged)),
        Case(name="causal uniform", queries=9, keys=9, mask=replace(causal(uniform), padded=False)),
        Case(name="full", queries=9, keys=9, mask=full(ragged)),
        Case(name="full uniform", queries=9, keys=9, mask=replace(full(uniform), padded=False)),
        Case(name="full chunk", queries=3, keys=9, mask=replace(full(at(9, 5, 0, 3)), query_start=at(6, 3, 0, 0))),
        Case(name="step", queries=1, keys=9, mask=causal(ragged, query_start=at(8, 3, 0, 1))),
        Case(
            name="step uniform",
            queries=1,
            keys=9,
            mask=replace(causal(uniform, query_start=at(8, 8, 8, 8)), padded=False),
        ),
        Case(name="chunk", queries=3, keys=9, mask=causal(at(9, 7, 3, 2), query_start=at(6, 5, 0, 2))),
        Case(
            name="chunk uniform",
            queries=3,
            keys=9,
            mask=replace(causal(uniform, query_start=at(6, 6, 6, 6)), padded=False),
        ),
        Case(
            name="chunk as wide as the keys", queries=9, keys=9, mask=causal(at(9, 8, 9, 2), query_start=at(0, 5, 8, 2))
        ),
        Case(name="one position", queries=1, keys=1, mask=causal(at(1, 1, 0, 1))),
        Case(name="mixed", queries=9, keys=9, mask=mixed, needs=both),
        Case(name="mixed, a full row first", queries=9, keys=9, mask=full_first, needs=both),
        Case(name="mixed rows of one kind", queries=9, keys=9, mask=replace(full(ragged), form="mixed"), needs=both),
        Case(name="mixed step", queries=1, keys=9, mask=replace(mixed, query_start=at(8, 7, 0, 4)), needs=both),
        Case(name="prefix", queries=9, keys=9, mask=prefixes, needs=prefix),
        Case(name="prefix chunk", queries=4, keys=9, mask=replace(prefixes, query_start=at(5, 4, 4, 9)), needs=prefix),
        Case(name="window", queries=9, keys=9, mask=replace(causal(ragged), window=3), needs=frozenset({"window"})),
        Case(
            name="tree",
            queries=4,
            keys=9,
            mask=replace(causal(at(9, 6, 4, 7), query_start=at(5, 2, 0, 4)), tree=tree),
            needs=frozenset({"tree"}),
        ),
        Case(
            name="packed",
            queries=9,
            keys=9,
            mask=PackedMask(offsets=at(0, 4, 4, 5, 9), prefix=at(0, 0, 1, 2)),
            needs=frozenset({"packed", "prefix"}),
        ),
        Case(
            name="packed full",
            queries=9,
            keys=9,
            mask=PackedMask(offsets=at(0, 3, 9), prefix=at(3, 6)),
            needs=frozenset({"packed"}),
        ),
    )


def visible(case: Case) -> Bool[Tensor, "B Tq Tk"]:
    """Which query sees which key, as the definition in `SequenceMask` and `PackedMask` says: one by one where few."""
    mask = case.mask
    if case.keys > MANY:
        return rule(mask, case.queries, case.keys)
    if isinstance(mask, PackedMask):
        offsets, prefix = mask.offsets.tolist(), mask.prefix.tolist()
        seen = torch.zeros(1, case.queries, case.keys, dtype=torch.bool)
        for s, (start, end) in enumerate(pairwise(offsets)):
            for i in range(start, end):
                for j in range(start, end):
                    seen[0, i, j] = j - start < prefix[s] or j <= i
        return seen.to(mask.offsets.device)
    rows = zip(mask.lengths.tolist(), mask.prefix.tolist(), mask.query_start.tolist(), strict=True)
    seen = torch.zeros(mask.lengths.shape[0], case.queries, case.keys, dtype=torch.bool)
    for b, (length, prefix, start) in enumerate(rows):
        for i in range(min(case.queries, length - start)):
            line = set(range(start)) | _line(mask.tree[b].tolist(), i, start) if mask.tree is not None else None
            for j in range(length):
                ordered = j <= start + i if line is None else j in line
                near = mask.window is None or start + i - j < mask.window
                seen[b, i, j] = j < prefix or (ordered and near)
    return seen.to(mask.lengths.device)


def _line(parents: list[int], i: int, start: int) -> set[int]:
    """Keys of draft i and its ancestors."""
    line = set()
    while i >= 0:
        line.add(start + i)
        i = parents[i]
    return line


def inputs_for(
    case: Case,
    key_heads: int,
    *,
    heads: int = HEADS,
    width: int = WIDTH,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Inputs:
    """Noise for the case."""
    rows = 1 if isinstance(case.mask, PackedMask) else case.mask.lengths.shape[0]
    random = torch.Generator().manual_seed(case.queries * 31 + case.keys)
    sizes = ((heads, case.queries), (key_heads, case.keys), (key_heads, case.keys))
    q, k, v = (torch.randn(rows, h, t, width, generator=random).to(device, dtype) for h, t in sizes)
    return q, k, v


def declared(
    capabilities: frozenset[str], key_heads: tuple[int, ...] = (HEADS // 2,), **where: Any
) -> Iterator[tuple[Case, Inputs]]:
    for case in cases(where.get("device", "cpu")):
        if case.needs <= capabilities:
            for Hk in key_heads:
                yield case, inputs_for(case, Hk, **where)


def each(inputs: Inputs, change: Callable[[Tensor], Tensor]) -> Inputs:
    q, k, v = inputs
    return change(q), change(k), change(v)


def spread(x: Float[Tensor, "B H T Dh"]) -> Float[Tensor, "B H T Dh"]:
    """The same values, heads interleaved with positions, in a buffer twice as long."""
    return torch.cat([x, x], dim=2).transpose(1, 2).contiguous().transpose(1, 2)[:, :, : x.shape[2]]


def strided(mask: SequenceMask | PackedMask) -> SequenceMask | PackedMask:
    """The same values, each beside another."""
    names = ("offsets", "prefix") if isinstance(mask, PackedMask) else ("lengths", "prefix", "query_start")
    apart = {name: torch.stack([getattr(mask, name)] * 2, dim=1)[:, 0] for name in names}
    return replace(mask, **apart)


def tensors_of(mask: SequenceMask | PackedMask) -> list[Tensor]:
    return (
        [mask.offsets, mask.prefix] if isinstance(mask, PackedMask) else [mask.lengths, mask.prefix, mask.query_start]
    )
