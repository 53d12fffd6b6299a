"""Masked decoding against its definition, one number after the other; what is kept, how often, and in which order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal, getcontext
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from valle_samplers.masked import Masked

from valle_core.plugin import UserError
from valle_core.synthesis.sampling.randomness import row_seeds
from valle_core.synthesis.sampling.view import View

V = 11
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
Logits = Callable[[int, Sequence[int]], Tensor]
"""(row, its codes) → logits of its frames."""


def model(row: int, codes: Sequence[int]) -> Tensor:
    """Logits that follow from the row and every code that is open in it."""
    seed = row + sum((code + 1) * 31 ** (place + 1) for place, code in enumerate(codes))
    return torch.randn(len(codes), V, generator=torch.Generator().manual_seed(seed % (1 << 40))) * 2


def view_of(rows: Sequence[int], frames: Sequence[int], seed: int = 0) -> View:
    return View.for_frames(seeds=row_seeds(seed, list(rows), device="cpu"), frames=frames, level=0)


def fill(sampler: Masked, frames: Sequence[int], rows: Sequence[int] | None = None, seen: list | None = None):
    """The answers, and in `seen` the codes of every row at each question."""
    numbers = range(len(frames)) if rows is None else rows

    def ask(codes: Tensor) -> Tensor:
        known = [part.tolist() for part in codes.split(list(frames))]
        if seen is not None:
            seen.append(known)
        return torch.cat([model(row, part) for row, part in zip(numbers, known, strict=True)])

    found = sampler.fill(ask, list(frames), V, view_of(numbers, frames))
    return [part.tolist() for part in found.split(list(frames))]


def cosine(x: Decimal) -> Decimal:
    """To sixty digits."""
    getcontext().prec = 70
    term = total = Decimal(1)
    for n in range(1, 60):
        term *= -x * x / ((2 * n - 1) * (2 * n))
        total += term
    return total


def schedule(frames: int, k: int, steps: int) -> int:
    """⌈N cos(πk / 2K)⌉; what is whole but for the sixtieth digit is whole."""
    exact = (frames * cosine(PI * k / (2 * steps))).quantize(Decimal(10) ** -40)
    return math.ceil(exact)


@pytest.mark.parametrize("steps", [1, 2, 3, 6, 9, 16, 100])
def test_the_schedule_is_the_cosine_exactly(steps):
    for frames in (1, 2, 4, 7, 10, 100, 1500):
        found = [Masked(steps=steps).still_hidden(frames, k) for k in range(1, steps + 1)]
        assert found == [schedule(frames, k, steps) for k in range(1, steps + 1)]
        assert found[-1] == 0
        assert found == sorted(found, reverse=True)


def by_hand(row: int, frames: int, steps: int, t: float, noise: float) -> list[int]:
    """The definition in float64, frame by frame."""
    codes = [V] * frames
    view = view_of([row], [frames])
    for k in range(1, steps + 1):
        left = schedule(frames, k, steps)
        logits = model(row, codes).double().tolist()
        heat = t * (1 - (k - 1) / steps)
        numbers, others = view.uniform(2 * k).tolist(), view.uniform(2 * k + 1).tolist()
        drawn, worth = {}, {}
        for place in (place for place in range(frames) if codes[place] == V):
            values = logits[place]
            if heat == 0:
                chosen = values.index(max(values))
            else:
                best = max(values)
                weights = [math.exp((value - best) / heat) for value in values]
                reached, chosen = 0.0, 0
                for token, weight in enumerate(weights):
                    reached += weight / math.fsum(weights)
                    if reached > numbers[place]:
                        chosen = token
                        break
            log = values[chosen] - max(values) - math.log(math.fsum(math.exp(v - max(values)) for v in values))
            gumbel = -math.log(-math.log(others[place]))
            drawn[place], worth[place] = chosen, log + noise * (1 - k / steps) * gumbel
        for place in sorted(worth, key=lambda place: worth[place])[left:]:
            codes[place] = drawn[place]
    return codes


@pytest.mark.parametrize("steps", [1, 2, 5, 16])
@pytest.mark.parametrize(("t", "noise"), [(0.0, 0.0), (1.0, 0.0), (0.0, 2.0), (1.3, 4.5)])
def test_answers_are_those_of_the_definition(steps, t, noise):
    frames = [9, 1, 20]
    found = fill(Masked(steps=steps, t=t, noise=noise), frames)
    assert found == [by_hand(row, count, steps, t, noise) for row, count in enumerate(frames)]


@pytest.mark.parametrize("frames", [1, 2, 7, 24])
def test_as_many_steps_as_frames_by_greedy_confidence_fill_every_position_exactly_once(frames):
    seen: list = []
    (answer,) = fill(Masked(steps=frames, t=0, noise=0), [frames], seen=seen)
    states = [*(known[0] for known in seen), answer]
    filled = [0] * frames
    for before, after in pairwise(states):
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            filled[place] += old == V and new != V
            assert old in (V, new), f"frame {place} is filled again"
    assert filled == [1] * frames


def test_what_is_left_at_each_pass_is_the_schedule_and_the_surest_go_first():
    seen: list = []
    (answer,) = fill(Masked(steps=6, t=0, noise=0), [30], seen=seen)
    assert [known[0].count(V) for known in seen] == [30, *(schedule(30, k, 6) for k in range(1, 6))]
    first = model(0, [V] * 30).log_softmax(-1).max(-1).values
    kept = [place for place in range(30) if seen[1][0][place] != V]
    assert set(kept) == set(first.topk(len(kept)).indices.tolist())
    assert all(0 <= code < V for code in answer)


def test_passes_that_would_keep_nothing_are_spared():
    seen: list = []
    fill(Masked(steps=100, t=0, noise=0), [2], seen=seen)
    assert len(seen) == 2


def test_rows_of_other_lengths_in_the_batch_change_nothing():
    sampler = Masked(steps=7, t=1.0, noise=3.0)
    together = fill(sampler, [12, 3, 40, 1])
    assert together == [fill(sampler, [count], [row])[0] for row, count in enumerate([12, 3, 40, 1])]
    assert fill(sampler, [40, 12], [2, 0]) == [together[2], together[0]]


def test_no_rows_give_no_codes_and_ask_nothing():
    seen: list = []
    found = Masked().fill(lambda codes: seen.append(codes), [], V, SimpleNamespace(lengths=torch.zeros(0).long()))
    assert found.tolist() == []
    assert not seen


@pytest.mark.parametrize(("options", "message"), [
    ({"steps": 0}, r"masked's steps must be in \[1, 1000\], got 0"),
    ({"steps": 1001}, "got 1001"),
    ({"t": -1.0}, r"masked's t must be 0 or in \[0.001, 10000\], got -1"),
    ({"t": math.nan}, "masked's t"),
    ({"noise": -0.5}, r"masked's noise must be in \[0, 1000\], got -0.5"),
])  # fmt: skip
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        Masked(**options)
