"""Bakes guidance into a model: a student at scale 1 learns the logits its teacher has at a greater one (2210.03142).

    valle train --data data --out runs/teacher --model.drop-condition 0.1 …
    python benchmarks/studies/distil_guidance.py runs/teacher --data data --out runs/student --scale 2 --steps 500

A guided step reads twice the rows; the student does without. It begins with the teacher's weights and minimises
KL(teacher ‖ student) at every position that training asks for, at all levels that the teacher was trained on; the rows
are those of training, with all that they have. Both read the same: without dropout, and without the jitter that an
alignment trains with. What the alignment says of durations is not guided, so it goes on learning it from the data.
The student is saved as a run, for `valle synth --model`; how far it is from the guided teacher on held-out utterances
is printed, and how often both think the same token likeliest, beside what the teacher is without guidance.
"""

from __future__ import annotations

import argparse
import copy
import math
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

SAID_EVERY, HELD_OUT, WARMUP = 20, 64, 20


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
    student = copy.deepcopy(teacher)  # in eval mode: dropout would have it follow what it does not read
    optimizer = torch.optim.AdamW(student.parameters(), lr=given.lr, betas=(0.9, 0.98), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: share_of_rate(step, given.steps))
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
        loss, durations = losses(student, rows, guided_logits(teacher, rows, guidance), given.temperature)
        optimizer.zero_grad(set_to_none=True)
        (loss + durations).backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % SAID_EVERY == 0 or step == given.steps:
            print(f"step {step}: KL {loss.item():.4f} nats", flush=True)
    rows = held_out(given.data, maker)
    if rows:
        wanted = guided_logits(teacher, rows, guidance)
        for name, one in (("the teacher without guidance", teacher), ("the student", student)):
            with torch.no_grad():
                apart, agreed = losses(one, rows, wanted)[0].item(), agreement(one, rows, wanted)
            print(
                f"held out, {name} against the guided teacher: KL {apart:.4f} nats, {agreed:.1%} the same token first"
            )
    config = saved_file(stored.path, "model.yaml").read_text(encoding="utf-8")
    manifest = replace(stored.manifest, step=given.steps, progress={})
    save_checkpoint(RunFolder(given.out), manifest, config, {"model": student.state_dict()}, keep=1)


def held_out(data: Path, maker: RowMaker) -> list[TaskSequence]:
    """Rows of utterances that training never sees, up to `HELD_OUT`; prompts are of the whole dataset."""
    unseen = RowMaker(TrainingPool(open_dataset(data, part="all")), maker.tasks, maker.settings)
    rows = (unseen.row(id, 0) for id in open_dataset(data, part="held-out").ids[:HELD_OUT])
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


def losses(
    student: CodecLM,
    rows: Sequence[TaskSequence],
    wanted: Mapping[int, Float[Tensor, "K V"]],
    temperature: float = 1.0,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Mean KL(teacher ‖ student) over the asked positions, in nats, and the losses of the alignment, 0 without one.

    Both distributions are taken at the temperature; the KL is that of these.
    """
    out = student(pack(rows, student.rules))
    parts = [
        F.kl_div(
            (found / temperature).log_softmax(-1),
            (wanted[level] / temperature).log_softmax(-1),
            log_target=True,
            reduction="sum",
        )
        for level, found in out.logits.items()
    ]
    durations = [*out.frame_losses.values()]
    apart = torch.stack(parts).sum() / sum(len(found) for found in out.logits.values())
    return apart, torch.stack(durations).sum() if durations else torch.zeros(())


@torch.no_grad()
def agreement(student: CodecLM, rows: Sequence[TaskSequence], wanted: Mapping[int, Float[Tensor, "K V"]]) -> float:
    """Share of the asked positions at which the student's likeliest token is the teacher's."""
    logits = student(pack(rows, student.rules)).logits
    same = [found.argmax(-1) == wanted[level].argmax(-1) for level, found in logits.items()]
    return torch.cat(same).float().mean().item()


def share_of_rate(step: int, steps: int) -> float:
    """Rises over the first steps, then falls to 0 as half a cosine."""
    return min((step + 1) / WARMUP, 0.5 * (1 + math.cos(math.pi * step / max(steps, 1))))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("teacher", type=Path, help="run trained with --model.drop-condition")
    parser.add_argument("--data", type=Path, required=True, help="its dataset")
    parser.add_argument("--out", type=Path, required=True, help="run to write")
    parser.add_argument("--scale", type=float, default=2.0, help="guidance scale that is baked in")
    parser.add_argument("--rescale", type=float, default=0.0, help="guidance rescaling that is baked in")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--temperature", type=float, default=1.0, help="temperature that the student will be asked at")
    parser.add_argument("--seconds", type=float, default=30.0, help="seconds of audio in a batch")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
