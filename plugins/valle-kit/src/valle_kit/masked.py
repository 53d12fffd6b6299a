"""Level 0 of a known length: codes that are hidden at first, filled in place by a `Filler`, all rows together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.interfaces import Task
from valle_core.model.codec_lm import CodecLM
from valle_core.plugin import UserError
from valle_core.sequence.alignment import KnowsDurations
from valle_core.sequence.masking import MASKED, masked
from valle_core.sequence.pack import pack, row_length
from valle_core.synthesis.autoregressive import Decoded
from valle_core.synthesis.components import SynthesisComponents
from valle_core.synthesis.sampling.chain import refuse_undefined
from valle_core.synthesis.sampling.view import View
from valle_core.types import TaskInputs, TaskSequence


def lengths_of(
    model: CodecLM,
    task: Task,
    inputs: Sequence[TaskInputs],
    seconds: Sequence[float],
    bounds: Sequence[int],
    *,
    frame_rate: float,
    speed: float,
) -> tuple[list[int], list[Float[Tensor, "P_plus_1"] | None]]:
    """Frames that each answer would have, and when it says each symbol where the model has an alignment.

    `seconds` are as asked for, 0 where the alignment says it; behind `bounds` (frames) nothing is said. Raises
    `UserError` where nobody says how long, or a duration is out of range.
    """
    for one in seconds:
        if not 0 <= one <= 3600:
            raise UserError(f"duration must be in [0, 3600] s, got {one:g}")
    asked = [max(1, round(one * frame_rate)) if one else 0 for one in seconds]
    if model.alignment is None:
        if not all(asked):
            raise UserError("sampler masked fills an answer of known length: give its seconds with --duration")
        return asked, [None] * len(inputs)
    text = pack([task.compose(one, 0, training=False) for one in inputs], model.rules).to(model.heads.bias.device).text
    if not isinstance(model.alignment, KnowsDurations) or text is None:
        raise UserError("the model's alignment knows no durations, which sampler masked needs; choose another sampler")
    times, usual = model.alignment.durations(text, speed=speed)
    frames = [wanted or count for wanted, count in zip(asked, usual, strict=True)]
    return frames, [
        (when * (n / count)).clamp(max=min(n, most))
        for when, n, count, most in zip(times, frames, usual, bounds, strict=True)
    ]


@torch.inference_mode()
def fill_level0(
    components: SynthesisComponents,
    inputs: Sequence[TaskInputs],
    seconds: Sequence[float],
    bounds: Sequence[int],
    seeds: Int[Tensor, "B"],
) -> tuple[Decoded, list[Float[Tensor, "P_plus_1"] | None]]:
    """See `valle_core.synthesis.synthesizer.FillsLevel0`. Guidance is of the logits, before the chain's processors.

    Raises:
        UserError: nobody says how long an answer is, a duration is out of range, or a row does not fit the backbone.
    """
    model, task, chain, guidance = components.ar, components.task, components.chain, components.guidance
    if components.drafts:
        raise UserError("sampler masked fills all frames at once, so there is nothing to draft; leave --drafts out")
    frame_rate, speed = components.codec.frame_rate, components.speed
    frames, times = lengths_of(model, task, inputs, seconds, bounds, frame_rate=frame_rate, speed=speed)
    assert chain.filler is not None
    mask, start, longest = model.vocabulary.mask, model.vocabulary.ranges()["NAR:0:0"].start, model.backbone.max_length
    counts = [min(n, most) for n, most in zip(frames, bounds, strict=True)]
    rows: list[TaskSequence] = []
    for one, count, when in zip(inputs, counts, times, strict=True):
        known = replace(one, response=one.response.new_zeros(count, 1), times=when)
        row = task.compose(known, 0, training=False)
        rows.append(masked(row, torch.ones(count, dtype=torch.bool), mask=mask))
        length = row_length(row, model.rules)
        if longest is not None and length > longest:
            raise UserError(f"text, prompt and speech fill {length} positions of at most {longest}; shorten them")
    batch = pack(guidance.rows(rows), model.rules).to(seeds.device)
    places = batch.offsets[batch.predicted[MASKED].positions]  # of the frames' codes among the indices
    view = View.for_frames(seeds=seeds, frames=counts, level=0)

    def ask(codes: Int[Tensor, "N"]) -> Float[Tensor, "N V"]:
        indices = batch.indices.scatter(0, places, start + codes.repeat(guidance.branches))
        logits = model(replace(batch, indices=indices)).logits[MASKED][:, :mask]  # without the stop token
        refuse_undefined(logits, "level 0")
        return chain.process(guidance(logits).float(), view)

    codes = chain.filler.fill(ask, counts, mask, view)
    stopped = [n <= most for n, most in zip(frames, bounds, strict=True)]
    return Decoded(tokens=list(codes.split(counts)), stopped=stopped, steps=0), times
