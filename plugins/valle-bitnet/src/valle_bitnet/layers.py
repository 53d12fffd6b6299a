"""One BitNet layer, with Hugging Face's parameter names (BitNet b1.58 2B4T, 2504.12285, section 2)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from valle_bitnet.bitlinear import BitLinear
from valle_bitnet.options import BitNetSizes
from valle_core.interfaces import AttentionKernel
from valle_core.types import PackedMask, SequenceMask

Append = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
Rotation = tuple[Tensor, Tensor]


def rotation(positions: Int[Tensor, "B T"], sizes: BitNetSizes, dtype: torch.dtype) -> Rotation:
    """Cosines and sines [B, 1, T, Dh] of p · θ^(−2i / Dh) (2104.09864, eq. 15), both halves of the head alike."""
    exponents = torch.arange(0, sizes.head_dim, 2, dtype=torch.float32, device=positions.device) / sizes.head_dim
    angles = positions[:, None, :, None].float() * (1.0 / sizes.rope_theta**exponents)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Float[Tensor, "B H T Dh"], by: Rotation) -> Float[Tensor, "B H T Dh"]:
    """Rotate each pair (x[i], x[i + Dh/2]) by its position's angle."""
    cos, sin = by
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class Attention(nn.Module):
    """Rotary grouped-query attention; what it gives is normalised once more before the last projection."""

    def __init__(self, sizes: BitNetSizes, kernel: AttentionKernel) -> None:
        super().__init__()
        self.head_dim = sizes.head_dim
        self.kernel = kernel
        keys = sizes.n_kv_heads * sizes.head_dim
        self.q_proj = BitLinear(sizes.d_model, sizes.d_model)
        self.k_proj = BitLinear(sizes.d_model, keys)
        self.v_proj = BitLinear(sizes.d_model, keys)
        self.o_proj = BitLinear(sizes.d_model, sizes.d_model)
        self.attn_sub_norm = nn.RMSNorm(sizes.d_model, eps=sizes.norm_eps)

    def forward(
        self, x: Float[Tensor, "B T D"], mask: SequenceMask | PackedMask, by: Rotation, append: Append | None
    ) -> Float[Tensor, "B T D"]:
        q, k, v = (
            project(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)  # [B, H or Hk, T, Dh]
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = rotate(q, by), rotate(k, by)
        if append is not None:
            k, v = append(k, v)
        out = self.kernel(q, k, v, mask).transpose(1, 2).flatten(2)
        return self.o_proj(self.attn_sub_norm(out))


class FeedForward(nn.Module):
    """A gated feed-forward layer with relu(x)² or SiLU at the gate, normalised before the last projection."""

    def __init__(self, sizes: BitNetSizes) -> None:
        super().__init__()
        self.activation = sizes.activation
        self.gate_proj = BitLinear(sizes.d_model, sizes.ffn_dim)
        self.up_proj = BitLinear(sizes.d_model, sizes.ffn_dim)
        self.down_proj = BitLinear(sizes.ffn_dim, sizes.d_model)
        self.ffn_sub_norm = nn.RMSNorm(sizes.ffn_dim, eps=sizes.norm_eps)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        gate = self.gate_proj(x)
        gate = F.relu(gate).square() if self.activation == "relu2" else F.silu(gate)
        return self.down_proj(self.ffn_sub_norm(gate * self.up_proj(x)))


class Layer(nn.Module):
    """Pre-norm attention and feed-forward, each added to the residual stream."""

    def __init__(self, sizes: BitNetSizes, kernel: AttentionKernel, dropout: float) -> None:
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
