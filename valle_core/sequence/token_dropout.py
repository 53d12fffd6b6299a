"""Training noise on the visible response: neighbouring codes and mask tokens, by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from valle_core.types import TaskSequence


def drop_tokens(
    row: TaskSequence,
    *,
    error: Sequence[float],
    rate: Sequence[float],
    codebook_size: int,
    generator: torch.Generator,
) -> TaskSequence:
    """The row with part of its visible response codes disturbed; the target stays as it was.

    Args:
        row: a training row.
        error: chance, by level, that a code is replaced by a neighbouring one (± 1, kept in range). The last
            entry goes for the levels beyond; empty means 0.
        rate: chance, by level, that a code is replaced by the mask token.
        codebook_size: V; the mask token is index V.
        generator: source of randomness.
    """
    response = row.segments[-1].tokens  # [F, L]
    F, L = response.shape
    if not (any(error) or any(rate)) or F == 0:
        return row
    first = row.level - L if row.level else 0
    step = torch.randint(0, 2, (F, L), generator=generator) * 2 - 1
    neighbour = (response + step).clamp(0, codebook_size - 1)
    # At the ends of the range the neighbour lies on the other side.
    neighbour = torch.where(neighbour == response, response - step, neighbour)
    wrong = torch.rand((F, L), generator=generator) < _by_level(error, first, L)
    masked = torch.rand((F, L), generator=generator) < _by_level(rate, first, L)
    noisy = torch.where(masked, codebook_size, torch.where(wrong, neighbour, response))
    return replace(row, segments=(*row.segments[:-1], replace(row.segments[-1], tokens=noisy)))


def _by_level(chances: Sequence[float], first: int, count: int) -> torch.Tensor:
    values = list(chances) or [0.0]
    return torch.tensor([values[min(level, len(values) - 1)] for level in range(first, first + count)])
