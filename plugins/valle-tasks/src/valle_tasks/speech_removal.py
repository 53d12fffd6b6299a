"""Speech removal: noisy speech → the noise alone (SpeechX, arXiv 2308.06873, §3.3)."""

from __future__ import annotations

from random import Random

from valle_core.interfaces import Pool
from valle_core.types import TaskInputs, Utterance
from valle_tasks.frame_for_frame import FrameForFrame
from valle_tasks.options import SpeechRemovalOptions


class SpeechRemoval(FrameForFrame[SpeechRemovalOptions]):
    """Noisy audio → the noise, frame for frame."""

    name = "sr"

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
