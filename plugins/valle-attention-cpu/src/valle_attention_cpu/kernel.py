"""The kernel `cpu`: what it takes, and how its gradient comes about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from valle_attention_cpu.call import attend, differentiate
from valle_attention_cpu.options import CpuOptions
from valle_attention_cpu.plugin import SPEC
from valle_attention_cpu.runs import Run, runs_of
from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask
from valle_kit.attention_inputs import check_inputs

DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def build(options: CpuOptions) -> CpuKernel:
    """Factory of `cpu`."""
    return CpuKernel()


class CpuKernel:
    """Satisfies `valle_core.interfaces.AttentionKernel`; products and sums are float32 whatever the inputs are.

    Every row or segment is computed by itself, from its first key to the last that one of its queries sees: padding is
    never read, and nothing is split into groups.
    """

    @torch.compiler.disable
    def __call__(
        self,
        q: Float[Tensor, "B H Tq Dh"],
        k: Float[Tensor, "B Hk Tk Dh"],
        v: Float[Tensor, "B Hk Tk Dh"],
        mask: SequenceMask | PackedMask,
        *,
        scale: float | None = None,
    ) -> Float[Tensor, "B H Tq Dh"]:
        check_inputs("cpu", q, k, v, mask, takes=SPEC.capabilities, dtypes=DTYPES)
        if q.device.type != "cpu":
            raise UserError(
                f"attention 'cpu' cannot run here: needs a CPU, found {q.device.type}. Try: --attention sdpa"
            )
        runs = runs_of(mask, q.shape[2], k.shape[2])
        window = 0 if isinstance(mask, PackedMask) else mask.window or 0
        by = float(q.shape[3] ** -0.5) if scale is None else scale
        dtype = q.dtype
        q, k, v = (_readable(x) for x in (q, k, v))
        if torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad):
            out: Tensor = _Attention.apply(q, k, v, runs, window, by)  # type: ignore[assignment]
        else:
            out, _ = attend(q, k, v, runs, window=window, scale=by, logs=False)
        return out if dtype == torch.float32 else out.to(dtype)


def _readable(x: Float[Tensor, "B H T Dh"]) -> Float[Tensor, "B H T Dh"]:
    """In float32, with the entries of a head side by side."""
    x = x if x.dtype == torch.float32 else x.float()
    return x if x.stride(3) == 1 else x.contiguous()


class _Attention(torch.autograd.Function):
    """Keeps output and log-sum-exp in place of the weights, which the backward pass computes again."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, runs: Sequence[Run], window: int, scale: float
    ) -> Float[Tensor, "B H Tq Dh"]:
        out, lse = attend(q, k, v, runs, window=window, scale=scale, logs=True)
        ctx.save_for_backward(q, k, v, out, lse)
        ctx.settings = (runs, window, scale)
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        runs, window, scale = ctx.settings
        q, k, v, out, lse = ctx.saved_tensors
        slopes = differentiate(_readable(grads[0]), q, k, v, out, lse, runs, window=window, scale=scale)
        return *slopes, None, None, None
