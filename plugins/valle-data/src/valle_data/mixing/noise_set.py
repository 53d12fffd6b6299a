"""A set of noise recordings: a dataset of codes without text, from which windows are drawn."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import torch
from jaxtyping import Integer
from torch import Tensor

from valle_core.codes.identity import require_same
from valle_core.data.dataset import Dataset, open_dataset
from valle_core.data.manifest import NO_TEXT
from valle_core.plugin import UserError
from valle_core.types import CodecIdentity
from valle_data.storage.damage import Damaged


class NoiseSet:
    """See `Pool.noise`. Labels are what a dataset calls speakers."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._frames = np.rint(dataset.durations * dataset.frame_rate).astype(np.int64)
        self._labels = dataset.speakers()
        self._numbers = dataset.speaker_numbers
        self._drawn_from: dict[str | None, tuple[np.ndarray, np.ndarray]] = {}

    @property
    def hash(self) -> str:
        """Equal for equal noise sets."""
        return self.dataset.manifest.index_hash[:16]

    @property
    def labels(self) -> tuple[str, ...]:
        """Sorted."""
        return self._labels

    def noise(self, frames: int, rng: Random, *, label: str | None = None) -> Integer[Tensor, "F Q"]:
        """See `Pool.noise`. Raises `UserError` for no frames and for a label it does not have."""
        if frames < 1:
            raise UserError(f"frames of noise must be at least 1, got {frames}")
        places, ends = self._choice(label)
        place = int(places[np.searchsorted(ends, rng.randrange(int(ends[-1])), side="right")])
        try:
            codes = self.dataset.codes(self.dataset.ids[place])
        except Damaged as error:
            raise _of_noise(error) from error
        F = len(codes)
        if frames <= F:
            start = rng.randint(0, F - frames)
            return codes[start : start + frames].clone()
        start = rng.randrange(F)
        return codes[(start + torch.arange(frames)) % F]

    def _choice(self, label: str | None) -> tuple[np.ndarray, np.ndarray]:
        """Places of the utterances with a label, and how many frames there are up to each one's end."""
        if label not in self._drawn_from:
            places = np.flatnonzero(self._frames > 0)
            if label is not None:
                if label not in self._labels:
                    raise UserError(
                        f"no noise in '{self.dataset.path}' is labelled '{label}'. It has {', '.join(self._labels)}"
                    )
                places = places[self._numbers[places] == self._labels.index(label)]
            self._drawn_from[label] = places, np.cumsum(self._frames[places])
        return self._drawn_from[label]


def open_noise(path: Path, codec: CodecIdentity, data: Path) -> NoiseSet:
    """The noise set of a folder that `valle prepare-noise` made.

    Raises:
        UserError: it is no whole noise set, or its codes are of another codec than the dataset `data`, whose
            `codec` is given; both are named.
    """
    try:
        dataset = open_dataset(path)
    except UserError as error:
        raise _of_noise(error) from error
    if dataset.manifest.frontend != NO_TEXT:
        raise UserError(f"'{path}' is a dataset of speech, not of noise. Make one with: valle prepare-noise RECORDINGS")
    require_same(codec, dataset.codec, f"dataset '{data}' and noise '{path}' do not fit: the first holds codes of")
    return NoiseSet(dataset)


def _of_noise(error: UserError) -> UserError:
    """The refusal of a dataset as that of a noise set, with what repairs one."""
    return UserError(str(error).replace("valle prepare", "valle prepare-noise"))
