"""The feed-forward layer of LLaMA, with Hugging Face's parameter names."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from valle_kit.onednn import linear, products
from valle_llama.options import LlamaSizes


class FeedForward(nn.Module):
    """SwiGLU (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, sizes: LlamaSizes):
        super().__init__()
        self.gate_proj = linear(sizes.d_model, sizes.ffn_dim, bias=False)
        self.up_proj = linear(sizes.d_model, sizes.ffn_dim, bias=False)
        self.down_proj = linear(sizes.ffn_dim, sizes.d_model, bias=False)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        gate, up = products(x, self.gate_proj, self.up_proj)
        return self.down_proj(F.silu(gate) * up)
