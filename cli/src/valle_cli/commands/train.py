"""`valle train`: a codec language model from a prepared dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from valle_cli.compose import Composed, Setup
from valle_cli.progress import StepBar
from valle_core.training.config import TRAIN_SCHEMA

EXAMPLES = (
    "valle train --data data/ --out runs/first",
    "valle train --arch llama --arch.d-model 512 --steps 20000 --data data/ --out runs/big",
    "valle train --config runs/first/config.yaml --resume",
)


def train(
    setup: Setup,
    *,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress bar")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print a summary as JSON at the end")] = False,
) -> None:
    """Train a codec language model on a prepared dataset.

    Ctrl-C saves and stops; --resume continues with the losses an uninterrupted run would have had.
    The run's folder holds config.yaml, metrics.jsonl, loss.png and the checkpoints.
    """
    from valle_cli.curves import draw_curves
    from valle_core.checkpoint.folder import RunFolder
    from valle_core.registry.hooks import open_observers
    from valle_core.registry.identity import warn
    from valle_core.training.run import run_training

    run_options, options = setup.resolved.sections["run"], setup.resolved.sections["train"]
    observers = open_observers(setup.registry)
    with StepBar(options.steps, shown=not (quiet or as_json)) as bar:
        result = run_training(
            setup.resolved, setup.registry, observers, report=lambda line: bar.show(line, figures(line))
        )
    if result.warning:
        warn(result.warning)
    run = RunFolder(Path(run_options.out))
    draw_curves(run.metrics, run.curve)
    summary = {
        "run": str(run.path), "step": result.step, "ended_by": result.reason, "seconds": round(result.seconds, 1),
        "checkpoint": str(run.latest()), "curve": str(run.curve), **result.last_line,
    }  # fmt: skip
    if as_json:
        typer.echo(json.dumps(summary))
        return
    word = {"steps": "finished", "minutes": "stopped by --minutes", "interrupted": "interrupted; saved"}[result.reason]
    typer.echo(f"{word} at step {result.step} after {result.seconds:.0f} s: {figures(result.last_line)}")
    typer.echo(f"checkpoint {run.latest()}\nloss curve {run.curve}")


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


app = Composed(TRAIN_SCHEMA, train, examples=EXAMPLES)
