"""The passes of the selective scan over its blocks, forward and backward.

Chunks are scanned side by side: once from zero to learn what each hands on, then, with the state each starts from, once
more for the outputs. Every decay is the exponential of a number that is not positive and none is divided by, so the
longest decays neither overflow nor lose digits. The backward pass goes through the same blocks from the end, computing
the states of one block at a time from those kept at the chunks' starts.

d is the innermost axis of all [N, d] tensors: it is the long one.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from valle_mamba.scan_blocks import Blocks, chunk_decays, decays


def scan(
    u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, keep: Tensor | None, state: Tensor | None, *, remember: bool
) -> tuple[Float[Tensor, "B T d"], Float[Tensor, "B N d"], Float[Tensor, "kept chunks N d"]]:
    """Outputs, last state, and the states the chunks start from (those of no row without `remember`).

    The arguments are those of `valle_mamba.selective_scan.selective_scan`.
    """
    rows, T, d = u.shape
    blocks = Blocks.of(rows, T, A.numel(), u.device.type)
    L = blocks.length
    y = u.new_empty(rows, blocks.chunks * L, d)
    final = u.new_zeros(rows, *A.shape) if state is None else state.to(u.dtype, copy=True)
    starts = u.new_empty(rows if remember else 0, blocks.chunks, *A.shape)
    out = u.new_empty(blocks.rows, min(blocks.side_by_side, blocks.chunks), L, *A.shape)
    for group in blocks.groups(rows):
        for block in blocks.blocks():
            dt_, u_, B_, C_ = (blocks.cut(x, group, block) for x in (dt, u, B, C))
            k_ = None if keep is None else blocks.cut(keep.unsqueeze(-1), group, block, fill=1.0)
            a = decays(dt_, A, k_, out)
            b = dt_ * u_
            h = b[:, :, 0, None] * B_[:, :, 0, :, None]  # [R, c, N, d]
            for t in range(1, L):
                h.mul_(a[:, :, t]).addcmul_(b[:, :, t, None], B_[:, :, t, :, None])
            h = _hand_on(h, chunk_decays(dt_, A, k_), final[group])
            if remember:
                starts[group, block] = h
            y_ = y[group, block.start * L : block.stop * L].unflatten(1, (-1, L))
            for t in range(L):
                h.mul_(a[:, :, t]).addcmul_(b[:, :, t, None], B_[:, :, t, :, None])
                y_[:, :, t] = torch.matmul(C_[:, :, t, None], h).squeeze(2)
    return (y if y.shape[1] == T else y[:, :T].contiguous()), final, starts


def _hand_on(ends: Tensor, whole: Tensor, state: Tensor) -> Float[Tensor, "R c N d"]:
    """Each chunk's starting state from what the chunks leave when they start from zero; `state` moves on in place."""
    starts = torch.empty_like(ends)
    for c in range(ends.shape[1]):
        starts[:, c] = state
        state.mul_(whole[:, c]).add_(ends[:, c])
    return starts


def scan_back(
    gy: Tensor, u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, keep: Tensor | None, starts: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of u, Δ, A, B and C from that of the outputs, with what `scan` remembered."""
    rows, T, _ = u.shape
    blocks = Blocks.of(rows, T, A.numel(), u.device.type)
    L, most = blocks.length, min(blocks.side_by_side, blocks.chunks)
    gu, gdt, gB, gC = (x.new_empty(rows, blocks.chunks * L, x.shape[2]) for x in (u, dt, B, C))
    gA = torch.zeros_like(A)
    out = u.new_empty(blocks.rows, most, L, *A.shape)
    states = torch.empty_like(out)
    for group in blocks.groups(rows):
        late = u.new_zeros(group.stop - group.start, *A.shape)  # gradient of the state behind the block
        for block in reversed(blocks.blocks()):
            dt_, u_, B_, C_, gy_ = (blocks.cut(x, group, block) for x in (dt, u, B, C, gy))
            k_ = None if keep is None else blocks.cut(keep.unsqueeze(-1), group, block, fill=1.0)
            a = decays(dt_, A, k_, out)
            b = dt_ * u_
            h = states[: a.shape[0], : a.shape[1]]
            before = starts[group, block]
            for t in range(L):
                torch.mul(a[:, :, t], before if t == 0 else h[:, :, t - 1], out=h[:, :, t])
                h[:, :, t].addcmul_(b[:, :, t, None], B_[:, :, t, :, None])
            span = (group, slice(block.start * L, block.stop * L))
            gC[span] = torch.matmul(h, gy_.unsqueeze(-1)).squeeze(-1).flatten(1, 2)
            g = _hand_back(gy_, C_, a, chunk_decays(dt_, A, k_), late)
            for t in reversed(range(L)):
                place = (group, slice(block.start * L + t, block.stop * L, L))
                g.addcmul_(gy_[:, :, t, None], C_[:, :, t, :, None])
                gB[place] = torch.matmul(g, b[:, :, t, :, None]).squeeze(-1)
                gb = torch.matmul(B_[:, :, t, None], g).squeeze(2)
                gu[place] = gb * dt_[:, :, t]
                g.mul_(a[:, :, t])  # gradient of the state before t
                moved = g * (before if t == 0 else h[:, :, t - 1])  # gradient of Δ A
                gA.add_((moved * dt_[:, :, t, None]).sum((0, 1)))
                gdt[place] = gb.mul_(u_[:, :, t]).add_(moved.mul_(A).sum(2))
    gu, gdt, gB, gC = (x if x.shape[1] == T else x[:, :T].contiguous() for x in (gu, gdt, gB, gC))
    return gu, gdt, gA, gB, gC


def _hand_back(gy: Tensor, C: Tensor, a: Tensor, whole: Tensor, late: Tensor) -> Float[Tensor, "R c N d"]:
    """Gradient of each chunk's last state from behind the chunk; `late` moves to the block's start in place."""
    g = torch.zeros_like(whole)
    for t in reversed(range(a.shape[2])):
        g.addcmul_(gy[:, :, t, None], C[:, :, t, :, None]).mul_(a[:, :, t])
    ends = torch.empty_like(g)
    for c in reversed(range(g.shape[1])):
        ends[:, c] = late
        late.mul_(whole[:, c]).add_(g[:, c])
    return ends
