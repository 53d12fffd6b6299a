"""An attention kernel that is the mask's definition, spelled out."""

from __future__ import annotations

import pytest
import torch

from valle_core.types import PackedMask


class DenseKernel:
    def __call__(self, q, k, v, mask, *, scale=None):
        j = torch.arange(k.shape[2])
        if isinstance(mask, PackedMask):
            segment = torch.bucketize(j, mask.offsets[1:], right=True)
            inside = segment[:, None] == segment
            sees = (inside & ((j <= j[:, None]) | (j - mask.offsets[segment] < mask.prefix[segment])))[None]
        else:
            p = mask.query_start[:, None, None] + torch.arange(q.shape[2])[:, None]  # [B, Tq, 1]
            lengths, prefix = mask.lengths[:, None, None], mask.prefix[:, None, None]
            sees = (j < lengths) & ((j < prefix) | (j <= p)) & (p < lengths)
            if mask.window is not None:
                sees = sees & ((j < prefix) | (p - j < mask.window))
        sees = sees[:, None]
        k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], dim=1) for x in (k, v))
        scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
        return (scores.masked_fill(~sees, -1e9).softmax(-1) * sees) @ v


@pytest.fixture
def kernel():
    return DenseKernel()
