"""Mamba-2's scan in blocks (Dao and Gu 2024, arXiv 2405.21060, section 6): matrix products, exact, in torch.

    S[t] = exp(Δ[t] A) S[t−1] + Δ[t] B[t] ⊗ x[t],    y[t] = C[t] · S[t]

per head, with one decay for all of its channels; the heads of a group share B and C. Inside a chunk the outputs are a
masked product of matrices; between chunks only the states travel. Exponents are summed in float64 before they are
subtracted: in float32 the difference of two long sums has lost the digits of a short decay behind a long one.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

CHUNK = 64
"""Positions of a chunk."""


def block_scan(
    x: Float[Tensor, "B T H P"],
    dt: Float[Tensor, "B T H"],
    A: Float[Tensor, "H"],
    B: Float[Tensor, "B T G N"],
    C: Float[Tensor, "B T G N"],
    segment: Int[Tensor, "B T"] | None = None,
    state: Float[Tensor, "B G N W"] | None = None,
) -> tuple[Float[Tensor, "B T H P"], Float[Tensor, "B G N W"]]:
    """y and the state after the last position; W = H / G · P, the channels of a group.

    Args:
        x, dt, B, C: as above, of one dtype; dt ≥ 0. A position with dt = 0 leaves the state.
        A: not positive.
        segment: numbers that change where a segment begins: the state before that is forgotten.
        state: what is remembered at the start.
    """
    rows, T, H, P = x.shape
    G = B.shape[2]
    L = max(1, min(CHUNK, T))
    short = -T % L
    if short:
        x, B, C = (F.pad(part, (0, 0, 0, 0, 0, short)) for part in (x, B, C))
        dt = F.pad(dt, (0, 0, 0, short))
        if segment is not None:  # the padding belongs to the last segment
            segment = torch.cat((segment, segment[:, -1:].expand(-1, short)), dim=1)
    chunks = (T + short) // L
    cells = None if segment is None else segment.unflatten(1, (chunks, L))  # [B, c, L]
    x = (x * dt.unsqueeze(-1)).unflatten(1, (chunks, L))  # [B, c, L, H, P]
    B, C = (part.unflatten(1, (chunks, L)).transpose(2, 3) for part in (B, C))  # [B, c, G, L, N]
    sums = (dt * A).double().unflatten(1, (chunks, L)).transpose(2, 3).cumsum(-1)  # [B, c, H, L]

    mixing = (C @ B.mT).repeat_interleave(H // G, dim=2) * _between(sums, cells, x.dtype)  # [B, c, H, L, L]
    y = (mixing @ x.transpose(2, 3)).transpose(2, 3)  # [B, c, L, H, P]

    ahead = (sums[..., -1:] - sums).to(x.dtype).exp()
    if cells is not None:
        ahead = ahead * (cells == cells[..., -1:])[:, :, None]
    added = x * ahead.transpose(2, 3).unsqueeze(-1)
    added = B.mT @ added.reshape(rows, chunks, L, G, H // G * P).transpose(2, 3)  # [B, c, G, N, W]
    starts, final = _hand_on(added, _whole(sums, cells).to(x.dtype), P, state)

    since = sums.to(x.dtype).exp()
    if cells is not None:
        since = since * (cells == _segment_before(cells))[:, :, None]
    carried = (C @ starts).transpose(2, 3).reshape(rows, chunks, L, H, P)
    y = y + carried * since.transpose(2, 3).unsqueeze(-1)
    return y.reshape(rows, chunks * L, H, P)[:, :T], final


def _between(
    sums: Float[Tensor, "B c H L"], cells: Int[Tensor, "B c L"] | None, dtype: torch.dtype
) -> Float[Tensor, "B c H L L"]:
    """Decay from each position of a chunk to each later one; zero for what is not seen."""
    L = sums.shape[-1]
    sees = torch.ones(L, L, dtype=torch.bool, device=sums.device).tril()
    if cells is not None:
        sees = (sees & (cells.unsqueeze(-1) == cells.unsqueeze(-2)))[:, :, None]
    exponents = (sums.unsqueeze(-1) - sums.unsqueeze(-2)).to(dtype)
    return exponents.masked_fill(~sees, -torch.inf).exp()


def _segment_before(cells: Int[Tensor, "B c L"]) -> Int[Tensor, "B c 1"]:
    """Segment of the position before each chunk; before the first, its own."""
    return torch.cat((cells[:, :1, :1], cells[:, :-1, -1:]), dim=1)


def _whole(sums: Float[Tensor, "B c H L"], cells: Int[Tensor, "B c L"] | None) -> Float[Tensor, "B c H"]:
    """Decay of a state through each chunk."""
    whole = sums[..., -1].exp()
    return whole if cells is None else whole * (cells[..., -1:] == _segment_before(cells))


def _hand_on(
    added: Float[Tensor, "B c G N W"], whole: Float[Tensor, "B c H"], P: int, state: Float[Tensor, "B G N W"] | None
) -> tuple[Float[Tensor, "B c G N W"], Float[Tensor, "B G N W"]]:
    """The state each chunk starts from, and the last."""
    G = added.shape[2]
    stays = whole.unflatten(2, (G, 1, -1)).repeat_interleave(P, dim=-1)  # [B, c, G, 1, W]
    now = torch.zeros_like(added[:, 0]) if state is None else state.to(added.dtype)
    starts = []
    for share, new in zip(stays.unbind(1), added.unbind(1), strict=True):
        starts.append(now)
        now = torch.addcmul(new, now, share)
    return torch.stack(starts, dim=1), now
