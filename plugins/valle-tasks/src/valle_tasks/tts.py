"""Text to speech in the voice of a prompt made of other utterances (VALL-E, arXiv 2301.02111)."""

from __future__ import annotations

from random import Random
from typing import Self

from jaxtyping import Integer
from torch import Tensor

from valle_core.interfaces import Pool
from valle_core.types import PromptRange, TaskInputs, TaskSequence, Utterance
from valle_tasks.answering import ask_for_codes
from valle_tasks.options import TextToSpeechOptions
from valle_tasks.prompts import at_share, draw_window, said_before


class TextToSpeech:
    """Phonemes + 1–3 other utterances of the speaker → the utterance."""

    output = "codes"
    continues = False

    def __init__(self, options: TextToSpeechOptions) -> None:
        self._options = options

    @property
    def prompts(self) -> PromptRange:
        options = self._options
        return PromptRange(shortest=options.min_seconds, longest=options.max_seconds, none=options.no_prompt > 0)

    def with_prompts(self, share: float) -> Self:
        return type(self)(at_share(self._options, share))

    def draw(self, utterance: Utterance, pool: Pool, rng: Random, *, frame_rate: float) -> TaskInputs | None:
        """The utterance with a prompt cut from others of its speaker, or None where there are none.

        A share of the rows (`no_prompt`) has a prompt of no frames.
        """
        options = self._options
        seconds = rng.uniform(options.min_seconds, options.max_seconds)
        frames = max(1, round(seconds * frame_rate))
        if options.prompt == "continuous":
            prompt = said_before(utterance, pool, frames=frames, most=options.max_utterances)
        else:
            others = (
                [id for id in pool.similar(utterance.id, options.similar) if id != utterance.id]
                if options.prompt == "similar"
                else pool.other(utterance.speaker, utterance.id)
            )
            prompt = draw_window(others, pool, rng, frames=frames, most=options.max_utterances, but=utterance.id)
        if prompt is None:
            return None
        if options.no_prompt and rng.random() < options.no_prompt:
            prompt = prompt[:0]
        return TaskInputs(
            text=utterance.symbols,
            language=utterance.language,
            prompt=prompt,
            response=utterance.codes,
            times=utterance.times,
        )

    def why_not(self, utterance: Utterance, pool: Pool, *, frame_rate: float) -> str:
        if not pool.other(utterance.speaker, utterance.id):
            return "its speaker has no other utterance to make a prompt of (--task tts-c needs none)"
        if self._options.prompt == "continuous":
            return "nothing before it in its recording (--task.prompt random needs nothing)"
        return "no similar utterance to make a prompt of (--task.prompt random needs none)"

    def compose(self, inputs: TaskInputs, level: int, *, training: bool) -> TaskSequence:
        return ask_for_codes(inputs, level, training=training)

    def finish(self, inputs: TaskInputs, output: Integer[Tensor, "F Q"]) -> Integer[Tensor, "F Q"]:
        return output
