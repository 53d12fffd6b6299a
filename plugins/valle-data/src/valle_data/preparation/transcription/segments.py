"""Parts of what was transcribed: some words of a segment, segments moved in time."""

from __future__ import annotations

from dataclasses import replace

from valle_language.recognition import RecognizedSegment, TimedWord


def part(segment: RecognizedSegment, first: int, last: int) -> RecognizedSegment:
    """The words `first` … `last` (that one left out) of a segment, with the text that holds them."""
    words = segment.words[first:last]
    if len(words) == len(segment.words):
        return segment
    places, position = [], 0
    for word in segment.words:  # spaces between words depend on the language, so the text is cut, not joined anew
        found = segment.text.find(word.text, position)
        places.append(found)
        position = found + len(word.text) if found >= 0 else position
    inside = min(places[first:last], default=-1) >= 0
    cut = segment.text[places[first] : places[last - 1] + len(words[-1].text)] if inside else ""
    text = cut or " ".join(word.text for word in words)
    return RecognizedSegment(text=text, start=words[0].start, end=words[-1].end, words=words)


def moved(segment: RecognizedSegment, seconds: float) -> RecognizedSegment:
    """The same, later by `seconds`."""
    words = tuple(replace(one, start=one.start + seconds, end=one.end + seconds) for one in segment.words)
    return replace(segment, start=segment.start + seconds, end=segment.end + seconds, words=words)


def within(segment: RecognizedSegment, start: float, end: float) -> RecognizedSegment:
    """The same with all times brought into start … end."""

    def fit(seconds: float) -> float:
        return min(max(seconds, start), end)

    words = tuple(replace(one, start=fit(one.start), end=fit(one.end)) for one in segment.words)
    return replace(segment, start=fit(segment.start), end=fit(segment.end), words=words)


def word_to_list(word: TimedWord) -> list[str | float]:
    """For JSON: text, start, end; times to the millisecond."""
    return [word.text, round(word.start, 3), round(word.end, 3)]
