"""The length of an answer: text and prompt → how many frames the text lasts in that voice."""

from __future__ import annotations

from random import Random
from typing import Literal, Self

from jaxtyping import Integer
from torch import Tensor

from valle_core.interfaces import Pool
from valle_core.types import PromptRange, TaskInputs, TaskSequence, Utterance
from valle_tasks.options import LengthOptions
from valle_tasks.prompts import at_share, draw_window
from valle_tasks.writing import ask_in_writing, digits_of


class Length:
    """Phonemes + other utterances of the speaker → the number of frames: a zero, decimal digits, stop."""

    output: Literal["length"] = "length"
    continues = False
    name = "len"

    def __init__(self, options: LengthOptions) -> None:
        self._options = options

    @property
    def prompts(self) -> PromptRange:
        return PromptRange(shortest=self._options.min_seconds, longest=self._options.max_seconds)

    def with_prompts(self, share: float) -> Self:
        return type(self)(at_share(self._options, share))

    def draw(self, utterance: Utterance, pool: Pool, rng: Random, *, frame_rate: float) -> TaskInputs | None:
        """The utterance's number of frames, with a prompt of its speaker; None where there is no other utterance."""
        options = self._options
        frames = max(1, round(rng.uniform(options.min_seconds, options.max_seconds) * frame_rate))
        ids = pool.other(utterance.speaker, utterance.id)
        prompt = draw_window(ids, pool, rng, frames=frames, most=options.max_utterances, but=utterance.id)
        if prompt is None or not len(utterance.codes):
            return None
        return TaskInputs(
            text=utterance.symbols,
            language=utterance.language,
            prompt=prompt,
            response=digits_of(len(utterance.codes)),
        )

    def why_not(self, utterance: Utterance, pool: Pool, *, frame_rate: float) -> str:
        return "its speaker has no other utterance to make a prompt of"

    def compose(self, inputs: TaskInputs, level: int, *, training: bool) -> TaskSequence:
        return ask_in_writing(inputs, level, training=training, task=self.name, output=self.output)

    def finish(self, inputs: TaskInputs, output: Integer[Tensor, "F Q"]) -> Integer[Tensor, "F Q"]:
        return output
