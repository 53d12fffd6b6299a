"""Noise suppression: noisy speech, and perhaps its text → the clean speech (SpeechX, arXiv 2308.06873, §3.3)."""

from __future__ import annotations

from random import Random

from valle_core.interfaces import Pool
from valle_core.types import TaskInputs, Utterance
from valle_tasks.frame_for_frame import FrameForFrame
from valle_tasks.options import NoiseSuppressionOptions


class NoiseSuppression(FrameForFrame[NoiseSuppressionOptions]):
    """Noisy audio (+ its text in a share of the rows) → the clean audio, frame for frame."""

    name = "ns"

    def draw(self, utterance: Utterance, pool: Pool, rng: Random, *, frame_rate: float) -> TaskInputs | None:
        """The utterance as it is, and mixed with noise; None for one of no frame."""
        options, codes = self._options, utterance.codes
        if not len(codes):
            return None
        db = rng.uniform(options.min_db, options.max_db)
        said = rng.random() < options.text
        noise = pool.noise(len(codes), rng, label=options.label or None)
        return TaskInputs(
            text=utterance.symbols if said else utterance.symbols[:0],
            language=utterance.language,
            prompt=codes[:0],
            source=pool.mix(codes, noise, db),
            response=codes,
        )

    def why_not(self, utterance: Utterance, pool: Pool, *, frame_rate: float) -> str:
        return "it has no frame"
