"""One stack for the networks of streaming codecs, run chunk by chunk: nothing is computed twice.

Chunks joined equal the whole but for roundings. The layers are data, see `valle_kit.codes.convolutions` and below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from valle_kit.codes.convolutions import Convolution, Layer, Pointwise, State, behind, later, room


class Stack:
    """The states of a network's layers between two chunks; `axis` is that of time, 2 for [B, C, T].

    Attributes:
        states: of the layers.
        even: what `valle_kit.graphs.pushes` knows of the last push.
    """

    def __init__(self, layers: Sequence[Layer], axis: int = 2) -> None:
        self.states: list[State] = []
        self.even: object = None
        before: Pointwise | None = None
        for place, layer in enumerate(layers):
            behind = layers[place + 1] if place + 1 < len(layers) else None
            if isinstance(layer, Pointwise) and layer.into and isinstance(behind, Convolution):
                before = layer
                continue
            self.states.append(layer.state(axis, before) if isinstance(layer, Convolution) else layer.state(axis))
            before = None

    def push(self, x: Tensor, *, end: bool = False) -> Tensor:
        """See `State`. The input stays as it is, but for a first layer that overwrites it."""
        for state in self.states:
            x = state.push(x, end=end)
        return x


def reach(layers: Sequence[Layer], last: int) -> int:
    """The last input on which the outputs 0 … `last` of the layers, run in order, depend."""
    for layer in reversed(layers):
        last = layer.reach(last)
    return last


def lookahead(layers: Sequence[Layer], hop: int) -> int:
    """Inputs after an input that decide its `hop` outputs."""
    return max(reach(layers, hop - 1), 0)


@dataclass(frozen=True, slots=True)
class Added:
    """A block that keeps lengths, added to its input or to that of a shortcut, which looks no step ahead."""

    block: tuple[Layer, ...]
    shortcut: tuple[Layer, ...] = ()

    def reach(self, last: int) -> int:
        """See `Layer`."""
        return max(reach(self.block, last), last)

    def state(self, axis: int) -> State:
        """See `Layer`."""
        return _AddedState(self, axis)


@dataclass(frozen=True, slots=True)
class StepsFirst:
    """Layers of [B, T, C] within a network of [B, C, T], for what works on all channels of a step."""

    layers: tuple[Layer, ...]

    def reach(self, last: int) -> int:
        """See `Layer`."""
        return reach(self.layers, last)

    def state(self, axis: int) -> State:
        """See `Layer`."""
        assert axis == 2
        return _StepsFirstState(self.layers)


@dataclass(frozen=True, slots=True)
class Windowed:
    """A network that can only run whole windows: each chunk runs with the steps around it that it depends on.

    Attributes:
        function: [B, C, T] → [B, channels, T · rate].
        context: steps before and after a step that decide its outputs.
    """

    function: Callable[[Tensor], Tensor]
    channels: int
    context: int
    rate: int = 1

    def reach(self, last: int) -> int:
        """See `Layer`."""
        return last // self.rate + self.context

    def state(self, axis: int) -> State:
        """See `Layer`."""
        assert axis == 2
        return _WindowedState(self)


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """The end of an inverse STFT, [B, W, T] → [B, 1, T · hop]: windows laid a hop apart and added, over the weights
    (at least `floor`) that they have there, without what a window has too much at either end."""

    window: Float[Tensor, "W"]
    hop: int
    floor: float

    @property
    def spare(self) -> int:
        """Samples too much at either end."""
        return (len(self.window) - self.hop) // 2

    def reach(self, last: int) -> int:
        """See `Layer`."""
        return (last + self.spare) // self.hop

    def state(self, axis: int) -> State:
        """See `Layer`."""
        assert axis == 2
        return _OverlapState(self)


class _AddedState:
    def __init__(self, layer: Added, axis: int) -> None:
        self._block, self._shortcut, self._axis = Stack(layer.block, axis), Stack(layer.shortcut, axis), axis
        self._held: Tensor | None = None

    def push(self, x: Tensor, *, end: bool) -> Tensor:
        axis = self._axis
        straight = self._shortcut.push(x, end=end)
        held = straight if self._held is None else behind(self._held, straight, axis)
        y = self._block.push(x, end=end)
        count = y.shape[axis]
        self._held = later(held, axis, count) if held.shape[axis] > count else None
        return y.add_(held.narrow(axis, 0, count)) if count else y


class _StepsFirstState:
    def __init__(self, layers: Sequence[Layer]) -> None:
        self._stack = Stack(layers, axis=1)

    def push(self, x: Float[Tensor, "B C T"], *, end: bool) -> Float[Tensor, "B D U"]:
        return self._stack.push(x.transpose(1, 2), end=end).transpose(1, 2)


class _WindowedState:
    def __init__(self, layer: Windowed) -> None:
        self._layer, self._past = layer, 0
        self._held: Tensor | None = None  # inputs from `past` before the next output on

    def push(self, x: Tensor, *, end: bool) -> Tensor:
        layer, past = self._layer, self._past
        x = x if self._held is None else behind(self._held, x, 2)
        count = x.shape[2] - past - (0 if end else layer.context)
        self._held = x
        if count <= 0:
            return room(x, 2, layer.channels, 0)
        self._past = min(past + count, layer.context)
        self._held = x[..., past + count - self._past :].clone()
        return layer.function(x)[..., past * layer.rate : (past + count) * layer.rate]


class _OverlapState:
    """The windows' own weights change until as many have come as lie over each other, and at the end."""

    def __init__(self, layer: Overlap) -> None:
        self._layer, self._weight, self._skip = layer, layer.window.square()[:, None], layer.spare
        self._sums: Tensor | None = None
        self._weights = layer.window.new_zeros(0)
        self._unsettled = -(-len(layer.window) // layer.hop)
        self._full = self._weights

    def push(self, x: Float[Tensor, "B W T"], *, end: bool) -> Float[Tensor, "B 1 N"]:
        layer, count = self._layer, x.shape[2]
        if self._sums is None:
            self._sums = x.new_zeros(len(x), 0)
        if count:
            self._sums = self._add(self._sums, x)
        ready = self._sums.shape[1] if end else count * layer.hop
        wav = self._sums[:, :ready] / self._weigh(count, ready, end=end)
        self._sums = self._sums[:, ready:].clone()
        skipped = min(self._skip, wav.shape[1])
        self._skip -= skipped
        return wav[:, None, skipped : max(wav.shape[1] - layer.spare, skipped) if end else None]

    def _weigh(self, count: int, ready: int, *, end: bool) -> Float[Tensor, "n"]:
        """The weights of the samples that are ready."""
        if not end and (not count or (count == 1 and not self._unsettled)):
            return self._full[:ready]
        layer, weights = self._layer, self._weights
        if count:
            weights = self._add(weights[None], self._weight.expand(1, -1, count))[0]
        self._weights = weights[ready:].clone()
        self._unsettled = max(self._unsettled - count, 0)
        weights = weights[:ready].clamp(min=layer.floor)
        self._full = weights[ready - layer.hop :]
        return weights

    def _add(self, held: Float[Tensor, "B n"], windows: Float[Tensor, "B W T"]) -> Float[Tensor, "B m"]:
        hop, (_, size, count) = self._layer.hop, windows.shape
        if count == 1:
            added = windows[:, :, 0].clone()
        else:
            length = (count - 1) * hop + size
            added = F.fold(windows, (1, length), kernel_size=(1, size), stride=(1, hop))[:, 0, 0]
        added[:, : held.shape[1]] += held
        return added
