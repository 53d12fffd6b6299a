"""Decoding with a cache says what the full forward says, at every batch size, and stops where it must."""

from __future__ import annotations

import pytest
import torch

from valle_core.plugin import UserError
from valle_core.synthesis.autoregressive import Prompted, decode
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.sampling.randomness import row_seeds
from valle_core.synthesis.sampling.view import View
from valle_core.types import SequenceMask
from valle_testing.fakes.backbone import FakeBackbone

V = 12
STOP = V


class Greedy:
    def choose(self, logits, view):
        return logits.argmax(-1)


GREEDY = (Greedy(),)


@pytest.fixture(scope="module")
def parts():
    torch.manual_seed(4)
    backbone = FakeBackbone(d_model=24, n_layers=3).eval()
    table = torch.randn(V, 24)
    head = torch.nn.Linear(24, V + 1)
    with torch.no_grad():
        head.weight *= 3
        head.bias[STOP] += 2.5  # some rows stop, some do not
    return backbone, table, head


def run(parts, prompts, bounds, seeds=None, samplers=GREEDY, check_every=None):
    backbone, table, head = parts
    lengths = torch.tensor([p.shape[0] for p in prompts])
    x = torch.nn.utils.rnn.pad_sequence(prompts, batch_first=True)
    mask = SequenceMask.causal(lengths)
    prompted = Prompted(x=x, mask=mask, positions=torch.arange(x.shape[1]).expand(len(prompts), -1))
    view = View(seeds=row_seeds(0, seeds or range(len(prompts)), device="cpu"), capacity=max(bounds), stop=STOP)
    return decode(
        backbone,
        prompted,
        embed=lambda tokens, rows: table[tokens][:, None],
        head=lambda h, rows: head(h),
        chain=SamplerChain(samplers),
        view=view,
        bounds=bounds,
        stop=STOP,
        check_every=check_every,
    )


def prompt(length: int, seed: int) -> torch.Tensor:
    return torch.randn(length, 24, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def by_full_forward(parts, start, bound):
    backbone, table, head = parts
    x, tokens = start, []
    for i in range(bound):
        mask = SequenceMask.causal(torch.tensor([x.shape[0]]))
        h = backbone.finish(backbone(x[None], mask, torch.arange(x.shape[0])[None]).h)
        logits = head(h[:, -1])
        if i == 0:
            logits[:, STOP] = float("-inf")
        token = int(logits.argmax())
        if token == STOP:
            return tokens, True
        tokens.append(token)
        x = torch.cat([x, table[token][None]])
    return tokens, False


def test_cached_greedy_decoding_equals_the_full_forward(parts):
    prompts = [prompt(length, seed) for seed, length in enumerate((5, 3, 9, 1, 4, 7))]
    bounds = [30, 30, 4, 30, 17, 30]
    found = run(parts, prompts, bounds)
    expected = [by_full_forward(parts, p, n) for p, n in zip(prompts, bounds, strict=True)]
    assert [t.tolist() for t in found.tokens] == [tokens for tokens, _ in expected]
    assert found.stopped == [stopped for _, stopped in expected]
    assert any(found.stopped), "the test needs a row that stops by itself"
    assert not all(found.stopped), "and one that does not"


def test_sampled_rows_are_equal_alone_and_in_a_batch(parts):
    prompts = [prompt(length, seed) for seed, length in enumerate((5, 3, 9, 2))]
    together = run(parts, prompts, [20] * 4, samplers=())
    for b in range(4):
        alone = run(parts, prompts[b : b + 1], [20], seeds=[b], samplers=())
        assert alone.tokens[0].tolist() == together.tokens[b].tolist()


def test_finished_rows_leave_the_batch(parts):
    seen = []

    class Watch(Greedy):
        def choose(self, logits, view):
            seen.append(logits.shape[0])
            return logits.argmax(-1)

    found = run(parts, [prompt(3, 0), prompt(3, 1)], [2, 6], samplers=(Watch(),))
    if len(found.tokens[1]) > 3:
        assert seen[:3] == [2, 2, 1]
    assert found.steps == len(seen) - 1


def test_a_row_never_runs_past_its_bound_and_says_so(parts):
    found = run(parts, [prompt(4, 9)], [1])
    assert len(found.tokens[0]) == 1
    assert found.stopped == [False]


def test_an_answer_has_at_least_one_token(parts):
    class StopAtOnce:
        def choose(self, logits, view):
            return torch.where(logits[:, STOP].isinf(), 3, STOP)

    found = run(parts, [prompt(4, 9)], [10], samplers=(StopAtOnce(),))
    assert found.tokens[0].tolist() == [3]
    assert found.stopped == [True]


class Penalty:
    """A sampler that depends on all a row has said, as a repetition penalty does."""

    def process(self, logits, view):
        counts = torch.zeros_like(logits)
        if view.history.shape[1]:
            counts = counts.scatter_add(1, view.history.clamp(min=0), (view.history >= 0).to(logits))
        return logits - 0.7 * counts


@pytest.mark.parametrize("samplers", [GREEDY, (), (Penalty(),)], ids=["greedy", "drawn", "penalty"])
@pytest.mark.parametrize("check_every", [3, 16])
def test_looking_seldom_at_who_has_stopped_changes_no_token(parts, samplers, check_every):
    prompts = [prompt(length, seed) for seed, length in enumerate((5, 3, 9, 1, 4, 7))]
    bounds = [30, 30, 4, 40, 17, 1]
    for chosen in ([0, 1, 2, 3, 4, 5], [2], [3, 0], [5, 2, 4]):
        batch, limits = [prompts[b] for b in chosen], [bounds[b] for b in chosen]
        often = run(parts, batch, limits, seeds=chosen, samplers=samplers, check_every=1)
        seldom = run(parts, batch, limits, seeds=chosen, samplers=samplers, check_every=check_every)
        assert [t.tolist() for t in seldom.tokens] == [t.tolist() for t in often.tokens]
        assert seldom.stopped == often.stopped
    assert any(run(parts, prompts, bounds, samplers=samplers).stopped), "the test needs rows that stop between looks"


@pytest.mark.parametrize("check_every", [1, 16])
def test_no_row_is_given_more_room_than_its_own_prompt_and_bound(parts, check_every):
    """A long prompt with a small bound beside a short one with a large bound fits a backbone of 12 positions."""
    backbone, table, head = parts

    class Short(FakeBackbone):
        def new_cache(self, batch, max_length, dtype, device):
            assert max_length <= 12
            return super().new_cache(batch, max_length, dtype, device)

        def forward(self, x, mask, positions, **rest):
            assert int(mask.lengths.max()) <= 12
            return super().forward(x, mask, positions, **rest)

    short = Short(d_model=24, n_layers=3).eval()
    short.load_state_dict(backbone.state_dict())
    silent = torch.nn.Linear(24, V + 1)
    silent.load_state_dict(head.state_dict() | {"bias": head.bias.detach().index_fill(0, torch.tensor([STOP]), -99.0)})
    found = run((short, table, silent), [prompt(10, 0), prompt(2, 1)], [2, 10], check_every=check_every)
    assert [len(tokens) for tokens in found.tokens] == [2, 10]
    assert found.stopped == [False, False]


def test_samplers_see_float32_whatever_the_model_computes_in(parts):
    class Watch(Greedy):
        def choose(self, logits, view):
            assert logits.dtype == torch.float32
            return logits.argmax(-1)

    backbone, table, head = parts
    run((backbone, table, lambda h: head(h).bfloat16()), [prompt(4, 9)], [3], samplers=(Watch(),))


def test_a_row_that_stops_between_two_looks_leaves_at_the_next(parts):
    class StopAtFour:
        def choose(self, logits, view):
            return torch.where(view.lengths == 3, STOP, 2)

    found = run(parts, [prompt(4, 9)], [100], samplers=(StopAtFour(),), check_every=16)
    assert found.tokens[0].tolist() == [2, 2, 2]
    assert found.steps == 15


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("at", [0, 1])
def test_logits_that_are_no_numbers_are_an_error(parts, value, at):
    """They gave the same token for ever."""
    backbone, table, head = parts
    calls = []

    def broken(h):
        calls.append(h)
        logits = head(h)
        if len(calls) > at:
            logits = logits.clone()
            logits[0] = value
        return logits

    with pytest.raises(UserError, match="logits of level 0 are not numbers"):
        run((backbone, table, broken), [prompt(3, 0), prompt(4, 1)], [5, 5])


def test_no_rows_give_no_rows(parts):
    view = View(seeds=row_seeds(0, [], device="cpu"), capacity=0, stop=STOP)
    nothing = Prompted(
        x=torch.zeros(0, 3, 24),
        mask=SequenceMask.causal(torch.zeros(0, dtype=torch.long)),
        positions=torch.zeros(0, 3, dtype=torch.long),
    )
    chain = SamplerChain(GREEDY)
    found = decode(parts[0], nothing, lambda tokens, rows: tokens, lambda h, rows: h, chain, view, bounds=[], stop=STOP)
    assert (found.tokens, found.stopped) == ([], [])
