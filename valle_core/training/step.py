"""One optimizer step: its batches forward and backward, in parts where memory is short, and the update."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from valle_core.loss.token_loss import token_loss
from valle_core.plugin import UserError
from valle_core.registry.identity import warn
from valle_core.training.meter import Meter
from valle_core.training.optimization import Term
from valle_core.training.options import TrainOptions
from valle_core.training.processes import Processes
from valle_core.training.rows import Example

Halves = Callable[[Example], list[Example]]
"""The rows of an example in two; () for one alone."""

_SHORT = ("can't allocate memory", "_STATUS_ALLOC_FAILED")


def train_step(
    model: Any,
    optimizer: Any,
    processes: Processes,
    examples: Iterator[Example],
    meter: Meter,
    options: TrainOptions,
    terms: Sequence[Term] = (),
    halves: Halves = lambda example: [],
) -> list[Example]:
    """One optimizer step over `accumulate` batches, which are returned; one with a non-finite gradient is skipped and
    counted.

    The loss is the mean over the predicted positions of the whole step, however they lie in batches and processes.
    """
    accelerator = processes.accelerator
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
                parts[place : place + 1] = _smaller(part, processes, meter, halves)
                break
    for name, values in found.sums.items():
        meter.sums.setdefault(name, []).extend(values)
    for example in taken:
        meter.count(example)
    for weight in model.parameters():  # what no position reached follows its momentum, in one process as in several
        if weight.requires_grad and weight.grad is None:
            weight.grad = torch.zeros_like(weight)
    processes.average_gradients(model)
    # clip_grad_norm_ unscales fp16 gradients first; an infinite bound only measures.
    norm = accelerator.clip_grad_norm_(model.parameters(), options.clip or float("inf"))
    norm = processes.full_tensor(torch.as_tensor(norm))
    meter.add("grad_norm", norm, 1)
    good = bool(torch.isfinite(norm)) and (bool(parts) or processes.world > 1)
    if good or accelerator.scaler is not None:
        optimizer.step()  # with a scaler, torch skips overflowed steps; fused optimizers do so without a word
    meter.bad_steps += not good
    meter.bad_in_a_row = 0 if good else meter.bad_in_a_row + 1
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
    accelerator.backward(loss * processes.world)  # gradients are averaged over the processes
    meter.add("loss", loss * (positions / own), own)
    for name, value in {**figures, **output.losses, **output.figures}.items():
        meter.add(name, value, own)
    for name, value in output.frame_losses.items():
        meter.add(name, value, said)


def _smaller(example: Example, processes: Processes, meter: Meter, halves: Halves) -> list[Example]:
    """What is tried in place of an example that memory does not hold; nothing for a single utterance."""
    if not processes.keeps_all:
        raise UserError(
            "out of memory, and with --shard the processes cannot take a batch in parts; lower --batching.seconds and "
            "start anew from the weights (--init-from)"
        )
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    parts = halves(example)
    if parts:
        if not meter.halved_in_all:
            warn(
                f"out of memory with {len(example.ids)} utterances: they are taken in two halves. Further ones are "
                "counted as halved_batches; a lower --batching.seconds avoids them"
            )
        meter.halved += 1
        meter.halved_in_all += 1
    else:
        warn(f"out of memory with one utterance, {', '.join(example.ids)}: it is left out")
        meter.skipped["out of memory"] += 1
    return parts
