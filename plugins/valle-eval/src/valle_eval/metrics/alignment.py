"""Skips, repeats and run-ons, from the alignment of expected phonemes with those that were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import torch

from valle_core.plugin import UserError
from valle_eval.edits import Pair, count_edits, pair_up
from valle_eval.metrics.options import AlignmentOptions
from valle_language.measuring import Clip, Figure, Score

REACH = 3
"""How many times its own length beside itself a repeat is looked for."""


def build(options: AlignmentOptions, *, device: torch.device) -> Alignment:
    """Factory of the metric `alignment`."""
    return Alignment(options)


class Alignment:
    """A `valle_language.measuring.Metric`: counts of a clip, so that 0.02 is one in fifty sentences."""

    sample_rate = None
    figures: Sequence[Figure] = (
        Figure(name="skips", better="lower", summary="stretches of the text that are missing, per sentence", digits=3),
        Figure(name="repeats", better="lower", summary="stretches that are said again, per sentence", digits=3),
        Figure(name="run_ons", better="lower", summary="speech after the text is said, per sentence", digits=3),
        Figure(name="additions", better="lower", summary="other stretches that nobody wrote", digits=3, main=False),
    )

    def __init__(self, options: AlignmentOptions) -> None:
        self._options = options

    def identity(self) -> Mapping[str, str]:
        """The bounds of what counts."""
        return {"least": str(self._options.least), "likeness": str(self._options.likeness), "rules": "1"}

    def measure(self, clip: Clip) -> Mapping[str, Score]:
        """Nothing where no phoneme is expected."""
        if clip.phones is None or clip.expected is None:
            raise UserError("metric 'alignment' needs phonemes found and expected. Give a recognizer of phonemes")
        if not clip.expected:
            return {}
        found = [phone.text for phone in clip.phones]
        pairs = pair_up(clip.expected, found)
        counts = dict.fromkeys((figure.name for figure in self.figures), 0)
        for kind in self._stretches(pairs, clip.expected, found):
            counts[kind] += 1
        return {name: Score(amount=count) for name, count in counts.items()}

    def _stretches(self, pairs: Sequence[Pair], expected: Sequence[str], found: Sequence[str]) -> list[str]:
        kinds: list[str] = []
        done = 0  # places of the expected that are behind
        for side, run in groupby(pairs, lambda pair: (pair[0] is None, pair[1] is None)):
            stretch = list(run)
            done += sum(pair[0] is not None for pair in stretch)
            if len(stretch) < self._options.least or side == (False, False):
                continue
            if side == (False, True):
                kinds.append("skips")
                continue
            inserted = [found[pair[1]] for pair in stretch if pair[1] is not None]
            if done == len(expected):
                kinds.append("run_ons")
            else:
                kinds.append("repeats" if self._repeats(inserted, expected, done) else "additions")
        return kinds

    def _repeats(self, inserted: Sequence[str], expected: Sequence[str], place: int) -> bool:
        """Whether a stretch of about its length, not far from `place`, sounds like it."""
        size = len(inserted)
        first, last = max(0, place - REACH * size), min(len(expected), place + REACH * size)
        for start in range(first, max(first, last - size) + 1):
            near = expected[start : start + size]
            if near and count_edits(near, inserted).hits >= self._options.likeness * size:
                return True
        return False
