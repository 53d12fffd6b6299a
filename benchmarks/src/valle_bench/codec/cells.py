"""The measurements of a codec: the same sounds and codes for all implementations, compared first, timed in turns."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_bench.codec.settings import OWN, Cell, Figure, Settings
from valle_bench.codec.signals import batch, recording, recordings
from valle_bench.codec.streams import stream
from valle_bench.reference import ReferenceCodec
from valle_bench.runner.turns import in_turns, timed
from valle_core.interfaces import Codec
from valle_core.plugin import UserError
from valle_core.registry.loading import one_line

LEAST_SECONDS = 0.5
"""Short runs are repeated until they add up to this, at most `MOST_RUNS` times."""

MOST_RUNS = 20
WARM_SECONDS = 0.3
"""A sound as short as this goes first: what is loaded, tuned and allocated at the first call is not measured."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What the cells of one codec share.

    Attributes:
        codec: ours.
        implementations: by name, ours first.
        settings: of the run.
        random: the weights are untrained.
        spoken: codes of clips that were encoded, by seconds and rows.
        pace: seconds of computing per second of sound, by implementation and what is done.
    """

    codec: Codec
    implementations: Mapping[str, ReferenceCodec]
    settings: Settings
    random: bool
    spoken: dict[tuple[float, int], Tensor] = field(default_factory=dict)
    pace: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        return torch.device(self.settings.device)

    def wav(self, seconds: float, rows: int = 1) -> Float[Tensor, "B N"]:
        """Voices, equal for all implementations."""
        return batch(seconds, self.codec.sample_rate, rows, seed=self.settings.seed).to(self.device)

    def codes(self, seconds: float, rows: int = 1) -> Int[Tensor, "B F Q"]:
        """Their codes, as our implementation makes them."""
        if (seconds, rows) not in self.spoken:
            wav = self.wav(seconds, rows)
            self.spoken[seconds, rows] = self.codec.encode(wav, torch.full((rows,), wav.shape[1]))[0]
        return self.spoken[seconds, rows]


@torch.inference_mode()
def measure(bench: Bench, cell: Cell) -> dict[str, Figure]:
    """The figures of every implementation; what fails or would take too long says so in its note."""
    if cell.what == "stream":
        return {OWN: stream(bench.codec, bench.codes(bench.settings.stream_seconds), cell.seconds, bench.settings)}
    if cell.what == "quality":
        return {OWN: quality(bench)}
    audio = cell.seconds * cell.batch
    runs = {
        implementation: _run(bench, implementation, cell.what, cell.seconds, cell.batch)
        for implementation in bench.implementations
    }
    figures, outputs = {}, {}
    for implementation, run in runs.items():
        figures[implementation], out = _first(bench, implementation, cell, audio, run)
        if out is not None:
            outputs[implementation] = out
    if cell.what == "encode" and OWN in outputs:
        bench.spoken[cell.seconds, cell.batch] = outputs[OWN]
    for implementation, theirs in outputs.items():
        if implementation != OWN and OWN in outputs:
            figures[implementation] = compared(figures[implementation], cell, outputs[OWN], theirs)
    once = {implementation: figures[implementation].seconds or 0.0 for implementation in outputs}
    turns = {implementation: lambda run=runs[implementation]: timed(run, bench.device)[0] for implementation in outputs}
    limit = bench.settings.cell_seconds
    done = in_turns(turns, once, repeats=bench.settings.repeats, least=LEAST_SECONDS, most=MOST_RUNS, limit=limit)
    for implementation, times in done.items():
        figures[implementation] = replace(figures[implementation], seconds=statistics.median(times), runs=len(times))
    return figures


def _run(bench: Bench, implementation: str, what: str, seconds: float, rows: int) -> Callable[[], Tensor]:
    """Encoding voices, or decoding the codes that our implementation makes of them."""
    model = bench.implementations[implementation]
    if what == "encode":
        wav = bench.wav(seconds, rows)
        return lambda: model.encode(wav)
    codes = bench.codes(seconds, rows)
    return lambda: model.decode(codes)


def _first(
    bench: Bench, implementation: str, cell: Cell, audio: float, run: Callable[[], Tensor]
) -> tuple[Figure, Tensor | None]:
    """The first run at this size, after a short sound where nothing went before; None where there was none."""
    try:
        if (implementation, cell.what) not in bench.pace:
            bench.pace[implementation, cell.what] = _warm(bench, implementation, cell)
        foreseen = bench.pace[implementation, cell.what] * audio
        if foreseen > bench.settings.cell_seconds:
            limit = f"the limit is {bench.settings.cell_seconds:g} s"
            return Figure(audio=audio, note=f"skipped: about {foreseen:.0f} s a run foreseen, {limit}"), None
        seconds, out = timed(run, bench.device)
    except (UserError, RuntimeError, MemoryError, ValueError) as error:
        return Figure(audio=audio, note=f"failed: {one_line(error)}"), None
    bench.pace[implementation, cell.what] = seconds / audio
    return Figure(seconds=seconds, runs=1, audio=audio), out


def _warm(bench: Bench, implementation: str, cell: Cell) -> float:
    """Seconds of computing per second of sound: the best of two short runs after a first: others may disturb one."""
    length = min(WARM_SECONDS, cell.seconds)
    run = _run(bench, implementation, cell.what, length, 1)
    timed(run, bench.device)
    return min(timed(run, bench.device)[0] for _ in range(2)) / length


def compared(figure: Figure, cell: Cell, ours: Tensor, theirs: Tensor) -> Figure:
    """The figure of a reference with the share of codes that are ours, or how far its sound is from ours."""
    if cell.what == "encode":
        same = ours.shape == theirs.shape
        return replace(figure, equal=float((ours == theirs).float().mean()) if same else 0.0)
    length = min(ours.shape[1], theirs.shape[1])
    theirs = theirs[:, :length].clamp(-1, 1)
    return replace(
        figure,
        difference=difference(ours[:, :length], theirs),
        typical=difference(ours[:, :length], theirs, of=Tensor.median),
    )


def difference(ours: Tensor, theirs: Tensor, *, of: Callable[[Tensor], Tensor] = Tensor.max) -> float:
    """Largest (or median, …) absolute difference over the largest value; infinite for NaN and silence."""
    if ours.shape != theirs.shape or not ours.numel():
        return math.inf
    apart = float(of((ours - theirs).abs()) / theirs.abs().max())
    return math.inf if math.isnan(apart) else apart


def quality(bench: Bench) -> Figure:
    """PESQ-wb and STOI of the round trip through all levels, means over the recordings."""
    if bench.random:
        return Figure(note="random weights: quality not meaningful")
    from valle_bench.codec.intelligibility import compare

    scores, spoken = [], 0.0
    try:
        for path in recordings(Path(bench.settings.speech), bench.settings.clips):
            wav = recording(path, bench.codec.sample_rate).to(bench.device)
            codes, frames = bench.codec.encode(wav[None], torch.tensor([len(wav)]))
            back = bench.codec.decode(codes, frames)[0][0, : len(wav)]
            scores.append(compare(wav.cpu().numpy(), back.cpu().numpy(), bench.codec.sample_rate))
            spoken += len(wav) / bench.codec.sample_rate
    except UserError as error:
        return Figure(note=str(error))
    return Figure(
        audio=spoken,
        runs=len(scores),
        pesq=statistics.fmean(score.pesq for score in scores),
        stoi=statistics.fmean(score.stoi for score in scores),
    )
