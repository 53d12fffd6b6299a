"""Options of the tasks (standard library only, so that help panels are cheap)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from valle_core.plugin import BEFORE, UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class TextToSpeechOptions:
    """How the prompt of `tts` is drawn in training.

    Attributes:
        min_seconds: minimum duration of the prompt; shorter only where the speaker's other utterances have no more.
        max_seconds: maximum duration of the prompt.
        no_prompt: fraction of training rows without a prompt, so that the model can choose a voice.
        max_utterances: maximum number of utterances joined to one prompt.
        prompt: utterances to draw the prompt from: random (others of the speaker), similar (the most similar ones, see
            `valle data similar`) or continuous (those before it in its recording or chapter, by the number that ends
            its id).
        similar: number of most similar utterances to draw from, for prompt similar.
    """

    min_seconds: float = 3.0
    max_seconds: float = 6.0
    no_prompt: float = field(default=0.1, metadata={BEFORE: 0.0})
    max_utterances: int = 3
    prompt: Literal["random", "similar", "continuous"] = "random"
    similar: int = 8

    def __post_init__(self) -> None:
        if not 0 < self.max_seconds <= 60:
            raise UserError(f"tts's max_seconds must be in (0, 60], got {self.max_seconds}")
        if not 0 < self.min_seconds <= self.max_seconds:
            raise UserError(f"tts's min_seconds must be in (0, {self.max_seconds}], got {self.min_seconds}")
        if not 0 <= self.no_prompt <= 1:
            raise UserError(f"tts's no_prompt must be in [0, 1], got {self.no_prompt:g}")
        if self.max_utterances < 1:
            raise UserError(f"tts's max_utterances must be at least 1, got {self.max_utterances}")
        if self.prompt not in ("random", "similar", "continuous"):
            raise UserError(f"tts's prompt must be random, similar or continuous, got '{self.prompt}'")
        if self.similar < 1:
            raise UserError(f"tts's similar must be at least 1, got {self.similar}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ContinuationOptions:
    """How `tts-c` cuts an utterance in two.

    Attributes:
        seconds: duration of the start of the utterance that becomes the prompt.
        min_rest_seconds: minimum duration of the rest, which is to be predicted; shorter utterances are left out.
    """

    seconds: float = 3.0
    min_rest_seconds: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= 60:
            raise UserError(f"tts-c's seconds must be in (0, 60], got {self.seconds}")
        if not 0 < self.min_rest_seconds <= 60:
            raise UserError(f"tts-c's min_rest_seconds must be in (0, 60], got {self.min_rest_seconds}")


@dataclass(frozen=True, kw_only=True, slots=True)
class NoiseSuppressionOptions:
    """How `ns` mixes speech with noise in training.

    Attributes:
        min_db: minimum level of the speech above the noise, in decibels.
        max_db: maximum level of the speech above the noise, in decibels.
        label: label of the noise to draw; left out: all noise.
        text: fraction of training rows with the text of the speech, so that it may be given at synthesis.
    """

    min_db: float = -5.0
    max_db: float = 20.0
    label: str = ""
    text: float = 0.5

    def __post_init__(self) -> None:
        _check_levels("ns", self.min_db, self.max_db)
        if not 0 <= self.text <= 1:
            raise UserError(f"ns's text must be in [0, 1], got {self.text:g}")


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechRemovalOptions:
    """How `sr` mixes speech with noise in training.

    Attributes:
        min_db: minimum level of the speech above the noise, in decibels.
        max_db: maximum level of the speech above the noise, in decibels.
        label: label of the noise to draw; left out: all noise.
    """

    min_db: float = -5.0
    max_db: float = 20.0
    label: str = ""

    def __post_init__(self) -> None:
        _check_levels("sr", self.min_db, self.max_db)


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptOptions:
    """How the prompt of a voice is drawn in training, whatever the task.

    Attributes:
        min_seconds: minimum duration of the prompt; shorter only where the speaker's other utterances have no more.
        max_seconds: maximum duration of the prompt.
        max_utterances: maximum number of utterances joined to one prompt.
    """

    min_seconds: float = 3.0
    max_seconds: float = 6.0
    max_utterances: int = 3

    def check(self, task: str) -> None:
        """Raises `UserError` for prompts that cannot be drawn."""
        if not 0 < self.max_seconds <= 60:
            raise UserError(f"{task}'s max_seconds must be in (0, 60], got {self.max_seconds:g}")
        if not 0 < self.min_seconds <= self.max_seconds:
            raise UserError(f"{task}'s min_seconds must be in (0, {self.max_seconds:g}], got {self.min_seconds:g}")
        if self.max_utterances < 1:
            raise UserError(f"{task}'s max_utterances must be at least 1, got {self.max_utterances}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetSpeakerOptions(PromptOptions):
    """How `tse` mixes two speakers in training, and how the prompt (the enrolment) is drawn.

    Attributes:
        min_db: minimum level of the target speaker above the other one, in decibels.
        max_db: maximum level of the target speaker above the other one, in decibels.
    """

    min_db: float = -5.0
    max_db: float = 5.0

    def __post_init__(self) -> None:
        self.check("tse")
        _check_levels("tse", self.min_db, self.max_db)


@dataclass(frozen=True, kw_only=True, slots=True)
class VoiceConversionOptions(PromptOptions):
    """What `vc` shows of its source, and how the prompt of the voice is drawn in training.

    Attributes:
        levels: number of codec levels of the source that are shown.
        stretch: number of frames that are shown, and then hidden, in turn.
    """

    levels: int = 1
    stretch: int = 3

    def __post_init__(self) -> None:
        self.check("vc")
        for name in ("levels", "stretch"):
            if getattr(self, name) < 1:
                raise UserError(f"vc's {name} must be at least 1, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechEditOptions:
    """How long the part is that `cse` takes out of an utterance in training.

    Attributes:
        min_seconds: minimum duration of the part to replace.
        max_seconds: maximum duration of the part to replace.
        min_rest_seconds: minimum duration of what is left around it; shorter utterances are left out.
    """

    min_seconds: float = 0.3
    max_seconds: float = 3.0
    min_rest_seconds: float = 1.0

    def __post_init__(self) -> None:
        _check_edit("cse", self.min_seconds, self.max_seconds, self.min_rest_seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class NoisyEditOptions(SpeechEditOptions):
    """How long the part is that `nse` takes out of a noisy utterance in training, and how noisy that is.

    Attributes:
        min_db: minimum level of the speech above the noise, in decibels.
        max_db: maximum level of the speech above the noise, in decibels.
        label: label of the noise to draw; left out: all noise.
    """

    min_db: float = -5.0
    max_db: float = 20.0
    label: str = ""

    def __post_init__(self) -> None:
        _check_edit("nse", self.min_seconds, self.max_seconds, self.min_rest_seconds)
        _check_levels("nse", self.min_db, self.max_db)


@dataclass(frozen=True, kw_only=True, slots=True)
class LengthOptions(PromptOptions):
    """How the prompt of `len` is drawn in training."""

    def __post_init__(self) -> None:
        self.check("len")


@dataclass(frozen=True, kw_only=True, slots=True)
class RecognitionOptions:
    """Which part of an utterance `stt` reads in training.

    Attributes:
        pieces: share of rows that read a random piece of the utterance, in [0, 1], where the times of its phonemes are
            known; short pieces teach much sooner which frame is which phoneme.
        min_seconds: minimum duration of such a piece.
    """

    pieces: float = 0.0
    min_seconds: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.pieces <= 1:
            raise UserError(f"stt's pieces must be in [0, 1], got {self.pieces:g}")
        if not 0 < self.min_seconds <= 60:
            raise UserError(f"stt's min_seconds must be in (0, 60], got {self.min_seconds:g}")


@dataclass(frozen=True, kw_only=True, slots=True)
class PhonemesOptions:
    """`phn` has no options."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpellingOptions:
    """`un-phn` has no options."""


def _check_levels(task: str, least: float, most: float) -> None:
    """Raises `UserError` for a range of decibels that makes no sense."""
    if not -60 <= most <= 60:
        raise UserError(f"{task}'s max_db must be in [-60, 60], got {most:g}")
    if not -60 <= least <= most:
        raise UserError(f"{task}'s min_db must be in [-60, {most:g}], got {least:g}")


def _check_edit(task: str, least: float, most: float, rest: float) -> None:
    """Raises `UserError` for parts that cannot be taken out."""
    if not 0 < most <= 60:
        raise UserError(f"{task}'s max_seconds must be in (0, 60], got {most:g}")
    if not 0 < least <= most:
        raise UserError(f"{task}'s min_seconds must be in (0, {most:g}], got {least:g}")
    if not 0 < rest <= 60:
        raise UserError(f"{task}'s min_rest_seconds must be in (0, 60], got {rest:g}")
