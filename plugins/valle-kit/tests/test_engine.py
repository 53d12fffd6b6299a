"""Requests that come and go: each says what it says alone, bit for bit, and the rows that stay go on."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import torch

from valle_core.api import Request, UserError
from valle_core.synthesis.synthesizer import Synthesizer
from valle_core.types import SequenceMask
from valle_kit.engine import Ended, Engine, Together, Tokens, together
from valle_kit.speaking_row import Row
from valle_kit.together import one_by_one, step_of

SPOKEN = (("abc", 0.3), ("fed cba", 0.5), ("a", 0.1), ("ccc ddd", 0.4), ("bead", 0.2))
REQUESTS = [Request(text=text, seed=seed, max_seconds=seconds) for seed, (text, seconds) in enumerate(SPOKEN)]


@pytest.fixture(scope="module", params=["llama", "transformer", "transformer, adaptive", "retnet", "mamba2", "mamba"])
def spoken(request, speaker):
    """A synthesizer, and what it says to each request alone."""
    synthesizer = speaker(request.param)
    return synthesizer, [synthesizer([one])[0] for one in REQUESTS]


def same(one, other):
    return torch.equal(one.codes, other.codes) and torch.equal(one.wav, other.wav) and one.stopped == other.stopped


def test_a_batch_says_what_each_says_alone(spoken):
    synthesizer, alone = spoken
    assert all(map(same, together(synthesizer, REQUESTS), alone))
    assert synthesizer.timing is not None
    assert synthesizer.timing.tokens == sum(len(one.codes) for one in alone)
    assert all(map(same, together(synthesizer, REQUESTS[::-1]), alone[::-1]))


def test_requests_that_come_and_go_say_what_they_say_alone(spoken):
    synthesizer, alone = spoken
    engine = Engine(synthesizer, rows=2)
    tickets = [engine.submit(one) for one in REQUESTS[:3]]
    heard, seen, extra = {}, {}, None
    for step in range(200):
        if step == 3:
            extra = engine.submit(REQUESTS[1])
        if step == 5:
            assert extra is not None
            assert engine.cancel(extra)
            assert not engine.cancel(extra)
        if step == 7:
            tickets += [engine.submit(one) for one in REQUESTS[3:]]
        for event in engine.step():
            if isinstance(event, Ended):
                heard[event.ticket] = event.finish()
            else:
                assert isinstance(event, Tokens)
                seen[event.ticket] = event.tokens.clone()
        assert engine.active <= 2
        if engine.idle and step > 7:
            break
    assert set(heard) == set(tickets)
    assert all(same(heard[ticket], one) for ticket, one in zip(tickets, alone, strict=True))
    for ticket, one in zip(tickets, alone, strict=True):
        if ticket in seen:
            assert torch.equal(seen[ticket], one.codes[: len(seen[ticket]), 0])


def test_logits_are_the_same_bits_alone_and_in_six(spoken):
    synthesizer, _ = spoken
    model = synthesizer.components.ar
    if getattr(model.backbone, "needs_condition", False):
        pytest.skip("it steps by its general forward")
    rows = [torch.randn(1, n, 48) for n in (5, 1, 9, 3, 9, 2)]
    new = torch.randn(3, 6, 48)

    def prompted(x):
        cache = model.backbone.new_cache(1, 20, torch.float32, torch.device("cpu"))
        n = x.shape[1]
        model.backbone(x, SequenceMask.causal(torch.tensor([n])), torch.arange(n)[None], cache=cache)
        return cache

    with torch.inference_mode():
        mine, shared, go = [prompted(x) for x in rows], [prompted(x) for x in rows], step_of(model.backbone)
        for x in new:
            states = go(x, shared)
            for row, cache in enumerate(mine):
                assert torch.equal(one_by_one(model.backbone, x[row : row + 1], [cache])[0], states[row])


def test_a_request_that_cannot_be_spoken_is_refused_at_once_and_others_go_on(speaker):
    engine = Engine(speaker())
    engine.submit(REQUESTS[0])
    with pytest.raises(UserError, match="text is empty"):
        engine.submit(Request(text=" "))
    assert engine.waiting == 1
    with pytest.raises(UserError, match=r"rows must be in \[1, 1024\], got 0"):
        Engine(engine.synthesizer, rows=0)


def test_a_row_that_fails_ends_alone(speaker):
    synthesizer = speaker(samplers=[("greedy", {})])
    good = synthesizer([REQUESTS[1]])[0]
    head, calls = synthesizer.components.chain, []

    def failing(logits, view):
        calls.append(1)
        if len(calls) == 2:
            raise UserError("the model's logits are not numbers")
        return head(logits, view)

    failing.search = failing.filler = None  # type: ignore[attr-defined]
    bad = Engine(Synthesizer(replace(synthesizer.components, chain=failing)))  # type: ignore[arg-type]
    tickets = [bad.submit(REQUESTS[1]), bad.submit(REQUESTS[1])]
    ended = {}
    while not bad.idle:
        ended |= {event.ticket: event for event in bad.step() if isinstance(event, Ended)}
    assert ended[tickets[1]].error is not None
    with pytest.raises(UserError, match="not numbers"):
        ended[tickets[1]].finish()
    assert same(ended[tickets[0]].finish(), good)


@pytest.mark.parametrize("failing", [0, 1])
def test_a_request_that_fails_in_a_batch_leaves_no_thread_of_the_others(speaker, failing):
    given = list(REQUESTS[:3])
    given[failing] = Request(text="abc", seed=1, max_seconds=-1.0)
    before = set(threading.enumerate())
    with pytest.raises(UserError, match="max_duration"):
        together(speaker(), given)
    for thread in set(threading.enumerate()) - before:  # they may be at their last line
        thread.join(5)
        assert not thread.is_alive()


def test_a_row_whose_thread_is_about_to_end_may_leave(speaker, monkeypatch):
    gate, usual = threading.Event(), Row._run
    monkeypatch.setattr(Row, "_run", lambda row, request: (usual(row, request), gate.wait(10))[0])
    row = Row(speaker(), Request(text="abc", seed=1, max_seconds=-1.0))
    row.go_on()
    assert row.error is not None
    removed = threading.Thread(target=row.leave, daemon=True)
    removed.start()
    removed.join(5)
    stuck = removed.is_alive()
    gate.set()
    assert not stuck


def test_what_is_called_as_a_synthesizer_says_each_request_as_alone(spoken):
    synthesizer, alone = spoken
    said = Together(synthesizer)
    assert all(map(same, said(REQUESTS), alone))
    assert said.timing is not None
    assert said.timing.tokens == sum(len(one.codes) for one in alone)


def test_on_a_cpu_several_never_go_as_one_batch(speaker, monkeypatch):
    """Models of this size often round alike in a batch, so that equal codes alone would not tell."""
    batches, real = [], Synthesizer.__call__
    monkeypatch.setattr(Synthesizer, "__call__", lambda self, given: batches.append(len(given)) or real(self, given))
    for drafts in (0, 2):
        synthesizer = Synthesizer(replace(speaker().components, drafts=drafts))
        assert len(Together(synthesizer)(REQUESTS[:2])) == 2
    assert max(batches, default=1) == 1
