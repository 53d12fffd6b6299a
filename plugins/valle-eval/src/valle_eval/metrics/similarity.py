"""Speaker similarity: the cosine of two speaker embeddings by resemblyzer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from valle_core.plugin import UserError
from valle_eval.metrics.options import NoOptions
from valle_eval.metrics.weights import audible, named, weights_hash
from valle_language.measuring import Clip, Figure, Score, Sound

SHORTEST = 0.4
"""Seconds of voiced sound below which an embedding says little."""

KEPT = 64
"""Embeddings of voices that are remembered, since many clips share one."""


def build(options: NoOptions, *, device: torch.device) -> Similarity:
    """Factory of the metric `similarity`."""
    return Similarity(device)


class Similarity:
    """A `valle_language.measuring.Metric`."""

    sample_rate = 16_000
    figures: Sequence[Figure] = (
        Figure(name="similarity", better="higher", summary="cosine of speaker embeddings, 1 is the same", digits=3),
    )

    def __init__(self, device: torch.device) -> None:
        import resemblyzer

        self._package: Any = resemblyzer
        self._encoder = resemblyzer.VoiceEncoder(str(device), verbose=False)
        self._voices: dict[bytes, Float[np.ndarray, "D"] | None] = {}

    def identity(self) -> Mapping[str, str]:
        """The speaker model."""
        return {"speaker model": "resemblyzer", **named("resemblyzer"), "weights": self._hash}

    @cached_property
    def _hash(self) -> str:
        return weights_hash([Path(self._package.__file__).parent / "pretrained.pt"])

    def measure(self, clip: Clip) -> Mapping[str, Score]:
        """Nothing where either has too little voiced sound."""
        if clip.voice is None:
            raise UserError("metric 'similarity' needs a recording of the speaker. Give a column `voice`")
        own, wanted = self._embedded(clip.sound), self._remembered(clip.voice)
        return {} if own is None or wanted is None else {"similarity": Score(amount=float(own @ wanted))}

    def _remembered(self, sound: Sound) -> Float[np.ndarray, "D"] | None:
        key = sound.wav.detach().cpu().numpy().tobytes()
        if key not in self._voices:
            if len(self._voices) >= KEPT:
                self._voices.pop(next(iter(self._voices)))
            self._voices[key] = self._embedded(sound)
        return self._voices[key]

    def _embedded(self, sound: Sound) -> Float[np.ndarray, "D"] | None:
        wav = audible(sound, SHORTEST)
        if wav is None:
            return None
        voiced = self._package.preprocess_wav(wav, self.sample_rate)
        return self._encoder.embed_utterance(voiced) if len(voiced) >= SHORTEST * self.sample_rate else None
