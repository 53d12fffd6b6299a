"""The one order in which every task lays out a row: text · language · level · prompt · tone · response."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from valle_core.types import Segment, TaskInputs, TaskSequence


def lay_out(
    inputs: TaskInputs,
    level: int,
    *,
    response: Int[Tensor, "F L"],
    target: Int[Tensor, "F"] | None,
) -> TaskSequence:
    """The row that asks for `level` given `response`, the codes of the answer that may be seen.

    Args:
        inputs: text, language, prompt and tone; an empty text or prompt takes no position but keeps its separator.
        level: codebook level to predict, ≥ 0.
        response: [F, L] visible codes. At level 0 those are the level-0 codes known so far (L ≥ 1, read causally);
            at level l ≥ 1 exactly the levels 0 … l − 1 (L = l) of every frame.
        target: [F] codes of `level`, or None at synthesis.

    Raises:
        ValueError: `response` shows more or fewer levels than the row may see.
    """
    visible = response.shape[1]
    if visible != max(level, 1):
        raise ValueError(f"a row for level {level} sees {max(level, 1)} levels of the response, got {visible}")
    segments = [
        Segment(role="text", tokens=inputs.text),
        Segment(role="language", tokens=_one(inputs.language, inputs.text)),
        Segment(role="level", tokens=_one(level, inputs.text)),
        Segment(role="prompt", tokens=inputs.prompt),
    ]
    if inputs.tone is not None:
        segments.append(Segment(role="tone", tokens=_one(inputs.tone, inputs.text)))
    segments.append(Segment(role="response", tokens=response))
    return TaskSequence(
        segments=tuple(segments),
        level=level,
        causal=level == 0,
        language=inputs.language,
        target=target,
    )


def _one(index: int, like: Tensor) -> Int[Tensor, "1"]:
    return torch.tensor([index], dtype=torch.long, device=like.device)
