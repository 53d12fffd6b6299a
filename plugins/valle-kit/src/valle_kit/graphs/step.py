"""The decoding step of a backbone as graphs: one for each number of rows and reach of keys, kept for later requests.

A request's cache moves into buffers that stay where they are; from then on a step is a copy of its input, one replay
and a count of the lengths. Rows are rounded up to a power of two, so that few graphs serve a batch whose rows leave.
"""

from __future__ import annotations

import threading
import warnings
import weakref
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from valle_core.types import SequenceMask
from valle_kit.graphs.capture import Capture, Captured, by_cuda, places, replayable
from valle_kit.graphs.still import doubled

MOST = 16
"""Batches whose buffers are kept; where all are in use, a step is not replayed."""


class StepGraphs:
    """Replays steps of one backbone, whose weights must stay where they are (elsewhere it begins anew).

    Attributes:
        device: type of the device whose steps it takes.
        refusal: why steps cannot be captured, or "".
    """

    def __init__(self, capture: Capture = by_cuda, device: str = "cuda") -> None:
        self.device, self.refusal = device, ""
        self._capture, self._slots, self._weights = capture, list[_Slot](), tuple[int, ...]()
        self._lock = threading.Lock()

    def __call__(self, backbone: Any, x: Float[Tensor, "B 1 D"], cache: Any) -> Float[Tensor, "B D"] | None:
        """The finished states of the next position of every row; the cache goes on. None where it is not replayed.

        Raises `UserError` where the cache is full.
        """
        if self.refusal or x.device.type != self.device or not len(x):
            return None
        slot = cache.lease
        if slot is None or not cache.lives_in(slot.cache) or x.dtype != slot.x.dtype:
            slot = self._leased(backbone, x, cache)
            if slot is None:
                return None
        elif torch.is_grad_enabled() or backbone.training:
            return None
        if slot.known is not cache.lengths:  # it was rewound, or went on by itself
            slot.lengths[: len(x)] = cache.lengths
            slot.known = cache.lengths
        slot.x[: len(x)] = x
        try:
            step = slot.step(backbone, cache.reach() + 1, self._capture)
        except Exception as error:  # a kernel that allocates for itself or reads the device
            self._refuse(backbone, error)
            return None
        cache.grow()
        step.replay()
        cache.lengths = slot.known = cache.lengths + 1
        return step.out[: len(x)].clone()

    def _leased(self, backbone: Any, x: Tensor, cache: Any) -> _Slot | None:
        """Buffers that the cache moved into; None where there are none or the step cannot be replayed now."""
        if not replayable(backbone):
            return None
        rows, capacity = 1 << (len(x) - 1).bit_length(), doubled(cache.capacity, 1 << 62)
        with self._lock:
            now = places(backbone)
            if now != self._weights:
                self._weights = now
                self._slots.clear()
            free = [slot for slot in self._slots if slot.free]
            slot = next((one for one in free if one.fits(x, rows, capacity, cache)), None)
            if slot is None:
                if len(self._slots) >= MOST:
                    if not free:
                        return None
                    self._slots.remove(free[0])
                with torch.inference_mode(False), torch.no_grad():  # both may write to them
                    slot = _Slot(x, rows, capacity, cache)
                self._slots.append(slot)
            slot.holder = weakref.ref(cache)
        slot.take(cache)
        return slot

    def _refuse(self, backbone: Any, error: Exception) -> None:
        self.refusal = str(error).strip().split("\n")[0] or type(error).__name__
        self._slots.clear()
        arch = getattr(backbone, "step_arch", type(backbone).__name__)
        warnings.warn(f"arch '{arch}' decodes without CUDA graphs: {self.refusal}", stacklevel=4)

    def __deepcopy__(self, memo: dict[int, Any]) -> StepGraphs:
        return StepGraphs(self._capture, self.device)

    def __reduce__(self) -> tuple[Any, ...]:
        return StepGraphs, (self._capture, self.device)


class _Slot:
    """Buffers of so many rows, and the steps that were captured over them.

    Attributes:
        cache: holds them.
        known: the lengths of the request's cache that `lengths` agree with.
    """

    def __init__(self, x: Tensor, rows: int, capacity: int, like: Any) -> None:
        self.x = x.new_zeros(rows, *x.shape[1:])
        self.cache = like.still(rows, capacity)
        self.lengths, self.capacity = self.cache.lengths, capacity
        self.live = torch.zeros_like(self.lengths)
        self.known: Tensor | None = None
        self.holder: weakref.ref[Any] = weakref.ref(like)
        self._steps: dict[int, Captured] = {}

    @property
    def free(self) -> bool:
        """Whether no request lives here."""
        cache = self.holder()
        return cache is None or cache.lease is not self or not cache.lives_in(self.cache)

    def fits(self, x: Tensor, rows: int, capacity: int, like: Any) -> bool:
        """Whether so many rows of what `x` is, in a cache like this, may live here."""
        mine = (self.x.shape, self.x.dtype, self.x.device, self.capacity, self.cache.held()[0].dtype)
        return mine == ((rows, *x.shape[1:]), x.dtype, x.device, capacity, like.held()[0].dtype)

    def take(self, cache: Any) -> None:
        """Let a cache move in."""
        for buffer in self.cache.held():
            buffer.zero_()  # what is not a number in an old row would spread from masked keys
        cache.settle(self.cache)
        B = len(cache.lengths)
        for one, value in ((self.lengths, cache.lengths), (self.live, 1)):
            one.zero_()
            one[:B] = value
        cache.lease, self.known = self, cache.lengths

    def step(self, backbone: Any, reach: int, capture: Capture) -> Captured:
        """The step for rows that reach so far, captured where it was not yet."""
        most = self.cache.open_for(reach)
        if most in self._steps:
            return self._steps[most]
        changed = (self.lengths, *self.cache.overwritten())
        before = [one.clone() for one in changed]

        def undo() -> None:
            for one, was in zip(changed, before, strict=True):
                one.copy_(was)

        def run() -> Tensor:
            self.cache.open_for(reach)
            start = self.cache.lengths = self.lengths
            mask = replace(SequenceMask.causal(start + 1, query_start=start), padded=self.cache.padded)
            out = backbone.finish(backbone(self.x, mask, start[:, None], cache=self.cache).h[:, 0])
            self.lengths.add_(self.live)
            return out

        try:
            self._steps[most] = capture(run, undo)
        finally:
            undo()
        return self._steps[most]
