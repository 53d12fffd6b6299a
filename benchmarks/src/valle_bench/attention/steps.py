"""One kernel in one cell: a forward or backward pass with a mask of its own, and the clock that times it."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from valle_bench.attention.inputs import Buffers, Inputs
from valle_bench.runner.turns import by_processor, timed
from valle_core.interfaces import AttentionKernel

EVENT_SECONDS = 0.005
"""Short kernels are called on a GPU until they add up to this between two events."""

MOST_CALLS = 64


class Step:
    """A kernel on the inputs of a cell, the next set at each call.

    Attributes:
        clock: what times it: "wall"; with one thread on a CPU "processor", its time for all threads of the process, to
            which others on the machine add nothing; on a GPU "events" or "graph".
    """

    def __init__(self, kernel: AttentionKernel, inputs: Inputs, device: torch.device) -> None:
        self._kernel, self._inputs, self._device, self._turn = kernel, inputs, device, 0
        self.backward = inputs.cell.direction == "backward"
        self.clock = "events" if device.type == "cuda" else "processor" if torch.get_num_threads() == 1 else "wall"
        self._graph: torch.cuda.CUDAGraph | None = None
        self._calls = 1

    def results(self) -> tuple[Tensor, ...]:
        """Of the first set: out, and for "backward" the gradients of q, k and v."""
        first = self._inputs.sets[0]
        if not self.backward:
            return (self._forward(first),)
        out, leaves = self._with_graph(first)
        grads = torch.autograd.grad(out, leaves, first.grad)
        return (out.detach(), *grads)

    def once(self) -> float:
        """Seconds of one step on the next set."""
        given = self._next()
        if not self.backward:
            return self._timed(lambda: self._forward(given))
        out, leaves = self._with_graph(given)
        return self._timed(lambda: torch.autograd.grad(out, leaves, given.grad))

    def _timed(self, run: Callable[[], object]) -> float:
        return by_processor(run) if self.clock == "processor" else timed(run, self._device)[0]

    def ready(self, once: float) -> None:
        """Set the clock: how many calls lie between two events, or a graph of a decoding step.

        Args:
            once: seconds of one step.
        """
        if self._device.type != "cuda":
            return
        self._calls = max(1, min(MOST_CALLS, math.ceil(EVENT_SECONDS / max(once, 1e-9))))
        if self._inputs.cell.direction == "decode":
            self._capture()

    def __call__(self) -> float:
        """Seconds of a step."""
        if self._device.type != "cuda":
            return self.once()
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        if self.backward:
            return self._backward_events(start, end)
        torch.cuda.synchronize(self._device)
        start.record()
        if self._graph is not None:
            self._graph.replay()
        else:
            for _ in range(self._calls):
                self._forward(self._next())
        end.record()
        torch.cuda.synchronize(self._device)
        return start.elapsed_time(end) / 1000 / self._calls

    def _backward_events(self, start: torch.cuda.Event, end: torch.cuda.Event) -> float:
        """The forward pass stays outside; a GPU that is still at it hides the launches of the backward pass."""
        spent = 0.0
        for _ in range(self._calls):
            given = self._next()
            out, leaves = self._with_graph(given)
            start.record()
            torch.autograd.grad(out, leaves, given.grad)
            end.record()
            torch.cuda.synchronize(self._device)
            spent += start.elapsed_time(end) / 1000
        return spent / self._calls

    def _capture(self) -> None:
        """Steps over all sets as a graph, as decoding replays them; events stay where one cannot be captured."""
        graph = torch.cuda.CUDAGraph()
        calls = len(self._inputs.sets)
        try:
            stream = torch.cuda.Stream(self._device)
            with torch.cuda.stream(stream):
                self._forward(self._next())
            torch.cuda.current_stream(self._device).wait_stream(stream)
            with torch.cuda.graph(graph):
                for _ in range(calls):
                    self._forward(self._next())
            graph.replay()
            torch.cuda.synchronize(self._device)
        except RuntimeError:  # it reads the device: no graph holds that
            torch.cuda.synchronize(self._device)
            return
        self._graph, self._calls, self.clock = graph, calls, "graph"

    def _next(self) -> Buffers:
        given = self._inputs.sets[self._turn % len(self._inputs.sets)]
        self._turn += 1
        return given

    @torch.no_grad()
    def _forward(self, given: Buffers) -> Tensor:
        return self._kernel(given.q, given.k, given.v, self._inputs.mask())

    def _with_graph(self, given: Buffers) -> tuple[Tensor, list[Tensor]]:
        q, k, v = (x.detach().requires_grad_() for x in (given.q, given.k, given.v))
        return self._kernel(q, k, v, self._inputs.mask()), [q, k, v]
