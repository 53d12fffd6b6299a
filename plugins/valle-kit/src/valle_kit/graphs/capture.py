"""A function over memory that stays where it is, recorded once and replayed: a CUDA graph.

A graph is the kernels that a call launched, with the addresses and numbers of that call. So the function may read
nothing from the device and draw nothing, and everything that changes from call to call must be in its tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

WARM_UP = 2
"""Calls before the capture: libraries choose their algorithms and allocate in the first ones."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A recorded call.

    Attributes:
        out: what the call gave; each replay writes into it.
        replay: does it once more.
    """

    out: Tensor
    replay: Callable[[], object]


class Capture(Protocol):
    """A way to record."""

    def __call__(self, run: Callable[[], Tensor], undo: Callable[[], None]) -> Captured:
        """Record `run`, which may be run before; `undo` takes back what a run changed. Raises where that fails."""
        ...


def by_cuda(run: Callable[[], Tensor], undo: Callable[[], None]) -> Captured:
    """See `Capture`: a CUDA graph, on a stream of its own. Other threads may use the device meanwhile."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            run()
            undo()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        out = run()
    return Captured(out, graph.replay)


def replayable(module: nn.Module) -> bool:
    """Whether a call of the module may be replayed: inference, and nobody watches its parts."""
    return not (
        torch.is_grad_enabled()
        or module.training
        or any(map(torch.is_autocast_enabled, ("cpu", "cuda")))
        or torch.compiler.is_compiling()
        or any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    )


def places(module: nn.Module) -> tuple[int, ...]:
    """Where the weights lie: a graph reads them there, whatever is written to them."""
    held: Iterable[Tensor] = (*module.parameters(), *module.buffers())
    return tuple(one.data_ptr() for one in held)
