"""Speech recognition: audio → phonemes."""

from __future__ import annotations

from random import Random
from typing import Literal

from jaxtyping import Integer
from torch import Tensor

from valle_core.interfaces import Pool
from valle_core.types import Segment, TaskInputs, TaskSequence, Utterance
from valle_tasks.answering import source_of
from valle_tasks.options import RecognitionOptions
from valle_tasks.writing import ask_in_writing


class Recognition:
    """The utterance → its phonemes."""

    output: Literal["symbols"] = "symbols"
    continues = False
    name = "stt"

    def __init__(self, options: RecognitionOptions) -> None:
        self._options = options

    def draw(self, utterance: Utterance, pool: Pool, rng: Random, *, frame_rate: float) -> TaskInputs | None:
        """None for an utterance without sound or phonemes."""
        if not len(utterance.codes) or not len(utterance.symbols):
            return None
        return TaskInputs(
            text=utterance.symbols[:0],
            language=utterance.language,
            prompt=utterance.codes[:0],
            source=utterance.codes,
            response=utterance.symbols[:, None],
        )

    def why_not(self, utterance: Utterance, pool: Pool, *, frame_rate: float) -> str:
        return "it has no sound or no phonemes"

    def compose(self, inputs: TaskInputs, level: int, *, training: bool) -> TaskSequence:
        heard = Segment(role="source", tokens=source_of(inputs))
        return ask_in_writing(inputs, level, training=training, task=self.name, output=self.output, behind=(heard,))

    def finish(self, inputs: TaskInputs, output: Integer[Tensor, "F Q"]) -> Integer[Tensor, "F Q"]:
        return output
