"""Where the text should stand in a row, by backbone: the same data, steps and seeds with each layout.

    valle prepare an-hour --out hour --held-out-fraction 0 && valle prepare unseen --out unseen --held-out-fraction 0
    python benchmarks/studies/row_layout.py --data hour --unseen unseen --out runs/layout --steps 3000
    cp runs/layout/row-layout.* benchmarks/results/

Level 0 alone, small backbones. All runs go on together, from milestone to milestone, so that what is there can be
compared at any time; stopped, the same command goes on. At each milestone the unseen sentences give the loss and what
the text is worth: the loss with the texts swapped minus the loss with the right ones. `--report` only writes the table.
`--task tts-c --between` puts the text of a continuing row between prompt and response, which no layout does.
"""

from __future__ import annotations

import argparse
import itertools
import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import torch

from valle_bench.machine import provenance
from valle_bench.report import Column, Report
from valle_core.api import (
    TRAIN_SCHEMA,
    Observers,
    Registry,
    RunFolder,
    build,
    load_model,
    open_dataset,
    resolve,
    run_training,
)
from valle_core.files import write_json
from valle_core.loss.token_loss import token_loss
from valle_core.sequence.layout import CONTINUING, ORDERS
from valle_core.sequence.pack import pack
from valle_core.types import TaskInputs, TaskSequence

STEM = "row-layout"
ROWS = 8
"""Rows of a batch that is measured."""


def main() -> None:
    given = arguments()
    if given.between:
        CONTINUING.update(ORDERS)
    registry = Registry.open()
    cells = list(itertools.product(given.seed, given.arch, given.layout))
    for milestone in range(given.every, given.steps + given.every, given.every):
        for seed, arch, layout in () if given.report else cells:
            run = RunFolder(given.out / f"{arch}-{layout}-{seed}")
            found = run.path / f"unseen-{milestone}.json"
            if not found.exists():
                train(run, arch, layout, seed, min(milestone, given.steps), given, registry)
                write_json(
                    found,
                    {"arch": arch, "layout": layout, "seed": seed, "step": milestone, **score(run, given, registry)},
                )
                print(found.read_text(), flush=True)
    write_report(given)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="dataset to train on")
    parser.add_argument("--unseen", type=Path, required=True, help="dataset of voices and sentences that are not in it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--arch", nargs="+", default=["llama"])
    parser.add_argument("--layout", nargs="+", default=["text-first", "text-last", "text-both"])
    parser.add_argument("--seed", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--task", default="tts")
    parser.add_argument("--cut", type=float, default=0.0, help="seconds of the prompt of tts-c")
    parser.add_argument("--between", action="store_true", help="the text between prompt and response, for tts-c too")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--every", type=int, default=500, help="steps between milestones")
    parser.add_argument("--seconds", type=float, default=8.0, help="audio in a batch")
    parser.add_argument("--d-model", type=int, default=128)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--report", action="store_true", help="only write the table of what is there")
    return parser.parse_args()


def train(
    run: RunFolder, arch: str, layout: str, seed: int, until: int, given: argparse.Namespace, registry: Registry
) -> None:
    """Go on to step `until` of a run that is planned for all steps: it is interrupted there, as by Ctrl-C."""
    flags = {
        "arch": arch, "arch.d_model": given.d_model, "arch.n_layers": given.layers, "arch.n_heads": 4,
        "model.parts": "ar", "model.levels": 1, "model.layout": layout, "task": given.task,
        "data.path": given.data, "out": run.path, "resume": bool(run.steps()), "steps": given.steps, "seed": seed,
        "lr": given.lr, "warmup": 100, "batching.seconds": given.seconds, "device": "cpu",
        "checkpoint_every": 10 * given.steps, "keep": 1, "log_every": 50,
    }  # fmt: skip
    if arch.startswith("mamba"):
        flags.pop("arch.n_heads")
    if given.cut:
        flags["task.seconds"] = given.cut

    asked: list[int] = []  # a second interrupt would not wait for the checkpoint

    def report(line: dict[str, Any]) -> None:
        if line["step"] >= until < given.steps and not asked:
            asked.append(line["step"])
            signal.raise_signal(signal.SIGINT)

    words = [(name, value if isinstance(value, bool) else str(value)) for name, value in flags.items()]
    run_training(resolve(TRAIN_SCHEMA, registry, flags=words), registry, Observers(), report=report)


@torch.inference_mode()
def score(run: RunFolder, given: argparse.Namespace, registry: Registry) -> dict[str, float]:
    """Loss on unseen sentences in nats, and how much greater it is with another's text."""
    model = load_model(run.path, registry, device=torch.device("cpu")).model
    losses = {}
    for name, swapped in (("loss", False), ("swapped", True)):
        total = count = 0.0
        for rows in batches(given, registry, swapped=swapped):
            batch = pack(rows, model.rules)
            found, among = token_loss(model(batch).logits, batch.predicted)[1]["loss_0"].tolist()
            total, count = total + found, count + among
        losses[name] = total / count
    return {"loss": losses["loss"], "text_gain": losses["swapped"] - losses["loss"]}


def batches(given: argparse.Namespace, registry: Registry, *, swapped: bool) -> Iterator[list[TaskSequence]]:
    """Level-0 rows of the unseen utterances; every draw is a function of the utterance's id."""
    selected = registry.select("task", given.task)
    task = build(selected, selected.options_type()(**({"seconds": given.cut} if given.cut else {})))
    data = open_dataset(given.unseen)
    drawn = [task.draw(data.utterance(id), data, Random(f"unseen {id}"), frame_rate=data.frame_rate) for id in data.ids]
    inputs: list[TaskInputs] = [found for found in drawn if found is not None]
    if swapped:
        texts = [found.text for found in inputs]
        inputs = [replace(found, text=text) for found, text in zip(inputs, [*texts[1:], texts[0]], strict=True)]
    rows = [task.compose(found, 0, training=True) for found in inputs]
    rows.sort(key=lambda row: row.segments[-1].tokens.shape[0])
    yield from (rows[start : start + ROWS] for start in range(0, len(rows), ROWS))


def write_report(given: argparse.Namespace) -> None:
    """The table of every milestone that all layouts of an arch and seed have reached."""
    rows = [json.loads(path.read_text()) for path in sorted(given.out.glob("*/unseen-*.json"))]
    rows.sort(key=lambda row: (row["arch"], row["step"], row["seed"], row["layout"]))
    columns = [
        Column(key="arch", title="backbone"),
        Column(key="step", title="step"),
        Column(key="seed", title="random seed"),
        Column(key="layout", title="layout"),
        Column(key="loss", title="loss, unseen sentences", form=".3f"),
        Column(key="text_gain", title="text gain, unseen sentences", form=".3f"),
    ]
    facts = {**provenance(["torch"]), "command": " ".join(["python", *sys.argv])}
    facts |= {
        "sizes": f"d {given.d_model}, {given.layers} layers, level 0, batches of {given.seconds:g} s, lr {given.lr:g}"
    }
    facts |= {"planned": f"{given.steps} steps, random seeds {given.seed}"}
    report = Report(title="The place of the text in a row", facts=facts, rows=rows, columns=columns)
    for path in report.save(given.out, STEM):
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
