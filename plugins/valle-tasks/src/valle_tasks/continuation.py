"""Continuation: the start of an utterance is the prompt, the rest the answer (VALL-E, arXiv 2301.02111, §4.3)."""

from __future__ import annotations

from random import Random

import numpy as np
from jaxtyping import Float, Integer
from torch import Tensor

from valle_core.interfaces import Pool
from valle_core.types import PromptRange, TaskInputs, TaskSequence, Utterance
from valle_tasks.answering import ask_for_codes
from valle_tasks.options import ContinuationOptions


class Continuation:
    """Phonemes of the whole utterance + its own start → the rest.

    At synthesis the text is the prompt's transcript followed by what to say.
    """

    output = "codes"
    continues = True

    def __init__(self, options: ContinuationOptions) -> None:
        self._options = options

    @property
    def prompts(self) -> PromptRange:
        return PromptRange(shortest=self._options.seconds, longest=self._options.seconds)

    def beside(self, seconds: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        return np.zeros_like(seconds)  # prompt and response are parts of the utterance

    def draw(self, utterance: Utterance, pool: Pool, rng: Random, *, frame_rate: float) -> TaskInputs | None:
        """The utterance cut after `seconds`, or None where less than `min_rest_seconds` would be left."""
        cut = max(1, round(self._options.seconds * frame_rate))
        rest = max(1, round(self._options.min_rest_seconds * frame_rate))
        if utterance.codes.shape[0] < cut + rest:
            return None
        return TaskInputs(
            text=utterance.symbols,
            language=utterance.language,
            prompt=utterance.codes[:cut],
            response=utterance.codes[cut:],
        )

    def why_not(self, utterance: Utterance, pool: Pool, *, frame_rate: float) -> str:
        least = self._options.seconds + self._options.min_rest_seconds
        return f"shorter than {least:g} s (--task.seconds and --task.min-rest-seconds together)"

    def compose(self, inputs: TaskInputs, level: int, *, training: bool) -> TaskSequence:
        return ask_for_codes(inputs, level, training=training, continues=self.continues)

    def finish(self, inputs: TaskInputs, output: Integer[Tensor, "F Q"]) -> Integer[Tensor, "F Q"]:
        return output
