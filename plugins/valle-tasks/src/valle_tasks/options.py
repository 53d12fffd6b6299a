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
