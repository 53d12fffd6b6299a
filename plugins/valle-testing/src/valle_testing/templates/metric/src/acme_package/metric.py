"""The span of loudness of a clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from valle_language.measuring import Clip, Figure, Score

from acme_package.options import AcmeNameOptions

QUIETEST = 1e-8
"""Power of a window that counts as silence: −80 dB of full scale."""


def build(options: AcmeNameOptions, *, device: torch.device) -> AcmeNameMetric:
    """Factory of the entry point."""
    return AcmeNameMetric(options)


class AcmeNameMetric:
    """See `valle_language.measuring.Metric`."""

    sample_rate = 16_000
    figures: Sequence[Figure] = (
        Figure(name="acme_identifier", better="higher", summary="decibels from the quietest to the loudest", digits=1),
    )

    def __init__(self, options: AcmeNameOptions) -> None:
        self._options = options

    def identity(self) -> Mapping[str, str]:
        """What the numbers depend on: here the window alone; with a network its version and the hash of its weights."""
        return {"window": f"{self._options.window} s"}

    def measure(self, clip: Clip) -> Mapping[str, Score]:
        """Nothing where there are not two windows."""
        size = round(self._options.window * clip.sound.sample_rate)
        if len(clip.sound.wav) < 2 * size:
            return {}
        power = clip.sound.wav.unfold(0, size, size).square().mean(1).clamp(min=QUIETEST).log10()
        return {"acme_identifier": Score(amount=10 * float(power.max() - power.min()))}
