"""Levels ≥ 1: every frame of a level in one bidirectional pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.interfaces import Task
from valle_core.model.codec_lm import CodecLM
from valle_core.sequence.pack import pack
from valle_core.synthesis.guidance import UNGUIDED, Guidance
from valle_core.synthesis.sampling.chain import refuse_undefined
from valle_core.types import TaskInputs


@torch.inference_mode()
def fill_levels(
    model: CodecLM,
    task: Task,
    inputs: Sequence[TaskInputs],
    level0: Sequence[Int[Tensor, "F"]],
    choose: Callable[[int, Float[Tensor, "N V"], list[int]], Int[Tensor, "N"]],
    guidance: Guidance = UNGUIDED,
) -> list[Int[Tensor, "F Q"]]:
    """Codes of all levels the model knows, from level 0.

    Args:
        model: in eval mode; predicts levels 1 … Q − 1.
        task: composes the rows, the same way as in training.
        inputs: one per row; their responses are replaced.
        level0: [F] codes of each row, F ≥ 1.
        choose: (level, logits of all rows' frames laid end to end, frames of each row) → codes.
        guidance: of the logits.

    Returns:
        [F, Q] codes of each row.
    """
    device = model.heads.bias.device
    codes = [row.cpu()[:, None] for row in level0]
    frames = [row.shape[0] for row in codes]
    for level in range(1, model.vocabulary.num_levels):
        rows = [
            task.compose(replace(found, response=known), level, training=False)
            for found, known in zip(inputs, codes, strict=True)
        ]
        batch = pack(guidance.rows(rows), model.rules).to(device)
        logits = model(batch).logits[level]
        refuse_undefined(logits, f"level {level}")
        chosen = choose(level, guidance(logits), frames).cpu().split(frames)
        codes = [torch.cat([known, new[:, None]], dim=1) for known, new in zip(codes, chosen, strict=True)]
    return codes
