"""Text to speech in the voice of a prompt made of other utterances (VALL-E, arXiv 2301.02111)."""

from __future__ import annotations

from random import Random

import torch
from jaxtyping import Int
from torch import Tensor

from valle_core.interfaces import Pool
from valle_core.types import TaskInputs, TaskSequence, Utterance
from valle_tasks.answering import ask_for_codes
from valle_tasks.options import TextToSpeechOptions


class TextToSpeech:
    """Phonemes + 1–3 other utterances of the speaker → the utterance."""

    output = "codes"
    continues = False

    def __init__(self, options: TextToSpeechOptions) -> None:
        self._options = options

    def draw(self, utterance: Utterance, pool: Pool, rng: Random, *, frame_rate: float) -> TaskInputs | None:
        """The utterance with a prompt cut from others of its speaker, or None where there are none."""
        others = [id for id in pool.other(utterance.speaker, utterance.id) if id != utterance.id]
        seconds = rng.uniform(self._options.min_seconds, self._options.max_seconds)
        prompt = self._prompt(others, pool, rng, frames=max(1, round(seconds * frame_rate)))
        if prompt is None:
            return None
        return TaskInputs(text=utterance.symbols, language=utterance.language, prompt=prompt, response=utterance.codes)

    def _prompt(self, others: list[str], pool: Pool, rng: Random, *, frames: int) -> Int[Tensor, "F Q"] | None:
        """A random window of `frames` from utterances joined until they suffice; all of them where they do not."""
        pieces: list[Tensor] = []
        for id in rng.sample(others, min(self._options.max_utterances, len(others))):
            pieces.append(pool.codes(id))
            if sum(piece.shape[0] for piece in pieces) >= frames:
                break
        if not pieces:
            return None
        joined = torch.cat(pieces)
        start = rng.randint(0, max(0, joined.shape[0] - frames))
        return joined[start : start + frames]

    def compose(self, inputs: TaskInputs, level: int, *, training: bool) -> TaskSequence:
        return ask_for_codes(inputs, level, training=training)

    def finish(self, inputs: TaskInputs, output: Int[Tensor, "F Q"]) -> Int[Tensor, "F Q"]:
        return output
