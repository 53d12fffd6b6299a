"""What the kernels here do with their inputs, so that NaN stays where it belongs."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from valle_core.types import SequenceMask


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
