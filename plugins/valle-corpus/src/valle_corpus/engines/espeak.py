"""espeak-ng's formant voices: 100 variants with pitch, range, rate and accent, in four languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from valle_corpus.engines.engine import Speaker, Spoken
from valle_corpus.engines.espeak_library import SAMPLE_RATE, Voice, synthesize
from valle_corpus.engines.espeak_voices import ACCENTS, draw_speakers


class Espeak:
    """An `Engine`; equal arguments give equal samples, whatever the seed."""

    sample_rate = SAMPLE_RATE
    languages = tuple(ACCENTS)

    def speakers(self, count: int, *, languages: Sequence[str], seed: int, held_out: bool) -> Sequence[Speaker]:
        """See `Engine`: variants are used once before any is used again."""
        drawn = draw_speakers(count, languages=languages, seed=seed, held_out=held_out)
        return [Speaker(name=name, language=voice.language, settings=asdict(voice)) for name, _, voice in drawn]

    def speaker(self, name: str) -> Speaker:
        """`LANGUAGE+VARIANT`, e.g. `en-us+f2`."""
        language, _, variant = name.partition("+")
        voice = Voice(language=language, variant=variant)
        return Speaker(name=name.replace(" ", "_"), language=language, settings=asdict(voice))

    def speak(self, text: str, speaker: Speaker, *, seed: int) -> Spoken:
        """See `Engine`."""
        return synthesize(text, Voice(**speaker.settings))
