"""What a synthesizer is asked for, from what Python users give."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

from jaxtyping import Int
from torch import Tensor

from valle.options import PathLike, expect, named
from valle_core.plugin import UserError
from valle_core.synthesis.request import Encoded, Request

Prompt: TypeAlias = PathLike | Int[Tensor, "F Q"]
"""A recording of the voice (wav, flac, ogg, mp3, at any rate), or codec codes [F, Q]."""

Followed: TypeAlias = Encoded | Int[Tensor, "F Q"] | Path | None
"""A prompt as a request takes it."""


def given_recording(recording: Prompt | None, what: str = "the prompt") -> Path | Tensor | None:
    """A file to read, or codes as they are. Raises `UserError` for what is no path."""
    return recording if recording is None or isinstance(recording, Tensor) else named(recording, what)


def expect_bound(max_seconds: float) -> None:
    """Raises `UserError` where that cannot be the longest a sentence may last."""
    expect(int | float, "a number", max_seconds=max_seconds)
    if not 0 < max_seconds <= 3600:
        raise UserError(f"max_seconds must be in (0, 3600] s, got {max_seconds:g}")


def transformation(input: Prompt, *, span: tuple[float, float] | None = None, **asked: Any) -> Request:
    """What `Speaker.transform` asks of the synthesizer: a request with a source. `asked` are other fields of it.

    Raises `UserError` without a recording, or for a span that is not two numbers.
    """
    if input is None:
        raise UserError("input must be a recording or its codes, got None")
    if span is not None:
        if not isinstance(span, tuple | list) or len(span) != 2:
            raise UserError(f"span must be two numbers, the seconds (start, end), got {span!r:.80}")
        for second in span:
            expect(int | float, "two numbers, the seconds (start, end)", span=second)
        asked["span"] = (span[0], span[1])
    return Request(**{"text": "", **asked, "source": given_recording(input, "the input")})


def question(text: str, input: Prompt | None, prompt: Followed, **asked: Any) -> Request:
    """What `Speaker.write` asks; as `transformation`, but the source may be missing."""
    return Request(text=text, source=given_recording(input, "the input"), prompt=prompt, **asked)


def seeds_of(seed: int | list[int] | tuple[int, ...], count: int) -> list[int]:
    """One for each text."""
    if not isinstance(seed, list | tuple):
        expect(int, "a whole number, or one for each text", seed=seed)
        return [seed + number for number in range(count)]
    for one in seed:
        expect(int, "a whole number, or one for each text", seed=one)
    if len(seed) != count:
        raise UserError(f"seed must be one number, or one for each of the {count} texts, got {len(seed)}")
    return list(seed)
