"""Whether a model of all tasks reads their inputs: the same model asked with them and without.

    python benchmarks/studies/made_noise.py noises --seed 1
    python benchmarks/studies/made_noise.py noises-held --seed 2
    valle prepare-noise noises --out noise --codec small
    valle prepare-noise noises-held --out noise-held --codec small
    python benchmarks/studies/tasks.py --data data --noise noise --held-out-noise noise-held --out runs/tasks
    cp runs/tasks/tasks.* benchmarks/results/

For each random seed one model learns all tasks at once (level 0 and written answers), a third of the rows (`--without`)
with all of the input left out: what it answers then ignores the input, and is the baseline, for which it was trained.
It is scored on held-out utterances whose words were never trained on: nats for each token of the answer. Tasks that
answer in writing are also asked for whole answers (greedy), against the best answer that is the same for every
utterance. The difference of each utterance is averaged over the random seeds; the interval is a bootstrap over
utterances. Stopped, the same command goes on; `--report` only writes the table of what is there. `--init-from` begins
with the weights of level 0 of a voice, whose alignment is left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import yaml
from task_inputs import HeldOut, Sometimes

from valle_bench.machine import cores_in_use, provenance
from valle_bench.report import Column, Report
from valle_core.api import TRAIN_SCHEMA, Observers, Registry, RunFolder, load_model, resolve, run_training
from valle_core.assemble.part import build
from valle_core.checkpoint.folder import find_checkpoint, read_manifest, read_tensors, save_checkpoint
from valle_core.config.schema import Resolved
from valle_core.files import write_json
from valle_kit.init_from import start_from

STEM = "tasks"
TASKS = ("ns", "sr", "tse", "vc", "cse", "nse", "len", "stt", "phn", "un-phn")
OPTIONS = {name: {"min_seconds": 1.0, "max_seconds": 1.5} for name in ("tse", "vc", "len")} | {"stt": {"pieces": 0.6}}
"""Prompts as short as those of the voice, which keeps rows short; recognition learns from pieces, and answers for whole
utterances."""

WRITTEN = {"len": "seconds of error", "stt": "phoneme error", "phn": "phoneme error", "un-phn": "letter error"}
RESAMPLES = 4000


def main() -> None:
    given = arguments()
    registry = Registry.open()
    for seed in () if given.report else given.seed:
        score(seed, given, registry)
    write_report(given)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="dataset with a held-out part")
    parser.add_argument("--noise", type=Path, required=True, help="noise set to train with")
    parser.add_argument("--held-out-noise", type=Path, required=True, help="noise set to score with")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--task", nargs="+", default=list(TASKS))
    parser.add_argument("--weight", nargs="+", type=float, help="how often each task is drawn; all alike if left out")
    parser.add_argument("--seed", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=2000, help="budget of a model")
    parser.add_argument("--arch", default="llama")
    parser.add_argument("--d-model", type=int, default=160)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seconds", type=float, default=24.0, help="audio in a batch")
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--without", type=float, default=1 / 3, help="share of rows without input")
    parser.add_argument("--init-from", type=Path, help="run or checkpoint to begin with, of the same sizes")
    parser.add_argument("--longest", type=float, default=2.6, help="longest utterance in seconds")
    parser.add_argument("--held-out-seconds", nargs=2, type=float, metavar=("FROM", "TO"),
                        help="durations of the utterances to score; those of training if left out")  # fmt: skip
    parser.add_argument("--warmup", type=int, default=50)
    parser.add_argument("--report", action="store_true", help="only write the table of what is there")
    return parser.parse_args()


def score(seed: int, given: argparse.Namespace, registry: Registry) -> None:
    """Train the model of a random seed and write what it makes of the held-out utterances."""
    found, run = given.out / f"scores-{seed}.json", given.out / f"run-{seed}"
    if found.exists():
        return
    resolved = configured(run, seed, given, registry)
    with patch("valle_core.training.recipe.build", lambda plugin, options: Sometimes(build(plugin, options), share)):
        share = given.without
        train(resolved, registry, given)
    model = load_model(run, registry, device=torch.device("cpu")).model
    held = HeldOut(resolved, model.rules, given.held_out_noise, registry, given.held_out_seconds)
    scores: dict[str, Any] = {}
    for task in given.task:
        scores[task] = held.losses(task, model) | (held.answers(task, run) if task in WRITTEN else {})
        means = ", ".join(f"{name} {np.mean(values):.3f}" for name, values in scores[task].items())
        print(f"{task}, random seed {seed}: {means}", flush=True)
    write_json(found, {"seed": seed, "steps": given.steps, "load": cores_in_use(), "tasks": scores})


def train(resolved: Resolved, registry: Registry, given: argparse.Namespace) -> None:
    """To the end, from where it stopped."""
    run = RunFolder(Path(resolved.sections["run"].out))
    if max(run.steps(), default=0) < given.steps:
        result = run_training(resolved, registry, Observers(), start_from=start_from)
        print(f"{run.path.name}: {result.step} steps, {result.seconds / 60:.1f} minutes here", flush=True)
        if result.step < given.steps:
            sys.exit(f"{run.path.name}: stopped before its end; the same command goes on")


def configured(out: Path, seed: int, given: argparse.Namespace, registry: Registry) -> Resolved:
    flags: dict[str, Any] = {
        "arch": given.arch, "arch.d_model": given.d_model, "arch.n_layers": given.layers, "arch.n_heads": 4,
        "model.parts": "ar", "model.codebook_embeddings": True, "alignment": "none", "data.path": given.data,
        "data.noise": given.noise, "data.mixes": given.out / "mixes", "out": out, "steps": given.steps,
        "warmup": given.warmup, "decay_from": 0.5, "lr": given.lr, "betas": [0.9, 0.98], "weight_decay": 0.05,
        "seed": seed,
        "batching.seconds": given.seconds, "batching.min_seconds": 1.3, "batching.max_seconds": given.longest,
        "precision": given.precision, "device": "cpu", "checkpoint_every": 200,
        "keep": 1, "log_every": 50, "text_gain_every": 0, "resume": bool(RunFolder(out).steps()),
    }  # fmt: skip
    if given.weight:
        flags["task_weights"] = given.weight
    if given.init_from and not flags["resume"]:
        flags["init_from"] = without_alignment(given.init_from, given.out / "init")
    words: list[tuple[str, Any]] = []
    for name in given.task:
        words += [("task", name), *((f"task.{key}", value) for key, value in OPTIONS.get(name, {}).items())]
    words += [(name, str(value).lower() if isinstance(value, bool) else str(value)) for name, value in flags.items()]
    return resolve(TRAIN_SCHEMA, registry, flags=words)


def without_alignment(run: Path, out: Path) -> Path:
    """A checkpoint, or the newest of a run, written anew without its alignment: what the two models share."""
    made, checkpoint = RunFolder(out), find_checkpoint(run)
    if not made.steps():
        manifest = read_manifest(checkpoint)
        tensors = {name: one for name, one in read_tensors(checkpoint, "model").items() if "alignment." not in name}
        model = yaml.safe_load((checkpoint / "model.yaml").read_text(encoding="utf-8"))
        kept = tuple(plugin for plugin in manifest.plugins if plugin.kind != "alignment")
        text = yaml.safe_dump({**model, "alignment": None})
        save_checkpoint(made, replace(manifest, plugins=kept, files={}), text, {"model": tensors}, keep=1)
    return out


def interval(differences: Sequence[float]) -> tuple[float, float]:
    """95 % bootstrap interval of the mean."""
    values, rng = np.array(differences), np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def write_report(given: argparse.Namespace) -> None:
    """A row for each task, and a second one for whole answers."""
    found = [json.loads(path.read_text()) for path in sorted(given.out.glob("scores-*.json"))]
    rows = []
    for task in given.task:
        pairs = [("own", "without", "nats a token")]
        pairs += [("answer", "constant", WRITTEN[task])] if task in WRITTEN else []
        for ours, baseline, measure in pairs:
            mine, theirs = (np.array([one["tasks"][task][name] for one in found]) for name in (ours, baseline))
            gains = theirs - mine  # [seeds, utterances]
            low, high = interval(gains.mean(0).tolist())
            rows.append(
                {
                    "task": task, "measure": measure, "utterances": gains.shape[1], "own": float(mine.mean()),
                    "baseline": float(theirs.mean()), "gain": float(gains.mean()), "low": low, "high": high,
                    "seeds": ", ".join(f"{gain:.3f}" for gain in gains.mean(1)), "reads": "yes" if low > 0 else "no",
                    "swapped": float(np.mean([one["tasks"][task]["other"] for one in found])) if ours == "own" else "",
                }
            )  # fmt: skip
    columns = [
        Column(key="task", title="task"),
        Column(key="measure", title="measure"),
        Column(key="own", title="with its input", form=".3f"),
        Column(key="baseline", title="without", form=".3f"),
        Column(key="gain", title="difference", form=".3f"),
        Column(key="low", title="95 % from", form=".3f"),
        Column(key="high", title="to", form=".3f"),
        Column(key="seeds", title="by random seed"),
        Column(key="swapped", title="another's input", form=".3f"),
        Column(key="reads", title="above 0"),
    ]
    facts = {**provenance(["torch"]), "command": " ".join(["python", *sys.argv])}
    facts |= {
        "sizes": f"{given.arch}, d {given.d_model}, {given.layers} layers, level 0, {given.steps} steps of "
        f"{given.seconds:g} s, all tasks in one model",
        "random seeds": ", ".join(str(one["seed"]) for one in found),
        "held-out utterances": rows[0]["utterances"] if rows else 0,
        "cores in use by others": ", ".join(f"{one['load']:.2f}" for one in found),
    }
    report = Report(title="What a model of all tasks makes of their inputs", facts=facts, rows=rows, columns=columns)
    for path in report.save(given.out, STEM):
        print(f"wrote {path}")
    print(report.text())


if __name__ == "__main__":
    main()
