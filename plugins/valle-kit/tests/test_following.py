"""A row of an engine in chunks: those of `stream`, whatever rows are beside it; the first before the row has ended."""

from __future__ import annotations

import threading

import pytest
import torch

from valle_core.api import Request, UserError
from valle_kit.engine import Ended, Engine
from valle_kit.following import Following
from valle_kit.streaming import Windowing, stream

SPOKEN = (("abc", 0.3), ("fed cba", 0.5), ("a", 0.1), ("ccc ddd", 0.4), ("bead", 0.2))
REQUESTS = [Request(text=text, seed=seed, max_seconds=seconds) for seed, (text, seconds) in enumerate(SPOKEN)]
SMALL = Windowing(first=0.06, step=0.1, ahead=0.02, before=0.1)


def followed(engine: Engine, requests):
    """For each request, its parts with whether the row had ended by then."""
    rows: dict[int, Following] = {}
    parts = {engine.submit(one): [] for one in requests}
    while not engine.idle:
        for event in engine.step():
            row = rows.setdefault(event.ticket, Following(event, SMALL))
            row.see(event)
            while row.ready:
                parts[event.ticket].append((row.part(), isinstance(event, Ended)))
    return [*parts.values()]


@pytest.fixture(scope="module")
def synthesizer(speaker):
    """One with random weights."""
    return speaker(samplers=(("top_k", {"k": 20}),))


def test_chunks_are_those_of_a_stream_alone_and_beside_others(synthesizer):
    found = followed(Engine(synthesizer, rows=3), REQUESTS)
    for request, parts in zip(REQUESTS, found, strict=True):
        wanted = list(stream(synthesizer, request, SMALL))
        assert len(wanted) > 1 or len(parts) == 1
        got = [part.chunk for part, _ in parts if len(part.chunk.wav) or part.chunk.last]
        assert [(one.start, one.frames, one.last) for one in got] == [
            (one.start, one.frames, one.last) for one in wanted
        ]
        assert all(torch.equal(one.wav, other.wav) for one, other in zip(got, wanted, strict=True))
    assert not found[1][0][1], "its first chunk came when the row had ended"


def test_what_is_known_at_the_end_is_what_a_whole_speech_says(synthesizer):
    (whole,), (parts,) = synthesizer([REQUESTS[1]]), followed(Engine(synthesizer), [REQUESTS[1]])
    last = parts[-1][0]
    assert last.frames == len(whole.codes)
    assert (last.speech.symbols, last.speech.times) == (whole.symbols, whole.times)
    assert last.speech.notes(REQUESTS[1]) == whole.notes(REQUESTS[1])


def test_a_row_that_was_followed_leaves_no_thread(synthesizer):
    before = threading.active_count()
    followed(Engine(synthesizer), REQUESTS)
    assert threading.active_count() == before


def test_a_row_that_failed_says_why(synthesizer):
    engine = Engine(synthesizer)
    engine.submit(Request(text="abc", seed=1, max_seconds=-1.0))
    ((event,),) = [engine.step()]
    row = Following(event, SMALL)
    row.see(event)
    assert row.ready
    with pytest.raises(UserError, match=r"max_duration must be in \(0, 3600\] s, got -1"):
        row.part()
