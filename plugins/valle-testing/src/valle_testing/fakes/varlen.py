"""Stand-ins for libraries' functions over rows laid end to end: the same arguments and results, computed plainly.

For testing what surrounds such a kernel where it cannot run; nothing here says that the kernel itself works.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor


def attend(
    q: Float[Tensor, "Nq H Dh"],
    k: Float[Tensor, "Nk Hk Dh"],
    v: Float[Tensor, "Nk Hk Dh"],
    q_offsets: Int[Tensor, "S_plus_1"],
    k_offsets: Int[Tensor, "S_plus_1"],
    *,
    scale: float,
    causal: bool,
    left: int,
) -> Float[Tensor, "Nq H Dh"]:
    """Each stretch by itself; causal from the bottom right corner; `left` keys before a query's own, −1 for all."""
    assert q_offsets.dtype == k_offsets.dtype == torch.int32
    assert q_offsets[0] == k_offsets[0] == 0
    assert (q_offsets[-1], k_offsets[-1]) == (len(q), len(k))
    out = []
    for (a, b), (c, d) in zip(pairwise(q_offsets.tolist()), pairwise(k_offsets.tolist()), strict=True):
        assert b - a > 0, "a stretch without queries"
        assert not causal or b - a <= d - c, "more queries than keys"
        query, key, value = (x.transpose(0, 1).float() for x in (q[a:b], k[c:d], v[c:d]))
        key, value = (x.repeat_interleave(len(query) // len(key), dim=0) for x in (key, value))
        p = torch.arange(d - c - (b - a), d - c)[:, None]
        j = torch.arange(d - c)[None]
        hidden = ((j > p) & causal) | ((p - j > left) & (left >= 0))
        weights = (query @ key.mT * scale).masked_fill(hidden, -torch.inf).softmax(-1)
        out.append((weights @ value).transpose(0, 1).to(q.dtype))
    return torch.cat(out)


class FlashAttention:
    """Stand-in for a module of the package flash-attn, generation 2 or 3 (4 gives the log-sum-exp too)."""

    def __init__(self, *, with_logs: bool = False) -> None:
        self._with_logs = with_logs

    def flash_attn_varlen_func(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        cu_seqlens_q: Tensor,
        cu_seqlens_k: Tensor,
        max_seqlen_q: int,
        max_seqlen_k: int,
        *,
        softmax_scale: float | None = None,
        causal: bool = False,
        window_size: tuple[int, int] = (-1, -1),
    ) -> Tensor | tuple[Tensor, None]:
        """As the package's own function of that name."""
        assert max_seqlen_q == int(cu_seqlens_q.diff().max())
        assert max_seqlen_k == int(cu_seqlens_k.diff().max())
        assert window_size == (-1, -1) or (causal and window_size[1] == 0)
        scale = q.shape[-1] ** -0.5 if softmax_scale is None else softmax_scale
        out = attend(q, k, v, cu_seqlens_q, cu_seqlens_k, scale=scale, causal=causal, left=window_size[0])
        return (out, None) if self._with_logs else out


class Xformers:
    """Stand-in for `xformers.ops` and its biases."""

    class BlockDiagonalMask:
        """As `xformers.ops.fmha.attn_bias.BlockDiagonalMask`."""

        def __init__(self, q_seqlen: list[int], kv_seqlen: list[int], causal: bool = False, left: int = -1) -> None:
            self.lengths, self.causal, self.left = (q_seqlen, kv_seqlen), causal, left

        @classmethod
        def from_seqlens(
            cls, q_seqlen: list[int], kv_seqlen: list[int], *, device: torch.device
        ) -> Xformers.BlockDiagonalMask:
            assert isinstance(device, torch.device)
            return cls(q_seqlen, kv_seqlen)

        def make_causal_from_bottomright(self) -> Xformers.BlockDiagonalMask:
            return type(self)(*self.lengths, causal=True)

        def make_local_attention_from_bottomright(self, window_size: int) -> Xformers.BlockDiagonalMask:
            return type(self)(*self.lengths, causal=True, left=window_size - 1)

    def memory_efficient_attention(
        self, query: Tensor, key: Tensor, value: Tensor, attn_bias: Xformers.BlockDiagonalMask, *, scale: float
    ) -> Tensor:
        """As the package's own function: [1, N, H, Dh], as many key heads as query heads."""
        assert query.shape[0] == key.shape[0] == 1
        assert query.shape[2] == key.shape[2]
        offsets = [torch.tensor([0, *lengths]).cumsum(0).int() for lengths in attn_bias.lengths]
        rows = (x[0] for x in (query, key, value))
        return attend(*rows, *offsets, scale=scale, causal=attn_bias.causal, left=attn_bias.left)[None]


def varlen_attn(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seq_q: Tensor,
    cu_seq_k: Tensor,
    max_q: int,
    max_k: int,
    *,
    scale: float | None = None,
    window_size: tuple[int, int] = (-1, -1),
    enable_gqa: bool = False,
) -> Tensor:
    """Stand-in for `torch.nn.attention.varlen.varlen_attn`."""
    assert (max_q, max_k) == (int(cu_seq_q.diff().max()), int(cu_seq_k.diff().max()))
    assert enable_gqa or query.shape[1] == key.shape[1]
    by = query.shape[-1] ** -0.5 if scale is None else scale
    causal = window_size[1] == 0
    return attend(query, key, value, cu_seq_q, cu_seq_k, scale=by, causal=causal, left=window_size[0])
