"""The service over a model: who is spoken next, who waits, who left, and that one cannot spoil the others'."""

from __future__ import annotations

import threading
import time
from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest
from valle_serve.admission import Job
from valle_serve.batched import BatchedSpeaker
from valle_serve.interface import AHEAD_SECONDS, Asked, Busy, Listener, Load, Piece, SpokenWord, UnknownVoice
from valle_serve.readable import readable
from valle_serve.words import placed_words

from valle_core.api import UserError, Word


class Model:
    """Says each word of a text as a piece of a second; what it said lies in `batches`."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.may = threading.Event()
        self.may.set()

    def cut(self, asked, speaker):
        if asked.text == "unknown":
            raise UnknownVoice("there is no such voice")
        return [SimpleNamespace(word=word) for word in asked.text.split()]

    def __call__(self, speaker, cuts, speed):
        assert self.may.wait(5)
        self.batches.append([cut.word for cut in cuts])
        if any(cut.word == "bad" for cut in cuts):
            raise UserError("a bad word")
        return [Piece(wav=np.full(100, speed, np.float32), tokens=1) for _ in cuts]


SPEAKER = SimpleNamespace(sample_rate=100, languages=("en",), voices={"ada": "low"}, box=None, saved=None)


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def service(model):
    made: list[BatchedSpeaker] = []

    def service(**options) -> BatchedSpeaker:
        made.append(BatchedSpeaker(SPEAKER, model, **options))
        return made[-1]

    yield service
    model.may.set()
    for one in made:
        one.close()


def all_of(listener: Listener, seconds: float = 5.0) -> list[Piece]:
    """What was delivered up to its end. Raises what ended it."""
    found, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            piece = listener.take()
        except StopIteration:
            return found
        if piece is None:
            time.sleep(0.002)
        else:
            found.append(piece)
    raise AssertionError("it did not end")


def test_every_piece_comes_in_order_and_the_last_says_so(service):
    listener = Listener(rate=100)
    service().start(Asked(text="one two three"), listener)
    assert [piece.last for piece in all_of(listener)] == [False, False, True]


def test_requests_are_spoken_together(service, model):
    model.may.clear()
    one = service()
    listeners = [Listener(rate=100) for _ in range(5)]
    for number, listener in enumerate(listeners):
        one.start(Asked(text=f"a{number} b{number}"), listener)
    model.may.set()
    assert all(len(all_of(listener)) == 2 for listener in listeners)
    assert max(map(len, model.batches)) >= 4


def test_rates_are_not_mixed_in_a_batch(service, model):
    model.may.clear()
    one = service()
    listeners = [Listener(rate=100) for _ in range(4)]
    for number, listener in enumerate(listeners):
        one.start(Asked(text="a b", speed=1.0 + number % 2), listener)
    model.may.set()
    for number, listener in enumerate(listeners):
        assert {float(piece.wav[0]) for piece in all_of(listener)} == {1.0 + number % 2}


def test_one_bad_text_does_not_spoil_the_others(service, model):
    model.may.clear()
    one = service()
    good, bad = Listener(rate=100), Listener(rate=100)
    one.start(Asked(text="fine"), good)
    one.start(Asked(text="bad"), bad)
    model.may.set()
    assert len(all_of(good)) == 1
    with pytest.raises(UserError, match="a bad word"):
        all_of(bad)
    assert one.load() == Load() or one.load().waiting == 0


def test_who_has_begun_goes_on_without_a_pause_before_another_begins(service, model):
    """Pieces are of a second, and three seconds ahead are enough."""
    model.may.clear()
    one = service(rows=1, clock=lambda: 5.0)
    first, second = Listener(rate=100), Listener(rate=100)
    one.start(Asked(text="a1 a2 a3 a4"), first)
    one.start(Asked(text="b1"), second)
    model.may.set()
    all_of(first)
    all_of(second)
    assert [word for (word,) in model.batches] == ["a1", "a2", "a3", "b1", "a4"]


def test_of_those_who_have_begun_the_one_who_runs_out_first_goes_first():
    jobs = {
        name: Job(Asked(text=name), deque(), Listener(), arrived, sent=sent, began=began)
        for name, arrived, began, sent in (
            ("far", 0, 1, 9), ("soon", 3, 4, 2), ("sooner", 2, 5, 0.5), ("new", 4, 0, 0), ("newer", 5, 0, 0)
        )
    }  # fmt: skip
    assert sorted(jobs, key=lambda name: jobs[name].turn(6.0)) == ["sooner", "soon", "new", "newer", "far"]


def test_who_left_is_spoken_no_further(service, model):
    model.may.clear()
    one = service(rows=1)
    listener = Listener(rate=100)
    one.start(Asked(text="a " * 50), listener)
    listener.leave()
    other = Listener(rate=100)
    one.start(Asked(text="b"), other)
    model.may.set()
    all_of(other)
    assert len(model.batches) <= 3
    assert one.load().speaking == 0


def test_a_client_that_does_not_read_holds_no_memory(service, model):
    one = service()
    listener = Listener(rate=100)
    one.start(Asked(text="a " * 200), listener)
    until = time.monotonic() + 5
    while not listener.full and time.monotonic() < until:
        time.sleep(0.002)
    time.sleep(0.1)
    assert len(model.batches) <= AHEAD_SECONDS + 2
    assert len(all_of(listener)) == 200  # it goes on when it reads again


def test_a_full_queue_refuses_and_a_long_wait_ends(service, model):
    model.may.clear()
    one = service(speaking=1, waiting=1, wait_seconds=0.05)
    spoken, waits = Listener(rate=100), Listener(rate=100)
    one.start(Asked(text="a"), spoken)
    one.start(Asked(text="b"), waits)
    assert one.load() == Load(speaking=1, waiting=1)
    with pytest.raises(Busy, match="1 requests are being spoken and 1 wait; try again later"):
        one.start(Asked(text="c"), Listener(rate=100))
    time.sleep(0.1)
    model.may.set()
    assert len(all_of(spoken)) == 1
    with pytest.raises(Busy, match=r"it waited for its turn for 0\.05 s"):
        all_of(waits)


def test_what_cannot_be_spoken_is_told_at_once(service):
    with pytest.raises(UnknownVoice):
        service().start(Asked(text="unknown"), Listener())


def test_a_server_that_stops_tells_those_who_listen(service, model):
    model.may.clear()
    one = service(rows=1)
    listener = Listener(rate=100)
    one.start(Asked(text="a b"), listener)
    threading.Timer(0.05, model.may.set).start()
    one.close()
    with pytest.raises(Busy, match="the server is stopping"):
        all_of(listener)
    with pytest.raises(Busy, match="the server is stopping"):
        one.start(Asked(text="a"), Listener())


def words(count: int) -> list[Word]:
    return [Word("x", place, place + 1) for place in range(count)]


@pytest.mark.parametrize(
    ("text", "counts", "spoken", "found"),
    [
        ("a b", {}, 2, [("a", 0, 1), ("b", 1, 2)]),
        ("at 10:30 now", {"at": 1, "10:30": 2, "now": 1}, 4, [("at", 0, 1), ("10:30", 1, 3), ("now", 3, 4)]),
        ("a – b", {"a": 1, "–": 0, "b": 1}, 2, [("a", 0, 1), ("b", 1, 2)]),
        ("aaaa b", {"aaaa": 1, "b": 1}, 5, [("aaaa", 0, 4), ("b", 4, 5)]),
        ("", {}, 2, []),
        ("a", {}, 0, []),
    ],
)
def test_written_words_have_the_times_of_the_spoken_ones(text, counts, spoken, found):
    placed = placed_words(text, words(spoken), lambda word: counts[word])
    assert placed == [SpokenWord(*one) for one in found]


def test_emoji_are_left_out_and_letters_stay():
    assert readable("fine 👩‍💻 🙂 ✅ é ü — © 50 % 中").split() == ["fine", "é", "ü", "—", "©", "50", "%", "中"]
