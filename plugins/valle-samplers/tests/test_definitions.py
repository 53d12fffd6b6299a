"""Samplers that transformers has not: each against its definition, written slowly in float64."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor
from valle_samplers.banned_tokens import BannedTokens
from valle_samplers.beam import Beam
from valle_samplers.dry import Dry
from valle_samplers.dynamic_temperature import DynamicTemperature
from valle_samplers.entropy_adaptive import EntropyAdaptive
from valle_samplers.epsilon import Epsilon
from valle_samplers.eta import Eta
from valle_samplers.length_penalty import LengthPenalty
from valle_samplers.mirostat import Mirostat
from valle_samplers.mirostat_truncated import MirostatV2
from valle_samplers.top_nsigma import TopNSigma
from valle_samplers.typical import Typical

from valle_core.plugin import UserError

V = 29


@dataclass
class FakeView:
    """A view with given histories and random numbers."""

    history: Tensor = field(default_factory=lambda: torch.zeros(6, 0, dtype=torch.long))
    numbers: Tensor = field(default_factory=lambda: torch.full((6,), 0.5, dtype=torch.float64))
    stop: int | None = None
    state: dict[str, Tensor] = field(default_factory=dict)

    @property
    def lengths(self) -> Tensor:
        return (self.history >= 0).sum(-1)

    def uniform(self, salt: int = 0) -> Tensor:
        return self.numbers


def rows(seed: int, *, masked: bool = False) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(6, V, generator=random) * torch.tensor([0.1, 1.0, 2.0, 4.0, 8.0, 3.0])[:, None]
    return logits.masked_fill(torch.rand(6, V, generator=random) < 0.4, -math.inf) if masked else logits


def probabilities(row: Sequence[float]) -> list[float]:
    weights = [math.exp(logit - max(row)) for logit in row]
    return [weight / sum(weights) for weight in weights]


def entropy_of(row: Sequence[float]) -> float:
    return -sum(p * math.log(p) for p in probabilities(row) if p > 0)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("by", ["entropy", "confidence"])
def test_dynamic_temperature_lies_where_the_definition_says(by: str, masked: bool) -> None:
    logits = rows(1, masked=masked)
    got = DynamicTemperature(low=0.4, high=2.0, exponent=1.5, by=by).process(logits, FakeView())
    for row, found in zip(logits.double().tolist(), got.tolist(), strict=True):
        left = sum(logit > -math.inf for logit in row)
        unsure = entropy_of(row) / math.log(left)
        if by == "confidence":
            unsure = (1 - max(probabilities(row))) / (1 - 1 / left)
        t = 0.4 + 1.6 * unsure**1.5
        assert found == pytest.approx([logit / t for logit in row], rel=1e-5)


def test_dynamic_temperature_reaches_both_ends() -> None:
    even, certain = torch.zeros(1, V), torch.full((1, V), -math.inf).index_fill(1, torch.tensor([4]), 3.0)
    sampler = DynamicTemperature(low=0.5, high=4.0)
    assert sampler.process(even + 1, FakeView())[0].tolist() == pytest.approx([0.25] * V)
    assert sampler.process(certain, FakeView())[0, 4] == 6.0


@pytest.mark.parametrize("n", [0.0, 0.5, 1.0, 2.5])
def test_top_nsigma_is_the_authors_formula(n: float) -> None:
    logits = rows(2)
    least = logits.double().amax(-1, keepdim=True) - n * logits.double().std(-1, keepdim=True)
    expected = logits.masked_fill(logits.double() < least, -math.inf)
    assert torch.equal(TopNSigma(n=n).process(logits, FakeView()), expected)
    hotter = TopNSigma(n=n).process(logits * 8, FakeView())
    assert torch.equal(hotter.isfinite(), expected.isfinite()), "a temperature before it changes what is kept"


def test_top_nsigma_counts_only_what_is_left() -> None:
    logits = rows(2, masked=True)
    got = TopNSigma(n=1.0).process(logits, FakeView())
    for row, found in zip(logits.double(), got, strict=True):
        left = row[row.isfinite()]
        assert torch.equal(found.isfinite(), row >= left.max() - left.std())


def dry_loss(history: Sequence[int], sampler: Dry) -> dict[int, float]:
    """Token → what it loses, by comparing every earlier place with the end."""
    recent, loss = history[-sampler.window :], defaultdict(float)
    for place in range(len(recent) - 1):
        n = 0
        while n <= place and n < 50 and recent[place - n] == recent[-1 - n]:
            n += 1
        if n >= sampler.allowed_length:
            token = recent[place + 1]
            loss[token] = max(loss[token], sampler.multiplier * sampler.base ** (n - sampler.allowed_length))
    return loss


@pytest.mark.parametrize("sampler", [Dry(), Dry(allowed_length=1, base=2.0, multiplier=0.3), Dry(window=6)], ids=repr)
def test_dry_takes_what_a_repeated_sequence_earns(sampler: Dry) -> None:
    random = torch.Generator().manual_seed(3)
    tokens = torch.randint(0, 3, (6, 40), generator=random)
    tokens[0] = torch.tensor([0, 1, 2, 1] * 10)
    tokens[1] = 2
    lengths = torch.tensor([40, 40, 13, 0, 1, 2])
    history = tokens.masked_fill(torch.arange(40) >= lengths[:, None], -1)
    logits = rows(4)
    got = sampler.process(logits, FakeView(history=history))
    for b in range(6):
        loss = dry_loss(tokens[b, : lengths[b]].tolist(), sampler)
        expected = [logit - min(loss[token], 1e4) for token, logit in enumerate(logits[b].double().tolist())]
        assert got[b].tolist() == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert bool((got[1] < logits[1]).any())
    assert torch.equal(got[3:5], logits[3:5])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_length_penalty_moves_the_stop_token_the_same_way_for_either_sign(sign: float) -> None:
    logits = torch.full((1, V), 2.0 * sign)
    history = torch.zeros(1, 5, dtype=torch.long)
    sooner = LengthPenalty(factor=1.1).process(logits, FakeView(history=history, stop=V - 1))
    later = LengthPenalty(factor=0.9).process(logits, FakeView(history=history, stop=V - 1))
    assert sooner[0, -1] > logits[0, -1] > later[0, -1]
    assert torch.equal(sooner[:, :-1], logits[:, :-1])


def test_a_ban_leaves_a_row_that_has_nothing_else() -> None:
    logits = torch.tensor([[1.0, 2.0, -math.inf], [1.0, 2.0, 3.0]])
    got = BannedTokens(tokens=(0, 1)).process(logits, FakeView())
    assert got.tolist() == [[1.0, 2.0, -math.inf], [-math.inf, -math.inf, 3.0]]
    with pytest.raises(UserError, match=r"tokens must be in \[0, 2\] for this model, got 3"):
        BannedTokens(tokens=(0, 3)).process(logits, FakeView())


def test_entropy_adaptive_draws_only_where_the_model_is_unsure() -> None:
    logits = torch.tensor([[0.45, 0.55], [0.02, 0.98]]).log()
    view = FakeView(numbers=torch.full((2,), 0.001, dtype=torch.float64))
    assert EntropyAdaptive(entropy=0.5).choose(logits, view).tolist() == [0, 1]
    # Its entropy is 0.10, and the variance of −ln p is 0.30: the rare token is a great surprise.
    assert EntropyAdaptive(entropy=0.5, spread=0.1).choose(logits, view).tolist() == [0, 0]


def zipf_k(row: Sequence[float], bound: float, m: int) -> int:
    """k of mirostat's algorithm 1, as the paper writes it."""
    p = sorted(probabilities(row), reverse=True)
    t = [math.log((i + 2) / (i + 1)) for i in range(m - 1)]
    b = [math.log(p[i] / p[i + 1]) for i in range(m - 1)]
    s = sum(x * y for x, y in zip(t, b, strict=True)) / sum(x * x for x in t)
    epsilon = s - 1
    k = (epsilon * 2**bound / (1 - len(p) ** -epsilon)) ** (1 / s)
    return max(1, min(round(k), len(p)))


@pytest.mark.parametrize("version", [1, 2])
def test_mirostat_follows_its_algorithm(version: int) -> None:
    """Twelve steps: the token drawn, and the bound of each row, as the algorithm has them."""
    random = torch.Generator().manual_seed(5)
    sampler = Mirostat(tau=2.0, eta=0.5, m=8) if version == 1 else MirostatV2(tau=2.0, eta=0.5)
    view, bounds = FakeView(), [4.0] * 6
    for step in range(12):
        logits = rows(100 + step)
        view.numbers = torch.rand(6, dtype=torch.float64, generator=random)
        got = sampler.choose(logits, view).tolist()
        for b, row in enumerate(logits.double().tolist()):
            p = probabilities(row)
            order = sorted(range(V), key=lambda token: -row[token])
            if version == 1:
                kept = order[: zipf_k(row, bounds[b], 8)]
            else:
                kept = [token for token in order if -math.log2(p[token]) <= bounds[b]] or order[:1]
            target, total = float(view.numbers[b]) * sum(p[token] for token in kept), 0.0
            for token in sorted(kept):
                total += p[token]
                if total > target:
                    break
            assert got[b] == token, (step, b)
            bounds[b] -= 0.5 * (-math.log2(p[token]) - 2.0)
        assert view.state["bound"].tolist() == pytest.approx(bounds)


@pytest.mark.parametrize("tau", [3.0, 5.0])
@pytest.mark.parametrize("version", [Mirostat, MirostatV2])
def test_mirostat_reaches_its_target_surprise(version: type[Mirostat | MirostatV2], tau: float) -> None:
    """Within 5 %, the mean over 300 steps of 8 rows; exponents of Zipf's law change from step to step."""
    sampler, random = version(tau=tau), torch.Generator().manual_seed(6)
    ranks = torch.arange(1, 513, dtype=torch.float64).log()
    view, total = FakeView(history=torch.zeros(8, 0, dtype=torch.long)), 0.0
    for step in range(400):
        exponent = 0.6 + 0.8 * torch.rand(8, 1, dtype=torch.float64, generator=random)
        logits = -exponent * ranks
        view.numbers = torch.rand(8, dtype=torch.float64, generator=random)
        token = sampler.choose(logits, view)
        if step >= 100:
            total -= float(logits.log_softmax(-1).gather(1, token[:, None]).mean()) / math.log(2) / 300
    assert total == pytest.approx(sampler.tau, rel=0.05)


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: DynamicTemperature(low=0.0), r"dynamic_temperature's low must be in \[0.001, 10000\], got 0"),
        (lambda: DynamicTemperature(low=2.0, high=1.0), r"dynamic_temperature's high must be in \[2, 10000\], got 1"),
        (lambda: DynamicTemperature(exponent=0.0), r"exponent must be in \[0.01, 100\], got 0"),
        (lambda: TopNSigma(n=-1.0), r"top_nsigma's n must be in \[0, 1000000\], got -1"),
        (lambda: Typical(p=1.5), r"typical's p must be in \[0, 1\], got 1.5"),
        (lambda: Epsilon(epsilon=2.0), r"epsilon's epsilon must be in \[0, 1\], got 2"),
        (lambda: Eta(epsilon=-1.0), r"eta's epsilon must be in \[0, 1\], got -1"),
        (lambda: LengthPenalty(factor=0.0), r"length_penalty's factor must be in \[0.001, 1000\], got 0"),
        (lambda: LengthPenalty(start=-1), r"length_penalty's start must be in \[0, 1000000\], got -1"),
        (lambda: BannedTokens(tokens=(3, -1)), "banned_tokens' tokens must be at least 0, got -1"),
        (lambda: Dry(base=0.5), r"dry's base must be in \[1, 10\], got 0.5"),
        (lambda: Dry(multiplier=-1.0), r"dry's multiplier must be in \[0, 1000\], got -1"),
        (lambda: Dry(allowed_length=0), r"dry's allowed_length must be in \[1, 50\], got 0"),
        (lambda: Dry(window=1), r"dry's window must be in \[2, 10000\], got 1"),
        (lambda: Mirostat(tau=-1.0), r"mirostat's tau must be in \[0, 100\], got -1"),
        (lambda: Mirostat(eta=2.0), r"mirostat's eta must be in \[0, 1\], got 2"),
        (lambda: Mirostat(m=1), r"mirostat's m must be in \[2, 1000000\], got 1"),
        (lambda: MirostatV2(tau=101.0), r"mirostat_v2's tau must be in \[0, 100\], got 101"),
        (lambda: EntropyAdaptive(entropy=-1.0), r"entropy_adaptive's entropy must be in \[0, 1000\], got -1"),
        (lambda: Beam(width=0), r"beam's width must be in \[1, 64\], got 0"),
        (lambda: Beam(alpha=-0.5), r"beam's alpha must be in \[0, 4\], got -0.5"),
    ],
)
def test_an_option_out_of_range_is_refused_by_name(build: Callable[[], object], named: str) -> None:
    with pytest.raises(UserError, match=named):
        build()
