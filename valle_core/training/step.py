"""One optimizer step: its batches forward and backward, in parts where memory is short, and the update."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from valle_core.loss.token_loss import token_loss
from valle_core.training.meter import Meter
from valle_core.training.optimization import Term
from valle_core.training.options import TrainOptions
from valle_core.training.processes import Processes
from valle_core.training.rows import Example

Halves = Callable[[Processes, Meter, Example], list[Example]]
"""What is tried in place of an example that memory does not hold: its rows in two; nothing for one alone."""

_SHORT = ("can't allocate memory", "_STATUS_ALLOC_FAILED")


def train_step(
    model: Any,
    optimizer: Any,
    processes: Processes,
    examples: Iterator[Example],
    meter: Meter,
    options: TrainOptions,
    terms: Sequence[Term] = (),
    halves: Halves = lambda processes, meter, example: [],
) -> list[Example]:
    """One optimizer step over `accumulate` batches, which are returned; one with a non-finite gradient is skipped and
    counted.

    The loss is the mean over the predicted positions of the whole step, however they lie in batches and processes.
    """
    taken = [next(examples) for _ in range(options.accumulate)]
    counts = [_predicted(example) for example in taken]
    frames, positions = (
        sum(each) for each in zip(*processes.exchange([*map(sum, zip(*counts, strict=True))]), strict=True)
    )
    parts, found = list(taken), None
    while found is None:
        found = Meter()
        for place, part in enumerate(parts):
            try:
                _backward(model, part, processes, found, terms, frames, positions)
            except (RuntimeError, MemoryError) as error:
                if not short_of_memory(error):
                    raise
                found = None
            if found is None:  # what the error held is free by now
                optimizer.zero_grad(set_to_none=True)
                parts[place : place + 1] = halves(processes, meter, part)
                break
    for name, values in found.sums.items():
        meter.sums.setdefault(name, []).extend(values)
    for example in taken:
        meter.count(example)
    if parts or processes.world > 1:
        norm, good = processes.update(model, optimizer, options.clip)
        meter.add("grad_norm", norm, 1)
    else:  # no memory for any of it
        good = torch.tensor(False)
    meter.step(good)
    optimizer.zero_grad(set_to_none=True)
    return taken


def short_of_memory(error: Exception) -> bool:
    """Whether smaller batches may help."""
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known or any(words in str(error) for words in _SHORT)


def _predicted(example: Example) -> tuple[int, int]:
    """Positions that predict level 0, and all that predict anything."""
    counts = {level: found.positions.numel() for level, found in example.batch.predicted.items()}
    return counts.get(0, 0), sum(counts.values())


def _backward(
    model: Any, example: Example, processes: Processes, meter: Meter, terms: Sequence[Term], frames: int, positions: int
) -> None:
    """Add the gradient of an example's share in the loss of the step, of so many frames and positions."""
    accelerator, (said, own) = processes.accelerator, _predicted(example)
    batch = example.batch.to(accelerator.device)
    with accelerator.autocast():
        output = model(batch)
        for term in terms:
            output = term(batch, output)
    loss, figures = token_loss(output.logits, batch.predicted, batch.tasks if example.tasks else ())
    loss = sum(output.losses.values(), loss) * (own / positions)
    for value in output.frame_losses.values():
        loss = loss + value * (said / frames)
    processes.backward(loss)
    meter.add("loss", loss * (positions / own), own)
    for name, value in {**figures, **output.losses, **output.figures}.items():
        meter.add(name, value, own)
    for name, value in output.frame_losses.items():
        meter.add(name, value, said)
