"""The gated feed-forward layer (Shazeer 2020, arXiv 2002.05202), with torchscale's names."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from valle_kit.onednn import linear, products
from valle_retnet.options import RetNetSizes


class FeedForward(nn.Module):
    """fc2(activation(fc1 x) ⊙ gate x), without biases."""

    def __init__(self, sizes: RetNetSizes) -> None:
        super().__init__()
        self.activation = F.gelu if sizes.activation == "gelu" else F.silu
        self.fc1 = linear(sizes.d_model, sizes.ffn_dim, bias=False)
        self.gate = linear(sizes.d_model, sizes.ffn_dim, bias=False)
        self.fc2 = linear(sizes.ffn_dim, sizes.d_model, bias=False)

    def forward(self, x: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
        first, gate = products(x, self.fc1, self.gate)
        return self.fc2(self.activation(first) * gate)
