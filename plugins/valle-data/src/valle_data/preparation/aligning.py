"""When the phonemes of a recording are said: exact where a table says it, else by a recognizer's forced alignment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from valle_core.audio.wav import resample
from valle_core.plugin import UserError
from valle_core.types import Phonemes
from valle_data.preparation.alignments import times_of
from valle_data.preparation.loading import Loaded
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.recordings import Rejection
from valle_language.recognition import PlacedPhonemes, PlacesPhonemes, Recognizer

PHONEMES = "phonemes"
"""Capability of a recognizer that times known phonemes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Aligner:
    """A recognizer that times phonemes, on its device.

    Attributes:
        name: of the registry.
        recognizer: the object.
        options: it was built with, as a dataset keeps them.
        device: of the recognizer.
    """

    name: str
    recognizer: Recognizer
    options: Mapping[str, Any] = field(default_factory=dict)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def place(self, wav: Float[np.ndarray, "N"], rate: int, phonemes: Phonemes) -> PlacedPhonemes:
        """When the phonemes are said.

        Raises:
            UserError: the recognizer refuses them, or the recording is longer than it takes.
        """
        recognizer = self.recognizer
        assert isinstance(recognizer, PlacesPhonemes), "it declares phonemes"
        seconds, longest = len(wav) / rate, recognizer.max_seconds
        if longest is not None and seconds > longest:
            raise UserError(f"it lasts {seconds:.2f} s, and recognizer '{self.name}' takes at most {longest:g} s")
        row = torch.from_numpy(np.ascontiguousarray(resample(wav, rate, recognizer.sample_rate)))[None]
        with torch.no_grad():
            (found,) = recognizer.place(
                row.to(self.device), torch.tensor([row.shape[1]], device=self.device), [phonemes]
            )
        return found


def phoneme_times(
    loaded: Loaded, phonemes: Phonemes, options: PrepareOptions, aligner: Aligner | None, rate: int
) -> tuple[int, ...] | Rejection:
    """[P + 1] milliseconds in the audio as it is encoded; () where nothing says them; or why they cannot be told."""
    given, recording = loaded.recording.aligned, loaded.recording
    seconds = len(loaded.wav) / rate
    if given is not None and given.durations:
        cut = loaded.treatment.skipped if loaded.treatment else 0.0
        unit, shift = options.duration_unit / recording.factor, options.alignment_shift / recording.factor
        return times_of(given, unit=unit, shift=shift - cut, seconds=seconds)
    if aligner is None:
        return ()
    try:
        found = aligner.place(loaded.wav, rate, phonemes)
    except UserError as error:
        return Rejection(id=recording.id, reason="not-aligned", detail=f"'{recording.audio}': {error}")
    if found.found < options.min_match:
        detail = (
            f"'{recording.audio}' says something else than its transcript: {found.found:.2f} of its phonemes were "
            f"found where they should be, --min-match is {options.min_match:g}"
        )
        return Rejection(id=recording.id, reason="other-text", detail=detail, measured=found.found)
    return tuple(round(1000 * min(max(one, 0.0), seconds)) for one in found.times)
