"""Backbones whose decoding step may be a program of one compiled function, and the caches that it reads."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_kit.graphs.still import Settles
from valle_kit.int8_linear import Int8Linear
from valle_kit.onednn import OneDnnLinear
from valle_kit.together import StepTogether, gathered, one_by_one

if TYPE_CHECKING:
    from valle_kit.graphs.step import StepGraphs
    from valle_kit.stepping.runner import Tables
    from valle_kit.stepping.step import CompiledStep

LINEAR: tuple[type, ...] = (nn.Linear, OneDnnLinear, Int8Linear)
TOGETHER = 64
"""Rows with caches of their own that are computed at a time."""


class SteppedCache(Settles):
    """What a cache has beside its buffers for a compiled step, which is made anew wherever the buffers have moved."""

    capacity: int
    compiled: CompiledStep | None = None
    _tables: tuple[tuple[int, ...], Tables] | None = None

    @abstractmethod
    def buffers(self) -> Sequence[tuple[Tensor, Tensor, int]]:
        """Of each layer what `Tables` takes."""
        ...

    @abstractmethod
    def grow(self) -> None:
        """Make room for one position more in every row. Raises `UserError` where there is none."""
        ...

    @property
    def tables(self) -> Tables:
        """Where a compiled step finds each row."""
        place = (len(self.lengths), *(one.data_ptr() for one in self.held()))
        if self._tables is None or self._tables[0] != place:
            from valle_kit.stepping.runner import Tables

            self._tables = place, Tables(self.buffers())
        return self._tables[1]

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles leave out the compiled step: its addresses are this cache's alone."""
        return {**self.__dict__, "compiled": None, "_tables": None, "lease": None}


class CompiledSteps(ABC):
    """A backbone whose step of inference in float32 on the CPU is a program, where its modules are as it made them.

    Whatever else comes (training, hooks, rewritten layers, autocast, torch.compile, other dtypes) goes by torch.
    """

    plain: ClassVar[frozenset[type]]
    """Types of the modules that a program stands for, but for linear layers."""
    step_arch: str
    """Name for messages."""
    by_torch = False
    """Whether no step is compiled or replayed, whatever else fits."""
    graphs: StepGraphs | None = None
    """Replays steps on a CUDA device."""

    @abstractmethod
    def step_modules(self) -> Iterable[nn.Module]:
        """All that a step reads."""
        ...

    @abstractmethod
    def listed_step(self, rows: int, capacity: int) -> CompiledStep:
        """The step of at most `rows` states at a time, for caches of at most `capacity` positions."""
        ...

    def compiles(self) -> bool:
        """See `valle_kit.quantized.Compiles`."""
        return self._enabled() and unmodified(self.step_modules(), self.plain)

    def compiled_step(self, x: Float[Tensor, "B 1 D"], cache: Any) -> Float[Tensor, "B D"] | None:
        """The finished states of the next position of every row, or None where torch must do it."""
        compiled = self.compiled_for(x, cache)
        if compiled is not None:
            return compiled.advance(x, cache)
        if self.graphs is None and x.is_cuda and not self.by_torch:
            from valle_kit.graphs.step import StepGraphs

            self.graphs = StepGraphs()
        return None if self.graphs is None else self.graphs(self, x, cache)

    def compiled_for(self, x: Float[Tensor, "B 1 D"], cache: Any) -> CompiledStep | None:
        """The step that `cache` keeps, made where it has none that fits; None where torch must do it."""
        if not (self._enabled() and plain_inference(x, cache)):
            return None
        if cache.compiled is None or not cache.compiled.fits():
            cache.compiled = self._make(len(x), cache.capacity)
        return cache.compiled

    def compiled_together(
        self, x: Float[Tensor, "B D"], caches: Sequence[Any], known: CompiledStep | None
    ) -> CompiledStep | None:
        """A step for several caches: the one known, a larger one, or None where torch must do it."""
        if not (self._enabled() and all(plain_inference(x, cache) for cache in caches)):
            return None
        capacity = max(cache.capacity for cache in caches)
        if known is None or known.capacity < capacity or not known.fits():
            return self._make(TOGETHER, max(512, 1 << (capacity - 1).bit_length()))
        return known

    def together(self) -> StepTogether:
        """See `valle_kit.together.StepsTogether`."""
        known: CompiledStep | None = None

        def step(x: Float[Tensor, "B D"], caches: Sequence[Any]) -> Float[Tensor, "B D"]:
            nonlocal known
            known = self.compiled_together(x, caches, known)
            if known is None:
                return one_by_one(self, x, caches)
            for cache in caches:
                cache.grow()
            h = known(x, gathered([cache.tables for cache in caches]), torch.cat([cache.lengths for cache in caches]))
            for cache in caches:
                cache.lengths = cache.lengths + 1
            return h

        return step

    def make_ready(self, say: Callable[[str], None]) -> None:
        """Compile the step now, where it will be used; `say` is told where that takes its seconds."""
        if not self.compiles():
            return
        try:
            from valle_kit.stepping import kernel
        except ImportError:  # told at the first step
            return
        if not kernel.is_kept():
            say(
                f"arch '{self.step_arch}' compiles its decoding step, once on this machine: about ten seconds. "
                "Next time: valle compile, after installing"
            )
        kernel.compiled()

    def _enabled(self) -> bool:
        return not self.by_torch and find_spec("numba") is not None

    def _make(self, rows: int, capacity: int) -> CompiledStep | None:
        if not unmodified(self.step_modules(), self.plain):
            return None
        try:
            return self.listed_step(rows, capacity)
        except ImportError as error:  # numba refuses a numpy it does not know
            warnings.warn(f"arch '{self.step_arch}' decodes without its compiled step: {error}", stacklevel=2)
            self.by_torch = True
            return None


def plain_inference(x: Tensor, cache: Any) -> bool:
    """Whether a step is one of inference in float32 on the CPU."""
    return (
        x.dtype == torch.float32
        and x.device.type == "cpu"
        and len(x) >= 1
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and all(one.dtype == torch.float32 and one.device.type == "cpu" for one in cache.held())
    )


def unmodified(modules: Iterable[nn.Module], plain: Iterable[type]) -> bool:
    """Whether modules are as they were made: no rewrite, no hook, no dropout at work, float32 on the CPU."""
    known = {*plain, *LINEAR, nn.Dropout}
    for top in modules:
        for part in top.modules():
            if type(part) not in known or part._forward_hooks or part._forward_pre_hooks:
                return False
            if part.training and isinstance(part, nn.Dropout) and part.p > 0:
                return False
        for weight in top.parameters():
            if weight.dtype != torch.float32 or weight.device.type != "cpu" or not weight.is_contiguous():
                return False
    return True
