"""hibari-tts: one voice made into many by pitch, formants and tilt before synthesis, 75 times faster than real time."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from jaxtyping import Float

from valle_core.plugin import UserError
from valle_corpus.engines.engine import Speaker, Spoken, moved, spans_of, to_int16, trimmed
from valle_corpus.engines.graphs import has_tensor, open_with_output

DURATIONS = "/Clip_output_0"
UNIT = 600 / 24000
"""Seconds of one unit of duration."""
LAG = 0.05
"""Seconds by which the boundaries lag the sound, measured as Kokoro's (1.09 bits in place of 0.63)."""
LONGEST = 300  # symbols
BINS = 601
TILT = 8.0
"""Nepers between 0 and 12 kHz of a tilt of one."""
OWN = {"formants": 1.0, "pitch": 1.0, "range": 1.0, "pace": 1.0, "tilt": 0.0}
"""The voice as it is."""


class HibariEngine:
    """An `Engine`; equal arguments give equal samples on one machine.

    A pseudo-voice scales pitch and its range, moves the formants, tilts the spectrum and has a pace of its own.
    """

    sample_rate = 24000
    languages = ("en",)

    def speakers(self, count: int, *, languages: Sequence[str], seed: int, held_out: bool) -> Sequence[Speaker]:
        """See `Engine`: low and high voices in turn; the first of training is the voice as it is."""
        rng = Random(f"hibari {seed} {held_out}")
        side = "held-" if held_out else ""
        made = [_drawn(rng, low=bool(number % 2)) for number in range(count)]
        if made and not held_out:
            made[0] = OWN
        return [
            Speaker(name=f"hibari-{side}{number:03d}", language="en-us", settings=one)
            for number, one in enumerate(made)
        ]

    def speaker(self, name: str) -> Speaker:
        """`hibari`, or `hibari:pitch=0.6,formants=0.9`: the voice as it is but for these."""
        given, settings = name.partition(":")[2], dict(OWN)
        for part in filter(None, given.split(",")):
            key, _, value = part.partition("=")
            try:
                settings[key] = {**OWN, key: float(value)}[key] if key in OWN else float("nan")
            except ValueError:
                settings[key] = float("nan")
        if name.partition(":")[0] != "hibari" or not all(np.isfinite(one) for one in settings.values()):
            raise UserError(
                f"'{name}' is not a voice of engine 'hibari'. Write hibari, or hibari:pitch=0.6 ({', '.join(OWN)})"
            )
        return Speaker(name=name.replace(":", "-").replace(",", "-"), language="en-us", settings=settings)

    def speak(self, text: str, speaker: Speaker, *, seed: int) -> Spoken:
        """See `Engine`."""
        from hibari import dsp  # pyright: ignore[reportMissingImports]

        ipa = " ".join(self._reader.phonemize(text))
        symbols = [symbol for symbol in ipa if symbol in self._reader.vocab]
        if not symbols or len(symbols) > LONGEST:
            raise UserError(f"engine 'hibari' takes 1 … {LONGEST} symbols at once, {text!r} has {len(symbols)}")
        pace = speaker.settings["pace"] * Random(seed).uniform(0.93, 1.07)
        inputs = {"ids": np.array([self._reader.ids(ipa)]), "speed": np.array([pace], np.float32)}
        *parts, durations = self._session.run(None, inputs)
        harmonic, phase, noise, residual, turn, pitch = (part[0] for part in parts[:6])
        harmonic, noise, residual = (_coloured(one, speaker.settings) for one in (harmonic, noise, residual))
        pitch = _sung(pitch, speaker.settings)
        wav = dsp.synth(harmonic, phase, noise, residual, turn, pitch, np.random.default_rng(seed))
        audio = to_int16(wav / max(1.0, float(np.abs(wav).max()) / 0.95))
        spans = spans_of(["", *symbols, ""], (durations.ravel().cumsum() * UNIT).tolist())
        spans = moved(spans, -LAG, len(audio) / self.sample_rate)
        return trimmed(Spoken(audio=audio, phonemes=spans, symbols=tuple(symbols)), self.sample_rate)

    @cached_property
    def _reader(self) -> Any:
        from hibari import Hibari  # pyright: ignore[reportMissingImports]

        return Hibari(threads=1)

    @cached_property
    def _session(self) -> Any:
        import hibari  # pyright: ignore[reportMissingImports]

        graphs = sorted((Path(hibari.__file__).parent / "assets").glob("*.onnx"))
        found = next((path for path in graphs if has_tensor(path, DURATIONS)), None)
        if found is None:
            raise UserError(
                "engine 'hibari' does not know this hibari-tts. Install its version with: pip install hibari-tts==0.2.1"
            )
        return open_with_output(found, DURATIONS, Path(tempfile.mkdtemp(prefix="valle-hibari-")))


def _drawn(rng: Random, *, low: bool) -> dict[str, float]:
    pitch = rng.uniform(0.42, 0.68) if low else rng.uniform(0.78, 1.15)
    formants = rng.uniform(0.82, 0.95) if low else rng.uniform(0.93, 1.12)
    drawn = {"formants": formants, "pitch": pitch, "range": rng.uniform(0.7, 1.2), "pace": rng.uniform(0.9, 1.15)}
    return {name: round(value, 3) for name, value in {**drawn, "tilt": rng.uniform(-0.25, 0.25)}.items()}


def _coloured(envelope: Float[np.ndarray, "bins T"], settings: Mapping[str, float]) -> Float[np.ndarray, "bins T"]:
    """Log envelopes with formants moved and the spectrum tilted."""
    place = np.clip(np.arange(BINS) / settings["formants"], 0, BINS - 1)
    low = place.astype(int)
    high = np.minimum(low + 1, BINS - 1)
    weight = (place - low)[:, None].astype(np.float32)
    slope = np.linspace(0, 1, BINS, dtype=np.float32)[:, None] * settings["tilt"] * TILT
    return envelope[low] * (1 - weight) + envelope[high] * weight + slope


def _sung(pitch: Float[np.ndarray, "T"], settings: Mapping[str, float]) -> Float[np.ndarray, "T"]:
    """Hz with the mean scaled and what lies around it spread."""
    voiced = pitch > 40
    if not voiced.any():
        return pitch
    mean = np.exp(np.log(pitch[voiced]).mean())
    return np.where(voiced, mean * settings["pitch"] * (np.maximum(pitch, 1) / mean) ** settings["range"], pitch)
