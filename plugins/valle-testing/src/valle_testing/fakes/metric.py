"""A metric that needs no package: how much louder the speech is than its quietest part, and words that were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from valle_core.plugin import UserError
from valle_language.measuring import Clip, Figure, Score


class FakeMetric:
    """Declares text and transcript; words of the text that the transcript lacks, and the span of loudness in dB."""

    sample_rate: int | None = 8000
    figures: Sequence[Figure] = (
        Figure(name="missed", better="lower", summary="words that were not found", percent=True),
        Figure(name="span", better="higher", summary="decibels from the quietest to the loudest tenth of a second"),
    )

    def identity(self) -> Mapping[str, str]:
        """Its version."""
        return {"fake": "1"}

    def measure(self, clip: Clip) -> Mapping[str, Score]:
        """See `Metric.measure`."""
        if clip.transcript is None:
            raise UserError("the fake metric needs a transcript")
        wanted = clip.text.lower().strip(".…!").split()
        found = set(clip.transcript.text.lower().split())
        scores = {}
        if wanted:
            scores["missed"] = Score(amount=sum(word not in found for word in wanted), of=len(wanted))
        tenth = clip.sound.sample_rate // 10
        if len(clip.sound.wav) >= 2 * tenth:
            power = clip.sound.wav.unfold(0, tenth, tenth).square().mean(1).clamp(min=1e-8).log10()
            scores["span"] = Score(amount=10 * float(power.max() - power.min()))
        return scores
