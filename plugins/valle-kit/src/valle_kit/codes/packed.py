"""Convolutions over time by oneDNN with weights in its own layout, which is made once instead of at every call.

PyTorch lays a convolution's weights out anew each time, which takes longer than the convolution itself where there are
few steps (a push of a stream), and computes convolutions with a kernel of one step by another library's products.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

NEEDED = (
    "_convolution_pointwise",
    "_convolution_transpose_pointwise",
    "_reorder_convolution_weight",
    "_reorder_convolution_transpose_weight",
)


@dataclass(frozen=True, slots=True)
class _Layout:
    """A convolution whose weights are laid out.

    Attributes:
        weight: what they were made from; held, so that no other weight comes to lie at its address.
        version: of that weight.
        sizes: of the inputs they are for.
        run: the convolution.
    """

    weight: Tensor
    version: int
    sizes: torch.Size
    run: Callable[[Tensor], Tensor]


class Packed:
    """A convolution of [B, C, T], transposed or not, without its padding; equal to PyTorch's but for roundings.

    The weights are laid out for the sizes of an input, and stay so for all that follow with the same ones, as the
    pushes of a stream and the chunks of a long sound do. What oneDNN does not take (another device or type, gradients,
    compiling) or what is no faster by it (groups) goes PyTorch's usual way. `steps_first` tells how its outputs lie.
    What is laid out takes the memory of the weights once more.
    Any number of threads may call it; copies and pickles lay the weights out for themselves.
    """

    def __init__(self, conv: nn.Conv1d | nn.ConvTranspose1d) -> None:
        self._conv = conv
        self._layout: _Layout | None = None  # replaced as a whole: another thread may read it at any time

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._conv,)

    def __call__(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B D U"]:
        conv, shape = self._conv, x.shape
        if conv.groups == 1 and _takes(x, conv.weight):
            return self._laid_out(shape).run(x[:, :, None])[:, :, 0]
        if isinstance(conv, nn.ConvTranspose1d):
            return F.conv_transpose1d(x, conv.weight, conv.bias, conv.stride, groups=conv.groups)
        return F.conv1d(x, conv.weight, conv.bias, conv.stride, 0, conv.dilation, conv.groups)

    def _laid_out(self, sizes: torch.Size) -> _Layout:
        """The weights for inputs of these sizes: those at hand, or new ones."""
        made, weight = self._layout, self._conv.weight
        version = -1 if weight.is_inference() else weight._version
        if (
            made is None
            or (made.sizes, made.version) != (sizes, version)
            or made.weight.data_ptr() != weight.data_ptr()
        ):
            made = _Layout(weight.detach(), version, sizes, _packed(self._conv, sizes))
            self._layout = made
        return made


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
    weight, none, shape = conv.weight.detach()[:, :, None], [0, 0], [*sizes[:2], 1, sizes[2]]
    stride, dilation, ops = [1, *conv.stride], [1, *conv.dilation], torch.ops.mkldnn
    if isinstance(conv, nn.ConvTranspose1d):
        made = ops._reorder_convolution_transpose_weight(weight, none, none, stride, dilation, 1, shape)
        return lambda x: ops._convolution_transpose_pointwise(
            x, made, conv.bias, none, none, stride, dilation, 1, "none", [], ""
        )
    made = ops._reorder_convolution_weight(weight, none, stride, dilation, 1, shape)
    return lambda x: ops._convolution_pointwise(x, made, conv.bias, none, stride, dilation, 1, "none", [], "")
