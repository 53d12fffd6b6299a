"""The kernels as operators of torch: shapes known without running them, gradients, `torch.compile`, the device meta."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import triton
from torch import Tensor

from valle_attention_fused.backward import key_gradient, query_gradient
from valle_attention_fused.decode import decode, merge
from valle_attention_fused.forward import forward
from valle_attention_fused.tiles import Tile, padded_width, splits_for, tiles_for

LOG2E = 1.4426950408889634
INTERPRETED = not isinstance(forward, triton.JITFunction)
"""Whether the kernels run in Triton's interpreter, decided by TRITON_INTERPRET when they were imported."""


@torch.library.custom_op("valle_attention_fused::attend", mutates_args=())
def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    lengths: Tensor,
    prefix: Tensor,
    start: Tensor,
    blocks: Tensor | None,
    window: int,
    scale: float,
    softcap: float,
) -> tuple[Tensor, Tensor]:
    """Output as q, and log₂ of the sum of the exponentials [B, H, Tq]. `scale` is above 0; see `rows.Rows`."""
    q, k, v = map(_dense, (q, k, v))
    B, H, Tq, _ = q.shape
    out, lse = _results(q)
    if blocks is not None:  # places that no segment covers
        out.zero_()
    tiles = tiles_for(q.device, q.dtype, q.shape[3], Tq)
    packed = blocks is not None
    rows, count = (1, blocks.shape[1]) if packed else (B, -(-Tq // tiles.block))
    _launch(
        forward, rows * count * H,
        q, k, v, out, lse,
        *_mask(lengths, prefix, start, blocks), *_strides(q, k, v, out),
        H, Tq, k.shape[2], count, scale * LOG2E, softcap, window,
        M=tiles.block, PACKED=packed, **_how(q, k, tiles.forward, window, softcap),
    )  # fmt: skip
    return out, lse


@attend.register_fake
def _(q: Tensor, k: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    return _results(_dense(q))


@torch.library.custom_op("valle_attention_fused::gradients", mutates_args=())
def gradients(
    grad: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    lengths: Tensor,
    prefix: Tensor,
    start: Tensor,
    blocks: Tensor | None,
    window: int,
    scale: float,
    softcap: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of q, k and v."""
    grad, q, k, v = map(_dense, (grad, q, k, v))
    B, H, Tq, _ = q.shape
    Hk, Tk = k.shape[1:3]
    packed = blocks is not None
    dq, dk, dv = (torch.zeros_like(x) if packed else torch.empty_like(x) for x in (q, k, v))
    delta = torch.empty_like(lse)
    tiles = tiles_for(q.device, q.dtype, q.shape[3], Tq)
    rows, queries = (1, blocks.shape[1]) if packed else (B, -(-Tq // tiles.block))
    keys = queries if packed else -(-Tk // tiles.block)
    _launch(
        query_gradient, rows * queries * H,
        q, k, v, out, lse, grad, dq, delta,
        *_mask(lengths, prefix, start, blocks), *_strides(q, k, v, out, grad, dq),
        H, Tq, Tk, queries, scale * LOG2E, softcap, window,
        M=tiles.block, PACKED=packed, **_how(q, k, tiles.query_gradient, window, softcap),
    )  # fmt: skip
    _launch(
        key_gradient, rows * keys * Hk,
        q, k, v, lse, grad, delta, dk, dv,
        *_mask(lengths, prefix, start, blocks), *_strides(q, k, v, grad, dk, dv),
        Hk, Tq, Tk, keys, scale * LOG2E, softcap, window,
        M=tiles.block, PACKED=packed, **_how(q, k, tiles.key_gradient, window, softcap),
    )  # fmt: skip
    return dq, dk, dv


@gradients.register_fake
def _(grad: Tensor, q: Tensor, k: Tensor, v: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    dq, dk, dv = (torch.empty_like(_dense(x)) for x in (q, k, v))
    return dq, dk, dv


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    q, k, v, lengths, prefix, start, blocks, *ctx.numbers = inputs
    ctx.save_for_backward(q, k, v, *output, lengths, prefix, start, blocks)
    ctx.set_materialize_grads(False)


def _back(ctx: Any, grad: Tensor | None, _: Tensor | None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 10
    return (*gradients(grad, *ctx.saved_tensors, *ctx.numbers), *(None,) * 7)


attend.register_autograd(_back, setup_context=_keep)


@torch.library.custom_op("valle_attention_fused::step", mutates_args=())
def step(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    lengths: Tensor,
    prefix: Tensor,
    start: Tensor,
    window: int,
    scale: float,
    softcap: float,
) -> Tensor:
    """Output of a few queries, without gradients: H / Hk · Tq of them make one tile, at most `MOST_QUERIES`."""
    q, k, v = map(_dense, (q, k, v))
    B, H, Tq, width = q.shape
    Hk, Tk = k.shape[1:3]
    out, _ = _results(q)
    tile = tiles_for(q.device, q.dtype, width, Tk).decode
    splits = splits_for(q.device, Tk, B * Hk, tile.inner)
    parts, lse = out, out
    if splits > 1:
        parts, lse = (q.new_empty(B, H, Tq, splits, n, dtype=torch.float32) for n in (width, 1))
    _launch(
        decode, B * Hk * splits,
        q, k, v, parts, lse, lengths, prefix, start, *_strides(q, k, v, out),
        Hk, Tq, Tk, scale * LOG2E, softcap, window,
        M=max(16, 1 << (H // Hk * Tq - 1).bit_length()), SPLITS=splits, **_how(q, k, tile, window, softcap),
    )  # fmt: skip
    if splits > 1:
        _launch(
            merge, B * H * Tq,
            parts, lse, out, *_strides(out), H, Tq, width, padded_width(width),
            SPLITS=splits, S=1 << (splits - 1).bit_length(), CHUNK=16, num_warps=4,
        )  # fmt: skip
    return out


@step.register_fake
def _(q: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(_dense(q))


MOST_QUERIES = 64
"""Queries of one group of heads that `step` takes."""


def _how(q: Tensor, k: Tensor, tile: Tile, window: int, softcap: float) -> dict[str, Any]:
    """What the compiler must know."""
    return {
        "GROUP": q.shape[1] // k.shape[1],
        "WIDTH": q.shape[3],
        "D": padded_width(q.shape[3]),
        "N": tile.inner,
        "WINDOW": window > 0,
        "SOFTCAP": softcap > 0,
        # Three TensorFloat-32 products give what one of float32 gives, to its last bits.
        "PRECISION": "tf32x3" if q.dtype == torch.float32 else "tf32",
        "WIDEN": INTERPRETED and q.dtype == torch.bfloat16,  # the interpreter's product of bfloat16 is wrong
        "num_warps": tile.warps,
        "num_stages": tile.stages,
    }


def _mask(lengths: Tensor, prefix: Tensor, start: Tensor, blocks: Tensor | None) -> tuple[Tensor, ...]:
    return lengths, prefix, start, lengths if blocks is None else blocks


def _strides(*tensors: Tensor) -> list[int]:
    """Of row, head and place; entries of a head are neighbours."""
    return [stride for x in tensors for stride in x.stride()[:3]]


def _dense(x: Tensor) -> Tensor:
    """With neighbouring entries of a head side by side, as the kernels read them."""
    return x if x.stride(-1) == 1 else x.contiguous()


def _results(q: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(q), q.new_empty(q.shape[:3], dtype=torch.float32)


def _launch(kernel: Any, programs: int, *arguments: Any, **how: Any) -> None:
    """Run so many programs of a kernel; the first argument is on their device."""
    device = arguments[0].device
    # Triton launches on the current device. Its interpreter computes as numpy does, which would warn of 0 / 0.
    where = np.errstate(all="ignore") if INTERPRETED else torch.cuda.device(device)
    if programs:
        with where:
            kernel[(programs,)](*arguments, **how)
