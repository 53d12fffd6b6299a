"""Timestamps → stretches, as openai/whisper cuts its windows."""

from __future__ import annotations

import numpy as np
import pytest
from valle_whisper.segments import Stretch, sound_bounds, split_window, within

from valle_language.recognition import TimedWord

FIRST = 1000


def at(seconds: float) -> int:
    return FIRST + round(seconds / 0.02)


def stretch(start: float, end: float, *tokens: int) -> Stretch:
    return Stretch(tokens=tokens, start=pytest.approx(start), end=pytest.approx(end))


@pytest.mark.parametrize(
    ("tokens", "wanted", "done"),
    [
        ([at(0), 1, 2, at(3)], [stretch(0, 3, 1, 2)], 8),
        ([at(0.5), 1, at(1), at(1), 2, at(2.5)], [stretch(0.5, 1, 1), stretch(1, 2.5, 2)], 8),
        ([at(0), 1, at(1), at(1.2), 2, at(2), at(2)], [stretch(0, 1, 1), stretch(1.2, 2, 2)], 2),
        ([at(0), 1, at(1), at(1.2), 2, 3], [stretch(0, 1, 1)], 1),
        ([at(0.4), 1, 2], [stretch(0.4, 8, 1, 2)], 8),
        ([1, 2], [stretch(0, 8, 1, 2)], 8),
        ([], [stretch(0, 8)], 8),
        ([at(0), 1, at(20)], [stretch(0, 8, 1)], 8),
        ([at(9), 1, at(9.5), at(9.5)], [stretch(8, 8, 1)], 8),
        ([at(0), at(0)], [stretch(0, 8)], 8),
    ],
)
def test_pairs_of_timestamps_cut_and_what_was_cut_off_is_transcribed_again(tokens, wanted, done):
    found, next_window = split_window(tokens, first=FIRST, seconds=8)
    assert found == wanted
    assert next_window == pytest.approx(done)


def test_sound_is_what_is_within_forty_decibels_of_the_loudest():
    assert sound_bounds(np.array([-90, -70, -30, -20, -59, -61, -61.0]), 0.068) == pytest.approx((0.02, 0.05))
    assert sound_bounds(np.array([-20.0, -20.0]), 0.015) == pytest.approx((0, 0.015))


def test_words_are_moved_into_order_and_into_bounds():
    words = [TimedWord(text=name, start=start, end=end) for name, start, end in
             [("a", 0.0, 0.4), ("b", 0.3999, 1.23456), ("c", 1.0, 1.1), ("d", 5.0, 6.0)]]  # fmt: skip
    moved = within(words, 0.25, 2.0)
    assert [(word.start, word.end) for word in moved] == [(0.25, 0.4), (0.4, 1.234), (1.234, 1.234), (2.0, 2.0)]
