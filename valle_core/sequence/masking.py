"""A masked level 0: rows that see their codes on both sides and answer the hidden ones in place (2202.04200)."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import torch
from jaxtyping import Bool
from torch import Tensor

from valle_core.types import TaskSequence

MASKED = -1
"""In place of a level: level 0 answered in place."""


def answered(row: TaskSequence) -> int:
    """The level a row answers, or `MASKED`."""
    return MASKED if row.level == 0 and not row.causal else row.level


def masked(row: TaskSequence, hidden: Bool[Tensor, "F"], *, mask: int) -> TaskSequence:
    """A row of level 0 made bidirectional, with the mask token in place of its hidden codes."""
    response = row.segments[-1]
    tokens = response.tokens.masked_fill(hidden[:, None], mask)
    return replace(row, causal=False, segments=(*row.segments[:-1], replace(response, tokens=tokens)))


def draw_hidden(frames: int, rng: Random) -> Bool[Tensor, "F"]:
    """Frames to hide in training: ⌈F cos(πu/2)⌉ of them for a uniform u in [0, 1), any as likely as the others."""
    count = math.ceil(frames * math.cos(math.pi / 2 * rng.random()))
    hidden = torch.zeros(frames, dtype=torch.bool)
    hidden[rng.sample(range(frames), count)] = True
    return hidden
