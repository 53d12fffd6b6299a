"""Written text → phonemes, and phonemes → written text."""

from __future__ import annotations

from random import Random
from typing import Literal

from jaxtyping import Integer
from torch import Tensor

from valle_core.interfaces import Pool
from valle_core.types import Segment, TaskInputs, TaskSequence, Utterance
from valle_tasks.options import PhonemesOptions, SpellingOptions
from valle_tasks.writing import ask_in_writing, letters_of


class ToPhonemes:
    """The transcript, as bytes → its phonemes."""

    output: Literal["symbols"] = "symbols"
    continues = False
    name = "phn"

    def __init__(self, options: PhonemesOptions) -> None:
        self._options = options

    def draw(self, utterance: Utterance, pool: Pool, rng: Random, *, frame_rate: float) -> TaskInputs | None:
        """None for an utterance without transcript or phonemes."""
        letters = letters_of(utterance.written)
        if not len(letters) or not len(utterance.symbols):
            return None
        return TaskInputs(
            text=utterance.symbols[:0],
            language=utterance.language,
            prompt=utterance.codes[:0],
            letters=letters,
            response=utterance.symbols[:, None],
        )

    def why_not(self, utterance: Utterance, pool: Pool, *, frame_rate: float) -> str:
        return "it has no transcript or no phonemes"

    def compose(self, inputs: TaskInputs, level: int, *, training: bool) -> TaskSequence:
        read = inputs.text[:0] if inputs.letters is None else inputs.letters
        behind = (Segment(role="letters", tokens=read),)
        return ask_in_writing(inputs, level, training=training, task=self.name, output=self.output, behind=behind)

    def finish(self, inputs: TaskInputs, output: Integer[Tensor, "F Q"]) -> Integer[Tensor, "F Q"]:
        return output


class FromPhonemes:
    """Phonemes → the transcript, as bytes."""

    output: Literal["letters"] = "letters"
    continues = False
    name = "un-phn"

    def __init__(self, options: SpellingOptions) -> None:
        self._options = options

    def draw(self, utterance: Utterance, pool: Pool, rng: Random, *, frame_rate: float) -> TaskInputs | None:
        """None for an utterance without transcript or phonemes."""
        letters = letters_of(utterance.written)
        if not len(letters) or not len(utterance.symbols):
            return None
        return TaskInputs(
            text=utterance.symbols,
            language=utterance.language,
            prompt=utterance.codes[:0],
            response=letters[:, None],
        )

    def why_not(self, utterance: Utterance, pool: Pool, *, frame_rate: float) -> str:
        return "it has no transcript or no phonemes"

    def compose(self, inputs: TaskInputs, level: int, *, training: bool) -> TaskSequence:
        return ask_in_writing(inputs, level, training=training, task=self.name, output=self.output)

    def finish(self, inputs: TaskInputs, output: Integer[Tensor, "F Q"]) -> Integer[Tensor, "F Q"]:
        return output
