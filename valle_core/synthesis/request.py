"""What is asked of a synthesizer, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor


class Encoded(NamedTuple):
    """A prompt as the model reads it: its codes, and a remark for the user or ""."""

    codes: Int[Tensor, "F Q"]
    remark: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One text to say.

    Attributes:
        text: in the language's orthography; phonemes may stand between `[[` and `]]`.
        prompt: audio file of the voice, its codes [F, Q] or `Encoded`; None lets the model choose a voice.
        language: tag, or None for the model's first.
        prompt_text: what the prompt says, for tasks that continue it.
        seed: random seed; the same seed gives the same speech in every batch.
        max_seconds: bound of the answer.
        phonemes: the text is phonemes, as the model's symbols are written.
        seconds: duration of the answer, for a level 0 that is filled in place; 0 where the model's alignment says it.
        source: audio file that the task works on, or its codes [F, Q].
        span: seconds of the source that are replaced, for edits.
    """

    text: str
    prompt: Path | Int[Tensor, "F Q"] | Encoded | None = None
    language: str | None = None
    prompt_text: str = ""
    seed: int = 0
    max_seconds: float = 20.0
    phonemes: bool = False
    seconds: float = 0.0
    source: Path | Int[Tensor, "F Q"] | None = None
    span: tuple[float, float] | None = None


class Word(NamedTuple):
    """A word as it was said: its phonemes, joined, and the seconds at which it starts and ends."""

    symbols: str
    start: float
    end: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Speech:
    """One answer.

    Attributes:
        wav: [N] in [−1, 1], after the `after_audio` hooks.
        sample_rate: Hz.
        codes: [F, Q] it was decoded from.
        symbols: phonemes that were said.
        stopped: False when the answer ran into its bound instead of ending by itself.
        unknown: phonemes the model has never seen, with counts (they were read as one unknown symbol).
        remarks: what else the listener should know, e.g. that the prompt was cut.
        times: [P + 1] seconds at which each symbol begins and the last one ends; empty without an alignment.
    """

    wav: Float[Tensor, "N"]
    sample_rate: int
    codes: Int[Tensor, "F Q"]
    symbols: tuple[str, ...]
    stopped: bool
    unknown: dict[str, int]
    remarks: tuple[str, ...] = ()
    times: tuple[float, ...] = ()

    @property
    def words(self) -> list[Word]:
        """What spaces part, with the seconds at which each begins and ends; nothing without an alignment."""
        spaces = [place for place, symbol in enumerate(self.symbols) if symbol.isspace()]
        edges = zip([0, *(place + 1 for place in spaces)], [*spaces, len(self.symbols)], strict=True)
        return [
            Word("".join(self.symbols[first:last]), self.times[first], self.times[last])
            for first, last in edges
            if self.times and first < last
        ]

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.wav.shape[-1] / self.sample_rate

    def notes(self, request: Request) -> list[str]:
        """What the listener should know: the bound was hit, phonemes were unknown, the prompt was out of range."""
        lines = list(self.remarks)
        if not self.stopped:
            lines.append(f"'{request.text}' ran into its bound of {self.seconds:.2f} s and was cut off there")
        if self.unknown:
            named = ", ".join(f"'{symbol}' × {count}" for symbol, count in self.unknown.items())
            lines.append(f"'{request.text}' has phonemes the model has never seen: {named}")
        return lines


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Where the time of one call went.

    Attributes:
        prompt: reading, resampling and encoding prompts, phonemizing, s.
        autoregressive: level 0, s.
        nonautoregressive: the other levels, s.
        codec: decoding to audio, s.
        tokens: level-0 tokens of all rows.
        audio_seconds: of all answers.
    """

    prompt: float
    autoregressive: float
    nonautoregressive: float
    codec: float
    tokens: int
    audio_seconds: float

    @property
    def total(self) -> float:
        """Wall time in s."""
        return self.prompt + self.autoregressive + self.nonautoregressive + self.codec

    @property
    def real_time_factor(self) -> float:
        """Wall time per second of audio; below 1 is faster than real time."""
        return self.total / max(self.audio_seconds, 1e-9)

    @property
    def tokens_per_second(self) -> float:
        """Level-0 tokens per second of autoregressive decoding, prompt pass included."""
        return self.tokens / max(self.autoregressive, 1e-9)
