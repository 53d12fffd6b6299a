"""The linear layer of BitNet b1.58, trained in full precision and rounded in every forward."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int8
from torch import Tensor, nn
from torch.nn import functional as F

from valle_bitnet.quantise import product, ternary, ternary_straight_through
from valle_bitnet.rewrite_options import Norm

NORM_EPS = 1e-5


class BitLinear(nn.Linear):
    """y = β / s · Q(x) T(W)ᵀ + b (2402.17764, section 2): ternary weights, 8-bit activations of each position.

    Gradients go straight through both roundings (Bengio et al. 2013). Weights are named and stored as those of
    `nn.Linear`, so either reads the other's. Without gradients the product is one of int8 matrices.
    In eval mode the rounded weights are kept until the weights are written to, moved, or `train()` is called: rounding
    them anew for every decoded position took seven times as long as all else. Writing through `.data` is not seen.

    Attributes:
        norm: "rms" divides each position by its root mean square before the rounding, without a learned gain
            (the norm inside BitNet's linear layer, 2310.11453, section 2); "none" leaves it to what stands before.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = False,
        norm: Norm = "none",
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_features, out_features, bias=bias, device=device, dtype=dtype)
        self.norm: Norm = norm
        self._kept: tuple[object, tuple[Tensor, Tensor]] | None = None

    @classmethod
    def of(cls, linear: nn.Linear, norm: Norm) -> BitLinear:
        """A layer that takes over the weights of `linear`."""
        with torch.device("meta"):
            made = cls(linear.in_features, linear.out_features, bias=linear.bias is not None, norm=norm)
        made.weight, made.bias = linear.weight, linear.bias
        return made.train(linear.training)

    def forward(self, x: Float[Tensor, "*rows I"]) -> Float[Tensor, "*rows O"]:
        """See the class."""
        learning = torch.is_grad_enabled() and (self.weight.requires_grad or x.requires_grad)
        weight, scale = ternary_straight_through(self.weight) if learning else self._rounded()
        return biased(product(normed(x, self.norm), weight, scale), self.bias)

    def train(self, mode: bool = True) -> BitLinear:
        """Forgets what was kept."""
        self._kept = None
        return super().train(mode)

    def _rounded(self) -> tuple[Int8[Tensor, "O I"], Float[Tensor, ""]]:
        weight = self.weight
        if self.training or weight.is_inference() or torch.compiler.is_compiling():  # inference tensors have no version
            return ternary(weight)
        stamp = (weight.data_ptr(), weight._version, weight.dtype, weight.device)
        if self._kept is None or self._kept[0] != stamp:
            self._kept = stamp, ternary(weight)
        return self._kept[1]

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, norm={self.norm}"


def normed(x: Float[Tensor, "*rows I"], norm: Norm) -> Float[Tensor, "*rows I"]:
    """The norm before the rounding."""
    return F.rms_norm(x, x.shape[-1:], eps=NORM_EPS) if norm == "rms" else x


def biased(y: Float[Tensor, "*rows O"], bias: Float[Tensor, "O"] | None) -> Float[Tensor, "*rows O"]:
    """y + b in the dtype of y."""
    return y if bias is None else y + bias.to(y.dtype)
