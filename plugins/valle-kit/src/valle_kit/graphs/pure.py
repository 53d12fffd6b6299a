"""Functions of tensors that come again with the same shapes, as graphs: the passes of higher levels, codec pushes."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from valle_kit.graphs.capture import Capture, Captured, by_cuda

MOST = 16
"""Graphs that are kept of one object; the one not used for longest goes."""

Function = Callable[[Sequence[Tensor]], Sequence[Tensor]]


class _Known(NamedTuple):
    """A captured call: its inputs, its results, and the call."""

    inputs: list[Tensor]
    results: list[Tensor]
    call: Captured


class PureGraphs:
    """Replays functions that write nothing but their results. The first call of a kind is done as it is, as are those
    of kinds that never come again.

    Attributes:
        device: type of the device whose calls it takes.
        refusal: why calls cannot be captured, or "".
    """

    def __init__(self, what: str, capture: Capture = by_cuda, device: str = "cuda") -> None:
        """`what` does so "without CUDA graphs", for the one line where that is so."""
        self.device, self.refusal = device, ""
        self._what, self._capture, self._lock = what, capture, threading.Lock()
        self._seen: OrderedDict[Hashable, _Known | None] = OrderedDict()

    def __call__(self, kind: Hashable, function: Function, inputs: Sequence[Tensor]) -> list[Tensor] | None:
        """What the function gives, in fresh memory, or None where it must be called.

        `kind` says all that the function depends on beside its inputs; their shapes and strides are told apart here.
        """
        if self.refusal or inputs[0].device.type != self.device or torch.is_grad_enabled():
            return None
        kind = kind, tuple((one.shape, one.stride(), one.dtype) for one in inputs)
        with self._lock:  # two threads share what is replayed
            if kind not in self._seen:
                self._keep(kind, None)
                return None
            known = self._seen[kind]
            try:
                known = known or self._captured(function, inputs)
            except Exception as error:  # something that allocates for itself or reads the device
                self.refusal = str(error).strip().split("\n")[0] or type(error).__name__
                self._seen.clear()
                warnings.warn(f"{self._what} without CUDA graphs: {self.refusal}", stacklevel=4)
                return None
            self._keep(kind, known)
            for buffer, one in zip(known.inputs, inputs, strict=True):
                buffer.copy_(one)
            known.call.replay()
            return [one.clone() for one in known.results]

    def _captured(self, function: Function, inputs: Sequence[Tensor]) -> _Known:
        with torch.inference_mode(False), torch.no_grad():  # any mode may write to them
            held = [torch.empty_like(one) for one in inputs]  # dense: an expanded one cannot be written
        for buffer, one in zip(held, inputs, strict=True):
            buffer.copy_(one)
        results: list[Tensor] = []

        def run() -> Tensor:
            results[:] = function(held)
            return results[0]

        call = self._capture(run, lambda: None)
        return _Known(held, results, call)

    def _keep(self, kind: Hashable, known: _Known | None) -> None:
        self._seen[kind] = known
        self._seen.move_to_end(kind)
        if len(self._seen) > MOST:
            self._seen.popitem(last=False)

    def __deepcopy__(self, memo: object) -> PureGraphs:
        return PureGraphs(self._what, self._capture, self.device)

    def __reduce__(self) -> tuple[object, ...]:
        return PureGraphs, (self._what, self._capture, self.device)
