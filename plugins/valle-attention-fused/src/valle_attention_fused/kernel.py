"""`fused`: flash attention in Triton behind `AttentionKernel`."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from valle_attention_fused.operators import INTERPRETED, MOST_QUERIES, attend, step
from valle_attention_fused.options import FusedOptions
from valle_attention_fused.plugin import FUSED, INTERPRETER
from valle_attention_fused.rows import Reader
from valle_attention_fused.tiles import tiles_for
from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask
from valle_kit.attention_inputs import check_inputs

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
WIDEST = 256
ALIGNED = 16
"""Entries: head widths are rounded up to a multiple."""


def build(options: FusedOptions) -> FusedKernel:
    """Factory of `fused`."""
    return FusedKernel(options)


class FusedKernel:
    """Causal, full, prefix, windowed and packed attention in one pass over the keys, without a mask tensor.

    Nothing is read from the device: a block of queries finds its keys from the integers of its row.
    """

    def __init__(self, options: FusedOptions) -> None:
        self.options = options
        self._reader = Reader()

    def __call__(
        self,
        q: Float[Tensor, "B H Tq Dh"],
        k: Float[Tensor, "B Hk Tk Dh"],
        v: Float[Tensor, "B Hk Tk Dh"],
        mask: SequenceMask | PackedMask,
        *,
        scale: float | None = None,
    ) -> Float[Tensor, "B H Tq Dh"]:
        """See `AttentionKernel`. Heads up to 256 wide; trees raise `UserError`."""
        check_inputs("fused", q, k, v, mask, takes=FUSED.capabilities, dtypes=DTYPES, widest=WIDEST)
        _check_device(q.device)
        factor: float = q.shape[-1] ** -0.5 if scale is None else scale
        if factor <= 0.0:  # the kernels multiply after they took the largest score
            q, factor = (-q, -factor) if factor < 0.0 else (q * 0.0, 1.0)
        width = q.shape[3]
        if width % ALIGNED:  # what does not begin on 16 bytes is read entry by entry
            q, k, v = (pad(x, (0, -width % ALIGNED)) for x in (q, k, v))
        learns = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad)
        few = q.shape[1] // k.shape[1] * q.shape[2] <= MOST_QUERIES
        rows = self._reader.rows(mask, q.shape[2], tiles_for(q.device, q.dtype, q.shape[3], q.shape[2]).block)
        where, cap = (rows.lengths, rows.prefix, rows.start), self.options.softcap
        if rows.blocks is None and few and not learns:
            out = step(q, k, v, *where, rows.window, factor, cap)
        else:
            out, _ = attend(q, k, v, *where, rows.blocks, rows.window, factor, cap)
        return out[..., :width]


def _check_device(device: torch.device) -> None:
    """Raises `UserError` where the kernels cannot run as this process is set up."""
    if device.type == "cpu" and not INTERPRETED:
        raise UserError(f"attention 'fused' needs a CUDA device; {INTERPRETER}=1 runs it slowly on the CPU")
    if device.type == "cuda" and INTERPRETED:
        raise UserError(f"attention 'fused' was started with {INTERPRETER}=1, which is for the CPU; unset it for CUDA")
    if device.type not in ("cpu", "cuda", "meta"):
        raise UserError(f"attention 'fused' needs a CUDA device, found {device.type}. Try: --attention sdpa")
