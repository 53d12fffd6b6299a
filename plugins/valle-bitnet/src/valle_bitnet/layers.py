"""The sub-layers of BitNet, with Hugging Face's parameter names (BitNet b1.58 2B4T, 2504.12285, section 2)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from valle_bitnet.bitlinear import BitLinear
from valle_bitnet.options import BitNetSizes
from valle_core.interfaces import AttentionKernel
from valle_kit.attention_stack.rotary_layers import RotaryAttention


class Attention(RotaryAttention):
    """Rotary grouped-query attention; what it gives is normalised once more before the last projection."""

    def __init__(self, sizes: BitNetSizes, kernel: AttentionKernel) -> None:
        super().__init__(sizes, kernel, BitLinear)
        self.attn_sub_norm = nn.RMSNorm(sizes.d_model, eps=sizes.norm_eps)

    def project_out(self, out: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
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
