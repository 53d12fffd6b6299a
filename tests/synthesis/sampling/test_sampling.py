"""Chains, views and counter-based randomness of the core."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from valle_core.interfaces import SamplerView
from valle_core.plugin import UserError
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.sampling.randomness import mix, row_seeds, uniform
from valle_core.synthesis.sampling.view import View


class Best:
    """A chooser."""

    def choose(self, logits: Tensor, view: SamplerView) -> Tensor:
        return logits.argmax(-1)


class BanLast:
    """A processor that bans the row's last token and counts its calls in its state."""

    def process(self, logits: Tensor, view: SamplerView) -> Tensor:
        calls = view.state.get("calls", torch.zeros(logits.shape[0]))
        view.state["calls"] = calls + view.lengths + 1
        if view.history.shape[1] == 0:
            return logits
        return logits.scatter(1, view.history[:, -1:], float("-inf"))


def view(rows: int, capacity: int = 64, seed: int = 0) -> View:
    return View(seeds=row_seeds(seed, range(rows), device="cpu"), capacity=capacity, stop=None)


def run(chain: SamplerChain, logits: Tensor, seen: View) -> Tensor:
    """Decode with logits given as [steps, B, V]."""
    for step in logits:
        seen.append(chain(step, seen))
    return seen.history


def test_a_batch_gives_what_its_rows_give_alone() -> None:
    logits = torch.randn(20, 7, 33, generator=torch.Generator().manual_seed(0)) * 2
    chain = SamplerChain([BanLast()])
    seeds = row_seeds(5, range(7), device="cpu")
    together = run(chain, logits, View(seeds=seeds, capacity=20))
    for row in range(7):
        alone = run(chain, logits[:, row : row + 1], View(seeds=seeds[row : row + 1], capacity=20))
        assert torch.equal(alone[0], together[row])


def test_rows_with_equal_logits_draw_different_tokens() -> None:
    logits = torch.zeros(10, 6, 100)
    drawn = run(SamplerChain([]), logits, view(6))
    assert len({tuple(row) for row in drawn.tolist()}) == 6
    assert not torch.equal(drawn, run(SamplerChain([]), logits, view(6, seed=1)))
    assert torch.equal(drawn, run(SamplerChain([]), logits, view(6)))


def test_draws_follow_the_distribution() -> None:
    logits = torch.tensor([0.5, 0.2, 0.15, 0.1, 0.05, 0.0]).log()
    rows = 50_000
    seen = view(rows, capacity=1)
    counts = torch.bincount(SamplerChain([])(logits.expand(rows, -1), seen), minlength=6)
    expected = logits.exp() * rows
    assert counts[5] == 0
    statistic = ((counts - expected)[:5] ** 2 / expected[:5]).sum()
    assert statistic < 20.5  # χ² with 4 degrees of freedom, p = 0.0004


def test_successive_draws_of_one_row_follow_the_distribution() -> None:
    seen, chain, steps = view(1, capacity=8000), SamplerChain([]), 8000
    logits = torch.tensor([[0.7, 0.3]]).log()
    drawn = run(chain, logits.expand(steps, 1, 2), seen)[0]
    assert abs(drawn.float().mean() - 0.3) < 0.02
    pairs = torch.bincount(drawn[1:] * 2 + drawn[:-1], minlength=4) / steps
    assert (pairs - torch.tensor([0.49, 0.21, 0.21, 0.09])).abs().max() < 0.02


def test_impossible_tokens_are_never_drawn_even_at_the_edges() -> None:
    class Edge(View):
        value = 0.0

        def uniform(self, salt: int = 0) -> Tensor:
            return torch.full((1,), self.value, dtype=torch.float64)

    logits = torch.tensor([[float("-inf"), 0.0, float("-inf"), 0.0, float("-inf")]])
    seen = Edge(seeds=torch.zeros(1, dtype=torch.int64), capacity=1)
    for value, token in ((2.0**-53, 1), (0.4999, 1), (0.5001, 3), (1 - 2.0**-53, 3)):
        seen.value = value
        assert SamplerChain([])(logits, seen).item() == token


def test_the_random_numbers_are_those_of_unsigned_splitmix64() -> None:
    def reference(x: int) -> int:
        mask = (1 << 64) - 1
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        return x ^ (x >> 31)

    inputs = torch.tensor([0, 1, -1, 2**63 - 1, -(2**63), 0x1234567])
    for given, got in zip(inputs.tolist(), mix(inputs).tolist(), strict=True):
        assert got % 2**64 == reference(given % 2**64)


def test_uniform_numbers_fill_the_open_unit_interval_without_correlation() -> None:
    seeds = row_seeds(0, range(200), device="cpu")
    draws = torch.stack([uniform(seeds, torch.full_like(seeds, step)) for step in range(200)])
    assert draws.min() > 0
    assert draws.max() < 1
    assert abs(draws.mean() - 0.5) < 0.005
    assert abs(draws.var() - 1 / 12) < 0.002
    for other in (draws.roll(1, 0), draws.roll(1, 1)):
        assert abs(torch.corrcoef(torch.stack([draws.flatten(), other.flatten()]))[0, 1]) < 0.02
    salted = uniform(seeds, torch.zeros_like(seeds), salt=1)
    assert abs(torch.corrcoef(torch.stack([draws[0], salted]))[0, 1]) < 0.2


def test_neighbouring_seeds_and_large_or_negative_ones_give_their_own_numbers() -> None:
    drawn = {tuple(row_seeds(seed, [0, 1, 2], device="cpu").tolist()) for seed in (0, 1, 2, -1, 2**63, 2**64 - 2)}
    assert len({number for row in drawn for number in row}) == 18


def test_selecting_rows_moves_histories_seeds_and_states() -> None:
    logits = torch.randn(12, 4, 9, generator=torch.Generator().manual_seed(1))
    chain, order = SamplerChain([BanLast()]), torch.tensor([3, 1])
    whole = view(4)
    expected = run(chain, logits, whole)[order]
    moved = view(4)
    run(chain, logits[:5], moved)
    moved.select(order)
    assert torch.equal(run(chain, logits[5:, order], moved), expected)
    moved.enter(0)
    whole.enter(0)
    assert torch.equal(moved.state["calls"], whole.state["calls"][order])


def test_a_selected_row_may_repeat_and_leaves_the_original_alone() -> None:
    seen = view(2)
    seen.append(torch.tensor([4, 5]))
    seen.select(torch.tensor([1, 1, 0]))
    seen.append(torch.tensor([1, 2, 3]))
    assert seen.history.tolist() == [[5, 1], [5, 2], [4, 3]]
    assert seen.lengths.tolist() == [2, 2, 2]


def test_each_sampler_of_a_chain_has_its_own_state() -> None:
    seen = view(2)
    SamplerChain([BanLast(), BanLast()])(torch.zeros(2, 3), seen)
    seen.enter(0)
    first = seen.state
    seen.enter(1)
    assert seen.state is not first
    assert first["calls"].tolist() == seen.state["calls"].tolist() == [1, 1]


def test_frames_of_a_level_draw_alike_in_every_batch_and_differently_at_every_frame_and_level() -> None:
    seeds = row_seeds(0, range(3), device="cpu")
    many = View.for_frames(seeds=seeds, frames=[5, 5, 5], level=2).uniform().view(3, 5)
    longer = View.for_frames(seeds=seeds[1:2], frames=[8], level=2).uniform()
    assert torch.equal(many[1], longer[:5])
    assert many.unique().numel() == 15
    other = View.for_frames(seeds=seeds, frames=[5, 5, 5], level=3).uniform().view(3, 5)
    assert not (many == other).any()
    assert View.for_frames(seeds=seeds, frames=[5, 5, 5], level=2).history.shape == (15, 0)


def test_a_full_view_says_so() -> None:
    seen = view(1, capacity=1)
    seen.append(torch.tensor([0]))
    with pytest.raises(ValueError, match="at most 1"):
        seen.append(torch.tensor([0]))


@pytest.mark.parametrize("samplers", [[Best(), BanLast()], [Best(), Best()]])
def test_a_chooser_that_is_not_last_is_refused(samplers: list[Best]) -> None:
    with pytest.raises(UserError, match="Best picks the token"):
        SamplerChain(samplers)


def test_what_is_no_sampler_is_refused() -> None:
    with pytest.raises(UserError, match="str is not a sampler"):
        SamplerChain(["greedy"])  # type: ignore[list-item]


def test_numbers_made_ahead_are_those_of_each_step_whoever_leaves() -> None:
    """Over the edge of a block of numbers, with rows that move and leave inside of one and with a second salt."""
    seeds = row_seeds(3, range(4), device="cpu")
    seen = View(seeds=seeds, capacity=600, stop=None)
    for step in range(560):
        if step in (100, 300):
            rows = torch.tensor([2, 0, 0]) if step == 100 else torch.tensor([1, 2])
            seen.select(rows)
            seeds = seeds[rows]
        for salt in (0, 5) if step > 40 else (0,):
            assert torch.equal(seen.uniform(salt), uniform(seeds, torch.full_like(seeds, step), salt)), (step, salt)
        seen.append(torch.zeros_like(seeds))
