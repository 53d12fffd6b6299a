"""`valle train`: a codec language model from a prepared dataset."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from valle_core.command import CommandContext, CommandResult

if TYPE_CHECKING:
    from valle.training import Run

HANGUP = getattr(signal, "SIGHUP", -1)


def train(context: CommandContext) -> CommandResult:
    """Train a codec language model on a prepared dataset.

    Ctrl-C, SIGTERM and SIGHUP save and stop (exit code 130, 143 and 129); --resume continues with the losses an
    uninterrupted run would have had.
    The run's folder holds config.yaml, metrics.jsonl, loss.png and the checkpoints.
    """
    from valle.training import leads, run_resolved

    steps = context.options("train").steps
    with context.progress("step") as bar:
        if leads():
            bar.move(0, steps)
        run = run_resolved(
            context.resolved,
            context.registry,
            config=context.config,
            given=context.given,
            report=lambda line: bar.move(line["step"], steps, figures(line)),
            note=context.note,
        )
    if not leads():
        return CommandResult(text="", facts=None, code=128 + run.signal if run.signal else 0)
    if run.warning:
        context.warn(run.warning)
    return summary(run)


def summary(run: Run) -> CommandResult:
    """What is printed of a run that ended, and the exit code."""
    code = 128 + run.signal if run.signal else 0
    if run.signal == HANGUP:  # nobody is there to read it
        return CommandResult(text="", facts=None, code=code)
    facts = {
        "run": str(run.path), "step": run.step, "ended_by": run.ended_by, "seconds": round(run.seconds, 1),
        "checkpoint": str(run.checkpoint), "curve": str(run.curve), **run.last_line,
    }  # fmt: skip
    word = {
        "steps": "finished",
        "minutes": "stopped by --minutes",
        "interrupted": "interrupted; saved",
        "quit": "stopped by quit; saved",
    }[run.ended_by]
    lines = [
        f"{word} at step {run.step} after {run.seconds:.0f} s: {figures(run.last_line)}",
        f"checkpoint {run.checkpoint}",
        f"loss curve {run.curve}",
        *([f"go on with: valle train --config {run.config} --resume"] if code or run.ended_by == "quit" else []),
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
