"""Convolutions and functions of each step as layers of a `valle_kit.codes.stack.Stack`: their data and their states.

How a convolution is padded is data: with zeros on both sides, or at its beginning by reflection.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from valle_kit.codes.packed import Packed, steps_first
from valle_kit.few import Few

FEW = 4
"""Outputs up to which a depthwise convolution is faster as a sum of products."""


class State(Protocol):
    """What a layer remembers between two chunks."""

    def push(self, x: Tensor, *, end: bool) -> Tensor:
        """Outputs that are final after these inputs, perhaps none; all that are left at the `end`."""
        ...


class Layer(Protocol):
    """A layer of a stack. One of another kind than those of this package brings these two methods."""

    def reach(self, last: int) -> int:
        """The last input on which the outputs 0 … `last` depend."""
        ...

    def state(self, axis: int) -> State:
        """A fresh state; `axis` is that of time: 2 for [B, C, T], 1 for [B, T, C]."""
        ...


@dataclass(frozen=True, slots=True)
class Pointwise:
    """A function of each step by itself.

    Attributes:
        function: of T ≥ 1 steps, to T · rate.
        channels: of its outputs; None where it keeps them.
        into: does the same from its first argument into the memory of its second; saves a convolution behind it a copy.
        rate: outputs of a step.
    """

    function: Callable[[Tensor], Tensor]
    channels: int | None = None
    into: Callable[[Tensor, Tensor], object] | None = None
    rate: int = 1

    def reach(self, last: int) -> int:
        """See `Layer`."""
        return last // self.rate

    def state(self, axis: int) -> State:
        """See `Layer`."""
        return _PointwiseState(self, axis)


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution over time.

    Attributes:
        function: T inputs → (T − span) // stride + 1 outputs; no padding of its own.
        channels: of its outputs.
        span: inputs that an output sees.
        left, right: zeros before the first and after the last input.
        reflected: the beginning is no zeros but the reflection of the inputs 1 … left; the end is filled up to whole
            strides by reflection, too (by zeros where there are fewer inputs than that). All chunks but the last hold
            a multiple of the strides.
    """

    function: Callable[[Tensor], Tensor]
    channels: int
    span: int
    stride: int = 1
    left: int = 0
    right: int = 0
    reflected: bool = False

    def reach(self, last: int) -> int:
        """See `Layer`."""
        last = last * self.stride - self.left + self.span - 1
        return max(last, self.left) if self.reflected else last

    def state(self, axis: int, before: Pointwise | None = None) -> State:
        """See `Layer`; `before` is a function of each step before it."""
        return _ConvolutionState(self, before, axis)


@dataclass(frozen=True, slots=True)
class Upsampling:
    """A transposed convolution of [B, C, T] without its first `left` and its last `right` outputs (in the place of its
    own padding). Output t · stride … depends on input t and the ⌈kernel / stride⌉ − 1 before it."""

    conv: nn.ConvTranspose1d
    left: int
    right: int
    function: Packed = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "function", Packed(self.conv))
        most = max(self.left, self.right)
        if self.conv.kernel_size[0] - self.conv.stride[0] < most:
            raise ValueError(f"a padding of {most} is more than what the kernel reaches past its stride")

    def reach(self, last: int) -> int:
        """See `Layer`."""
        return (last + self.left) // self.conv.stride[0]

    def state(self, axis: int) -> State:
        """See `Layer`."""
        assert axis == 2
        return _UpsamplingState(self)


def zero_padded(conv: nn.Conv1d | nn.ConvTranspose1d) -> Convolution | Upsampling:
    """A convolution as it is: padded with zeros (transposed: trimmed) on both sides by as much as it says."""
    assert isinstance(conv.padding, tuple)
    (stride,), (padding,) = conv.stride, conv.padding
    if isinstance(conv, nn.ConvTranspose1d):
        return Upsampling(conv, padding, padding)

    return Convolution(Packed(conv), conv.out_channels, _span(conv), stride, padding, padding)


def one_by_one(conv: nn.Conv1d) -> Convolution:
    """As `zero_padded`, for one stream: an output by itself is a product with few states."""
    usual = zero_padded(conv)
    assert isinstance(usual, Convolution)
    linear = nn.Linear(conv.in_channels * usual.span, conv.out_channels, device="meta")
    linear.weight = nn.Parameter(conv.weight.detach().flatten(1), requires_grad=False)
    linear.bias = conv.bias
    few = Few(linear)

    def function(x: Float[Tensor, "B C T"]) -> Float[Tensor, "B D U"]:
        return usual.function(x) if x.shape[2] != usual.span else few(x.flatten(1))[:, :, None]

    return replace(usual, function=function)


def depthwise(conv: nn.Conv1d) -> Convolution:
    """A convolution of each channel by itself, of [B, T, C] and without stride or dilation, padded with zeros on both
    sides by as much as it says."""
    assert conv.groups == conv.in_channels == conv.out_channels
    assert isinstance(conv.padding, tuple)
    (span,), taps, bias = conv.kernel_size, conv.weight[:, 0].t().contiguous(), conv.bias

    def function(x: Float[Tensor, "B T C"]) -> Float[Tensor, "B U C"]:
        if x.shape[1] >= span + FEW:
            return F.conv1d(x.transpose(1, 2), conv.weight, bias, groups=conv.groups).transpose(1, 2)
        if x.shape[1] == span:
            y = (x * taps).sum(1, keepdim=True)
        else:
            y = (x.unfold(1, span, 1) * conv.weight[:, 0]).sum(-1)
        return y if bias is None else y.add_(bias)

    return Convolution(function, conv.out_channels, span, left=conv.padding[0], right=conv.padding[0])


def causal(conv: nn.Conv1d | nn.ConvTranspose1d) -> Convolution | Upsampling:
    """A convolution without padding of its own, padded at its beginning by reflection by span − stride; a transposed
    one, trimmed at its end by kernel − stride."""
    stride = conv.stride[0]
    if isinstance(conv, nn.ConvTranspose1d):
        return Upsampling(conv, 0, conv.kernel_size[0] - stride)
    return Convolution(Packed(conv), conv.out_channels, _span(conv), stride, _span(conv) - stride, reflected=True)


def _span(conv: nn.Conv1d) -> int:
    return (conv.kernel_size[0] - 1) * conv.dilation[0] + 1


def room(x: Tensor, axis: int, channels: int, length: int) -> Tensor:
    """Memory for so many channels and steps, beside what `x` is; where that lies steps first, this does, too."""
    if axis == 1:
        return x.new_empty(len(x), length, channels)
    if steps_first(x):
        return x.new_empty(len(x), length, channels).transpose(1, 2)
    return x.new_empty(len(x), channels, length)


def behind(held: Tensor, x: Tensor, axis: int) -> Tensor:
    """Both, one behind the other in time, as `x` lies in memory."""
    if axis == 2 and steps_first(x):
        return torch.cat([held.transpose(1, 2), x.transpose(1, 2)], dim=1).transpose(1, 2)
    return torch.cat([held, x], axis)


def later(x: Tensor, axis: int, first: int) -> Tensor:
    """The steps from `first` on, to be held: as a view where that holds little else, and else as a copy."""
    rest = x.narrow(axis, first, x.shape[axis] - first)
    return rest if first <= rest.shape[axis] else rest.clone()


class _PointwiseState:
    def __init__(self, layer: Pointwise, axis: int) -> None:
        self._layer, self._axis = layer, axis

    def push(self, x: Tensor, *, end: bool) -> Tensor:
        if x.shape[self._axis]:
            return self._layer.function(x)
        return room(x, self._axis, self._layer.channels or x.shape[3 - self._axis], 0)


class _ConvolutionState:
    """The inputs that later outputs see, after the function before the convolution."""

    def __init__(self, layer: Convolution, before: Pointwise | None, axis: int) -> None:
        self._layer, self._before, self._axis = layer, before, axis
        self._held: Tensor | None = None
        self._early: Tensor | None = None  # too few inputs to reflect

    def push(self, x: Tensor, *, end: bool) -> Tensor:
        layer, axis = self._layer, self._axis
        if self._early is not None:
            x, self._early = behind(self._early, x, axis), None
        if layer.reflected and self._held is None and x.shape[axis] <= layer.left:
            if not end or not x.shape[axis]:
                self._early = x.clone()
                return room(x, axis, layer.channels, 0)
            return layer.function(self._short(x))
        x = self._joined(x, end=end)
        count = max((x.shape[axis] - layer.span) // layer.stride + 1, 0)
        self._held = later(x, axis, count * layer.stride)
        return layer.function(x) if count else room(x, axis, layer.channels, 0)

    def _joined(self, x: Tensor, *, end: bool) -> Tensor:
        """What is held (the padding at first), the inputs after the function, and the padding at the end."""
        layer, axis, T = self._layer, self._axis, x.shape[self._axis]
        left = layer.left if self._held is None else self._held.shape[axis]
        right = (-T % layer.stride if layer.reflected else layer.right) if end else 0
        if not left and not right:
            return self._before.function(x) if self._before and T else x
        if self._before is None and self._held is not None and not right:
            return behind(self._held, x, axis)
        channels = x.shape[3 - axis] if self._before is None else self._before.channels or x.shape[3 - axis]
        joined = room(x, axis, channels, left + T + right)
        inner = joined.narrow(axis, left, T)
        if T and self._before is not None and self._before.into is not None:
            self._before.into(x, inner)
        else:
            inner.copy_(x)
        begin, rest = joined.narrow(axis, 0, left), joined.narrow(axis, left + T, right)
        if self._held is not None:
            begin.copy_(self._held)
        elif layer.reflected:
            begin.copy_(inner.narrow(axis, 1, left).flip(axis))
        else:
            begin.zero_()
        if layer.reflected and right:
            rest.copy_(joined.narrow(axis, left + T - 1 - right, right).flip(axis))
        elif right:
            rest.zero_()
        return joined

    def _short(self, x: Tensor) -> Tensor:
        """All inputs there are, padded by the reflection of them and of zeros after them."""
        layer, T = self._layer, x.shape[2]
        x = x if self._before is None else self._before.function(x)
        right = -T % layer.stride
        more = max(layer.left, right) + 1 - T
        return F.pad(F.pad(x, (0, more)), (layer.left, right), mode="reflect")[..., :-more]


class _UpsamplingState:
    def __init__(self, layer: Upsampling) -> None:
        self._layer, self._conv, self._skip = layer, layer.conv, layer.left
        self._past = math.ceil(layer.conv.kernel_size[0] / layer.conv.stride[0]) - 1
        self._held: Tensor | None = None

    def push(self, x: Tensor, *, end: bool) -> Tensor:
        conv, stride, count = self._conv, self._conv.stride[0], x.shape[2]
        before = 0 if self._held is None else self._held.shape[2]
        x = x if self._held is None else behind(self._held, x, 2)
        if not x.shape[2] or not (count or end):
            return room(x, 2, conv.out_channels, 0)
        self._held = later(x, 2, max(x.shape[2] - self._past, 0))
        y = self._layer.function(x)
        last = y.shape[2] - self._layer.right if end else (before + count) * stride
        first = min(before * stride + self._skip, last)
        self._skip -= first - before * stride
        return y[..., first:last]
