"""The measuring: results are compared first, then all implementations of a cell are timed in turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_bench.arch.own_model import OwnModel
from valle_bench.runner.measurement import OWN
from valle_bench.runner.turns import by_processor, in_turns, timed
from valle_bench.sampler.implementations import Loaded
from valle_bench.sampler.settings import CHAIN, CHAIN_OF, STEP, UNSEEDED, Cell, Figure, Settings
from valle_core.assemble.part import build
from valle_core.config.resolve import stored_part
from valle_core.interfaces import Filler, Processor, Sampler, Search
from valle_core.plugin import UserError
from valle_core.registry.loading import one_line
from valle_core.registry.registry import Registry
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.sampling.randomness import row_seeds
from valle_core.synthesis.sampling.view import View

LEAST_SECONDS = 0.1
"""Short steps are repeated until they add up to this, at most `MOST_RUNS` times."""

MOST_RUNS = 400
SEARCHED = 8
"""Steps of a search that are timed at once; its figure is of one."""

DRAWN = 256
"""Draws of `sample` that are timed at once; its figure is of one."""

WIDTH, HEADS = 512, 8


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a step gets: logits, and rows that have chosen tokens before.

    Attributes:
        logits: [B, V].
        history: [B, L].
        stop: index of the stop token.
    """

    logits: Float[Tensor, "B V"]
    history: Int[Tensor, "B L"]
    stop: int

    @classmethod
    def of(cls, batch: int, settings: Settings) -> Inputs:
        """The first rows are the same whatever the batch is."""
        rows, V = [torch.Generator().manual_seed(settings.seed * 1000 + b) for b in range(batch)], settings.tokens
        logits = torch.stack([torch.randn(V, generator=row) * 3 for row in rows])
        history = torch.stack([torch.randint(0, V - 1, (settings.history,), generator=row) for row in rows])
        return cls(logits.to(settings.device), history.to(settings.device), V - 1)

    def view(self) -> View:
        """Of a decoder that is so far."""
        B, L = self.history.shape
        seeds = row_seeds(0, range(B), device=self.history.device)
        view = View(seeds=seeds, capacity=L + SEARCHED, stop=self.stop)
        for step in range(L):
            view.append(self.history[:, step])
        view.enter(0)
        return view

    def first(self, rows: int) -> Inputs:
        """Of these rows only."""
        return Inputs(self.logits[:rows], self.history[:rows], self.stop)


@dataclass(frozen=True, slots=True)
class Bench:
    """What the cells share.

    Attributes:
        registry: where the backbone is found.
        loaded: samplers and references.
        settings: of the run.
    """

    registry: Registry
    loaded: Loaded
    settings: Settings
    models: dict[str, OwnModel] = field(default_factory=dict)


def measure(bench: Bench, cell: Cell, without: tuple[str, ...], alone: Callable[[str], None]) -> dict[str, Figure]:
    """The figures of ours and of each reference; what fails says so in its note."""
    inputs = Inputs.of(cell.batch, bench.settings)
    runs: dict[str, Callable[[], object]] = {}
    matches: dict[str, bool | None] = {}
    notes: dict[str, str] = {}
    for name, make in _makers(bench, cell, inputs).items():
        if name in without:
            continue
        alone(name)
        try:
            runs[name], matches[name] = make()
        except UserError as error:
            notes[name] = str(error)
        except Exception as error:  # another's code must not end the run
            notes[name] = f"failed: {one_line(error)}"
    alone("")
    return {**_timed(bench, cell, runs, matches), **{name: Figure(note=note) for name, note in notes.items()}}


Made = tuple[Callable[[], object], bool | None]


def _makers(bench: Bench, cell: Cell, inputs: Inputs) -> dict[str, Callable[[], Made]]:
    """For each implementation what prepares its run and compares its result."""
    if cell.sampler == STEP:
        return {OWN: partial(_step, bench, cell.batch)}
    if cell.sampler == CHAIN:
        return {OWN: partial(_chain, bench, inputs)}
    sampler = bench.loaded.samplers[cell.sampler]
    makers: dict[str, Callable[[], Made]] = {OWN: partial(_own, sampler, inputs)}
    if cell.sampler == "sample":
        makers = {OWN: partial(_seeded, sampler, inputs), UNSEEDED: partial(_unseeded, inputs)}
    for title, reference in bench.loaded.references[cell.sampler].items():

        def beside(reference: Callable[[Tensor, Tensor], Tensor] = reference) -> Made:
            run = partial(reference, inputs.history, inputs.logits)
            return run, torch.equal(run(), _run(sampler, inputs, inputs.view())())

        makers[title] = beside
    return makers


def _own(sampler: Sampler, inputs: Inputs) -> Made:
    view, rows = inputs.view(), min(2, len(inputs.logits))
    alone = inputs.first(rows)
    match = torch.equal(_run(sampler, inputs, inputs.view())()[:rows], _run(sampler, alone, alone.view())())
    return _run(sampler, inputs, view), match


def _run(sampler: Sampler, inputs: Inputs, view: View) -> Callable[[], Tensor]:
    """One step; of a search, several."""
    if isinstance(sampler, Processor):
        return partial(sampler.process, inputs.logits, view)
    if isinstance(sampler, Filler):  # every row is an answer of one frame; its passes are counted, but no model
        logits, frames = inputs.logits, [1] * len(inputs.logits)
        return partial(sampler.fill, lambda codes: logits, frames, logits.shape[1], view)
    if not isinstance(sampler, Search):
        return partial(sampler.choose, inputs.logits, view)
    return partial(_searched, sampler, inputs)


def _searched(sampler: Search, inputs: Inputs) -> Tensor:
    rows = torch.arange(len(inputs.logits), device=inputs.logits.device)

    def follow(chosen: Int[Tensor, "R"], tokens: Int[Tensor, "R"]) -> Float[Tensor, "R V"]:
        nonlocal rows
        rows = rows[chosen]
        return inputs.logits[rows]

    return sampler.search(inputs.logits, follow, [SEARCHED] * len(inputs.logits), None)


def _chain(bench: Bench, inputs: Inputs) -> Made:
    chain, rows = SamplerChain([bench.loaded.samplers[name] for name in CHAIN_OF]), min(2, len(inputs.logits))
    alone = inputs.first(rows)
    match = torch.equal(chain(inputs.logits, inputs.view())[:rows], chain(alone.logits, alone.view()))
    return partial(chain, inputs.logits, inputs.view()), match


def _seeded(sampler: Sampler, inputs: Inputs) -> Made:
    """Draws of steps that follow each other, as numbers of a row are made for many steps at once."""
    _, match = _own(sampler, inputs)

    def draw() -> None:
        seeds = row_seeds(0, range(len(inputs.logits)), device=inputs.logits.device)
        view = View(seeds=seeds, capacity=DRAWN, stop=inputs.stop)
        view.enter(0)
        choose = _run(sampler, inputs, view)
        for _ in range(DRAWN):
            view.append(choose())

    return draw, match


def _unseeded(inputs: Inputs) -> Made:
    """The same with numbers that do not belong to the row: another result by nature."""

    def draw() -> None:
        seeds = row_seeds(0, range(len(inputs.logits)), device=inputs.logits.device)
        view = View(seeds=seeds, capacity=DRAWN, stop=inputs.stop)
        for _ in range(DRAWN):
            uniform = torch.rand(len(inputs.logits), dtype=torch.float64, device=inputs.logits.device)
            counts = (inputs.logits.double().softmax(-1) * 2.0**40).long().cumsum(-1)
            target = (uniform.double()[:, None] * counts[:, -1:]).long()
            view.append((counts <= target).sum(-1))

    return draw, None


def _step(bench: Bench, batch: int) -> Made:
    """Of LLaMA, behind as many positions as the history has tokens."""
    settings = bench.settings
    if STEP not in bench.models:
        arch, kernel = bench.registry.select("arch", "llama"), bench.registry.select("attention", "sdpa")
        sizes = {"d_model": WIDTH, "n_layers": settings.layers, "n_heads": HEADS}
        attention = build(kernel, kernel.options_type()())
        backbone = build(arch, stored_part(arch, "arch", sizes, "bench").options, attention=attention)
        bench.models[STEP] = OwnModel(backbone.to(settings.device))
    decoder = bench.models[STEP].decoder(batch, settings.history + MOST_RUNS + 2)
    x = torch.randn(batch, settings.history, WIDTH, device=settings.device)
    with torch.inference_mode():
        decoder.feed(x)

    def step() -> Tensor:
        with torch.inference_mode():
            return decoder.feed(x[:, :1])

    return step, None


def _timed(
    bench: Bench, cell: Cell, runs: dict[str, Callable[[], object]], matches: dict[str, bool | None]
) -> dict[str, Figure]:
    device, settings = torch.device(bench.settings.device), bench.settings
    searches = isinstance(bench.loaded.samplers.get(cell.sampler), Search)
    steps = SEARCHED if searches else DRAWN if cell.sampler == "sample" else 1

    def seconds(run: Callable[[], object]) -> float:
        with torch.inference_mode():
            by_itself = device.type == "cpu" and torch.get_num_threads() == 1
            return (by_processor(run) if by_itself else timed(run, device)[0]) / steps

    once = {name: min(seconds(run) for _ in range(2)) for name, run in runs.items()}
    slow = {name: Figure(match=matches[name], note=f"a step takes {took:.1f} s, which is more than the limit")
            for name, took in once.items() if took > settings.cell_seconds}  # fmt: skip
    timing = {name: partial(seconds, run) for name, run in runs.items() if name not in slow}
    most = min(MOST_RUNS, settings.repeats * 10)
    done = in_turns(timing, once, repeats=settings.repeats, least=LEAST_SECONDS, most=most, limit=settings.cell_seconds)
    found = {name: Figure(seconds=statistics.median(took), runs=len(took), match=matches[name])
             for name, took in done.items()}  # fmt: skip
    return {**found, **slow}
