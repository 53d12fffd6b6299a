"""Weights in few bytes: whole numbers with a scale for each row, without the rows that are never read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

_LEAST = 10_000
"""Numbers a tensor must have to be stored as whole ones; biases and the like are kept as they are."""

HEADS = "heads.weight"


def shrunk(tensors: Mapping[str, Tensor], *, parts: str) -> dict[str, Tensor]:
    """A model's tensors as `valle_core.reading.tensors.expanded` reads them.

    A row that is zero is left out: those of the embedding table that a half never reads have stayed at zero. So are the
    heads of the levels that the half does not predict, which have not.

    Args:
        tensors: of one half, as its checkpoint keeps them.
        parts: that half, "ar" (level 0) or "nar" (the other levels).

    Raises:
        ValueError: another half, or a number that is not finite.
    """
    if parts not in ("ar", "nar"):
        raise ValueError(f"parts must be ar or nar, got {parts}; export two halves that were trained apart")
    return {name: tensor for key, value in tensors.items() for name, tensor in _stored(key, value, parts)}


def _stored(key: str, value: Tensor, parts: str) -> Iterator[tuple[str, Tensor]]:
    if not value.isfinite().all():
        raise ValueError(f"tensor '{key}' has numbers that are not finite; use another checkpoint")
    if not value.is_floating_point() or value.ndim < 2 or value.numel() < _LEAST:
        yield key, value
        return
    kept = value.flatten(1).any(1)
    if key == HEADS and len(value) > 1:
        kept[1 if parts == "ar" else 0 :][: None if parts == "ar" else 1] = False
    rows = kept.nonzero().flatten()
    part = value[rows].float()
    scale = part.abs().amax(-1) / 127
    yield key, (part / scale.clamp(min=torch.finfo(torch.float32).tiny)[..., None]).round().to(torch.int8)
    yield f"{key}.scale", scale
    yield f"{key}.rows", rows.to(torch.int32)
