"""Speech removal: noisy speech → the noise alone (SpeechX, arXiv 2308.06873, §3.3)."""

from __future__ import annotations

from random import Random

import numpy as np
from jaxtyping import Float, Integer
from torch import Tensor

from valle_core.interfaces import Pool
from valle_core.types import TaskInputs, TaskSequence, Utterance
from valle_tasks.answering import on_source, source_of
from valle_tasks.options import SpeechRemovalOptions


class SpeechRemoval:
    """Noisy audio → the noise, frame for frame."""

    output = "codes"
    continues = False
    name = "sr"

    def __init__(self, options: SpeechRemovalOptions) -> None:
        self._options = options

    def beside(self, seconds: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        return seconds  # the source

    def draw(self, utterance: Utterance, pool: Pool, rng: Random, *, frame_rate: float) -> TaskInputs | None:
        """Noise as long as the utterance, and both mixed; None for an utterance of no frame.

        The noise is as loud as it was recorded and the speech is scaled, so that the noise in the mix is the answer.
        """
        options, codes = self._options, utterance.codes
        if not len(codes):
            return None
        db = rng.uniform(options.min_db, options.max_db)
        noise = pool.noise(len(codes), rng, label=options.label or None)
        return TaskInputs(
            text=utterance.symbols[:0],
            language=utterance.language,
            prompt=codes[:0],
            source=pool.mix(noise, codes, -db),
            response=noise,
        )

    def why_not(self, utterance: Utterance, pool: Pool, *, frame_rate: float) -> str:
        return "it has no frame"

    def frames(self, inputs: TaskInputs) -> int:
        return max(1, len(source_of(inputs)))

    def compose(self, inputs: TaskInputs, level: int, *, training: bool) -> TaskSequence:
        return on_source(inputs, level, training=training, task=self.name)

    def finish(self, inputs: TaskInputs, output: Integer[Tensor, "F Q"]) -> Integer[Tensor, "F Q"]:
        return output
