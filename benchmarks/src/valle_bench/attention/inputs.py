"""Inputs of a cell, in as many copies as it takes for none to be in a cache when its turn comes, and fresh masks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from valle_bench.attention.settings import Cell
from valle_core.types import PackedMask, SequenceMask

MOST_COPIES = 16
CACHE = Path("/sys/devices/system/cpu/cpu0/cache/index3/size")
USUAL_CACHE = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Buffers:
    """One set of inputs. `grad` is the gradient of the output; None where no gradient is taken."""

    q: Float[Tensor, "B H Tq Dh"]
    k: Float[Tensor, "B Hk Tk Dh"]
    v: Float[Tensor, "B Hk Tk Dh"]
    grad: Float[Tensor, "B H Tq Dh"] | None


class Inputs:
    """The inputs of a cell.

    Attributes:
        cell: whose.
        sets: equal in size, different in values.
    """

    def __init__(self, cell: Cell, device: torch.device, seed: int) -> None:
        self.cell, self._device = cell, device
        first = self._set(seed)
        size = sum(x.nbytes for x in (first.q, first.k, first.v))
        copies = min(MOST_COPIES, max(2, math.ceil(2 * cache_size(device) / size)))
        self.sets = [first, *(self._set(seed + copy) for copy in range(1, copies))]
        self._lengths = torch.tensor(cell.lengths, device=device)
        self._prefix = torch.tensor(cell.prefix, device=device)
        self._zeros = torch.zeros_like(self._lengths)
        decoding = cell.direction == "decode"
        self._start = (self._lengths - cell.queries).clamp(min=0) if decoding else self._zeros
        self._offsets = torch.cat([self._zeros[:1], self._lengths.cumsum(0)])

    def mask(self) -> SequenceMask | PackedMask:
        """A mask that no kernel has seen: what it prepares for a mask belongs to the timed step."""
        cell = self.cell
        if cell.form == "packed":
            return PackedMask(offsets=self._offsets, prefix=self._prefix)
        causal = not any(cell.prefix)
        full = cell.prefix == cell.lengths
        return SequenceMask(
            lengths=self._lengths,
            prefix=self._start if causal and self._start is self._zeros else self._prefix,
            query_start=self._start,
            window=cell.window,
            form="causal" if causal else "full" if full else "mixed",
            padded=any(length < cell.size for length in cell.lengths),
        )

    def _set(self, seed: int) -> Buffers:
        """Standard normal numbers. In training heads lie beside each other, as projections leave them; a cache holds
        each head in one piece."""
        cell = self.cell
        generator = torch.Generator(self._device).manual_seed(seed + cell.size)
        rows = 1 if cell.form == "packed" else cell.batch
        T = sum(cell.lengths) if cell.form == "packed" else cell.size

        def normal(heads: int, length: int) -> Tensor:
            shape = (rows, length, heads, cell.head_width)
            x = torch.randn(shape, generator=generator, device=self._device, dtype=getattr(torch, cell.dtype))
            x = x.transpose(1, 2)
            return x.contiguous() if cell.direction == "decode" else x

        queries = T if cell.direction != "decode" else cell.queries
        q, k, v = normal(cell.heads, queries), normal(cell.kv_heads, T), normal(cell.kv_heads, T)
        return Buffers(q, k, v, normal(cell.heads, queries) if cell.direction == "backward" else None)


def cache_size(device: torch.device) -> int:
    """Bytes of the largest cache."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).L2_cache_size)
    try:
        text = CACHE.read_text(encoding="ascii").strip()
        return int(text[:-1]) * {"K": 2**10, "M": 2**20, "G": 2**30}[text[-1]]
    except (OSError, ValueError, KeyError, IndexError):
        return USUAL_CACHE
