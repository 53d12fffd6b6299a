"""The training run, to be read downwards."""

from __future__ import annotations

import time
from collections import ChainMap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from valle_core.checkpoint.folder import RunFolder, read_manifest, save_checkpoint
from valle_core.checkpoint.manifest import Manifest
from valle_core.loss.token_loss import token_loss
from valle_core.model.codec_lm import CodecLM
from valle_core.plugin import UserError
from valle_core.reading.kinds import is_of
from valle_core.registry.hooks import Observers
from valle_core.registry.identity import warn
from valle_core.sequence.pack import RowBatch
from valle_core.training.averaging import Average
from valle_core.training.examples import ExampleStream
from valle_core.training.interrupt import StopRequest
from valle_core.training.live_run import LiveRun
from valle_core.training.meter import Meter
from valle_core.training.optimization import Optimization
from valle_core.training.optimizer import optimizer_tensors
from valle_core.training.place import Place
from valle_core.training.processes import Processes
from valle_core.training.restore import restore
from valle_core.training.step import Halves, train_step


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainResult:
    """How a run ended.

    Attributes:
        step: optimizer steps taken in all.
        reason: "steps", "minutes", "interrupted" or "quit".
        last_line: the newest line of metrics.jsonl.
        seconds: wall time of this process's part.
        warning: what should be known of the trained model, or "".
        signal: number of the signal that interrupted it, or 0.
    """

    step: int
    reason: str
    last_line: dict[str, Any]
    seconds: float
    warning: str = ""
    signal: int = 0


def train(
    model: CodecLM,
    stream: ExampleStream,
    optimization: Optimization,
    processes: Processes,
    place: Place,
    manifest: Manifest,
    *,
    model_config: str,
    observers: Observers,
    report: Callable[[dict[str, Any]], None],
    live: Callable[[Callable[[RowBatch], float], Callable[[Path, int], Path | None]], LiveRun],
    halves: Halves,
) -> TrainResult:
    """Train until `options.steps` (or minutes, a signal or a request to stop, which saves first).

    Args:
        model: on the CPU; moved to the device here.
        stream: training batches.
        optimization: options, optimizer, schedule and further losses.
        processes: this one, or all that train together.
        place: where checkpoints and metrics go, and what is gone on from; written to once everything is loaded.
        manifest: what every checkpoint says; step and progress are filled in here.
        model_config: YAML kept with each checkpoint.
        observers: told of start, steps, checkpoints and the end.
        report: called with every line of the metrics.
        live: makes what observers see of the run, from the loss of a batch and what copies the model.
        halves: splits a batch that memory does not hold.
    """
    options = optimization.options
    model.to(processes.accelerator.device).train()
    optimizer = optimization.optimizer(model)
    average = Average(model, options.average, optimizer)
    run, step, bad = place.run, 0, 0
    if place.resume:
        step = restore(model, average, optimizer, stream, run, place.resume, manifest, processes)
        left = read_manifest(place.resume).progress
        optimization, bad = optimization.as_left(left.get("lr")), left.get("bad_in_a_row", 0)
    place.begin()
    if options.compile:
        assert isinstance(model.backbone, nn.Module)
        model.backbone.compile(dynamic=True)

    wrapped, optimizer = processes.prepare(model, optimizer, average)
    bad = bad if is_of(bad, int) else 0
    meter, line, reason, signals = Meter(bad=torch.tensor([0, bad])), {}, "steps", (0,)
    begun, saved, changed, late, due = time.perf_counter(), step, step, False, False
    look = step + options.max_bad_steps - bad  # before it there cannot be so many bad steps in a row

    def changes(*given: Any) -> None:
        nonlocal changed
        changed = step + 1

    optimizer.optimizer.register_step_pre_hook(changes)

    def progress() -> dict[str, Any]:
        """Where data and the learning rate stand."""
        rates = [float(options.lr), float(optimization.options.lr)]
        at: dict[str, Any] = {"stream": stream.state_dict()}
        return at if rates[0] == rates[1] else at | {"lr": rates}

    def write(to: RunFolder, kept: dict[str, dict[str, Tensor]], keep: int, **state: Any) -> Path | None:
        kept = {stem: {k: processes.full_tensor(one) for k, one in found.items()} for stem, found in kept.items()}
        says = replace(manifest, **state)
        return None if processes.rank else save_checkpoint(to, says, model_config, kept, keep=keep)

    def save(step: int, at: dict[str, Any], random: dict[str, Tensor]) -> Path | None:
        kept = {**average.tensors(), "optimizer": optimizer_tensors(model, optimizer.optimizer), "random": random}
        bad, scaler = meter.bad_in_a_row, processes.accelerator.scaler
        at |= {"bad_in_a_row": bad} if bad else {}
        at |= {} if scaler is None else {"scaler": scaler.state_dict()}
        return write(run, kept, 0 if bad else options.keep, step=step, progress=at)

    def copy(to: Path, step: int) -> Path | None:
        return write(RunFolder(to), {"model": average.tensors()["model"]}, 1, step=step)

    examples = iter(stream)
    facts = {"step": step, "steps": options.steps, "run": str(run.path)}
    observers.call("train_start", facts={**facts, "live": live(partial(evaluated_loss, wrapped, processes), copy)})
    with StopRequest() as stop, failure_reported(observers, lambda: step + 1):
        while step < options.steps and reason == "steps":
            rate = optimization.rate(step)
            for group in optimizer.param_groups:
                group["lr"] = rate
            before = progress(), Processes.random(processes)
            try:
                terms = optimization.terms
                taken = train_step(wrapped, optimizer, processes, examples, meter, options, terms, halves)
                average.update()
                step, before = step + 1, (progress(), Processes.random(processes))
                late = bool(options.minutes) and time.perf_counter() - begun > 60 * options.minutes
                requests = dict(ChainMap(*observers.call("train_requests", step=step)))
                signals, over, (asked, *_) = zip(*processes.exchange([stop.signal, late, requests]), strict=True)
                if options.max_bad_steps and step >= look:
                    if (bad := meter.bad_in_a_row) >= options.max_bad_steps:
                        raise stuck(place, step, bad, observers.call("train_stuck", step=step, batches=taken))
                    look = step + options.max_bad_steps - bad
                if any(signals) or any(over) or "quit" in asked:
                    reason = "interrupted" if any(signals) else "minutes" if any(over) else "quit"
                optimization = optimization.at(asked["lr"]) if "lr" in asked else optimization
                due = due or step % options.checkpoint_every == 0 or "save" in asked  # waits for a good step
                saving = (due and not meter.bad_in_a_row) or step == options.steps or reason != "steps"
                last = step == options.steps or reason == "minutes"
                paused = time.perf_counter()
                figures = observers.call("train_figures", step=step, last=last, asked="eval" in asked)
                figures = dict(ChainMap(*figures))
                meter.started += time.perf_counter() - paused  # what hooks measure is no time of training
                logged = saving or figures or "eval" in asked or step % options.log_every == 0
                if logged:
                    line = meter.line(step, rate, processes.exchange) | figures
                    place.append(line)
                observers.call("train_step_end", step=step, metrics=line if logged else {}, figures=figures)
            except Exception:
                if saved < step >= changed and not (processes.rank or meter.bad_in_a_row) and processes.keeps_all:
                    with suppress(UserError):  # the first error is the one to tell
                        save(step, *before)  # no weight was changed since: what failed is done anew by --resume
                        warn(f"step {step + 1} failed; the run is saved at step {step}: go on with --resume")
                raise
            if saving:
                path, saved, due = save(step, progress(), processes.random()), step, False
                if path is not None:
                    observers.call("checkpoint_saved", step=step, path=path)
            if logged and not processes.rank:
                report(line)  # after saving: it may write to a terminal that is gone
    processes.exchange("saved")  # whoever goes on from here finds it all
    seconds = time.perf_counter() - begun
    warning = ". ".join(observers.call("train_end", step=step, metrics=line))
    return TrainResult(step=step, reason=reason, last_line=line, seconds=seconds, warning=warning, signal=max(signals))


def stuck(place: Place, step: int, bad: int, kept: Sequence[str]) -> UserError:
    """What ends a run that takes no step any more."""
    good = max((one for one in place.run.steps() if one <= step - bad), default=0)
    name = place.run.checkpoint(good).name  # the newest one may lie behind it
    way = f"go on with --resume --checkpoint {name} and" if good else "begin anew with"
    return UserError(
        f"{bad} steps in a row up to step {step} had a loss or gradient that is not finite, or no memory; nothing was "
        f"learnt in them{''.join(f' ({one})' for one in kept)}. Look at that batch, then {way} a lower --lr"
    )


@contextmanager
def failure_reported(observers: Observers, step: Callable[[], int]) -> Iterator[None]:
    """Whoever observes the run learns that it fails."""
    try:
        yield
    except BaseException:
        observers.call("train_failed", step=step())
        raise


def evaluated_loss(model: Any, processes: Processes, batch: RowBatch) -> float:
    """As `LiveRun.loss`. It leaves the model in training mode."""
    model.eval()
    with torch.no_grad(), processes.accelerator.autocast():
        batch = batch.to(processes.accelerator.device)
        loss = float(token_loss(model(batch).logits, batch.predicted)[0])
    model.train()
    return loss
