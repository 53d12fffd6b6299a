"""Voice conversion, learnt as the reconstruction of an utterance from what is left of it and from its voice."""

from __future__ import annotations

from random import Random

import torch
from jaxtyping import Integer
from torch import Tensor

from valle_core.interfaces import Pool
from valle_core.sequence.layout import token
from valle_core.types import Segment, TaskInputs, TaskSequence, Utterance
from valle_tasks.answering import ask_for_codes, source_of
from valle_tasks.frame_for_frame import InAVoice
from valle_tasks.options import VoiceConversionOptions
from valle_tasks.prompts import draw_window

HIDDEN = -1


class VoiceConversion(InAVoice[VoiceConversionOptions]):
    """Source speech + target voice → the source's words and timing in that voice, frame for frame.

    In training both are of one speaker. What is hidden of the source must come from the voice; it is hidden in the same
    places at synthesis.
    """

    name = "vc"

    def draw(self, utterance: Utterance, pool: Pool, rng: Random, *, frame_rate: float) -> TaskInputs | None:
        """The utterance as source and answer, with others of its speaker as the voice; None where there are none."""
        options, codes = self._options, utterance.codes
        frames = max(1, round(rng.uniform(options.min_seconds, options.max_seconds) * frame_rate))
        ids = pool.other(utterance.speaker, utterance.id)
        voice = (
            draw_window(ids, pool, rng, frames=frames, most=options.max_utterances, but=utterance.id)
            if len(codes)
            else None
        )
        if voice is None:
            return None
        return TaskInputs(
            text=utterance.symbols[:0], language=utterance.language, prompt=voice, source=codes, response=codes
        )

    def why_not(self, utterance: Utterance, pool: Pool, *, frame_rate: float) -> str:
        return "its speaker has no other utterance to take the voice from"

    def compose(self, inputs: TaskInputs, level: int, *, training: bool) -> TaskSequence:
        kept = partly_hidden(source_of(inputs), levels=self._options.levels, stretch=self._options.stretch)
        marked = (token(), Segment(role="source", tokens=kept))
        return ask_for_codes(inputs, level, training=training, task=self.name, marked=marked)


def partly_hidden(codes: Integer[Tensor, "F Q"], *, levels: int, stretch: int) -> Integer[Tensor, "F Q"]:
    """The first `levels` of every second stretch of frames, beginning with the first; all else is −1."""
    F, Q = codes.shape
    kept = (torch.arange(F) // stretch % 2 == 0)[:, None] & (torch.arange(Q) < levels)
    return torch.where(kept, codes, HIDDEN)
