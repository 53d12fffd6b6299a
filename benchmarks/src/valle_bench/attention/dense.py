"""What code without a structured mask does: PyTorch's attention with a dense mask, as a reference of the benchmark."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, arange, searchsorted
from torch.nn.functional import scaled_dot_product_attention

from valle_core.types import PackedMask, SequenceMask


def dense() -> DenseMask:
    """The reference `torch-dense-mask`."""
    return DenseMask()


class DenseMask:
    """An `AttentionKernel` that makes a Boolean mask [B, 1, Tq, Tk] at each call, as most training code does."""

    def __call__(
        self,
        q: Float[Tensor, "B H Tq Dh"],
        k: Float[Tensor, "B Hk Tk Dh"],
        v: Float[Tensor, "B Hk Tk Dh"],
        mask: SequenceMask | PackedMask,
        *,
        scale: float | None = None,
    ) -> Float[Tensor, "B H Tq Dh"]:
        """Every mask but trees of drafts."""
        Tq, Tk = q.shape[2], k.shape[2]
        seen = _segments(mask, Tq) if isinstance(mask, PackedMask) else _rows(mask, Tq, Tk)
        nothing = ~seen.any(-1, keepdim=True)  # such queries see all, so that their weights are finite
        out = scaled_dot_product_attention(
            q, k, v, attn_mask=(seen | nothing)[:, None], scale=scale, enable_gqa=k.shape[1] != q.shape[1]
        )
        return out.masked_fill(nothing[:, None], 0.0)


def _rows(mask: SequenceMask, Tq: int, Tk: int) -> Bool[Tensor, "B Tq Tk"]:
    p = (mask.query_start[:, None] + arange(Tq, device=mask.lengths.device))[:, :, None]
    j = arange(Tk, device=mask.lengths.device)
    near = j <= p if mask.window is None else (j <= p) & (p - j < mask.window)
    length, prefix = mask.lengths[:, None, None], mask.prefix[:, None, None]
    return (p < length) & (j < length) & (near | (j < prefix))


def _segments(mask: PackedMask, N: int) -> Bool[Tensor, "1 N N"]:
    place = arange(N, device=mask.offsets.device)
    segment = searchsorted(mask.offsets, place, right=True) - 1
    prefix = (mask.offsets[segment] + mask.prefix[segment])[:, None]
    return ((segment[:, None] == segment) & ((place <= place[:, None]) | (place < prefix)))[None]
