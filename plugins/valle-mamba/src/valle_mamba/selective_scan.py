"""The selective scan S6 (Gu and Dao 2023, arXiv 2312.00752, section 3): exact, in torch, without a loop over time.

    h[t] = exp(Δ[t] A) h[t−1] + Δ[t] u[t] B[t],    y[t] = C[t] · h[t]

per channel d with N numbers of state. How it is computed: `valle_mamba.scan_passes`.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from valle_mamba.scan_blocks import Blocks
from valle_mamba.scan_passes import scan, scan_back


def selective_scan(
    u: Float[Tensor, "B T d"],
    dt: Float[Tensor, "B T d"],
    A: Float[Tensor, "N d"],
    B: Float[Tensor, "B T N"],
    C: Float[Tensor, "B T N"],
    keep: Float[Tensor, "B T"] | None = None,
    state: Float[Tensor, "B N d"] | None = None,
) -> tuple[Float[Tensor, "B T d"], Float[Tensor, "B N d"]]:
    """y and the state after the last position.

    Args:
        u, dt, B, C: as above, all of one dtype, float32 or float64; dt ≥ 0. A position with dt = 0 leaves the state.
        A: not positive.
        keep: 0 where the state before a position is forgotten, else 1.
        state: what is remembered at the start; no gradient passes into it, nor back from the state returned.
    """
    given = (u, dt, A, B, C)
    if torch.compiler.is_compiling() or (torch.is_grad_enabled() and any(x.requires_grad for x in given)):
        y, final, _ = torch.ops.valle_mamba.selective_scan(u, dt, A, B, C, keep, state)
        return y, final.detach()
    y, final, _ = scan(u, dt, A, B, C, keep, state, remember=False)
    return y, final


@torch.library.custom_op(
    "valle_mamba::selective_scan",
    mutates_args=(),
    schema="(Tensor u, Tensor dt, Tensor A, Tensor B, Tensor C, Tensor? keep, Tensor? state) "
    "-> (Tensor, Tensor, Tensor)",
)
def _forward(u, dt, A, B, C, keep, state):
    """One opaque operation, so that `torch.compile` does not unroll its loops."""
    return scan(u, dt, A, B, C, keep, state, remember=True)


@_forward.register_fake
def _(u, dt, A, B, C, keep, state):
    blocks = Blocks.of(u.shape[0], u.shape[1], A.numel())
    y = torch.empty_like(u, memory_format=torch.contiguous_format)
    return y, u.new_empty(u.shape[0], *A.shape), u.new_empty(u.shape[0], blocks.chunks, *A.shape)


@torch.library.custom_op(
    "valle_mamba::selective_scan_backward",
    mutates_args=(),
    schema="(Tensor gy, Tensor u, Tensor dt, Tensor A, Tensor B, Tensor C, Tensor? keep, Tensor starts) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)
def _backward(gy, u, dt, A, B, C, keep, starts):
    return scan_back(gy, u, dt, A, B, C, keep, starts)


@_backward.register_fake
def _(gy, u, dt, A, B, C, keep, starts):
    return tuple(torch.empty_like(x, memory_format=torch.contiguous_format) for x in (u, dt, A, B, C))


def _remember(ctx, inputs, output):
    u, dt, A, B, C, keep, _state = inputs
    ctx.save_for_backward(u, dt, A, B, C, keep, output[2])


def _gradients(ctx, gy, _final, _starts):
    found = torch.ops.valle_mamba.selective_scan_backward(gy, *ctx.saved_tensors)
    return (*found, None, None)


_forward.register_autograd(_gradients, setup_context=_remember)
