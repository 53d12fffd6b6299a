"""Bands ↔ codes: residual vector quantisation with random codebooks."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

SPREAD = 0.1
"""Standard deviation of companded bands of speech: 0.07 over pauses and all, more where something is said."""


def codebooks(levels: int, size: int, bands: int, seed: int) -> Float[Tensor, "Q V K"]:
    """Gaussian words; those of each level as wide as what it can take away of what the level before leaves.

    With σ² left, V words over K numbers leave σ² V^(−2/K), so words have the variance σ² (1 − V^(−2/K)). Word 0 is
    zero: silence stays silent and no level makes a frame worse.
    """
    random = torch.Generator().manual_seed(seed)
    words = torch.randn(levels, size, bands, generator=random, dtype=torch.float64)
    rest = size ** (-2.0 / bands)
    spread = SPREAD * (1 - rest) ** 0.5 * rest ** (0.5 * torch.arange(levels, dtype=torch.float64))
    words = words * spread[:, None, None]
    words[:, 0] = 0.0
    return words


def quantize(bands: Float[Tensor, "B F K"], books: Float[Tensor, "Q V K"]) -> Int[Tensor, "B F Q"]:
    """Level by level the word nearest to what the levels before leave."""
    rest, codes = bands, []
    for book in books:
        nearest = (rest @ book.T - 0.5 * book.square().sum(-1)).argmax(-1)
        codes.append(nearest)
        rest = rest - book[nearest]
    return torch.stack(codes, dim=-1)


def dequantize(codes: Int[Tensor, "B F L"], books: Float[Tensor, "Q V K"]) -> Float[Tensor, "B F K"]:
    """The sum of the words of the levels given."""
    return torch.stack([book[code] for book, code in zip(books, codes.long().unbind(-1), strict=False)]).sum(0)
