"""What a listener gets of a row's parts: silence once, words with the sound in which they end, remarks at the end."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from valle_serve import following
from valle_serve.following import FollowedRow
from valle_serve.interface import SpokenWord

from valle_core.api import Request, Speech
from valle_kit.following import Part
from valle_kit.streaming import Chunk, Windowing

WORDS = [SpokenWord("one", 0.0, 0.3), SpokenWord("two", 0.3, 0.8), SpokenWord("three", 0.8, 1.0)]


def part(seconds: float, frames: int, *, last: bool = False) -> Part:
    speech = Speech(
        wav=torch.zeros(1), sample_rate=100, codes=torch.zeros(0, 1), symbols=(), stopped=True, unknown={},
        remarks=("the prompt was cut",),
    )  # fmt: skip
    chunk = Chunk(torch.full((round(seconds * 100),), 0.5), 0.0, frames, last)
    return Part(chunk=chunk, frames=frames, end=frames / 10, speech=speech)


@pytest.fixture
def row(monkeypatch):
    parts = [part(0.0, 2), part(0.4, 5), part(0.3, 9), part(0.3, 10, last=True)]

    class Row:
        ready = True

        def __init__(self, event, windowing):
            assert windowing.first == 0.1

        def see(self, event):
            pass

        def part(self):
            return parts.pop(0)

    monkeypatch.setattr(following, "Following", Row)
    found = FollowedRow(Request(text="one two three"), 0.25, lambda speech: WORDS, Windowing(first=0.1))
    assert not found.ready
    found.see(object())
    assert found.ready
    return found


def test_the_pause_is_before_the_first_sound_only(row):
    pieces = [row.piece() for _ in range(4)]
    assert [len(piece.wav) for piece in pieces] == [0, 65, 30, 30]
    assert not pieces[1].wav[:25].any()
    assert np.all(pieces[1].wav[25:] == 0.5)
    assert [piece.last for piece in pieces] == [False, False, False, True]
    assert [piece.tokens for piece in pieces] == [0, 5, 4, 1]
    assert [piece.warnings for piece in pieces] == [(), (), (), ("the prompt was cut",)]


def test_a_word_comes_with_the_sound_in_which_it_ends_at_its_time_in_the_whole(row):
    at, found = 0.0, []
    for piece in (row.piece() for _ in range(4)):
        found.append([(text, round(start + at, 6), round(end + at, 6)) for text, start, end in piece.words])
        at += len(piece.wav) / 100
    assert found == [[], [("one", 0.25, 0.55)], [("two", 0.55, 1.05)], [("three", 1.05, 1.25)]]
