"""What was transcribed becomes utterances of a length within the bounds."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from valle_data.preparation.transcription.segments import part
from valle_data.preparation.transcription.slicing import slice_up
from valle_language.recognition import RecognizedSegment, TimedWord


def segment(*words: tuple[str, float, float], text: str = "") -> RecognizedSegment:
    timed = tuple(TimedWord(text=word, start=start, end=end) for word, start, end in words)
    text = text or " ".join(word for word, _, _ in words)
    return RecognizedSegment(text=text, start=timed[0].start, end=timed[-1].end, words=timed)


def bare(text: str, start: float, end: float) -> RecognizedSegment:
    return RecognizedSegment(text=text, start=start, end=end)


def spans(sliced) -> list[tuple[str, float, float]]:
    return [(one.text, one.start, one.end) for one in sliced.slices]


def test_silence_is_kept_around_but_no_speech_of_a_neighbour_and_nothing_outside():
    found = slice_up([bare("a", 0.05, 1.0), bare("b", 1.1, 2.0), bare("c", 4.0, 4.95)], 5.0, least=0.1, most=9, pad=0.2)
    assert spans(found) == [("a", 0.0, 1.05), ("b", 1.05, 2.2), ("c", 3.8, 5.0)]


def test_a_long_segment_is_cut_at_its_longest_pauses():
    long = segment(("a", 0, 1), ("b", 1.1, 2), ("c", 2.5, 3.5), ("d", 3.7, 4.5))
    assert [text for text, _, _ in spans(slice_up([long], 5, least=0.1, most=2.4, pad=0.1))] == ["a b", "c d"]
    assert [text for text, _, _ in spans(slice_up([long], 5, least=0.1, most=1.5, pad=0.1))] == ["a", "b", "c", "d"]


def test_where_no_pause_is_longer_the_cut_is_in_the_middle():
    long = segment(*((letter, index, index + 1) for index, letter in enumerate("abcdef")))
    assert [text for text, _, _ in spans(slice_up([long], 6, least=0.1, most=3, pad=0))] == ["a b c", "d e f"]


def test_what_cannot_be_cut_is_counted():
    found = slice_up([bare("a", 0, 5), segment(("b", 6, 12)), bare("c", 13, 14)], 15, least=0.1, most=3, pad=0.1)
    assert (spans(found), found.too_long) == ([("c", 12.9, 14.1)], 2)


def test_short_ones_are_joined_with_a_near_neighbour_or_counted():
    segments = [bare("a", 0.5, 0.7), bare("b", 1.0, 2.5), bare("c", 2.9, 3.0), bare("d", 5.0, 5.1)]
    found = slice_up(segments, 8, least=1, most=4, pad=0)
    assert (spans(found), found.too_short) == ([("a b c", 0.5, 3.0)], 1)


def test_silence_counts_towards_both_bounds():
    assert slice_up([bare("a", 1, 1.7)], 3, least=1, most=4, pad=0.2).slices[0].end == 1.9
    (tight,) = slice_up([bare("a", 1, 2.9)], 9, least=1, most=2, pad=0.5).slices
    assert tight.end - tight.start == pytest.approx(2.0)


def test_the_text_is_cut_as_it_is_written():
    japanese = segment(("今日", 0, 1), ("は", 1, 2), ("いい", 2, 3), ("天気", 3, 4), text="今日はいい天気")
    assert part(japanese, 1, 3).text == "はいい"
    spaced = segment(("well,", 0, 1), ("yes", 1, 2), ("yes", 2, 3), text="well, yes yes")
    assert (part(spaced, 1, 2).text, part(spaced, 2, 3).text, part(spaced, 0, 3)) == ("yes", "yes", spaced)


@pytest.mark.parametrize("seed", range(20))
def test_slices_keep_the_bounds_stay_apart_and_lose_no_word(seed):
    rng = Random(seed)
    time, segments = rng.uniform(0, 0.5), []
    for _ in range(rng.randint(1, 12)):
        words = []
        for _ in range(rng.randint(1, 9)):
            length = rng.uniform(0.1, 0.8)
            words.append((rng.choice("abcdefg") * rng.randint(1, 4), time, time + length))
            time += length + rng.choice([0, 0, 0.1, 0.3])
        segments.append(segment(*words))
        time += rng.uniform(0, 1.5)
    seconds, least, most, pad = time + 0.1, rng.uniform(0, 1), rng.uniform(1.5, 5), rng.uniform(0, 0.5)
    found = slice_up(segments, seconds, least=least, most=most, pad=pad)
    for one in found.slices:
        assert least - 1e-9 <= round(one.end - one.start, 3) <= most + 0.001
        assert 0 <= one.start <= one.words[0].start + 0.001
        assert one.words[-1].end - 0.001 <= one.end <= seconds
        assert one.text.split() == [word.text for word in one.words]
    for left, right in pairwise(found.slices):
        assert left.end <= right.start
    transcribed = [word for one in segments for word in one.words]
    kept = [word for one in found.slices for word in one.words]
    assert kept == [word for word in transcribed if word in kept]
    if not found.too_short and not found.too_long:
        assert kept == transcribed
