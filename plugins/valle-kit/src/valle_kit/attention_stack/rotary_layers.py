"""Layers as in LLaMA (Touvron et al. 2023, arXiv 2302.13971): rotary attention, norms before the sub-layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.interfaces import AttentionKernel
from valle_core.types import PackedMask, SequenceMask
from valle_kit import onednn
from valle_kit.attention_stack.norm import rms_norm
from valle_kit.attention_stack.rotary import Rotation, rotary_frequencies, rotate, rotation
from valle_kit.attention_stack.rotary_sizes import RotarySizes
from valle_kit.attention_stack.stack import Append, AttentionStack

INITIAL_STD = 0.02
"""Standard deviation of fresh matrices, Hugging Face's `initializer_range`."""


def _plain(inputs: int, outputs: int) -> nn.Module:
    return onednn.linear(inputs, outputs, bias=False)


class RotaryAttention(nn.Module):
    """Rotary grouped-query attention over a kernel that reads the mask's structure."""

    def __init__(
        self,
        sizes: RotarySizes,
        kernel: AttentionKernel,
        linear: Callable[[int, int], nn.Module] = _plain,
    ) -> None:
        super().__init__()
        self.head_dim = sizes.head_dim
        self.kernel = kernel
        queries, keys = sizes.n_heads * sizes.head_dim, sizes.n_kv_heads * sizes.head_dim
        self.q_proj = linear(sizes.d_model, queries)
        self.k_proj = linear(sizes.d_model, keys)
        self.v_proj = linear(sizes.d_model, keys)
        self.o_proj = linear(queries, sizes.d_model)

    def forward(
        self, x: Float[Tensor, "B T D"], mask: SequenceMask | PackedMask, by: Rotation, append: Append | None
    ) -> Float[Tensor, "B T D"]:
        q, k, v = (
            each.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)  # [B, H or Hk, T, Dh]
            for each in onednn.products(x, self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = (rotate(one, by).to(v.dtype) for one in (q, k))  # under autocast the angles are of another dtype
        if append is not None:
            k, v = append(k, v)
        return self.project_out(self.kernel(q, k, v, mask).transpose(1, 2).flatten(2))

    def project_out(self, out: Float[Tensor, "B T E"]) -> Float[Tensor, "B T D"]:
        """From all heads side by side to the residual stream."""
        return self.o_proj(out)


class PreNormLayer(nn.Module):
    """Attention and feed-forward, each over a norm and added to the residual stream."""

    def __init__(self, sizes: RotarySizes, attention: nn.Module, feed_forward: nn.Module, dropout: float) -> None:
        super().__init__()
        self.self_attn = attention
        self.mlp = feed_forward
        self.input_layernorm = nn.RMSNorm(sizes.d_model, eps=sizes.norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(sizes.d_model, eps=sizes.norm_eps)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "B T D"], mask: SequenceMask | PackedMask, by: Rotation, append: Append | None = None
    ) -> Float[Tensor, "B T D"]:
        x = x + self.dropout(self.self_attn(rms_norm(self.input_layernorm, x), mask, by, append))
        return x + self.dropout(self.mlp(rms_norm(self.post_attention_layernorm, x)))


class RotaryStack(AttentionStack):
    """A stack of such layers and a final norm, named as in Hugging Face's models. `condition` is ignored."""

    def __init__(
        self,
        arch: str,
        sizes: RotarySizes,
        kernel: AttentionKernel,
        layers: Iterable[nn.Module],
        *,
        gradient_checkpointing: bool,
    ) -> None:
        super().__init__(arch, sizes, kernel, gradient_checkpointing=gradient_checkpointing)
        self._rope_theta = sizes.rope_theta
        self.layers = nn.ModuleList(layers)
        self.norm = nn.RMSNorm(sizes.d_model, eps=sizes.norm_eps)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=INITIAL_STD)

    def shared(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        condition: Float[Tensor, "R C"] | None,
    ) -> Rotation:
        """The rotation of every position."""
        return rotation(positions, rotary_frequencies(self.sizes.head_dim, self._rope_theta, x.device), x.dtype)
