"""A padded batch → the same rows laid end to end, for backbones that take them without loss."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn.functional import pad

from valle_core.sequence.pack import EndToEnd, RowBatch
from valle_core.types import PackedMask


def end_to_end(batch: RowBatch) -> RowBatch:
    """The batch that `pack` made, on the CPU, without its padding."""
    mask = batch.mask
    T = batch.positions.shape[1]
    real = (torch.arange(T) < mask.lengths[:, None]).flatten()  # [B · T]
    places = real.nonzero()[:, 0]
    moved = real.cumsum(0) - 1
    return replace(
        batch,
        offsets=batch.offsets[places],
        positions=batch.positions.flatten()[places][None],
        predicted={key: replace(found, positions=moved[found.positions]) for key, found in batch.predicted.items()},
        packed=EndToEnd(
            mask=PackedMask(offsets=pad(mask.lengths.cumsum(0), (1, 0)), prefix=mask.prefix), places=places, width=T
        ),
    )
