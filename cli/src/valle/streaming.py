"""Speech that arrives while it is made: chunks of a text, sentence after sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from valle.asking import Prompt, expect_bound, given_recording
from valle.options import expect
from valle.samplers import Samplers
from valle.speaking import Speaking
from valle_core.synthesis.request import Request
from valle_core.synthesis.synthesizer import Synthesizer
from valle_kit.streaming import Windowing, stream
from valle_language.long_text import Splitting, paused, with_language


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechChunk:
    """A part of a speech, in order.

    Attributes:
        samples: [N] float32 in [−1, 1], at `sample_rate`; the silence before a sentence is in its first chunk.
        sample_rate: Hz.
        start: seconds at which it begins in the whole.
        text: the sentence it belongs to.
        last: whether the speech ends here.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    start: float
    text: str
    last: bool


class Streams(Speaking):
    """The method of `valle.Speaker` that gives speech while it is made."""

    __slots__ = ()

    def stream(
        self,
        text: str,
        *,
        prompt: Prompt | None = None,
        voice: str = "",
        prompt_text: str = "",
        language: str | None = None,
        sampler: Samplers | None = None,
        speed: float | None = None,
        seed: int = 0,
        phonemes: bool = False,
        split: Literal["sentences", "none"] = "sentences",
        pause: float = 0.25,
        max_letters: int = 200,
        max_seconds: float = 20.0,
        windowing: Windowing | None = None,
    ) -> Iterator[SpeechChunk]:
        """Say a text in chunks, the first of which comes while the sentence is still being made.

        Level 0 is that of `speak`; the other levels see a window of it, so the sound differs a little.

        Args:
            text: as in `speak`.
            prompt, voice, prompt_text, language, sampler, speed, seed: as in `speak`.
            phonemes, split, pause, max_letters, max_seconds: as in `speak`.
            windowing: sizes of the windows; None for those that keep the first chunk short.

        Returns:
            An iterator; who closes it ends the work.

        Raises:
            UserError: as `speak`, here and not when the first chunk is asked for.
        """
        expect(str, "a text", text=text, voice=voice, prompt_text=prompt_text, language=language)
        expect(int | float, "a number", speed=speed, pause=pause, max_letters=max_letters)
        expect(int, "a whole number", seed=seed)
        expect(Windowing, "a valle_kit.streaming.Windowing", windowing=windowing)
        expect_bound(max_seconds)
        sound, words = self.followed(voice, given_recording(prompt), prompt_text)
        request = Request(
            text=text,
            prompt=sound,
            prompt_text=words,
            language=language,
            seed=seed,
            max_seconds=max_seconds,
            phonemes=phonemes,
        )
        request, _ = with_language(request, self.languages)
        splitting = Splitting(by=split, pause=pause, most=max_letters)
        pieces = paused(request, request.language or self.languages[0], splitting)
        synthesizer = self.at(sampler, speed)
        with torch.inference_mode():
            for _, piece in pieces:
                synthesizer.prepare(piece)
        return _chunks(synthesizer, pieces, windowing)


def _chunks(
    synthesizer: Synthesizer, pieces: list[tuple[float, Request]], windowing: Windowing | None
) -> Iterator[SpeechChunk]:
    given, rate, windowing = 0, synthesizer.sample_rate, windowing or Windowing()
    for number, (gap, piece) in enumerate(pieces, 1):
        silence = np.zeros(round(gap * rate), np.float32)
        for chunk in stream(synthesizer, piece, windowing):
            samples = np.concatenate([silence, chunk.wav.numpy().astype(np.float32, copy=False)])
            silence = silence[:0]
            last = chunk.last and number == len(pieces)
            yield SpeechChunk(samples=samples, sample_rate=rate, start=given / rate, text=piece.text, last=last)
            given += len(samples)
        windowing = windowing.later if number == 1 else windowing
