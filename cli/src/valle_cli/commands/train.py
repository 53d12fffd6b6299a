"""`valle train`: a codec language model from a prepared dataset."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from valle_cli.continued import continued
from valle_core.command import CommandContext, CommandResult
from valle_core.plugin import UserError

if TYPE_CHECKING:
    from valle_core.checkpoint.folder import RunFolder
    from valle_core.training.loop import TrainResult

HANGUP = getattr(signal, "SIGHUP", -1)


def train(context: CommandContext) -> CommandResult:
    """Train a codec language model on a prepared dataset.

    Ctrl-C, SIGTERM and SIGHUP save and stop (exit code 130, 143 and 129); --resume continues with the losses an
    uninterrupted run would have had.
    The run's folder holds config.yaml, metrics.jsonl, loss.png and the checkpoints.
    """
    from valle_cli.curves import draw_curves
    from valle_core.checkpoint.folder import RunFolder
    from valle_core.registry.hooks import TRAINING, open_observers
    from valle_core.training.run import run_training

    resolved, note = continued(context.resolved, context.config, context.given)
    if note:
        context.note(note)
    run_options, steps = resolved.sections["run"], resolved.sections["train"].steps
    if run_options.resume and "init_from" in context.given:
        raise UserError("--resume goes on with a run, --init-from starts a new one; give one of them")
    observers = open_observers(context.registry, of=TRAINING)
    with context.progress("step") as bar:
        bar.move(0, steps)
        result = run_training(
            resolved, context.registry, observers, report=lambda line: bar.move(line["step"], steps, figures(line))
        )
    if result.warning:
        context.warn(result.warning)
    run = RunFolder(Path(run_options.out))
    draw_curves(run.metrics, run.curve)
    return summary(run, result)


def summary(run: RunFolder, result: TrainResult) -> CommandResult:
    """What is printed of a run that ended, and the exit code."""
    code = 128 + result.signal if result.signal else 0
    if result.signal == HANGUP:  # nobody is there to read it
        return CommandResult(text="", facts=None, code=code)
    facts = {
        "run": str(run.path), "step": result.step, "ended_by": result.reason, "seconds": round(result.seconds, 1),
        "checkpoint": str(run.latest()), "curve": str(run.curve), **result.last_line,
    }  # fmt: skip
    word = {"steps": "finished", "minutes": "stopped by --minutes", "interrupted": "interrupted; saved"}[result.reason]
    lines = [
        f"{word} at step {result.step} after {result.seconds:.0f} s: {figures(result.last_line)}",
        f"checkpoint {run.latest()}",
        f"loss curve {run.curve}",
        *([f"go on with: valle train --config {run.config} --resume"] if code else []),
    ]
    return CommandResult(text="\n".join(lines), facts=facts, code=code)


def figures(line: Mapping[str, Any]) -> str:
    """Loss, accuracy by level, and speed, as the progress bar shows them."""
    if not line:
        return "no step was taken"
    # In the order of the levels, as the meter writes them; sorted by name, level 10 would stand before level 2.
    accuracy = [f"{value:.2f}" for key, value in line.items() if key.startswith("accuracy_")]
    loss = f"{line['loss']:.3f}" if "loss" in line else "not finite"
    if "text_gain" in line:
        loss += f" · text gain {line['text_gain']:.3f}"
    return (
        f"loss {loss} · accuracy {' '.join(accuracy)} · {line['tokens_per_second']:.0f} tokens/s · "
        f"{line['audio_seconds_per_second']:.0f} s audio/s"
    )
