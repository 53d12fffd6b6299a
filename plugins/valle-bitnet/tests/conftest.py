"""An attention kernel that is the mask's definition, spelled out."""

from __future__ import annotations

import pytest
import torch

from valle_core.types import PackedMask


def dense(q, k, v, mask, *, scale=None):
    j = torch.arange(k.shape[2])
    if isinstance(mask, PackedMask):
        segment = torch.searchsorted(mask.offsets, j, right=True) - 1
        inside = j < mask.offsets[segment] + mask.prefix[segment]
        sees = ((segment[:, None] == segment) & (inside | (j <= j[:, None])))[None]
    else:
        p = (mask.query_start[:, None] + torch.arange(q.shape[2]))[..., None]  # [B, Tq, 1]
        lengths, prefix = mask.lengths[:, None, None], mask.prefix[:, None, None]
        near = True if mask.window is None else p - j < mask.window
        sees = (j < lengths) & (p < lengths) & ((j < prefix) | ((j <= p) & near))
    k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], dim=1) for x in (k, v))
    weights = (q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)).masked_fill(~sees[:, None], -1e30)
    return (weights.softmax(-1) @ v).masked_fill(~sees.any(-1)[:, None, :, None], 0.0)


@pytest.fixture
def kernel():
    return dense
