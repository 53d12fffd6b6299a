"""Answers that are stuck in a loop or in silence are ended, others are left alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from valle_core.synthesis.options import SynthesisOptions
from valle_kit.safeguards import Safeguards
from valle_testing.fakes.audio import FakeCodec

V, STOP, SILENT = 40, 40, 7
GUARDS = Safeguards(frame_rate=10.0, phoneme_seconds=0.5, stuck=20, silent=torch.tensor([SILENT, 8]))
"""Loops of up to 5 frames, for 20."""


@dataclass
class FakeView:
    history: Tensor
    stop: int | None = STOP
    state: dict = field(default_factory=dict)

    @property
    def lengths(self):
        return (self.history >= 0).sum(-1)

    def uniform(self, salt=0):
        raise AssertionError("a safeguard draws nothing")


def babble(count, seed=0):
    return torch.randint(9, V, (count,), generator=torch.Generator().manual_seed(seed))


LOOPS = {f"a loop of {period}": babble(period, 3).repeat(30)[:26] for period in (1, 2, 3, 5)}
STUCK = {**LOOPS, "silence": torch.tensor([SILENT, 8, 8, SILENT, 8] * 5)}
FREE = {
    "speech": babble(60),
    "a loop that is too long": babble(6, 3).repeat(10),
    "a short loop": torch.cat([babble(30), torch.full((15,), 9)]),
    "a loop that was left": torch.cat([torch.full((40,), 9), babble(4)]),
    "a short silence": torch.cat([babble(30), torch.full((15,), SILENT)]),
    "a few tokens": torch.full((5,), 9),
}


def ended(*rows):
    """Whether only the stop token is left for each row."""
    history = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=-1)
    logits = torch.randn(len(rows), V + 1)
    guided = GUARDS.guide(logits, FakeView(history))
    assert torch.equal(guided[:, STOP], logits[:, STOP])
    others = guided[:, :STOP].isneginf()
    assert torch.equal(guided.where(~guided.isneginf(), logits), logits)
    assert bool((others.all(1) == others.any(1)).all())
    return others.all(1).tolist()


def test_rows_that_are_stuck_get_the_stop_token_alone_and_in_a_batch():
    rows, expected = [*STUCK.values(), *FREE.values()], [*[True] * len(STUCK), *[False] * len(FREE)]
    assert ended(*rows) == expected
    assert [ended(row)[0] for row in rows] == expected


def test_a_loop_may_have_slips_but_not_many():
    loop = torch.full((40,), 9)
    assert ended(loop.index_fill(0, torch.tensor([30]), 11)) == [True]
    assert ended(loop.index_fill(0, torch.tensor([22, 25, 29, 34, 38]), 11)) == [False]


@pytest.mark.parametrize("name", [*STUCK, *FREE])
def test_the_verdict_on_an_answer_says_what_the_guide_did(name):
    before = babble(30, 1)
    row = torch.cat([before, {**STUCK, **FREE}[name]])
    kept, remark = GUARDS.verdict(row)
    assert bool(remark) is (name in STUCK)
    if name in FREE:
        assert kept == len(row)
    elif name == "silence":
        assert remark == "fell silent at 3.5 s and was ended"
        assert kept == 35 + 3
    else:
        assert remark == "repeated itself from 3.6 s on and was ended"
        assert kept == 36 + int(name.split()[-1]), "one turn of the loop is kept"


def test_no_safeguard_acts_without_a_stop_token_or_when_it_is_off():
    history, logits = torch.full((2, 60), 9), torch.randn(2, V + 1)
    assert torch.equal(GUARDS.guide(logits, FakeView(history, stop=None)), logits)
    off = Safeguards(frame_rate=10.0, phoneme_seconds=0.0, stuck=0, silent=torch.tensor([SILENT]))
    assert torch.equal(off.guide(logits, FakeView(history)), logits)
    assert off.verdict(history[0]) == (60, "")
    assert off.bound(500, 1) == 500
    assert off.quiet_end(torch.zeros(16000), 16000) == (10, "")


def test_it_reads_nothing_from_the_device():
    meta = Safeguards(frame_rate=10.0, phoneme_seconds=0.5, stuck=20, silent=torch.tensor([7], device="meta"))
    history = torch.zeros(3, 60, dtype=torch.long, device="meta")
    assert meta.guide(torch.zeros(3, V + 1, device="meta"), FakeView(history)).shape == (3, V + 1)


def test_an_answer_is_bounded_by_its_phonemes():
    assert GUARDS.bound(1000, 8) == math.ceil((1 + 8 * 0.5) * 10)
    assert GUARDS.bound(12, 8) == 12


def sound(*seconds):
    """A tone and quiet noise in turn."""
    noise = torch.Generator().manual_seed(0)
    parts = [
        0.3 * (torch.arange(round(16000 * s)) * 0.2).sin() if i % 2 == 0
        else 3e-4 * torch.randn(round(16000 * s), generator=noise)
        for i, s in enumerate(seconds)
    ]  # fmt: skip
    return torch.cat(parts)


def test_a_long_silence_at_the_end_is_left_out():
    kept, remark = GUARDS.quiet_end(sound(1.0, 0.8, 0.5, 4.0), 16000)
    assert kept == pytest.approx(26, abs=1)
    assert remark.startswith(("fell silent at 2.3", "fell silent at 2.4"))
    for fine in (sound(1.0, 1.5), sound(1.0, 4.0, 1.0)):
        assert GUARDS.quiet_end(fine, 16000) == (round(len(fine) / 1600), "")
    assert GUARDS.quiet_end(torch.zeros(16000 * 5), 16000) == (3, "fell silent at 0.0 s, and ends there")


def test_the_silent_codes_are_those_of_the_codec():
    codec = FakeCodec()
    guards = Safeguards.of(codec, SynthesisOptions(model="x"), device=torch.device("cpu"))
    silence = torch.zeros(1, codec.sample_rate)
    assert torch.isin(codec.encode(silence, torch.tensor([codec.sample_rate]))[0][0, :, 0], guards.silent).all()
    assert guards.stuck == math.ceil(2.0 * codec.frame_rate)
