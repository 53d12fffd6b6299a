"""Tasks on a recording whose answer is codes, a frame for each frame of the recording."""

from __future__ import annotations

from typing import Generic, Self, TypeVar

import numpy as np
from jaxtyping import Float, Integer
from torch import Tensor

from valle_core.types import PromptRange, TaskInputs, TaskSequence
from valle_tasks.answering import on_source, source_of
from valle_tasks.options import PromptOptions
from valle_tasks.prompts import at_share

Options = TypeVar("Options")
Prompting = TypeVar("Prompting", bound=PromptOptions)


class FrameForFrame(Generic[Options]):
    """What such tasks share; a task adds `name`, `draw` and `why_not`."""

    output = "codes"
    continues = False
    name = ""

    def __init__(self, options: Options) -> None:
        self._options = options

    def beside(self, seconds: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        return seconds  # the source

    def frames(self, inputs: TaskInputs) -> int:
        return max(1, len(source_of(inputs)))

    def compose(self, inputs: TaskInputs, level: int, *, training: bool) -> TaskSequence:
        return on_source(inputs, level, training=training, task=self.name)

    def finish(self, inputs: TaskInputs, output: Integer[Tensor, "F Q"]) -> Integer[Tensor, "F Q"]:
        return output


class InAVoice(FrameForFrame[Prompting]):
    """Those that also take a prompt of a voice, drawn from other utterances of the speaker."""

    @property
    def prompts(self) -> PromptRange:
        return PromptRange(shortest=self._options.min_seconds, longest=self._options.max_seconds)

    def with_prompts(self, share: float) -> Self:
        return type(self)(at_share(self._options, share))

    def beside(self, seconds: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        return seconds + self._options.max_seconds  # the source, and the prompt
