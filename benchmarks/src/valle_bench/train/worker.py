"""In a process of its own: another library's trainer over the rows and weights of a run of `valle train`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from valle_bench.reference import ReferenceTrainer, references_of
from valle_bench.train.material import Material, material
from valle_core.files import write_json
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry


def main(asked: dict[str, Any], out: Path) -> None:
    """Does what `asked` says and writes what it found, or why it could not."""
    torch.set_num_threads(asked["threads"])
    try:
        write_json(out, done(asked))
    except UserError as error:
        write_json(out, {"note": str(error)})


def done(asked: dict[str, Any]) -> dict[str, Any]:
    """The losses over the first batches of the run, or the times of steps in one of the trainer's settings."""
    made = material(asked["flags"])
    trainer = trainer_of(made, asked["title"])
    if not asked["setting"]:
        batches = [batch for batch, _ in zip(made.in_order(), range(asked["steps"]), strict=False)]
        return {"losses": list(trainer.follow(batches, rate=asked["rate"])), "settings": list(trainer.settings)}
    ids = list(made.batches)
    rows = [row for batch in ids for id in batch if (row := made.row(id, made.maker.share(0, batch))) is not None]
    size = max(1, round(len(rows) / len(ids)))
    steps = trainer.train(rows, setting=asked["setting"], batch=size, steps=asked["steps"], rate=asked["rate"])
    return {"steps": [list(step) for step in steps], "batch": size}


def trainer_of(made: Material, title: str) -> ReferenceTrainer:
    """The reference of this title, over copies of the model's weights."""
    found = {one.title: one for one in references_of(Registry.open(), "train", "llama")}
    model = made.model
    with torch.no_grad():
        weight, bias = model.heads.matrix(0, model.embedding)
        return found[title].load(model.backbone, model.embedding.rows(), weight, bias)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
