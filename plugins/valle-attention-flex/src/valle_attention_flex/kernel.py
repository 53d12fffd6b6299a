"""The kernel `flex`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from valle_attention_flex.blocks import Ranges, block_mask, ranges_of
from valle_attention_flex.options import FlexOptions
from valle_attention_flex.plugin import FLEX
from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask
from valle_kit.attention_inputs import check_inputs
from valle_kit.last_mask import LastMask

DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def build(options: FlexOptions) -> FlexKernel:
    """Factory of `flex` and `flex_attention`."""
    return FlexKernel(options)


class FlexKernel:
    """Satisfies `valle_core.interfaces.AttentionKernel`; the block mask is made once for all layers."""

    def __init__(self, options: FlexOptions) -> None:
        self._attend: Callable[..., Any] = torch.compile(flex_attention) if options.compile else flex_attention
        self._settings = None if options.backend == "auto" else {"BACKEND": options.backend.upper()}
        self._last = LastMask()

    def __call__(
        self,
        q: Float[Tensor, "B H Tq Dh"],
        k: Float[Tensor, "B Hk Tk Dh"],
        v: Float[Tensor, "B Hk Tk Dh"],
        mask: SequenceMask | PackedMask,
        *,
        scale: float | None = None,
    ) -> Float[Tensor, "B H Tq Dh"]:
        check_inputs("flex", q, k, v, mask, takes=FLEX.capabilities, dtypes=DTYPES)
        assert isinstance(mask, SequenceMask)
        learns = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad)
        if learns and q.device.type == "cpu":
            raise UserError("attention 'flex' has no backward pass on a CPU. Try: --attention sdpa")
        Tq, Tk = q.shape[2], k.shape[2]
        if not (len(q) and Tq and Tk):
            return torch.zeros_like(q)
        ranges, blocks = self._last.of(mask, (Tq, Tk), lambda: _made(mask, Tq, Tk))
        used, seen = ranges.used[:, None, :, None], ranges.seen[:, None, :, None]
        # A weight of 0 times NaN is NaN, so what is not used is emptied.
        q, k, v = q.masked_fill(~used, 0.0), k.masked_fill(~seen, 0.0), v.masked_fill(~seen, 0.0)
        grouped = q.shape[1] != k.shape[1]
        out = self._attend(q, k, v, block_mask=blocks, scale=scale, enable_gqa=grouped, kernel_options=self._settings)
        return out.masked_fill(~used, 0.0)


def _made(mask: SequenceMask, Tq: int, Tk: int) -> tuple[Ranges, BlockMask]:
    ranges = ranges_of(mask, Tq, Tk)
    return ranges, block_mask(ranges, Tq, Tk)
