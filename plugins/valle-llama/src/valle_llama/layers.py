"""One LLaMA layer, with Hugging Face's parameter names (Touvron et al. 2023, arXiv 2302.13971)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from valle_core.interfaces import AttentionKernel
from valle_core.types import PackedMask, SequenceMask
from valle_llama.options import LlamaSizes

Append = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
Rotation = tuple[Tensor, Tensor]


def rotary_frequencies(sizes: LlamaSizes, device: torch.device | None = None) -> Float[Tensor, "half"]:
    """θ^(−2i / Dh) for i in 0 … Dh / 2 − 1 (Su et al. 2021, arXiv 2104.09864, eq. 15)."""
    exponents = torch.arange(0, sizes.head_dim, 2, dtype=torch.float32, device=device) / sizes.head_dim
    return 1.0 / sizes.rope_theta**exponents


def rotation(positions: Int[Tensor, "B T"], frequencies: Float[Tensor, "half"], dtype: torch.dtype) -> Rotation:
    """Cosines and sines [B, 1, T, Dh], each half of the head alike as in Hugging Face's layout."""
    angles = positions[:, None, :, None].float() * frequencies
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Float[Tensor, "B H T Dh"], by: Rotation) -> Float[Tensor, "B H T Dh"]:
    """Rotate each pair (x[i], x[i + Dh/2]) by its position's angle."""
    cos, sin = by
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class Attention(nn.Module):
    """Rotary grouped-query attention over a kernel that reads the mask's structure."""

    def __init__(self, sizes: LlamaSizes, kernel: AttentionKernel):
        super().__init__()
        self.head_dim = sizes.head_dim
        self.kernel = kernel
        queries, keys = sizes.n_heads * sizes.head_dim, sizes.n_kv_heads * sizes.head_dim
        self.q_proj = nn.Linear(sizes.d_model, queries, bias=False)
        self.k_proj = nn.Linear(sizes.d_model, keys, bias=False)
        self.v_proj = nn.Linear(sizes.d_model, keys, bias=False)
        self.o_proj = nn.Linear(queries, sizes.d_model, bias=False)

    def forward(
        self, x: Float[Tensor, "B T D"], mask: SequenceMask | PackedMask, by: Rotation, append: Append | None
    ) -> Float[Tensor, "B T D"]:
        q = rotate(self.q_proj(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2), by)  # [B, H, T, Dh]
        k = rotate(self.k_proj(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2), by)  # [B, Hk, T, Dh]
        v = self.v_proj(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
        if append is not None:
            k, v = append(k, v)
        out = self.kernel(q, k, v, mask)
        return self.o_proj(out.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """SwiGLU (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, sizes: LlamaSizes):
        super().__init__()
        self.gate_proj = nn.Linear(sizes.d_model, sizes.ffn_dim, bias=False)
        self.up_proj = nn.Linear(sizes.d_model, sizes.ffn_dim, bias=False)
        self.down_proj = nn.Linear(sizes.ffn_dim, sizes.d_model, bias=False)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    """Pre-norm attention and feed-forward, each added to the residual stream."""

    def __init__(self, sizes: LlamaSizes, kernel: AttentionKernel, dropout: float):
        super().__init__()
        self.self_attn = Attention(sizes, kernel)
        self.mlp = FeedForward(sizes)
        self.input_layernorm = nn.RMSNorm(sizes.d_model, eps=sizes.norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(sizes.d_model, eps=sizes.norm_eps)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "B T D"], mask: SequenceMask | PackedMask, by: Rotation, append: Append | None = None
    ) -> Float[Tensor, "B T D"]:
        x = x + self.dropout(self.self_attn(self.input_layernorm(x), mask, by, append))
        return x + self.dropout(self.mlp(self.post_attention_layernorm(x)))
