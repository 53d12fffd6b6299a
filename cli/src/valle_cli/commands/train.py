"""`valle train`: a codec language model from a prepared dataset."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from valle_cli.compose import Composed, Ended, Setup
from valle_cli.progress import StepBar
from valle_core.plugin import UserError
from valle_core.training.config import TRAIN_SCHEMA, continued

HANGUP = getattr(signal, "SIGHUP", -1)

EXAMPLES = (
    "valle train --data data/ --out runs/first",
    "valle train --arch llama --arch.d-model 512 --steps 20000 --data data/ --out runs/big",
    "valle train --config runs/first/config.yaml --resume",
    "valle train --config runs/first/config.yaml --init-from runs/first --data more/ --out runs/second",
)


def train(
    setup: Setup,
    *,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress bar")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print a summary as JSON at the end")] = False,
) -> Ended:
    """Train a codec language model on a prepared dataset.

    Ctrl-C, SIGTERM and SIGHUP save and stop (exit code 130, 143 and 129); --resume continues with the losses an
    uninterrupted run would have had.
    The run's folder holds config.yaml, metrics.jsonl, loss.png and the checkpoints.
    """
    from valle_cli.curves import draw_curves
    from valle_core.checkpoint.folder import RunFolder
    from valle_core.registry.hooks import TRAINING, open_observers
    from valle_core.registry.identity import warn
    from valle_core.training.run import run_training

    resolved, note = continued(setup.resolved, setup.config, setup.given)
    if note:
        print(f"note: {note}", file=sys.stderr)
    run_options, options = resolved.sections["run"], resolved.sections["train"]
    if run_options.resume and "init_from" in setup.given:
        raise UserError("--resume goes on with a run, --init-from starts a new one; give one of them")
    observers = open_observers(setup.registry, of=TRAINING)
    with StepBar(options.steps, shown=not (quiet or as_json)) as bar:
        result = run_training(resolved, setup.registry, observers, report=lambda line: bar.show(line, figures(line)))
    if result.warning:
        warn(result.warning)
    run = RunFolder(Path(run_options.out))
    draw_curves(run.metrics, run.curve)
    summary = {
        "run": str(run.path), "step": result.step, "ended_by": result.reason, "seconds": round(result.seconds, 1),
        "checkpoint": str(run.latest()), "curve": str(run.curve), **result.last_line,
    }  # fmt: skip
    code = Ended(128 + result.signal if result.signal else 0)
    if result.signal == HANGUP:  # nobody is there to read it
        return code
    if as_json:
        typer.echo(json.dumps(summary))
        return code
    word = {"steps": "finished", "minutes": "stopped by --minutes", "interrupted": "interrupted; saved"}[result.reason]
    typer.echo(f"{word} at step {result.step} after {result.seconds:.0f} s: {figures(result.last_line)}")
    typer.echo(f"checkpoint {run.latest()}\nloss curve {run.curve}")
    if code:
        typer.echo(f"go on with: valle train --config {run.config} --resume")
    return code


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
