"""The order of a row: tasks give its segments in one canonical order, and a model puts them in its own layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from valle_core.types import Output, Segment, TaskInputs, TaskSequence

Layout = Literal["text-first", "text-last", "text-both"]
"""Orders of a row, named by where the text stands; `ORDERS` spells them out."""

ORDERS: dict[Layout, tuple[str, ...]] = {
    "text-first": ("text", "language", "level", "prompt", "tone", "response"),
    "text-last": ("language", "level", "prompt", "tone", "text", "response"),
    "text-both": ("text", "language", "level", "prompt", "tone", "text", "response"),
}
"""Layout → roles in order. `prompt` stands for the audio prompt and the task tokens in it."""

CONTINUING: dict[Layout, tuple[str, ...]] = {
    "text-first": ("text", "language", "level", "tone", "prompt", "response"),
    "text-last": ("language", "level", "tone", "text", "prompt", "response"),
    "text-both": ("text", "language", "level", "tone", "prompt", "response"),
}
"""The same for a row whose response goes on where the prompt ends: nothing stands between the two."""

WRITING = ("text", "prompt", "tone", "language", "level", "response")
"""Of a row whose answer is phonemes or letters, in every layout: what is read stands first."""


def arranged(row: TaskSequence, layout: Layout) -> tuple[Segment, ...]:
    """The segments of `row` in the order of `layout`; those of one place keep the order the task gave them.

    A row without text (or tone) has no such segment in any layout; what it is asked for without is empty, or left out.
    """
    writes = row.output in ("symbols", "letters")
    order = WRITING if writes else (CONTINUING if row.continues else ORDERS)[layout]
    places: dict[str, list[Segment]] = {}
    for segment in row.segments:
        if segment.role in row.without:
            segment = replace(segment, tokens=segment.tokens[:0])
        if segment.role != "tone" or len(segment.tokens):
            places.setdefault(segment.role if segment.role in order else "prompt", []).append(segment)
    return tuple(segment for role in order for segment in places.get(role, ()))


def lay_out(
    inputs: TaskInputs,
    level: int,
    *,
    response: Int[Tensor, "F L"],
    target: Int[Tensor, "F"] | None,
    continues: bool = False,
    task: str = "",
    marked: Sequence[Segment] = (),
    output: Output = "codes",
) -> TaskSequence:
    """The row that asks for `level` given `response`, the codes of the answer that may be seen.

    Its segments are in the canonical order; `arranged` gives them in a model's.

    Args:
        inputs: text, language, prompt and tone; an empty text or prompt takes no position but keeps its separator.
        level: codebook level to predict, ≥ 0.
        response: [F, L] visible codes. At level 0 those are the level-0 codes known so far (L ≥ 1, read causally);
            at level l ≥ 1 exactly the levels 0 … l − 1 (L = l) of every frame.
        target: [F] codes of `level`, or None at synthesis.
        continues: the response goes on where the prompt ends (`Task.continues`).
        task: name of a task that has a token.
        marked: what stands behind the prompt: the token (`token`), sources and letters.
        output: `Task.output`.

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
        *marked,
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
        continues=continues,
        times=inputs.times,
        task=task,
        output=output,
    )


def token() -> Segment:
    """The token of the task, whatever its number in a model's table."""
    return Segment(role="task", tokens=torch.zeros(1, dtype=torch.long))


def _one(index: int, like: Tensor) -> Int[Tensor, "1"]:
    return torch.tensor([index], dtype=torch.long, device=like.device)
