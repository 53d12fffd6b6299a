"""Bakes guidance into a model: a student at scale 1 learns the logits its teacher has at a greater one (2210.03142).

    valle train --data data --out runs/teacher --model.drop-condition 0.1 …
    python benchmarks/studies/distil_guidance.py runs/teacher --data data --out runs/student --scale 2 --steps 500

A guided step reads twice the rows; the student does without. It begins with the teacher's weights and minimises
KL(teacher ‖ student) at every position that training asks for, at all levels that the teacher was trained on; the rows
are those of training, with all that they have. The student is saved as a run, for `valle synth --model`; how far it
is from the guided teacher on held-out utterances is printed, beside how far the teacher is without guidance.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from valle_core.api import Registry, RunFolder, UserError, build, open_dataset, save_checkpoint
from valle_core.checkpoint.folder import saved_file
from valle_core.checkpoint.load import read_model
from valle_core.config.resolve import stored_part
from valle_core.data.options import BatchOptions
from valle_core.data.pool import TrainingPool
from valle_core.model.codec_lm import CodecLM
from valle_core.model.levels import level_weights
from valle_core.registry.preflight import preflight
from valle_core.sequence.pack import pack
from valle_core.synthesis.guidance import Guidance
from valle_core.training.rows import RowMaker, RowSettings
from valle_core.types import TaskSequence
from valle_data.batching.batches import Batches

SAID_EVERY, HELD_OUT = 20, 64


def main() -> None:
    given = arguments()
    try:
        distil(given)
    except UserError as error:
        sys.exit(f"error: {error}")


def distil(given: argparse.Namespace) -> None:
    """Train the student and save it."""
    registry, device = Registry.open(), torch.device("cpu")
    stored = read_model(given.teacher, registry)
    options = stored.resolved.sections["model"]
    guidance = Guidance.of(options, str(given.teacher), scale=given.scale, rescale=given.rescale, without="all")
    selected = preflight(registry, stored.resolved.choices(), device=device.type, dtype="float32")
    teacher = stored.load(selected, device=device, dtype=torch.float32).model
    student = copy.deepcopy(teacher).train()
    optimizer = torch.optim.AdamW(student.parameters(), lr=given.lr, weight_decay=0.0)
    dataset = open_dataset(given.data, part="train")
    kept = stored.manifest.task_options
    tasks = [(registry.select("task", name), kept.get(name, {})) for name in stored.manifest.tasks]
    parts = [(task, stored_part(task, "task", trained, str(stored.path), stored=True)) for task, trained in tasks]
    maker = RowMaker(
        TrainingPool(dataset),
        [build(task, part.options) for task, part in parts],
        RowSettings(
            level_weights=level_weights(options, teacher.vocabulary.num_levels),
            packing=teacher.rules,
            frame_rate=dataset.frame_rate,
            seed=given.seed,
            masked=options.masked,
            longest=teacher.backbone.max_length,
        ),
    )
    batches = Batches(dataset, BatchOptions(seconds=given.seconds, seed=given.seed))
    for step, rows in zip(range(1, given.steps + 1), drawn(maker, batches), strict=False):
        loss = divergence(student, rows, guided_logits(teacher, rows, guidance))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        if step % SAID_EVERY == 0 or step == given.steps:
            print(f"step {step}: KL {loss.item():.4f} nats", flush=True)
    rows = held_out(given.data, maker)
    if rows:
        wanted = guided_logits(teacher, rows, guidance)
        without, baked = (divergence(one.eval(), rows, wanted).item() for one in (teacher, student))
        print(
            f"held out, against the guided teacher: KL {without:.4f} nats without guidance, {baked:.4f} of the student"
        )
    config = saved_file(stored.path, "model.yaml").read_text(encoding="utf-8")
    manifest = replace(stored.manifest, step=given.steps, progress={})
    save_checkpoint(RunFolder(given.out), manifest, config, {"model": student.state_dict()}, keep=1)


def held_out(data: Path, maker: RowMaker) -> list[TaskSequence]:
    """Rows of utterances that training never sees, up to `HELD_OUT`."""
    dataset = open_dataset(data, part="held-out")
    unseen = RowMaker(TrainingPool(dataset), maker.tasks, maker.settings)
    rows = (unseen.row(id, 0) for id in dataset.ids[:HELD_OUT])
    return [row for row in rows if isinstance(row, TaskSequence)]


def drawn(maker: RowMaker, batches: Batches) -> Iterator[list[TaskSequence]]:
    """Rows of one batch after another, without those that cannot be used."""
    while True:
        for ids in batches:
            rows = [maker.row(id, batches.epoch) for id in ids]
            if kept := [row for row in rows if isinstance(row, TaskSequence)]:
                yield kept


@torch.no_grad()
def guided_logits(
    teacher: CodecLM, rows: Sequence[TaskSequence], guidance: Guidance
) -> dict[int, Float[Tensor, "K V"]]:
    """What the teacher answers at every asked position, guided."""
    logits = teacher(pack(guidance.rows(rows), teacher.rules)).logits
    return {level: guidance(found) for level, found in logits.items()}


def divergence(
    student: CodecLM, rows: Sequence[TaskSequence], wanted: Mapping[int, Float[Tensor, "K V"]]
) -> Float[Tensor, ""]:
    """Mean KL(teacher ‖ student) over the asked positions, nats."""
    logits = student(pack(rows, student.rules)).logits
    parts = [
        F.kl_div(found.log_softmax(-1), wanted[level].log_softmax(-1), log_target=True, reduction="sum")
        for level, found in logits.items()
    ]
    return torch.stack(parts).sum() / sum(len(found) for found in logits.values())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("teacher", type=Path, help="run trained with --model.drop-condition")
    parser.add_argument("--data", type=Path, required=True, help="its dataset")
    parser.add_argument("--out", type=Path, required=True, help="run to write")
    parser.add_argument("--scale", type=float, default=2.0, help="guidance scale that is baked in")
    parser.add_argument("--rescale", type=float, default=0.0, help="guidance rescaling that is baked in")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--seconds", type=float, default=30.0, help="seconds of audio in a batch")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
