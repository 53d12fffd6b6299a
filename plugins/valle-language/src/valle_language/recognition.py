"""What a recognizer must be able to do, and what it answers: the contract of the kind that `valle_data` announces.

Letters are explained in `valle_core.types`. The factory's signature is given with the Protocol; options arrive built
and validated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.types import Phonemes


@dataclass(frozen=True, kw_only=True, slots=True)
class TimedWord:
    """A word and where it was said.

    Attributes:
        text: as written, without spaces.
        start: seconds from the start of the audio.
        end: seconds, ≥ start.
        probability: how sure the recognizer is, in [0, 1], or None.
    """

    text: str
    start: float
    end: float
    probability: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RecognizedSegment:
    """A stretch of audio and what was said in it.

    Attributes:
        text: on one line.
        start: seconds from the start of the audio.
        end: seconds, ≥ start.
        words: in order, or empty where the recognizer does not time words.
    """

    text: str
    start: float
    end: float
    words: tuple[TimedWord, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcript:
    """What a recognizer found in a row.

    Attributes:
        segments: in order, without overlap; empty where nothing was said.
        language: tag that was given or detected, e.g. `"en"`.
    """

    segments: tuple[RecognizedSegment, ...]
    language: str

    @property
    def text(self) -> str:
        """All of it on one line."""
        return " ".join(segment.text for segment in self.segments)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacedPhonemes:
    """When each phoneme of a known text is said.

    Attributes:
        times: [P + 1] seconds at which each begins and the last one ends, inside the audio; they never go back, and a
            mark that nobody says takes no time, or that of a pause.
        found: share of the sounds, in [0, 1], that the audio has where they were placed: low where it says something
            else.
    """

    times: tuple[float, ...]
    found: float


@runtime_checkable
class Recognizer(Protocol):
    """Speech → text. Factory: `(options, *, device: torch.device) → Recognizer`.

    Equal waveforms give equal transcripts, whoever shares the batch and whatever was transcribed before. The inputs are
    never written, no random number is drawn and no gradient kept. Times lie inside the audio and never go back.
    Silence gives no segments. One that declares "words" times each word of a segment, and those words, spaces aside,
    are its text; "detect", that it finds the language itself; "align", that it has `align`; "phonemes", that it has the
    `place` of `PlacesPhonemes`.

    Attributes:
        sample_rate: Hz of the waveforms it takes.
        max_seconds: longest audio of a row, or None; the core cuts longer audio at pauses.
    """

    @property
    def sample_rate(self) -> int: ...
    @property
    def max_seconds(self) -> float | None: ...

    def languages(self) -> Sequence[str]:
        """Language tags it accepts."""
        ...

    def transcribe(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"], *, languages: Sequence[str | None]
    ) -> Sequence[Transcript]:
        """What was said in each row, padding left out. None lets it detect the row's language.

        Raises `UserError` for a language it does not accept, and for None where it does not declare "detect".
        """
        ...

    def align(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"], texts: Sequence[str], *, languages: Sequence[str]
    ) -> Sequence[Sequence[TimedWord]]:
        """Where each word of a known text was said: the words of `texts` split at spaces, in order.

        Raises `UserError` where it does not declare "align", for text without words, and for a word it cannot place.
        """
        ...


@runtime_checkable
class PlacesPhonemes(Protocol):
    """A recognizer that declares "phonemes": it times a known sequence of them, whichever frontend wrote it."""

    def place(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"], phonemes: Sequence[Phonemes]
    ) -> Sequence[PlacedPhonemes]:
        """When the phonemes of each row are said, padding left out.

        Raises `UserError` for a language it does not accept, for phonemes of which it knows no sound, for silence, and
        for audio that is too short for them.
        """
        ...


@runtime_checkable
class KnowsItself(Protocol):
    """A recognizer that says what its answers depend on beside the sound and its options."""

    def identity(self) -> Mapping[str, str]:
        """Packages with versions and a hash of the weights, for numbers that name their judge."""
        ...


@runtime_checkable
class Pronounces(Protocol):
    """A recognizer of phonemes that knows how a text should sound."""

    def pronounce(self, text: str, language: str) -> tuple[str, ...]:
        """Phonemes of a text, as its transcripts write them. Raises `UserError` for a language it does not accept."""
        ...


def check_languages(name: str, accepted: Sequence[str], tags: Sequence[str | None]) -> None:
    """For recognizers that detect no language. Raises `UserError` for a tag that is not accepted, and for None."""
    for tag in tags:
        if tag not in accepted:
            what = "detects no language" if tag is None else f"has no language '{tag}'"
            raise UserError(f"recognizer '{name}' {what}. Choose one of {', '.join(accepted)}")
