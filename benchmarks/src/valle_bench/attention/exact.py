"""Attention and its gradients in float64 from the formula, for a few heads of a few rows: what kernels are held to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from valle_bench.attention.inputs import Buffers
from valle_bench.attention.settings import Cell

ROWS = 3
"""Rows that are compared: the first, one in the middle, the last; each with another key head and its query heads."""

CHUNK = 512
"""Queries whose scores are held at once."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is compared of one row: its place and the exact results.

    Attributes:
        row: in the batch.
        heads: query heads.
        kv: the key head.
        queries, keys: places of the row's positions in q and in k.
        results: out; for "backward" also the gradients of q, k and v.
    """

    row: int
    heads: slice
    kv: int
    queries: slice
    keys: slice
    results: tuple[Tensor, ...]


class Exact:
    """The exact results of a cell for one set of inputs."""

    def __init__(self, cell: Cell, given: Buffers) -> None:
        self.cell = cell
        rows = sorted({0, cell.batch // 2, cell.batch - 1})[:ROWS]
        self.parts = [_part(cell, given, row) for row in rows]

    def error(self, results: tuple[Tensor, ...]) -> float:
        """Largest distance over the largest exact value, of out or of the worst gradient.

        Infinite where something is NaN or infinite, and where padding does not give zeros.
        """
        if not all(bool(x.isfinite().all()) for x in results) or not self._padding_is_zero(results):
            return math.inf
        worst = 0.0
        for part in self.parts:
            for index, exact in enumerate(part.results):
                heads, places = (part.heads, part.queries) if index < 2 else (slice(part.kv, part.kv + 1), part.keys)
                got = results[index][part.row, heads, places].double()
                worst = max(worst, float((got - exact).abs().max() / exact.abs().max().clamp(min=1e-30)))
        return worst

    def _padding_is_zero(self, results: tuple[Tensor, ...]) -> bool:
        if self.cell.form == "packed" or self.cell.direction == "decode":
            return True
        return not any(bool(x[row, :, length:].any()) for x in results for row, length in enumerate(self.cell.lengths))


def _part(cell: Cell, given: Buffers, row: int) -> Part:
    length, prefix, group = cell.lengths[row], cell.prefix[row], cell.heads // cell.kv_heads
    kv = row % cell.kv_heads
    place = 0 if cell.form == "packed" else row
    begin = sum(cell.lengths[:row]) if cell.form == "packed" else 0
    heads, keys = slice(kv * group, (kv + 1) * group), slice(begin, begin + length)
    start = max(0, length - cell.queries) if cell.direction == "decode" else 0
    queries = slice(0, length - start) if cell.direction == "decode" else keys
    q = given.q[place, heads, queries].double()  # [G, T, Dh]
    k, v = given.k[place, kv, keys].double(), given.v[place, kv, keys].double()  # [L, Dh]
    grad = None if given.grad is None else given.grad[place, heads, queries].double()
    out, *grads = attend(q, k, v, grad, start=start, prefix=prefix, window=cell.window)
    shaped = (out, *grads[:1], *(x[None] for x in grads[1:]))
    return Part(row=place, heads=heads, kv=kv, queries=queries, keys=keys, results=shaped)


def attend(
    q: Float[Tensor, "G T Dh"],
    k: Float[Tensor, "L Dh"],
    v: Float[Tensor, "L Dh"],
    grad: Float[Tensor, "G T Dh"] | None,
    *,
    start: int = 0,
    prefix: int = 0,
    window: int | None = None,
) -> tuple[Tensor, ...]:
    """softmax(q kᵀ / √Dh) v with the rule of `SequenceMask`; with `grad` also the gradients of q, k and v."""
    scale = q.shape[-1] ** -0.5
    outs, grads_q = [], []
    grad_k, grad_v = torch.zeros_like(k), torch.zeros_like(v)
    for at in range(0, q.shape[1], CHUNK):
        part = q[:, at : at + CHUNK]
        seen = visible(start + at, part.shape[1], k.shape[0], prefix, window, k.device)
        weights = (part @ k.T * scale).masked_fill(~seen, -math.inf).softmax(-1)  # [G, t, L]
        out = weights @ v
        outs.append(out)
        if grad is not None:
            given = grad[:, at : at + CHUNK]
            grad_v += torch.einsum("gtl,gtd->ld", weights, given)
            inner = weights * (given @ v.T - (given * out).sum(-1, keepdim=True))
            grads_q.append(inner @ k * scale)
            grad_k += torch.einsum("gtl,gtd->ld", inner, part) * scale
    if grad is None:
        return (torch.cat(outs, 1),)
    return torch.cat(outs, 1), torch.cat(grads_q, 1), grad_k, grad_v


def visible(
    first: int, queries: int, keys: int, prefix: int, window: int | None, device: torch.device
) -> Bool[Tensor, "t L"]:
    """Which of the queries from position `first` on see which key."""
    p = torch.arange(first, first + queries, device=device)[:, None]
    j = torch.arange(keys, device=device)[None]
    near = j <= p if window is None else (j <= p) & (p - j < window)
    return near | (j < prefix)
