"""What was transcribed, cut into utterances of a length that training likes, with the silence around them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from valle_data.preparation.transcription.segments import part
from valle_language.recognition import RecognizedSegment, TimedWord

_LONGEST_SILENCE = 1.0  # seconds inside an utterance that is made of two


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """A stretch of a recording that becomes an utterance.

    Attributes:
        text: what is said.
        start, end: seconds of the recording, to the millisecond, silence included.
        words: with times of the recording, or empty.
    """

    text: str
    start: float
    end: float
    words: tuple[TimedWord, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Sliced:
    """The slices of a recording, and how many stretches of speech were left out.

    Attributes:
        slices: in order, apart from each other.
        too_short, too_long: stretches that could not be given a length within the bounds.
    """

    slices: tuple[Slice, ...]
    too_short: int = 0
    too_long: int = 0


def slice_up(segments: Sequence[RecognizedSegment], seconds: float, *, least: float, most: float, pad: float) -> Sliced:
    """Utterances of `least` … `most` seconds, silence included.

    A segment that is too long is cut at its longest pause between words, as often as needed; short ones are joined
    with a neighbour less than a second away. Each slice keeps `pad` seconds on either side, but at most half the way
    to what is said before and after, and nothing outside of the recording.
    """
    pieces = [piece for one in segments for piece in _cut(one, most)]
    groups = _joined(pieces, least, most)
    slices, short, long = [], 0, 0
    for index, (start, end, text, words) in enumerate(groups):
        if end - start > most:
            long += 1
            continue
        before = groups[index - 1][1] if index else -start  # as if something ended as far before the beginning
        after = groups[index + 1][0] if index + 1 < len(groups) else 2 * seconds - end
        room = most - (end - start)
        left = min(pad, (start - before) / 2, room / 2)
        right = min(pad, (after - end) / 2, room - left)
        first, last = math.ceil(1000 * (start - left) - 1e-6), math.floor(1000 * (end + right) + 1e-6)
        if last - first < 1000 * least or last <= first:
            short += 1
            continue
        slices.append(Slice(text=text, start=max(first, 0) / 1000, end=last / 1000, words=words))
    return Sliced(slices=tuple(slices), too_short=short, too_long=long)


def _cut(segment: RecognizedSegment, most: float) -> list[RecognizedSegment]:
    """Itself, or its words in parts that fit, cut at the longest pause; of equal ones at that nearest the middle."""
    if segment.end - segment.start <= most or len(segment.words) < 2:
        return [segment]
    words = segment.words
    middle = (segment.start + segment.end) / 2

    def pause(index: int) -> tuple[float, float]:
        return round(words[index].start - words[index - 1].end, 3), -abs(words[index].start - middle)

    at = max(range(1, len(words)), key=pause)
    return [*_cut(part(segment, 0, at), most), *_cut(part(segment, at, len(words)), most)]


Group = tuple[float, float, str, tuple[TimedWord, ...]]
"""Start, end, text, words."""


def _joined(pieces: Sequence[RecognizedSegment], least: float, most: float) -> list[Group]:
    """Pieces shorter than `least` joined with the one before, or with the one behind, where that fits."""
    groups: list[Group] = []
    for one in pieces:
        if groups:
            start, end, text, words = groups[-1]
            short = end - start < least or one.end - one.start < least
            timed = bool(words) == bool(one.words)
            if short and timed and one.start - end < _LONGEST_SILENCE and one.end - start <= most:
                groups[-1] = (start, one.end, f"{text} {one.text}", (*words, *one.words))
                continue
        groups.append((one.start, one.end, one.text, one.words))
    return groups
