"""Phoneme errors: what a phoneme recognizer finds in the speech against what it should find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from valle_core.plugin import UserError
from valle_eval.edits import count_edits
from valle_eval.metrics.options import NoOptions
from valle_language.measuring import Clip, Figure, Score


def build(options: NoOptions, *, device: torch.device) -> PhonemeErrorRate:
    """Factory of the metric `per`."""
    return PhonemeErrorRate()


class PhonemeErrorRate:
    """A `valle_language.measuring.Metric`."""

    sample_rate = None
    figures: Sequence[Figure] = (
        Figure(name="per", better="lower", summary="phoneme errors per phoneme", percent=True),
    )

    def identity(self) -> Mapping[str, str]:
        """Levenshtein's distance depends on nothing."""
        return {"distance": "Levenshtein"}

    def measure(self, clip: Clip) -> Mapping[str, Score]:
        """Nothing where no phoneme is expected."""
        if clip.phones is None or clip.expected is None:
            raise UserError("metric 'per' needs phonemes found and expected. Give a recognizer of phonemes")
        if not clip.expected:
            return {}
        edits = count_edits(clip.expected, [phone.text for phone in clip.phones])
        return {"per": Score(amount=edits.errors, of=len(clip.expected))}
