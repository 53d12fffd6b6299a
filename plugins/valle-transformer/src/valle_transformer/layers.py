"""One pre-norm layer: attention and feed-forward, each added to the stream."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from valle_core.interfaces import AttentionKernel
from valle_core.types import PackedMask, SequenceMask
from valle_kit.attention_stack.stack import Append
from valle_kit.onednn import linear
from valle_transformer.options import TransformerOptions


class AdaptiveNorm(nn.Module):
    """Layer norm whose scale and shift follow a condition; a plain layer norm until trained (2301.02111, 4.2.2)."""

    def __init__(self, d_model: int, *, adaptive: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(d_model)
        self.modulation = nn.Linear(d_model, 2 * d_model) if adaptive else None

    def forward(self, x: Float[Tensor, "B T D"], condition: Float[Tensor, "..."] | None) -> Float[Tensor, "B T D"]:
        """`condition` is [B, 1, D], or [1, N, D] for packed segments."""
        h = self.norm(x)
        if self.modulation is None:
            return h
        scale, shift = self.modulation(condition).chunk(2, dim=-1)
        return torch.addcmul(h + shift, h, scale)


class Attention(nn.Module):
    """Self-attention with one projection for queries, keys and values."""

    def __init__(self, options: TransformerOptions, kernel: AttentionKernel) -> None:
        super().__init__()
        self.heads = options.n_heads
        self.kernel = kernel
        self.qkv = linear(options.d_model, 3 * options.d_model)
        self.out = linear(options.d_model, options.d_model)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        append: Append | None,
    ) -> Float[Tensor, "B T D"]:
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1))
        q, k, v = (part.transpose(1, 2) for part in qkv.unbind(2))  # each [B, H, T, Dh]
        if append is not None:
            k, v = append(k, v)
        return self.out(self.kernel(q, k, v, mask).transpose(1, 2).flatten(2))


class Layer(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x)), with GELU in the middle."""

    def __init__(self, options: TransformerOptions, kernel: AttentionKernel) -> None:
        super().__init__()
        D, wide = options.d_model, options.ffn_mult * options.d_model
        self.dropout = options.dropout
        self.attention_norm = AdaptiveNorm(D, adaptive=options.adaptive_norm)
        self.attention = Attention(options, kernel)
        self.feed_forward_norm = AdaptiveNorm(D, adaptive=options.adaptive_norm)
        self.up = linear(D, wide)
        self.down = linear(wide, D)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        condition: Float[Tensor, "..."] | None,
        append: Append | None = None,
    ) -> Float[Tensor, "B T D"]:
        x = x + self._drop(self.attention(self.attention_norm(x, condition), mask, append))
        h = functional.gelu(self.up(self.feed_forward_norm(x, condition)), approximate="tanh")
        return x + self._drop(self.down(h))

    def _drop(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.dropout) if self.training and self.dropout else x
