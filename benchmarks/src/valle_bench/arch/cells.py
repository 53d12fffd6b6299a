"""The measurements of a cell: all implementations run on the same input, in turns, after their results are compared."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from valle_bench.arch.settings import OWN, Cell, Figure, Settings
from valle_bench.reference import ReferenceDecoder, ReferenceModel
from valle_bench.runner.limits import Forecast, PeakMemory
from valle_bench.runner.turns import in_turns, timed
from valle_core.plugin import UserError
from valle_core.registry.loading import one_line

CHUNK = 512
"""Positions per piece when a prompt is read before decoding steps are timed."""

WARM_STEPS = 8
"""Steps that are not counted, and how many an implementation makes before it is the other's turn."""

LEAST_SECONDS = 0.3
"""Short runs are repeated until they add up to this, at most `MOST_RUNS` times."""

MOST_RUNS = 40


@dataclass(frozen=True, slots=True)
class Bench:
    """What the cells of one candidate share.

    Attributes:
        implementations: models by name, ours first.
        d_model: width of the inputs.
        settings: of the run.
        forecast: of time and memory, growing with each cell.
    """

    implementations: Mapping[str, ReferenceModel]
    d_model: int
    settings: Settings
    forecast: Forecast

    @property
    def device(self) -> torch.device:
        return torch.device(self.settings.device)

    def input(self, length: int, salt: int = 0) -> Float[Tensor, "1 T D"]:
        """Standard normal states, equal for all implementations and machines."""
        generator = torch.Generator().manual_seed(self.settings.seed + 1000 * length + salt)
        return torch.randn(1, length, self.d_model, generator=generator).to(self.device)


def measure(bench: Bench, cell: Cell) -> dict[str, Figure]:
    """The figures of every implementation; what fails or would take too long says so in its note."""
    if cell.what == "decode":
        return _decode(bench, cell.length)
    if cell.what == "weights memory":
        return {
            implementation: Figure(nbytes=_weights(model), runs=1)
            for implementation, model in bench.implementations.items()
        }
    x = bench.input(cell.length)
    runs = {implementation: _run(cell.what, model, x) for implementation, model in bench.implementations.items()}
    if cell.what.endswith("memory"):
        return {implementation: _memory(bench, run) for implementation, run in runs.items()}
    figures, outputs = {}, {}
    for implementation, run in runs.items():
        figures[implementation], out = _first(bench, implementation, cell, run)
        if out is not None:
            outputs[implementation] = out
    figures = _compared(figures, outputs)
    left = {implementation: run for implementation, run in runs.items() if implementation in outputs}
    once = {implementation: figures[implementation].seconds or 0.0 for implementation in left}
    turns = {implementation: lambda run=run: timed(run, bench.device)[0] for implementation, run in left.items()}
    limit = bench.settings.cell_seconds
    done = in_turns(turns, once, repeats=bench.settings.repeats, least=LEAST_SECONDS, most=MOST_RUNS, limit=limit)
    for implementation, times in done.items():
        figures[implementation] = replace(figures[implementation], seconds=statistics.median(times), runs=len(times))
        bench.forecast.saw(implementation, cell.what, cell.length, min(times), 0)
    return figures


Run = Callable[[], list[Tensor]]
"""One run; gives what is compared between the implementations."""


def _run(what: str, model: ReferenceModel, x: Tensor) -> Run:
    """A forward pass, or one forward and backward; the gradient of the input is compared as well."""

    direction = torch.sin(torch.arange(x.numel(), device=x.device, dtype=x.dtype)).view_as(x)

    @torch.inference_mode()
    def forward() -> list[Tensor]:
        return [model.forward(x)]

    def train() -> list[Tensor]:
        seen = x.clone().requires_grad_()
        h = model.forward(seen)
        # Not the square of h: behind a final norm its mean is nearly constant, and all gradients would vanish.
        (h * direction).sum().backward()
        for parameter in model.parameters():
            parameter.grad = None
        assert seen.grad is not None
        return [h.detach(), seen.grad]

    return forward if what.startswith("forward") else train


def _first(bench: Bench, implementation: str, cell: Cell, run: Run) -> tuple[Figure, list[Tensor] | None]:
    """The first run, which also warms up; None where there was none."""
    if note := bench.forecast.refusal(implementation, cell.what, cell.length):
        return Figure(note=note), None
    peak = PeakMemory(bench.device)
    try:
        seconds, out = timed(run, bench.device)
        if not bench.forecast.known(implementation, cell.what):  # the very first compiles, loads and tunes
            seconds, out = timed(run, bench.device)
    except (UserError, RuntimeError, MemoryError, ValueError) as error:
        return Figure(note=f"failed: {one_line(error)}"), None
    bench.forecast.saw(implementation, cell.what, cell.length, seconds, peak.taken())
    return Figure(seconds=seconds, runs=1), out


def _compared(figures: dict[str, Figure], outputs: Mapping[str, list[Tensor]]) -> dict[str, Figure]:
    ours = outputs.get(OWN)
    for implementation, theirs in outputs.items():
        if implementation != OWN and ours is not None:
            figures[implementation] = replace(
                figures[implementation],
                difference=difference(ours, theirs),
                typical=difference(ours, theirs, of=Tensor.median),
            )
    return figures


def difference(ours: list[Tensor], theirs: list[Tensor], *, of: Callable[[Tensor], Tensor] = Tensor.max) -> float:
    """Largest (or median, …) absolute difference over the larger of 1 and the largest value; infinite where shapes
    differ or NaN."""
    worst = 0.0
    for own, other in zip(ours, theirs, strict=True):
        if own.shape != other.shape:
            return float("inf")
        apart = float(of((own - other).abs()) / other.abs().max().clamp(min=1.0))
        worst = max(worst, float("inf") if math.isnan(apart) else apart)
    return worst


def _weights(model: ReferenceModel) -> int:
    """Bytes of the weights: what the model says, else its parameters."""
    outputs = getattr(model, "weights_nbytes", None)
    return sum(parameter.nbytes for parameter in model.parameters()) if outputs is None else outputs


def _memory(bench: Bench, run: Run) -> Figure:
    peak = PeakMemory(bench.device)
    try:
        run()
    except (UserError, RuntimeError, MemoryError, ValueError) as error:
        return Figure(note=f"failed: {one_line(error)}")
    return Figure(nbytes=peak.taken(), runs=1)


@torch.inference_mode()
def _decode(bench: Bench, position: int) -> dict[str, Figure]:
    figures, decoders = {}, {}
    for implementation, model in bench.implementations.items():
        try:
            decoder = model.decoder(1, position + WARM_STEPS + bench.settings.steps)
            note = "it cannot decode" if decoder is None else _read(bench, decoder, position)
        except (UserError, RuntimeError, MemoryError, ValueError) as error:
            decoder, note = None, f"failed: {one_line(error)}"
        figures[implementation] = Figure(note=note)
        if decoder is not None and not note:
            decoders[implementation] = decoder
    times, outputs = _steps(bench, decoders)
    others = [implementation for implementation in outputs if implementation != OWN and OWN in outputs]
    apart = {implementation: difference(outputs[OWN], outputs[implementation]) for implementation in others}
    typical = {
        implementation: difference(outputs[OWN], outputs[implementation], of=Tensor.median) for implementation in others
    }
    for implementation, decoder in decoders.items():
        figures[implementation] = Figure(seconds=statistics.median(times[implementation]),
                                         runs=len(times[implementation]),
                                         nbytes=decoder.nbytes,
                               difference=apart.get(implementation), typical=typical.get(implementation))  # fmt: skip
    return figures


def _steps(
    bench: Bench, decoders: Mapping[str, ReferenceDecoder]
) -> tuple[dict[str, list[float]], dict[str, list[Tensor]]]:
    """Seconds of each timed step of each implementation, and what each gave at every step.

    They take turns after a few steps each, not after every one: caches of the processor stay with who computes.
    """
    times: dict[str, list[float]] = {implementation: [] for implementation in decoders}
    outputs: dict[str, list[Tensor]] = {implementation: [] for implementation in decoders}
    total = WARM_STEPS + bench.settings.steps
    inputs = [bench.input(1, salt=step) for step in range(total)]
    for start in range(0, total, WARM_STEPS):
        for implementation, decoder in decoders.items():
            for x in inputs[start : start + WARM_STEPS]:
                seconds, h = timed(lambda decoder=decoder, x=x: decoder.feed(x), bench.device)
                outputs[implementation].append(h.clone())
                times[implementation].append(seconds)
    return {implementation: seconds[WARM_STEPS:] for implementation, seconds in times.items()}, outputs


def _read(bench: Bench, decoder: ReferenceDecoder, position: int) -> str:
    """Read a prompt; returns "" or why it was left before its end."""
    begun, limit = time.perf_counter(), 5 * bench.settings.cell_seconds
    for start in range(0, position, CHUNK):
        decoder.feed(bench.input(min(CHUNK, position - start), salt=start))
        spent, share = time.perf_counter() - begun, min(1.0, (start + CHUNK) / position)
        if spent > bench.settings.cell_seconds / 2 and spent / share > limit:
            return (
                f"skipped: about {spent / share:.0f} s to read {position} positions foreseen, the limit is {limit:g} s"
            )
    return ""
