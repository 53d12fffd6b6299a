"""The row of a task whose answer is written: phonemes, letters, or decimal digits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.sequence.layout import lay_out, token
from valle_core.types import Output, Segment, TaskInputs, TaskSequence


def ask_in_writing(
    inputs: TaskInputs, level: int, *, training: bool, task: str, output: Output, behind: Sequence[Segment] = ()
) -> TaskSequence:
    """The row that asks for a written answer: the token, and what stands behind it.

    Raises:
        UserError: a level above 0, which such an answer does not have.
    """
    if level:
        raise UserError(f"task '{task}' has no level {level}: its answer is {output}. Use level 0")
    response = inputs.response[:, :1]
    if not response.shape[1]:  # synthesis begins with nothing, of any number of levels
        response = inputs.response.new_zeros(0, 1)
    target = response[:, 0] if training else None
    marked = (token(), *behind)
    return lay_out(inputs, 0, response=response, target=target, task=task, marked=marked, output=output)


def letters_of(text: str) -> Int[Tensor, "C"]:
    """The bytes of a text (UTF-8)."""
    return torch.tensor(list(text.encode()), dtype=torch.long)


def digits_of(frames: int) -> Int[Tensor, "D 1"]:
    """A zero and the decimal digits of a number."""
    return torch.tensor([0, *map(int, str(frames))])[:, None]
