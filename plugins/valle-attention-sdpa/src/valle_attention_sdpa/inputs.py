"""What every kernel here does with its inputs: refuses what does not fit, keeps NaN where it belongs."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask


def check_fit(q: Tensor, k: Tensor, v: Tensor, mask: SequenceMask | PackedMask) -> None:
    """Raises `UserError` for shapes, dtypes and masks that do not fit together; reads no values."""
    if not q.ndim == k.ndim == v.ndim == 4:
        raise UserError(f"attention: q, k and v must have 4 dimensions, got {q.ndim}, {k.ndim} and {v.ndim}")
    if k.shape[:3] != v.shape[:3] or k.shape[0] != q.shape[0] or k.shape[3] != q.shape[3]:
        shapes = " and ".join(str(list(x.shape)) for x in (q, k, v))
        raise UserError(f"attention: q [B, H, Tq, Dh], k and v [B, Hk, Tk, Dh] do not fit: {shapes}")
    H, Hk = q.shape[1], k.shape[1]
    if not Hk or H % Hk:
        raise UserError(f"attention: {Hk} key heads do not divide {H} query heads; choose n_kv_heads accordingly")
    if not q.dtype == k.dtype == v.dtype:
        raise UserError(f"attention: q, k and v must have one dtype, got {q.dtype}, {k.dtype} and {v.dtype}")
    rows = 1 if isinstance(mask, PackedMask) else mask.lengths.shape[0]
    if rows != q.shape[0]:
        raise UserError(f"attention: the mask is of {rows} rows, q of {q.shape[0]}")
    if isinstance(mask, SequenceMask) and mask.window is not None and mask.window < 1:
        raise UserError(f"attention: window must be at least 1, got {mask.window}")


def finite(x: Float[Tensor, "B H T Dh"]) -> tuple[Float[Tensor, "B H T Dh"], Bool[Tensor, "B T"]]:
    """With zeros for what is not finite, and at which positions that was: products would carry 0 · NaN anywhere."""
    odd = ~x.isfinite()
    return x.masked_fill(odd, 0.0), odd.any(-1).any(1)


def without_padding(x: Float[Tensor, "B H T Dh"], used: Bool[Tensor, "B T"]) -> Float[Tensor, "B H T Dh"]:
    """Zeros at the positions that are not used."""
    return x.masked_fill(~used[:, None, :, None], 0.0)


def used_keys(mask: SequenceMask, Tq: int, Tk: int) -> Bool[Tensor, "B Tk"]:
    """Keys of causal or full rows that one of the queries sees."""
    end = mask.lengths if mask.form == "full" else torch.minimum(mask.lengths, mask.query_start + Tq)
    end = end.where(mask.query_start < mask.lengths, 0)
    return torch.arange(Tk, device=mask.lengths.device) < end[:, None]


def used_queries(mask: SequenceMask, Tq: int) -> Bool[Tensor, "B Tq"]:
    """Queries before the lengths."""
    return mask.query_start[:, None] + torch.arange(Tq, device=mask.lengths.device) < mask.lengths[:, None]
