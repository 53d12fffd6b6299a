"""Word and character errors of a transcript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from valle_core.plugin import UserError
from valle_eval.edits import count_edits
from valle_eval.metrics.options import WordOptions
from valle_eval.normalisers import NORMALISERS, VERSION
from valle_language.measuring import Clip, Figure, Score


def build_wer(options: WordOptions, *, device: torch.device) -> ErrorRate:
    """Factory of the metric `wer`."""
    return ErrorRate(options, "wer", "word")


def build_cer(options: WordOptions, *, device: torch.device) -> ErrorRate:
    """Factory of the metric `cer`."""
    return ErrorRate(options, "cer", "character")


class ErrorRate:
    """A `valle_language.measuring.Metric`: (substitutions + deletions + insertions) per unit of the text."""

    sample_rate = None

    def __init__(self, options: WordOptions, name: str, unit: str) -> None:
        self._options, self._name, self._unit = options, name, unit
        parts = ("substitutions", "deletions", "insertions")
        self.figures: Sequence[Figure] = (
            Figure(name=name, better="lower", summary=f"{unit} errors per {unit}", percent=True),
            *(
                Figure(name=f"{name}_{part}", better="lower", summary=f"{unit} {part}", percent=True, main=False)
                for part in parts
            ),
        )

    def identity(self) -> Mapping[str, str]:
        """The normaliser and the version of its rules."""
        return {"normaliser": f"{self._options.normaliser} {VERSION}"}

    def measure(self, clip: Clip) -> Mapping[str, Score]:
        """Nothing where the text has no words."""
        if clip.transcript is None:
            raise UserError(f"metric '{self._name}' needs a transcript. Give a recognizer")
        normal = NORMALISERS[self._options.normaliser]
        text, recognized = normal(clip.text, clip.language), normal(clip.transcript.text, clip.language)
        expected, found = text.split(), recognized.split()
        if not expected:
            return {}
        pieces = len(text.split(" "))  # as the published script divides its parts: a doubled space counts
        if self._unit == "character":
            expected, found = list(" ".join(expected)), list(" ".join(found))
            pieces = len(expected)
        edits = count_edits(expected, found)
        return {
            self._name: Score(amount=edits.errors, of=len(expected)),
            f"{self._name}_substitutions": Score(amount=edits.substitutions, of=pieces),
            f"{self._name}_deletions": Score(amount=edits.deletions, of=pieces),
            f"{self._name}_insertions": Score(amount=edits.insertions, of=pieces),
        }
