"""Audio files as metrics and recognizers take them: at any rate, once read, named by what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from jaxtyping import Float

from valle_core.api import read_audio
from valle_language.measuring import Sound

MARGIN = 5.0
"""Seconds before a bound in which a quiet place to cut is looked for."""

WINDOW = 0.1
"""Seconds of a quiet place."""


@dataclass
class Recording:
    """A file, read when it is asked for.

    Attributes:
        path: of the file.
    """

    path: Path
    _sounds: dict[int, Sound] = field(default_factory=dict)
    _digest: str = ""

    @property
    def digest(self) -> str:
        """Of the file's bytes, 16 hexadecimal digits."""
        if not self._digest:
            self._digest = hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]
        return self._digest

    def at(self, sample_rate: int | None) -> Sound:
        """Mono, at this rate or (None) at its own. Raises `UserError` for what is not readable as audio."""
        rate = self._own_rate() if sample_rate is None else sample_rate
        if rate not in self._sounds:
            own = self._own_rate()
            if own not in self._sounds:
                self._sounds[own] = Sound(wav=torch.from_numpy(read_audio(self.path, own)), sample_rate=own)
            if rate != own:
                wav = soxr.resample(self._sounds[own].wav.numpy(), own, rate, quality="HQ").astype(np.float32)
                self._sounds[rate] = Sound(wav=torch.from_numpy(wav), sample_rate=rate)
        return self._sounds[rate]

    def forget(self) -> None:
        """Let go of the samples; they are read again when they are asked for."""
        self._sounds.clear()

    def _own_rate(self) -> int:
        try:
            return int(soundfile.info(str(self.path)).samplerate)
        except (OSError, soundfile.LibsndfileError):
            read_audio(self.path, 16_000)  # says what is wrong with it
            raise


def pieces(sound: Sound, longest: float | None) -> Iterator[tuple[float, Float[torch.Tensor, "N"]]]:
    """Start in seconds and samples of pieces of at most `longest` seconds, cut where it is quietest near the bound."""
    wav, rate, start = sound.wav, sound.sample_rate, 0
    most = len(wav) if longest is None else int(longest * rate)
    while len(wav) - start > most:
        window = int(WINDOW * rate)
        first = start + most - min(int(MARGIN * rate), most // 2)
        power = wav[first : start + most].square().unfold(0, window, window).mean(1)
        cut = first + int(power.argmin()) * window + window // 2
        yield start / rate, wav[start:cut]
        start = cut
    yield start / rate, wav[start:]
