"""Long text: sentences spoken as a batch with the same prompt and joined in order, with a pause between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate
from typing import Literal, Protocol

import torch

from valle_core.plugin import UserError
from valle_core.synthesis.request import Request, Speech, Timing
from valle_language.detection import candidates_of, detect, is_auto
from valle_language.markup import at_breaks, without_markup
from valle_language.sentences import pieces_of

AT_ONCE = 16
"""Pieces in one batch, so that a book does not need the memory of a book."""

_NEXT_PIECE = 1_000_003
"""Added to the seed from piece to piece: far from the seeds of neighbouring lines."""


class Speaks(Protocol):
    """The part of a `Synthesizer` that is needed here."""

    timing: Timing | None

    @property
    def sample_rate(self) -> int: ...

    def __call__(self, requests: Sequence[Request]) -> list[Speech]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Splitting:
    """How a long text is taken apart.

    Attributes:
        by: `sentences`, or `none` for one answer to the whole text.
        pause: seconds of silence between two pieces.
        most: letters of a piece; a longer sentence is cut at its clauses (a wide letter counts three).
    """

    by: Literal["sentences", "none"] = "sentences"
    pause: float = 0.25
    most: int = 200

    def __post_init__(self) -> None:
        if self.by not in ("sentences", "none"):
            raise UserError(f"--split {self.by} is unknown. Choose sentences or none")
        if not 0 <= self.pause <= 10:
            raise UserError(f"the pause between sentences must be in [0, 10] s, got {self.pause:g}")
        if self.most < 20:
            raise UserError(f"the letters of a sentence must be at least 20, got {self.most}")


def with_language(request: Request, languages: Sequence[str]) -> tuple[Request, str]:
    """The request with a tag of the model's in place of `auto`, and a note of what was detected ("" if nothing).

    Args:
        request: its language may be None (the model's first), a tag, `auto`, or `auto:TAG,TAG`.
        languages: the model's.

    Raises:
        UserError: the language is not clear, or a candidate is not the model's.
    """
    if request.language is None or not is_auto(request.language):
        return request, ""
    candidates = candidates_of(request.language, languages)
    foreign = [tag for tag in candidates if tag not in languages]
    if foreign:
        raise UserError(f"language '{foreign[0]}' is unknown here. Choose from {', '.join(languages)}")
    if request.phonemes:
        raise UserError(f"phonemes do not show their language. Name it: --language TAG, one of {', '.join(candidates)}")
    found = detect(without_markup(request.text), candidates)
    return replace(request, language=found.language), found.note()


def with_languages(requests: Iterable[Request], languages: Sequence[str]) -> tuple[list[Request], list[str]]:
    """`with_language` of each, and the notes, each once."""
    tagged = [with_language(request, languages) for request in requests]
    return [request for request, _ in tagged], list(dict.fromkeys(note for _, note in tagged if note))


def pieces(request: Request, language: str, splitting: Splitting) -> list[Request]:
    """Requests that say the text in order, all in the same voice; one that needs no cut is left as it is.

    Raises `UserError` for an empty text when it is spoken, not here.
    """
    return [piece for _, piece in paused(request, language, splitting)]


def paused(request: Request, language: str, splitting: Splitting) -> list[tuple[float, Request]]:
    """The pieces, each with the seconds of silence before it: a break's where one stands there."""
    found: list[tuple[float, str]] = []
    for text, wait in [(request.text, None)] if request.phonemes else at_breaks(request.text):
        by_sentences = splitting.by == "sentences" and not request.phonemes
        cut = pieces_of(text, language, splitting.most) if by_sentences else [text] if text.strip() else []
        gaps = [wait if wait is not None else splitting.pause, *[splitting.pause] * len(cut)]
        found += list(zip(gaps, cut, strict=False))
    if len(found) < 2 and "<" not in request.text:
        return [(0.0, request)]
    if not found:
        raise UserError(f"the text {request.text!r} has no words. Give a text with words")
    return [
        (gap if index else 0.0, replace(request, text=text, seed=request.seed + _NEXT_PIECE * index))
        for index, (gap, text) in enumerate(found)
    ]


def speak_long(
    synthesizer: Speaks, requests: Sequence[Request], splitting: Splitting, languages: Sequence[str]
) -> list[Speech]:
    """One speech per request, however many sentences it has; `synthesizer.timing` then covers all of them.

    `max_seconds` bounds each piece. The prompt is the same for every piece, nothing is carried from one to the next.
    """
    cut = [paused(request, request.language or languages[0], splitting) for request in requests]
    flat = [piece for group in cut for _, piece in group]
    spoken: list[Speech] = []
    timings: list[Timing] = []
    for start in range(0, max(1, len(flat)), AT_ONCE):
        spoken.extend(synthesizer(flat[start : start + AT_ONCE]))
        assert synthesizer.timing is not None
        timings.append(synthesizer.timing)
    synthesizer.timing = Timing(
        **{field.name: sum(getattr(timing, field.name) for timing in timings) for field in fields(Timing)}
    )
    ends = list(accumulate(len(group) for group in cut))
    return [
        joined(spoken[end - len(group) : end], [gap for gap, _ in group]) for group, end in zip(cut, ends, strict=True)
    ]


def joined(speeches: Sequence[Speech], gaps: Sequence[float]) -> Speech:
    """The speeches one after another, each after its seconds of silence; their codes have no pause."""
    if len(speeches) == 1:
        return speeches[0]
    rate = speeches[0].sample_rate
    wavs = [
        part
        for speech, gap in zip(speeches, gaps, strict=True)
        for part in (torch.zeros(round(gap * rate)).to(speech.wav), speech.wav)
    ]
    begins = accumulate(
        (gap + speech.seconds for gap, speech in zip(gaps[1:], speeches, strict=False)), initial=gaps[0]
    )
    known = all(speech.times for speech in speeches)
    symbols = tuple(symbol for speech in speeches for symbol in (" ", *speech.symbols))[1:]
    return Speech(
        wav=torch.cat(wavs),
        sample_rate=rate,
        codes=torch.cat([speech.codes for speech in speeches]),
        symbols=symbols,
        stopped=all(speech.stopped for speech in speeches),
        unknown=dict(sum((Counter(speech.unknown) for speech in speeches), Counter())),
        remarks=tuple(dict.fromkeys(remark for speech in speeches for remark in speech.remarks)),
        times=tuple(at + time for at, speech in zip(begins, speeches, strict=True) for time in speech.times if known),
    )
