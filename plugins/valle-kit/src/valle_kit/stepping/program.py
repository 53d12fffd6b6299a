"""Builds the program of a step: a backbone says its operations once, over buffers and weights that stay in place."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from valle_kit.int8_linear import Int8Linear
from valle_kit.stepping import layout as at
from valle_kit.stepping.vectors import BYTES, SINGLE, WHOLE

PAD = 64
"""Floats to whose multiple the rows of a buffer are filled up with zeros: a line of int8 weights."""


class Buffer(NamedTuple):
    """States of a step, or one part of them.

    Attributes:
        address: of the first one.
        row: floats between two of them.
        width: floats of each.
        private: floats between the threads' copies, 0 where they share one.
    """

    address: int
    row: int
    width: int
    private: int = 0

    def part(self, first: int, width: int) -> Buffer:
        """Some of the channels."""
        return Buffer(self.address + 4 * first, self.row, width, self.private)


class Program:
    """Operations for at most `rows` states of width `d_model`, on at most `threads` threads.

    The states to begin with are put into `h`, those after each layer are found there, the finished ones in `out`.

    Attributes:
        ends: index of the operation behind each layer; `ends[0]` lies before the first.
    """

    def __init__(self, d_model: int, rows: int, threads: int, scratch: int) -> None:
        """`scratch`: floats that each thread needs for itself."""
        self.rows, self.threads = rows, threads
        self._held: dict[str, np.ndarray] = {}
        self._buffers: dict[str, Buffer] = {}
        self._weights: list[Tensor] = []
        self._addresses: list[int] = []
        self._constants: list[np.ndarray] = []
        self._operations: list[list[int]] = []
        self.nbytes = 0
        self._zero = (0, 0)
        self.d_model = d_model
        self.h = self.buffer("h", d_model)
        self.out = self.buffer("out", d_model)
        self.private = -(-scratch // PAD) * PAD
        self.mine = self._zeros("mine", threads * self.private)
        self.ends = [0]

    def buffer(self, name: str, width: int, *, private: bool = False) -> Buffer:
        """The buffer of that name; `private` gives each thread its own."""
        if name not in self._buffers:
            row = -(-width // PAD) * PAD
            address = self._zeros(name, self.rows * row * (self.threads if private else 1))
            self._buffers[name] = Buffer(address, row, width, self.rows * row if private else 0)
        return self._buffers[name]

    def states(self, buffer: Buffer) -> Any:
        """A tensor [rows, width] over a buffer."""
        name = next(name for name, known in self._buffers.items() if known == buffer)
        held = self._held[name]
        skip = (buffer.address - held.ctypes.data) // 4
        flat = torch.from_numpy(held[skip : skip + self.rows * buffer.row])
        return flat.view(self.rows, buffer.row)[:, : buffer.width]

    def constant(self, values: Any) -> int:
        """Address of float32 numbers."""
        made = np.ascontiguousarray(np.asarray(values, dtype=np.float32).reshape(-1))
        self._constants.append(made)
        return made.ctypes.data

    def weight(self, tensor: Tensor | None) -> int:
        """Address of a float32 weight that is read in place; 0 for None."""
        if tensor is None:
            return 0
        assert tensor.dtype == torch.float32
        assert tensor.is_contiguous()
        return self._watched(tensor)

    def wait(self) -> None:
        """Until all threads are here."""
        self.operation(at.WAIT)

    def norm(self, source: Buffer, module: nn.Module, into: Buffer) -> None:
        """RMS or layer norm; into a private buffer every thread norms for itself."""
        kind = at.LAYER if isinstance(module, nn.LayerNorm) else at.RMS
        given: Any = module
        epsilon = self.constant([given.eps])
        bias = getattr(module, "bias", None)
        self.operation(
            at.NORM, kind, source.address, source.row, source.width, self.weight(given.weight), self.weight(bias),
            epsilon, into.address, into.row, into.private,
        )  # fmt: skip

    def product(self, linear: nn.Module, source: Buffer, into: Buffer, *, unit: int = 8, add: bool = False) -> None:
        """`into` = linear(source), or is added to; threads share its channels in multiples of `unit`."""
        kind, weight, step, scale, depth, bias = self._matrix(linear)
        self.operation(
            at.PRODUCT, kind, weight, step, scale, bias, source.address, source.row, source.private, depth,
            into.address, into.row, into.width, unit, int(add),
        )  # fmt: skip

    def gate(self, activation: int, x: Buffer, by: Buffer | None = None, *, unit: int = 8) -> None:
        """x = activation(x) · by, each thread for the channels it made."""
        other = (0, 0) if by is None else (by.address, by.row)
        self.operation(at.GATE, activation, x.address, x.row, *other, x.width, unit)

    def operation(self, code: int, *arguments: int) -> None:
        """Any operation; see `layout`."""
        line = [code, *map(int, arguments)]
        self._operations.append(line + [0] * (at.OP - len(line)))

    def end_layer(self) -> None:
        """What follows belongs to the next layer."""
        self.ends.append(len(self._operations))

    def assembled(self) -> np.ndarray:
        """All operations."""
        return np.array(self._operations, dtype=np.int64).reshape(-1, at.OP)

    def fits(self) -> bool:
        """Whether the weights are still where they were."""
        return [weight.data_ptr() for weight in self._weights] == self._addresses

    def _matrix(self, linear: nn.Module) -> tuple[int, int, int, int, int, int]:
        """Kind, address, bytes of a row, address of scales, depth, address of the bias."""
        given: Any = linear
        bias = self.weight(given.bias) or self._nothing(given.out_features)
        if isinstance(linear, Int8Linear):
            weight, kind = linear.weight, WHOLE
            scale = self.weight(linear.scale)
        else:
            weight, kind, scale = linear.get_parameter("weight"), SINGLE, 0
        depth = weight.shape[1]
        self.nbytes += weight.nbytes
        return kind, self._watched(weight), depth * BYTES[kind], scale, depth, bias

    def _nothing(self, width: int) -> int:
        """Address of so many zeros."""
        self._zero = self._zero if width <= self._zero[1] else (self.constant(np.zeros(width)), width)
        return self._zero[0]

    def _watched(self, tensor: Tensor) -> int:
        self._weights.append(tensor)
        self._addresses.append(tensor.data_ptr())
        return self._addresses[-1]

    def _zeros(self, name: str, size: int) -> int:
        held = np.zeros(size + 16, dtype=np.float32)
        self._held[name] = held
        return -(-held.ctypes.data // 64) * 64  # on a line of memory
