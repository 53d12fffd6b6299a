"""The suite of alignments, and lengths that are known."""

from __future__ import annotations

import pytest
import torch
from valle_core.plugin import UserError
from valle_core.sequence.alignment import SpokenText
from valle_testing import suite
from valle_testing.suites.alignment.texts import SIZES

from acme_package.alignment import AcmeNameAlignment, build
from acme_package.options import AcmeNameOptions
from acme_package.plugin import SPEC
from acme_package.walk import symbol_at

test_it_conforms = suite.conformance("alignment", lambda: build(AcmeNameOptions(), **SIZES), spec=SPEC)


def made(frames: float) -> AcmeNameAlignment:
    return build(AcmeNameOptions(frames=frames), **SIZES)


def three_symbols(times: list[float] | None = None) -> SpokenText:
    """At level 0, nine frames behind four positions."""
    return SpokenText(
        symbols=torch.tensor([[3, 4, 5]]),
        lengths=torch.tensor([3]),
        languages=torch.tensor([0]),
        levels=torch.tensor([0]),
        start=torch.tensor([4]),
        frames=torch.tensor([9]),
        times=torch.tensor([times]) if times else None,
    )


@pytest.mark.parametrize(
    ("frames", "speed", "begins"),
    [(2.5, 1.0, [0, 2, 5, 7]), (4.0, 2.0, [0, 2, 4, 6]), (4.0, 0.5, [0, 8, 16, 24]), (2.0, 9.0, [0, 1, 2, 3])],
)
def test_symbols_begin_where_the_mean_says_and_none_is_left_out(frames, speed, begins):
    walk = made(frames).walk(three_symbols(), speed=speed)
    assert walk.times([99])[0].tolist() == begins


def test_what_was_not_said_begins_where_the_frames_end():
    assert made(3.0).walk(three_symbols()).times([4])[0].tolist() == [0, 3, 4, 4]


def test_a_frame_says_the_symbol_in_its_middle():
    times = torch.tensor([[1.0, 2.4, 3.6, 6.0]])
    assert symbol_at(times, torch.tensor([3]), torch.arange(8)[None]).tolist() == [[0, 0, 1, 1, 2, 2, 2, 2]]


def test_the_mean_of_the_recordings_is_learnt():
    alignment = made(6.0)
    _, targets = alignment.guide(three_symbols([0.5, 1.0, 4.0, 8.0]), 13)
    assert targets.tolist() == [2.5] * 9
    optimizer = torch.optim.SGD([alignment.log_frames], lr=0.5)
    for _ in range(100):
        optimizer.zero_grad()
        alignment.losses(torch.zeros(2, 16), torch.tensor([2.0, 4.0]))["frames"].backward()
        optimizer.step()
    assert alignment.log_frames.detach().exp().item() == pytest.approx(3.0, abs=1e-3)


def test_an_impossible_length_is_refused():
    with pytest.raises(UserError, match=r"alignment.frames must be in \[1, 100\], got 0.5"):
        AcmeNameOptions(frames=0.5)
