"""The row of a task whose answer is codes: what it may see of the answer, and what it must say."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Integer
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.sequence.layout import lay_out, token
from valle_core.types import Segment, TaskInputs, TaskSequence


def ask_for_codes(
    inputs: TaskInputs,
    level: int,
    *,
    training: bool,
    continues: bool = False,
    task: str = "",
    marked: Sequence[Segment] = (),
) -> TaskSequence:
    """The row that asks for `level` of the answer.

    In training `inputs.response` is whole: level 0 sees its own codes (the model shifts them), level l ≥ 1 the
    levels below it, and the target is level l. At synthesis the response is what is known so far. `task` and `marked`
    as in `lay_out`.

    Raises:
        UserError: the response lacks a level the row needs.
    """
    response, needed = inputs.response, max(level, 1)
    if training and response.shape[1] <= level:
        raise UserError(f"level {level} cannot be trained on codes of {response.shape[1]} levels. Use a lower level")
    if not training and level == 0 and response.shape[0] == 0:
        response, needed = response.new_zeros(0, 1), 1
    if response.shape[1] < needed:
        raise UserError(f"level {level} needs {needed} levels of the response, got {response.shape[1]}")
    target = response[:, level] if training else None
    return lay_out(
        inputs, level, response=response[:, :needed], target=target, continues=continues, task=task, marked=marked
    )


def on_source(inputs: TaskInputs, level: int, *, training: bool, task: str) -> TaskSequence:
    """The row of a task with a token that works on one recording: the token, and the recording behind it."""
    marked = (token(), Segment(role="source", tokens=source_of(inputs)))
    return ask_for_codes(inputs, level, training=training, task=task, marked=marked)


def source_of(inputs: TaskInputs) -> Integer[Tensor, "Fs Q"]:
    """The recording that is worked on; no frames where there is none."""
    return inputs.prompt[:0] if inputs.source is None else inputs.source
