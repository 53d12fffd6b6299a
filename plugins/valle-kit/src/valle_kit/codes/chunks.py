"""Runs convolutional networks that look a bounded way ahead chunk by chunk: nothing is computed twice.

Chunks joined equal the whole but for roundings. Convolutions are padded with zeros on both sides, as
`torch.nn.Conv1d(padding=…)` does; for causal ones that reflect their beginning see `valle_kit.codes.causal`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from valle_core.plugin import UserError


class ChunkState(Protocol):
    """What a layer remembers between two chunks."""

    def push(self, x: Float[Tensor, "B C T"], *, end: bool) -> Float[Tensor, "B D U"]:
        """Outputs that are final after these inputs, U ≥ 0; all that are left at the `end`."""
        ...


@runtime_checkable
class Stateful(Protocol):
    """A layer of another kind, which says itself what it remembers."""

    def state(self) -> ChunkState:
        """A fresh state."""
        ...


@dataclass(frozen=True, slots=True)
class Pointwise:
    """A function of each step by itself that leaves its input as it is.

    Attributes:
        function: [B, C, T] → [B, D, T] for T ≥ 1.
        channels: D.
        into: does the same from its first argument into the memory of its second; saves a convolution behind it a copy.
    """

    function: Callable[[Float[Tensor, "B C T"]], Float[Tensor, "B D T"]]
    channels: int
    into: Callable[[Float[Tensor, "B C T"], Float[Tensor, "B D T"]], object] | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """A block whose output is added to its input; it keeps lengths."""

    block: tuple[Layer, ...]


Layer = nn.Conv1d | nn.ConvTranspose1d | Pointwise | Added | Stateful


class ChunkStack:
    """The states of a network's layers between two chunks."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._states: list[ChunkState] = []
        before: Pointwise | None = None
        for place, layer in enumerate(layers):
            behind = layers[place + 1] if place + 1 < len(layers) else None
            if isinstance(layer, Pointwise) and layer.into and isinstance(behind, nn.Conv1d):
                before = layer
                continue
            self._states.append(_Conv(layer, before) if isinstance(layer, nn.Conv1d) else _state_of(layer))
            before = None

    def push(self, x: Float[Tensor, "B C T"], *, end: bool = False) -> Float[Tensor, "B D U"]:
        """See `PieceState`."""
        for state in self._states:
            x = state.push(x, end=end)
        return x


def spans(total: int, size: int) -> list[tuple[int, int]]:
    """First and last + 1 of the chunks of `total`: each `size` long, the last one to two of it."""
    starts = range(0, max(total - size, 0) + 1, size)
    return [(start, total if start == starts[-1] else start + size) for start in starts]


class _Conv:
    """A function of each step, if any, and a convolution."""

    def __init__(self, conv: nn.Conv1d, before: Pointwise | None = None) -> None:
        self._conv, self._before = conv, before
        (self._kernel,), (self._stride,), (self._dilation,) = conv.kernel_size, conv.stride, conv.dilation
        assert isinstance(conv.padding, tuple)
        (self._padding,) = conv.padding
        self._span = (self._kernel - 1) * self._dilation + 1
        self._held: Tensor | None = None

    def push(self, x: Tensor, *, end: bool) -> Tensor:
        conv = self._conv
        x = self._joined(x, self._padding if end else 0)
        count = max((x.shape[-1] - self._span) // self._stride + 1, 0)
        # A copy, since to hold a view is to hold all of the chunk.
        self._held = x[..., count * self._stride :].clone()
        if not count:
            return x.new_zeros(len(x), conv.out_channels, 0)
        return F.conv1d(x, conv.weight, conv.bias, self._stride, 0, self._dilation, conv.groups)

    def _joined(self, x: Tensor, right: int) -> Tensor:
        """What is held (zeros at first), the inputs after the function, and `right` zeros."""
        left = self._padding if self._held is None else self._held.shape[-1]
        if self._before is None and not left and not right:
            return x
        B, _, T = x.shape
        joined = x.new_empty(B, self._conv.in_channels, left + T + right)
        joined[..., :left] = 0 if self._held is None else self._held
        if T and self._before is not None and self._before.into is not None:
            self._before.into(x, joined[..., left : left + T])
        elif T:
            joined[..., left : left + T] = x
        joined[..., left + T :] = 0
        return joined


class _Upsampling:
    """Output t · stride … depends on the input t and the ⌈kernel / stride⌉ − 1 before it."""

    def __init__(self, conv: nn.ConvTranspose1d) -> None:
        self._conv, self._held = conv, None
        (self._kernel,), (self._stride,), self._padding = conv.kernel_size, conv.stride, int(conv.padding[0])
        self._past = math.ceil(self._kernel / self._stride) - 1
        self._skip = self._padding
        if self._kernel - self._stride < self._padding:
            raise ValueError(f"a padding of {self._padding} is more than what the kernel reaches past its stride")

    def push(self, x: Tensor, *, end: bool) -> Tensor:
        conv, count = self._conv, x.shape[-1]
        before = 0 if self._held is None else self._held.shape[-1]
        x = x if self._held is None else torch.cat([self._held, x], dim=-1)
        if not x.shape[-1] or not (count or end):
            return x.new_zeros(len(x), conv.out_channels, 0)
        self._held = x[..., max(x.shape[-1] - self._past, 0) :].clone()
        y = F.conv_transpose1d(x, conv.weight, conv.bias, self._stride)
        last = y.shape[-1] - self._padding if end else (before + count) * self._stride
        first = min(before * self._stride + self._skip, last)
        self._skip -= first - before * self._stride
        return y[..., first:last]


class _Function:
    def __init__(self, layer: Pointwise) -> None:
        self._layer = layer

    def push(self, x: Tensor, *, end: bool) -> Tensor:
        return self._layer.function(x) if x.shape[-1] else x.new_zeros(len(x), self._layer.channels, 0)


class _Sum:
    def __init__(self, layer: Added) -> None:
        self._block, self._held = ChunkStack(layer.block), None

    def push(self, x: Tensor, *, end: bool) -> Tensor:
        held = x if self._held is None else torch.cat([self._held, x], dim=-1)
        y = self._block.push(x, end=end)
        count = y.shape[-1]
        self._held = held[..., count:].clone()
        return y.add_(held[..., :count]) if count else y


def _state_of(layer: Layer) -> ChunkState:
    match layer:
        case nn.Conv1d():
            return _Conv(layer)
        case nn.ConvTranspose1d():
            return _Upsampling(layer)
        case Pointwise():
            return _Function(layer)
        case Added():
            return _Sum(layer)
        case _:
            return layer.state()


class ChunkStream:
    """A `CodecStream` over a stack that turns latents into sound.

    Args:
        latents: codes [B, f, L], f ≥ 1 → [B, d, f], fresh memory.
        check: gives the codes of a push on the right device, or raises `UserError`.
        layers: of a number of levels, from latents to sound [B, 1, n].
        lookahead: frames that are held back; what the layers lag behind their input, rounded up.
        batch: rows.
        frames: most frames that go through the layers at once.
    """

    def __init__(
        self,
        latents: Callable[[Int[Tensor, "B f L"]], Float[Tensor, "B d f"]],
        check: Callable[[Tensor], Int[Tensor, "B f L"]],
        layers: Callable[[int], Sequence[Layer]],
        *,
        hop: int,
        lookahead: int,
        batch: int,
        device: torch.device,
        frames: int,
    ) -> None:
        self._latents, self._check, self._layers = latents, check, layers
        self._stack: ChunkStack | None = None
        self._hop, self._lookahead, self._frames = hop, lookahead, frames
        self._ready = torch.zeros(batch, 0, device=device)
        self._form: tuple[int, int] | None = None
        self._pushed = self._given = 0
        self._width = 0

    @torch.inference_mode()
    def push(self, codes: Int[Tensor, "B F L"]) -> Float[Tensor, "B N"]:
        """Audio that is final after these frames, a whole number of frames of it."""
        codes = self._check(codes)
        form = (codes.shape[0], codes.shape[2])
        if self._form not in (None, form):
            raise UserError(f"a stream began with {self._form} rows and levels, then got {form}. Keep them")
        if not codes.shape[1]:
            return self._ready[:, :0]
        self._form = form
        self._stack = self._stack or ChunkStack(self._layers(form[1]))
        chunks = [self._ready]
        for part in codes.split(self._frames, dim=1):
            latents = self._latents(part)
            self._width = latents.shape[1]
            chunks.append(self._stack.push(latents)[:, 0])
        self._pushed += codes.shape[1]
        self._ready = torch.cat(chunks, dim=1)
        return self._give(max(self._pushed - self._lookahead, 0) - self._given)

    @torch.inference_mode()
    def flush(self) -> Float[Tensor, "B N"]:
        """What is left; zeros where the network gives less than whole frames."""
        if self._form is None or self._stack is None:
            return self._ready
        rest = self._stack.push(self._ready.new_zeros(self._form[0], self._width, 0), end=True)[:, 0]
        self._ready = torch.cat([self._ready, rest], dim=1)
        count = self._pushed - self._given
        self._ready = F.pad(self._ready, (0, count * self._hop - self._ready.shape[1]))
        return self._give(count)

    def _give(self, frames: int) -> Float[Tensor, "B N"]:
        self._given += frames
        wav, self._ready = self._ready[:, : frames * self._hop], self._ready[:, frames * self._hop :]
        return wav.clamp(-1, 1)
