"""Four ternary weights in a byte, and the linear layer that computes with them."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, Int8, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from valle_bitnet.bitlinear import BitLinear, biased, normed
from valle_bitnet.quantise import product, ternary
from valle_bitnet.rewrite_options import Norm

PER_BYTE = 4


def pack(weight: Int8[Tensor, "O I"]) -> UInt8[Tensor, "O I_over_4"]:
    """Byte j of a row holds columns 4j … 4j + 3, two bits each, lowest first: w + 1; past the last column zeros."""
    held = F.pad((weight + 1).to(torch.uint8), (0, -weight.shape[1] % PER_BYTE)).unflatten(1, (-1, PER_BYTE))
    return held[..., 0] | (held[..., 1] << 2) | (held[..., 2] << 4) | (held[..., 3] << 6)


def byte_table(device: torch.device | None = None) -> Int[Tensor, "256"]:
    """What each byte holds: four int8 weights as one int32, so that a row is unpacked by one look-up."""
    bits = torch.arange(256, device=device)[:, None] >> torch.arange(0, 8, 2, device=device)
    return ((bits & 3) - 1).to(torch.int8).contiguous().view(torch.int32)[:, 0].clone()


def unpack(packed: UInt8[Tensor, "O I_over_4"], columns: int, table: Int[Tensor, "256"]) -> Int8[Tensor, "O I"]:
    """What `pack` was given."""
    rows = table.index_select(0, packed.flatten().int()).view(torch.int8).view(packed.shape[0], -1)
    return rows[:, :columns]


class PackedBitLinear(nn.Module):
    """`BitLinear` for inference: 2 bits per weight and one scale; equal to it bit for bit.

    The weights are unpacked to int8 in each forward and dropped again. There is nothing to train; gradients pass
    through to the input.

    Attributes:
        packed: [O, ⌈I / 4⌉] bytes.
        scale: β, float32 (float64 for a float64 layer).
        bias: [O], or None.
    """

    packed: UInt8[Tensor, "O I_over_4"]
    scale: Float[Tensor, ""]
    bias: Float[Tensor, "O"] | None
    table: Int[Tensor, "256"]

    def __init__(self, linear: nn.Linear, norm: Norm) -> None:
        """
        Args:
            linear: the layer to pack; a `BitLinear`, or one that is rounded only now.
            norm: as in `BitLinear`; of one the layer's own counts.
        """
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.norm: Norm = linear.norm if isinstance(linear, BitLinear) else norm
        weight, scale = ternary(linear.weight)
        self.register_buffer("packed", pack(weight))
        self.register_buffer("scale", scale)
        self.register_buffer("bias", None if linear.bias is None else linear.bias.detach().clone())
        self.register_buffer("table", byte_table(linear.weight.device), persistent=False)
        self.train(linear.training)

    def forward(self, x: Float[Tensor, "*rows I"]) -> Float[Tensor, "*rows O"]:
        """See the class."""
        weight = unpack(self.packed, self.in_features, self.table)
        return biased(product(normed(x, self.norm), weight, self.scale), self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, norm={self.norm}"


def weights_nbytes(module: nn.Module) -> int:
    """Bytes of all parameters and buffers, each storage counted once."""
    held = {tensor.data_ptr(): tensor.nbytes for tensor in (*module.parameters(), *module.buffers())}
    return sum(held.values())
