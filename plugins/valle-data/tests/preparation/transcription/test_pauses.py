"""Long audio becomes windows that begin and end in pauses."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from valle_data.preparation.transcription.pauses import windows

RATE = 8000


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return 0.2 * np.random.default_rng(seed).normal(size=round(seconds * RATE)).astype(np.float32)


def calm(seconds: float) -> np.ndarray:
    return 0.0005 * noise(seconds, seed=1)


def kept(found) -> list[tuple[int, int]]:
    return [(one.keep_start, one.keep_end) for one in found]


@pytest.mark.parametrize("longest", [None, 3.0, 2.0])
def test_what_is_short_enough_is_one_window(longest):
    (window,) = windows(noise(2.0), RATE, longest)
    assert (window.start, window.end, window.keep_start, window.keep_end) == (0, 16_000, 0, 16_000)


def test_windows_end_in_the_middle_of_pauses():
    wav = np.concatenate([noise(2.5), calm(0.4), noise(2.4), calm(0.6), noise(2.0)])
    found = windows(wav, RATE, 3.5)
    assert [one.start for one in found][1:] == [one.end for one in found][:-1]
    assert [round(one.end / RATE, 1) for one in found] == [2.7, 5.6, 7.9]
    assert kept(found) == [(one.start, one.end) for one in found]


@pytest.mark.parametrize("seconds", [7.0, 30.0, 61.3])
@pytest.mark.parametrize("longest", [3.0, 5.0])
def test_without_pauses_windows_overlap_and_each_sample_counts_once(seconds, longest):
    wav = noise(seconds)
    found = windows(wav, RATE, longest)
    assert all(0 <= one.start <= one.keep_start < one.keep_end <= one.end <= len(wav) for one in found)
    assert all(one.end - one.start <= longest * RATE for one in found)
    edges = kept(found)
    assert edges[0][0] == 0
    assert edges[-1][1] == len(wav)
    assert [end for _, end in edges[:-1]] == [start for start, _ in edges[1:]]
    for left, right in pairwise(found):
        assert left.end - left.keep_end >= 0.25 * RATE
        assert right.keep_start - right.start >= 0.25 * RATE


def test_silence_throughout_is_cut_too():
    found = windows(np.zeros(10 * RATE, dtype=np.float32), RATE, 4.0)
    assert max(one.end - one.start for one in found) <= 4 * RATE
    assert kept(found)[-1][1] == 10 * RATE
