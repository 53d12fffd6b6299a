"""What a model does that was trained for other tasks than text to speech: works on recordings, answers in writing."""

from __future__ import annotations

import warnings

from valle.asking import Followed, Prompt, expect_bound, given_recording, question, transformation
from valle.options import expect
from valle.samplers import Samplers
from valle.speaking import Speaking
from valle.speech import Speech, SpeechWarning
from valle_kit.written_answers import Written, write
from valle_language.long_text import with_language


class OtherTasks(Speaking):
    """The methods of `valle.Speaker` for tasks that take a recording or answer in writing."""

    __slots__ = ()

    def transform(
        self,
        input: Prompt,
        *,
        text: str = "",
        span: tuple[float, float] | None = None,
        prompt: Prompt | None = None,
        voice: str = "",
        language: str | None = None,
        sampler: Samplers | None = None,
        seed: int = 0,
        phonemes: bool = False,
        max_seconds: float = 20.0,
    ) -> Speech:
        """Work on a recording, with the task of `load(…, task=…)`: `ns`, `sr`, `tse`, `vc`, `cse`, `nse`.

        Args:
            input: recording (or its codes) that the task works on.
            text: what the answer says, for tasks that take it; of an edit all that the recording then says.
            span: seconds of the recording that an edit says anew.
            prompt, voice, language, sampler, seed, phonemes, max_seconds: as in `speak`.

        Raises:
            UserError: what the task needs is missing, or something is given that it does not take.
        """
        _expect(text=text, voice=voice, language=language, seed=seed, max_seconds=max_seconds)
        sound = self._sound(voice, prompt)
        more = {"text": text, "span": span, "prompt": sound, "language": language, "seed": seed, "phonemes": phonemes}
        request = transformation(input, max_seconds=max_seconds, **more)
        request, found = with_language(request, self.languages)
        synthesizer = self.at(sampler)
        (answer,) = synthesizer([request])
        self.synthesizer.timing = synthesizer.timing
        speech = Speech.of(answer, request, request.language or self.languages[0], found)
        for line in speech.warnings:
            warnings.warn(line, SpeechWarning, stacklevel=2)
        return speech

    def write(
        self,
        text: str = "",
        *,
        input: Prompt | None = None,
        prompt: Prompt | None = None,
        voice: str = "",
        language: str | None = None,
        sampler: Samplers | None = None,
        seed: int = 0,
        phonemes: bool = False,
        max_seconds: float = 20.0,
    ) -> Written:
        """Ask for phonemes, letters or a length, with the task of `load(…, task=…)`: `stt`, `len`, `phn`, `un-phn`.

        Args:
            text: what is read, for `len`, `phn` and `un-phn`.
            input: recording (or its codes), for `stt`.
            prompt, voice, language, sampler, seed, phonemes, max_seconds: as in `speak`.

        Raises:
            UserError: what the task needs is missing, or something is given that it does not take.
        """
        _expect(text=text, voice=voice, language=language, seed=seed, max_seconds=max_seconds)
        more = {"language": language, "seed": seed, "phonemes": phonemes, "max_seconds": max_seconds}
        request, _ = with_language(question(text, input, self._sound(voice, prompt), **more), self.languages)
        return write(self.at(sampler), [request])[0]

    def _sound(self, voice: str, prompt: Prompt | None) -> Followed:
        """The prompt, or the voice of a name; without either none, though a box may have a first voice."""
        given = given_recording(prompt)
        return self.followed(voice, given)[0] if voice or given is not None else None


def _expect(*, seed: int, max_seconds: float, **texts: str | None) -> None:
    """Raises `UserError` for an argument of another type, or a bound out of range."""
    expect(str, "a text", **texts)
    expect(int, "a whole number", seed=seed)
    expect_bound(max_seconds)
