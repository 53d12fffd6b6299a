"""Convolutions over time by oneDNN with weights in its own layout, which is made once instead of at every call.

PyTorch lays a convolution's weights out anew each time, which takes longer than the convolution itself where there are
few steps (a push of a stream), and computes convolutions with a kernel of one step by another library's products.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

FEW = 4
"""Outputs up to which a depthwise convolution is faster as a sum of products."""

NEEDED = ("_convolution_pointwise", "_reorder_convolution_weight", "_reorder_convolution_transpose_weight")


class Packed:
    """A convolution of [B, C, T], transposed or not, without its padding; equal to PyTorch's but for roundings.

    The weights are laid out for the sizes of an input, and stay so for all that follow with the same ones, as the
    pushes of a stream and the chunks of a long sound do. What oneDNN does not take (another device or type, gradients,
    compiling) or what is no faster by it (groups) goes PyTorch's usual way. `steps_first` tells how its outputs lie.
    """

    def __init__(self, conv: nn.Conv1d | nn.ConvTranspose1d) -> None:
        self._conv = conv
        self._run: Callable[[Tensor], Tensor] | None = None
        self._made_for: tuple[object, ...] | None = None

    def __call__(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B D U"]:
        conv, shape = self._conv, x.shape
        if conv.groups == 1 and _takes(x, conv.weight):
            version = -1 if conv.weight.is_inference() else conv.weight._version
            run, made_for = self._run, (shape, conv.weight.data_ptr(), version)
            if run is None or self._made_for != made_for:
                run = _packed(conv, x[:, :, None].shape)
                self._run, self._made_for = run, made_for
            return run(x[:, :, None])[:, :, 0]
        if isinstance(conv, nn.ConvTranspose1d):
            return F.conv_transpose1d(x, conv.weight, conv.bias, conv.stride, groups=conv.groups)
        if shape[2] < conv.kernel_size[0] + FEW and _is_plain_depthwise(conv) and x.device.type == "cpu":
            y = torch.einsum("bctk,ck->bct", x.unfold(2, conv.kernel_size[0], 1), conv.weight[:, 0])
            return y if conv.bias is None else y + conv.bias[:, None]
        return F.conv1d(x, conv.weight, conv.bias, conv.stride, 0, conv.dilation, conv.groups)


def _is_plain_depthwise(conv: nn.Conv1d) -> bool:
    return conv.groups == conv.in_channels == conv.out_channels and conv.stride == conv.dilation == (1,)


def steps_first(x: Tensor) -> bool:
    """Whether the channels of a step of [B, C, T] lie beside each other in memory."""
    return x.stride(1) == 1 and x.shape[1] > 1


def _takes(x: Tensor, weight: Tensor) -> bool:
    return (
        x.dtype == weight.dtype == torch.float32
        and x.device.type == weight.device.type == "cpu"
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and torch.backends.mkldnn.is_available()
        and all(hasattr(torch.ops.mkldnn, name) for name in NEEDED)
    )


def _packed(conv: nn.Conv1d | nn.ConvTranspose1d, sizes: torch.Size) -> Callable[[Tensor], Tensor]:
    weight, none, shape = conv.weight.detach()[:, :, None], [0, 0], list(sizes)
    stride, dilation, ops = [1, *conv.stride], [1, *conv.dilation], torch.ops.mkldnn
    if isinstance(conv, nn.ConvTranspose1d):
        made = ops._reorder_convolution_transpose_weight(weight, none, none, stride, dilation, 1, shape)
        return lambda x: ops._convolution_transpose_pointwise(
            x, made, conv.bias, none, none, stride, dilation, 1, "none", [], ""
        )
    made = ops._reorder_convolution_weight(weight, none, stride, dilation, 1, shape)
    return lambda x: ops._convolution_pointwise(x, made, conv.bias, none, stride, dilation, 1, "none", [], "")
