"""Speech recognition: audio → phonemes."""

from __future__ import annotations

from math import ceil
from random import Random
from typing import Literal

import torch
from jaxtyping import Float, Integer
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
        codes, symbols = utterance.codes, utterance.symbols
        pieces = self._options.pieces
        if pieces and utterance.times is not None and rng.random() < pieces:
            a, b = piece(utterance.times, rng, least=self._options.min_seconds * frame_rate)
            codes = codes[int(utterance.times[a]) : ceil(utterance.times[b])]
            symbols = symbols[a:b]
        return TaskInputs(
            text=symbols[:0],
            language=utterance.language,
            prompt=codes[:0],
            source=codes,
            response=symbols[:, None],
        )

    def why_not(self, utterance: Utterance, pool: Pool, *, frame_rate: float) -> str:
        return "it has no sound or no phonemes"

    def compose(self, inputs: TaskInputs, level: int, *, training: bool) -> TaskSequence:
        heard = Segment(role="source", tokens=source_of(inputs))
        return ask_in_writing(inputs, level, training=training, task=self.name, output=self.output, behind=(heard,))

    def finish(self, inputs: TaskInputs, output: Integer[Tensor, "F Q"]) -> Integer[Tensor, "F Q"]:
        return output


def piece(times: Float[Tensor, "P_plus_1"], rng: Random, *, least: float) -> tuple[int, int]:
    """A random half-open range of phonemes that lasts at most what was drawn, uniform from `least` frames to all; all
    of them where that is less, or where no phoneme begins and ends inside."""
    first, last = float(times[0]), float(times[-1])
    frames = rng.uniform(min(least, last - first), last - first)
    begin = rng.uniform(first, last - frames)
    a = int(torch.searchsorted(times, begin))
    b = int(torch.searchsorted(times, begin + frames, right=True)) - 1
    return (a, b) if b > a and times[b] > times[a] else (0, len(times) - 1)
