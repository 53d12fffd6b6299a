"""Masks for kernels that take rows laid end to end ("varlen"), full or causal from the bottom right corner.

A query inside a row's prefix sees the prefix and nothing else; one behind it sees what a causal row shows. So every
mask without a tree is two calls, which have every query once between them: the queries inside prefixes, and the others.
Only a window behind a prefix is two ranges of keys for one query; no such kernel can say that, so plain torch does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from valle_core.types import PackedMask, SequenceMask
from valle_kit.last_mask import LastMask

Kind = Literal["full", "causal", "apart"]


class Stretch(NamedTuple):
    """Neighbouring queries of a row and the keys they may see; places are those in the flattened tensors."""

    kind: Kind
    query: int
    queries: int
    key: int
    keys: int
    prefix: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One call.

    Attributes:
        queries: [Nq] places of its queries among all of them, rows one after the other.
        keys: [Nk] places of its keys, likewise.
        q_offsets, k_offsets: [S + 1] int32, where each stretch begins.
        q_lengths, k_lengths: their lengths.
        causal: the last query of a stretch sees all its keys, the one before it one less, …; else all see all.
        window: how many keys a query sees at most, itself included, or None.
    """

    queries: Int[Tensor, "Nq"]
    keys: Int[Tensor, "Nk"]
    q_offsets: Int[Tensor, "S_plus_1"]
    k_offsets: Int[Tensor, "S_plus_1"]
    q_lengths: tuple[int, ...]
    k_lengths: tuple[int, ...]
    causal: bool
    window: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Apart:
    """Queries that see a prefix and, apart from it, a window: one stretch of a row.

    Attributes:
        queries, keys: places, as in `Part`.
        visible: [Nq, Nk] who sees whom.
    """

    queries: Int[Tensor, "Nq"]
    keys: Int[Tensor, "Nk"]
    visible: Bool[Tensor, "Nq Nk"]


Call = Callable[[Float[Tensor, "Nq H Dh"], Float[Tensor, "Nk Hk Dh"], Float[Tensor, "Nk Hk Dh"], Part, float], Tensor]
"""The kernel: queries, keys and values of a part, scale → outputs [Nq, H, Dh]."""


class Ragged:
    """Runs a varlen kernel for any mask without a tree. Reads the mask from its device once for all layers."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._last = LastMask()

    def __call__(
        self,
        q: Float[Tensor, "B H Tq Dh"],
        k: Float[Tensor, "B Hk Tk Dh"],
        v: Float[Tensor, "B Hk Tk Dh"],
        mask: SequenceMask | PackedMask,
        scale: float,
    ) -> Float[Tensor, "B H Tq Dh"]:
        """Zeros for queries that see nothing."""
        B, H, Tq, Dh = q.shape
        Tk = k.shape[2]
        parts = self._last.of(mask, (Tq, Tk), lambda: parts_of(mask, Tq, Tk))
        q, k, v = (x.transpose(1, 2).flatten(0, 1) for x in (q, k, v))  # [B · T, H, Dh]
        out = q.new_zeros(B * Tq, H, Dh)
        for part in parts:
            given = q.index_select(0, part.queries), k.index_select(0, part.keys), v.index_select(0, part.keys)
            found = self._call(*given, part, scale) if isinstance(part, Part) else densely(*given, part.visible, scale)
            out = out.index_copy(0, part.queries, found.to(out.dtype))
        return out.unflatten(0, (B, Tq)).transpose(1, 2)


def parts_of(mask: SequenceMask | PackedMask, Tq: int, Tk: int) -> list[Part | Apart]:
    """The calls of a mask; none where no query sees a key."""
    window = None if isinstance(mask, PackedMask) else mask.window
    device = mask.prefix.device
    found = list(_segments(mask, Tq) if isinstance(mask, PackedMask) else _rows(mask, Tq, Tk))
    parts: list[Part | Apart] = []
    for kind in ("full", "causal"):
        if some := [stretch for stretch in found if stretch.kind == kind]:
            parts.append(_part(some, window if kind == "causal" else None, device))
    parts += [_apart(stretch, window or 0, device) for stretch in found if stretch.kind == "apart"]
    return parts


def densely(
    q: Float[Tensor, "Nq H Dh"],
    k: Float[Tensor, "Nk Hk Dh"],
    v: Float[Tensor, "Nk Hk Dh"],
    visible: Tensor,
    scale: float,
) -> Float[Tensor, "Nq H Dh"]:
    """Attention as its formula, in float32."""
    group = q.shape[1] // k.shape[1]
    with torch.autocast(q.device.type, enabled=False):
        unseen = ~visible.any(0)[:, None, None]  # 0 · NaN is NaN, so what nobody sees is emptied
        k, v = (x.float().masked_fill(unseen, 0.0) for x in (k, v))
        keys, values = (x.repeat_interleave(group, dim=1).transpose(0, 1) for x in (k, v))
        scores = q.transpose(0, 1).float() @ keys.mT * scale
        return (scores.masked_fill(~visible, -torch.inf).softmax(-1) @ values).transpose(0, 1)


def _rows(mask: SequenceMask, Tq: int, Tk: int) -> Iterator[Stretch]:
    rows = zip(*map(mask.host.of, (mask.query_start, mask.lengths, mask.prefix)), strict=True)
    for row, (start, length, prefix) in enumerate(rows):
        yield from _row(row * Tq, row * Tk, start, min(length, Tk), min(prefix, length), Tq, mask.window)


def _segments(mask: PackedMask, N: int) -> Iterator[Stretch]:
    for (start, end), prefix in zip(pairwise(mask.host.of(mask.offsets)), mask.host.of(mask.prefix), strict=True):
        length = min(end, N) - start
        yield from _row(start, start, 0, length, min(prefix, length), length, None)


def _row(
    first_q: int, first_k: int, start: int, length: int, prefix: int, queries: int, window: int | None
) -> Iterator[Stretch]:
    """Up to two stretches of a row: inside the prefix, and behind it."""
    stop = min(length, start + queries)
    if inside := max(0, min(prefix, stop) - start):
        yield Stretch("full", first_q, inside, first_k, prefix, prefix)
    begin = max(start, prefix)
    if begin < stop:
        kind: Kind = "apart" if prefix and window is not None else "causal"
        low = max(0, begin - window + 1) if window is not None and not prefix else 0  # keys before are seen by none
        yield Stretch(kind, first_q + begin - start, stop - begin, first_k + low, stop - low, prefix)


def _part(stretches: list[Stretch], window: int | None, device: torch.device) -> Part:
    def offsets(lengths: tuple[int, ...]) -> Tensor:
        return torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32).to(device)

    q_lengths, k_lengths = (tuple(s.queries for s in stretches), tuple(s.keys for s in stretches))
    return Part(
        queries=torch.cat([torch.arange(s.query, s.query + s.queries) for s in stretches]).to(device),
        keys=torch.cat([torch.arange(s.key, s.key + s.keys) for s in stretches]).to(device),
        q_offsets=offsets(q_lengths),
        k_offsets=offsets(k_lengths),
        q_lengths=q_lengths,
        k_lengths=k_lengths,
        causal=stretches[0].kind == "causal",
        window=window,
    )


def _apart(stretch: Stretch, window: int, device: torch.device) -> Apart:
    _, first_q, queries, first_k, keys, prefix = stretch
    p = torch.arange(keys - queries, keys, device=device)[:, None]  # its last query is the last key
    j = torch.arange(keys, device=device)[None]
    return Apart(
        queries=torch.arange(first_q, first_q + queries, device=device),
        keys=torch.arange(first_k, first_k + keys, device=device),
        visible=(j < prefix) | ((j <= p) & (p - j < window)),
    )
