"""What a dataset holds, in numbers: hours, speakers, durations, languages, phonemes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from valle_core.data.dataset import Dataset

Progress = Callable[[int, int], None]
"""Receives utterances done and utterances in all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A speaker's or a language's part.

    Attributes:
        utterances: how many.
        seconds: of audio.
    """

    utterances: int
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """Numbers of a dataset.

    Attributes:
        storage, codec: as `dataset.json` names them.
        utterances: how many.
        held_out: of these.
        seconds: of audio in all.
        durations: seconds of each utterance, sorted.
        speakers, languages, tones: share of each, the largest first; no tones in most datasets.
        phonemes: how often each occurs, the most frequent first.
    """

    storage: str
    codec: str
    utterances: int
    held_out: int
    seconds: float
    durations: Float[np.ndarray, "n"]
    speakers: Mapping[str, Share]
    languages: Mapping[str, Share]
    phonemes: Mapping[str, int]
    tones: Mapping[str, Share] = field(default_factory=dict)

    def quantiles(self) -> dict[str, float]:
        """Shortest, quartiles and longest duration, in seconds."""
        names = ("shortest", "quarter", "median", "three_quarters", "longest")
        if not self.utterances:
            return dict.fromkeys(names, 0.0)
        return {
            name: round(float(np.quantile(self.durations, at)), 3)
            for name, at in zip(names, (0, 0.25, 0.5, 0.75, 1), strict=True)
        }

    def to_json(self) -> dict[str, Any]:
        """All but the single durations, which become quantiles."""
        return {
            "storage": self.storage,
            "codec": self.codec,
            "utterances": self.utterances,
            "held_out": self.held_out,
            "seconds": round(self.seconds, 3),
            "hours": round(self.seconds / 3600, 4),
            "durations": self.quantiles(),
            "speakers": {name: asdict(share) for name, share in self.speakers.items()},
            "languages": {name: asdict(share) for name, share in self.languages.items()},
            "tones": {name: asdict(share) for name, share in self.tones.items()},
            "phonemes": dict(self.phonemes),
        }


def statistics(dataset: Dataset, progress: Progress | None = None) -> Statistics:
    """Of a dataset or a part of it; reads every record for the phonemes."""
    phonemes: Counter[str] = Counter()
    for number, record in enumerate(dataset.records(), 1):
        phonemes.update(record.phonemes)
        if progress:
            progress(number, len(dataset))
    durations = dataset.durations
    held_out = frozenset(dataset.manifest.held_out)
    names, tones = dataset.toned()
    toned = tones >= 0
    return Statistics(
        storage=dataset.manifest.storage,
        codec=dataset.codec.name,
        utterances=len(dataset),
        held_out=sum(id in held_out for id in dataset.ids),
        seconds=float(durations.sum()),
        durations=np.sort(durations),
        speakers=_shares(dataset.speakers(), dataset.speaker_numbers, durations),
        languages=_shares(*dataset.spoken(), durations),
        phonemes=dict(phonemes.most_common()),
        tones=_shares(names, tones[toned], durations[toned]),
    )


def _shares(names: tuple[str, ...], numbers: np.ndarray, seconds: np.ndarray) -> dict[str, Share]:
    counts = np.bincount(numbers, minlength=len(names))
    sums = np.bincount(numbers, weights=seconds, minlength=len(names))
    found = {
        name: Share(utterances=int(count), seconds=round(float(total), 3))
        for name, count, total in zip(names, counts, sums, strict=True)
        if count
    }
    return dict(sorted(found.items(), key=lambda item: (-item[1].seconds, item[0])))
