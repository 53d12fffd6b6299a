"""The service by continuous batching: rows come and go, errors and leaving clients touch no other row."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from valle_serve.admission import Job
from valle_serve.batched import BatchedSpeaker
from valle_serve.command import service_of
from valle_serve.continuous import MOST_ENGINES, MOST_FOLLOWED, ContinuousSpeaker
from valle_serve.interface import Asked, Busy, Listener, Piece
from valle_serve.options import ServeOptions
from valle_serve.saying import Cut

from valle_core.api import UserError

SPEAKER = SimpleNamespace(sample_rate=100, languages=("en",), voices={"ada": "low"}, box=None, saved=None)


class Engine:
    """Says a word in as many steps as it has letters; what was spoken at once lies in `together`."""

    def __init__(self, rate: float) -> None:
        self.rate, self.rows, self.count = rate, dict[int, list[str]](), 0
        self.together: list[int] = []
        self.cancelled: list[int] = []
        self.finished: list[int] = []

    def finish(self, ticket: int) -> None:
        self.finished.append(ticket)

    @property
    def idle(self) -> bool:
        return not self.rows

    def submit(self, request) -> int:
        if request == "bad":
            raise UserError("a bad word")
        self.count += 1
        self.rows[self.count] = list(request)
        return self.count

    def cancel(self, ticket: int) -> bool:
        self.cancelled.append(ticket)
        return self.rows.pop(ticket, None) is not None

    def step(self):
        time.sleep(0.001)
        self.together.append(len(self.rows))
        if ["!"] in self.rows.values():
            raise RuntimeError("the engine broke")
        events = []
        for ticket, letters in list(self.rows.items()):
            letters.pop()
            if letters:
                events.append(SimpleNamespace(ticket=ticket, rate=self.rate, left=len(letters)))
            else:
                del self.rows[ticket]
                finish = partial(self.finish, ticket)
                events.append(SimpleNamespace(ticket=ticket, rate=self.rate, left=0, finish=finish))
        return events


class Follower:
    """A window of a second for each ten letters that were said, and one for the rest."""

    def __init__(self, word: str) -> None:
        self.word, self.said, self.given = word, 0, 0
        self.rate, self.ended = 1.0, False

    @property
    def ready(self) -> bool:
        return self.ended or self.said >= self.given + 10

    def see(self, event) -> None:
        self.said, self.rate = len(self.word) - event.left, event.rate
        if self.word == "blind":
            raise RuntimeError("it saw nothing")
        if hasattr(event, "finish"):
            self.ended = True
            event.finish()

    def piece(self) -> Piece:
        if self.word == "mute":
            raise UserError("no sound")
        count = min(10, len(self.word) - self.given)
        self.given += count
        last = self.given == len(self.word)
        return Piece(wav=np.full(100, self.rate, np.float32), tokens=count, last=last)


class Say:
    def cut(self, asked, speaker):
        return [Cut(0.0, word) for word in asked.text.split()]

    def follow(self, speaker, cut):
        return Follower(cut.request)


@pytest.fixture
def engines() -> dict[float, Engine]:
    return {}


@pytest.fixture
def service(engines):
    made: list[ContinuousSpeaker] = []

    def engine(rate: float) -> Engine:
        engines[rate] = Engine(rate)
        return engines[rate]

    def service(**options) -> ContinuousSpeaker:
        made.append(ContinuousSpeaker(SPEAKER, Say(), engine, **options))
        return made[-1]

    yield service
    for one in made:
        one.close()


def until(found: Callable[[], Any]) -> Any:
    """What is found within 30 s."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(0.002)
    raise AssertionError("it did not happen")


def all_of(listener: Listener) -> list[Piece]:
    """What was delivered up to its end. Raises what ended it."""
    found, end = [], time.monotonic() + 30
    while time.monotonic() < end:
        try:
            piece = listener.take()
        except StopIteration:
            return found
        if piece is None:
            time.sleep(0.002)
        else:
            found.append(piece)
    raise AssertionError("it did not end")


def test_pieces_come_in_order_whatever_else_is_spoken(service, engines):
    one = service()
    long, short = Listener(rate=100), Listener(rate=100)
    one.start(Asked(text=f"{'a' * 40} bb c"), long)
    one.start(Asked(text="dd e"), short)
    assert [piece.tokens for piece in all_of(short)] == [2, 1]
    found = all_of(long)
    assert [piece.tokens for piece in found] == [10, 10, 10, 10, 2, 1]
    assert [piece.last for piece in found] == [False] * 5 + [True]
    assert max(engines[1.0].together) == 2
    assert one.load().speaking == 0


def test_each_rate_has_an_engine_and_few_are_kept(service, engines):
    one = service()
    for step in range(MOST_ENGINES + 2):
        listener = Listener(rate=100)
        one.start(Asked(text="a", speed=1 + step / 8), listener)
        assert float(all_of(listener)[0].wav[0]) == 1 + step / 8
    assert len(one._engines) <= MOST_ENGINES


def test_one_that_fails_ends_alone(service):
    one = service()
    listeners = {text: Listener(rate=100) for text in ("fine fine", "ok bad", "mute", "blind")}
    for text, listener in listeners.items():
        one.start(Asked(text=text), listener)
    assert len(all_of(listeners["fine fine"])) == 2
    with pytest.raises(UserError, match="a bad word"):
        all_of(listeners["ok bad"])
    with pytest.raises(UserError, match="no sound"):
        all_of(listeners["mute"])
    with pytest.raises(RuntimeError, match="it saw nothing"):
        all_of(listeners["blind"])
    until(lambda: not one._spoken)


def test_an_engine_that_breaks_ends_its_rows_and_the_next_ones_are_spoken(service, engines):
    one = service()
    broken = Listener(rate=100)
    one.start(Asked(text="!"), broken)
    engine = until(lambda: engines.get(1.0))
    with pytest.raises(RuntimeError, match="the engine broke"):
        all_of(broken)
    assert engine.cancelled == [1]
    listener = Listener(rate=100)
    one.start(Asked(text="fine"), listener)
    assert len(all_of(listener)) == 1


def test_the_row_of_a_client_that_left_is_free_at_once(service, engines):
    one = service()
    listener = Listener(rate=100)
    one.start(Asked(text="a" * 100_000), listener)
    until(lambda: engines and engines[1.0].rows)
    listener.leave()
    until(lambda: engines[1.0].cancelled)
    assert engines[1.0].idle
    assert one.load().speaking == 0


def test_the_first_sound_leaves_while_the_row_goes_on(service, engines):
    one, listener = service(), Listener(rate=100)
    one.start(Asked(text="a" * 100_000), listener)
    assert until(listener.take).tokens == 10
    assert engines[1.0].rows
    listener.leave()


def test_who_reads_slowly_gets_no_more_sound_than_may_wait(service, engines):
    one, listener = service(), Listener(rate=100)
    one.start(Asked(text="a" * 300), listener)
    until(lambda: listener.full and engines[1.0].idle)
    time.sleep(0.1)
    assert 20 < len(listener._pieces) < 23
    assert sum(piece.tokens for piece in all_of(listener)) == 300


def test_little_is_said_before_its_sound_is_made(service, engines):
    one, listener = service(), Listener(rate=100)
    one.start(Asked(text=" ".join(["a" * 220] * 6)), listener)
    until(lambda: listener.full and engines[1.0].idle)
    time.sleep(0.1)
    assert engines[1.0].count <= 1 + MOST_FOLLOWED
    listener.leave()


def test_an_ended_row_is_let_go_even_if_its_client_does_not_read(service, engines):
    """Else its thread would wait for ever."""
    one, listener = service(), Listener(rate=100)
    one.start(Asked(text="a" * 250), listener)
    until(lambda: engines.get(1.0) and engines[1.0].finished)


def test_a_piece_of_a_job_that_failed_meanwhile_is_not_spoken(service, engines):
    one = service()
    one._submit(Job(Asked(text="a"), deque(), Listener(rate=100), 0.0))
    assert not engines


def test_of_a_hundred_at_once_each_is_spoken_whole_or_told_to_come_again(service, engines):
    one, listeners, refused = service(speaking=16, waiting=64), list[Listener](), 0
    for number in range(100):
        listener = Listener(rate=100)
        try:
            one.start(Asked(text=f"{'a' * (5 + number % 20)} bb"), listener)
        except Busy:
            refused += 1
        else:
            listeners.append(listener)
    for listener in listeners[::7]:
        listener.leave()
    assert 0 < refused <= 20
    for number, listener in enumerate(listeners):
        if number % 7:
            assert all_of(listener)[-1].last
    until(lambda: not any((*engines[1.0].rows, *one._spoken, *one._jobs)))
    assert max(engines[1.0].together) <= 16


def test_a_server_that_stops_ends_what_it_speaks(service, engines):
    one = service()
    listener = Listener(rate=100)
    one.start(Asked(text="a" * 100_000), listener)
    threading.Timer(0.05, one.close).start()
    with pytest.raises(Busy, match="the server is stopping"):
        all_of(listener)
    assert until(lambda: engines[1.0].cancelled) == [1]


@pytest.mark.parametrize(("device", "kind"), [("cpu", ContinuousSpeaker), ("cuda", BatchedSpeaker)])
def test_the_command_speaks_continuously_on_a_cpu_and_by_batches_elsewhere(device, kind):
    speaker = SimpleNamespace(synthesizer=SimpleNamespace(device=torch.device(device)))
    service = service_of(speaker, ServeOptions())
    try:
        assert type(service) is kind
    finally:
        service.close()


def test_sound_of_several_is_made_at_once_and_of_one_in_order(service, monkeypatch):
    both, order = threading.Barrier(2, timeout=10), []
    usual = Follower.piece

    def piece(self):
        if self.word.startswith("b") and not self.given:
            both.wait()
        order.append(self.word)
        return usual(self)

    monkeypatch.setattr(Follower, "piece", piece)
    one = service(sounding=3)
    listeners = [Listener(rate=100) for _ in range(2)]
    for listener, letter in zip(listeners, "cd", strict=True):
        one.start(Asked(text=f"b{letter * 30} {letter * 20}"), listener)
    for listener in listeners:
        assert [piece.tokens for piece in all_of(listener)] == [10, 10, 10, 1, 10, 10]


def test_where_there_is_much_to_do_the_first_sound_leaves_with_the_second(service):
    one = service(sounding=1)
    jobs = [Job(Asked(text="a"), deque(), Listener(rate=100), 0.0) for _ in range(2)]
    followers = [Follower("a" * 30) for _ in jobs]
    for follower in followers:
        follower.ended = True
    one._jobs.extend(jobs)
    one._next_sound(jobs[0], followers[0])
    assert jobs[0].listener.take() is None
    one._next_sound(jobs[0], followers[0])
    assert [jobs[0].listener.take().tokens for _ in range(2)] == [10, 10]
    one._jobs.remove(jobs[0])
    one._next_sound(jobs[1], followers[1])
    assert jobs[1].listener.take().tokens == 10


def test_nothing_new_begins_while_a_stream_is_about_to_pause(service):
    one = service(clock=lambda: 10.0)
    begun, new = (Job(Asked(text="a"), deque(), Listener(rate=100), 0.0) for _ in range(2))
    begun.began, begun.sent = 8.0, 2.5
    new.followed.append(Follower("a"))
    new.followed[0].ended = True
    one._closed = True  # its own threads do nothing
    one._jobs.extend((begun, new))
    assert one._most_urgent() is None
    begun.sent = 3.5
    assert one._most_urgent() is new
    begun.sent = 2.5
    begun.listener.put(Piece(wav=np.zeros(3000, np.float32)))  # it does not read
    assert one._most_urgent() is new
    one._jobs.clear()
