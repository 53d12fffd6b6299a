"""Each sampler against its paper, and against transformers where that has the same one."""

from __future__ import annotations

import importlib
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor
from transformers.generation import logits_process as reference
from valle_samplers import plugin
from valle_samplers.banned_tokens import BannedTokens
from valle_samplers.drawing import draw
from valle_samplers.epsilon import Epsilon
from valle_samplers.eta import Eta
from valle_samplers.greedy import Greedy
from valle_samplers.length_penalty import LengthPenalty
from valle_samplers.min_p import MinP
from valle_samplers.repetition_aware import RepetitionAware
from valle_samplers.repetition_penalty import RepetitionPenalty
from valle_samplers.sample import Sample
from valle_samplers.temperature import Temperature
from valle_samplers.top_k import TopK
from valle_samplers.top_p import TopP
from valle_samplers.typical import Typical

from valle_core.interfaces import Chooser, Filler, Processor, Sampler, Search
from valle_core.plugin import UserError

V = 37


@dataclass
class FakeView:
    """A view with given histories and random numbers."""

    history: Tensor = field(default_factory=lambda: torch.zeros(8, 0, dtype=torch.long))
    numbers: tuple[Tensor, ...] = ()
    stop: int | None = None
    state: dict[str, Tensor] = field(default_factory=dict)

    @property
    def lengths(self) -> Tensor:
        return (self.history >= 0).sum(-1)

    def uniform(self, salt: int = 0) -> Tensor:
        return self.numbers[salt]


def random_logits(seed: int, rows: int = 8) -> Tensor:
    return torch.randn(rows, V, generator=torch.Generator().manual_seed(seed)) * 3


def random_history(seed: int) -> Tensor:
    """Rows of 0 … 12 tokens, padded with −1."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, V, (8, 12), generator=generator)
    lengths = torch.tensor([12, 0, 1, 5, 12, 7, 3, 11])
    return tokens.masked_fill(torch.arange(12) >= lengths[:, None], -1)


PAIRS: list[tuple[Processor, Callable[[], reference.LogitsProcessor]]] = [
    *((Temperature(t=t), lambda t=t: reference.TemperatureLogitsWarper(t)) for t in (0.1, 0.7, 1.0, 1.9)),
    *((TopK(k=k), lambda k=k: reference.TopKLogitsWarper(k)) for k in (1, 2, 10, V, 100)),
    *((TopP(p=p), lambda p=p: reference.TopPLogitsWarper(p)) for p in (0.0, 0.3, 0.9, 1.0)),
    *((MinP(p=p), lambda p=p: reference.MinPLogitsWarper(p)) for p in (0.0, 0.02, 0.3, 1.0)),
    *((Typical(p=p), lambda p=p: reference.TypicalLogitsWarper(p)) for p in (0.05, 0.5, 0.9, 0.999)),
    *((Epsilon(epsilon=e), lambda e=e: reference.EpsilonLogitsWarper(e)) for e in (3e-4, 0.02, 0.4)),
    *((Eta(epsilon=e), lambda e=e: reference.EtaLogitsWarper(e)) for e in (3e-4, 0.02, 0.4)),
    (BannedTokens(tokens=(0, 5, V - 1)), lambda: reference.SuppressTokensLogitsProcessor([0, 5, V - 1])),
    (BannedTokens(tokens=(2, 3)), lambda: reference.NoBadWordsLogitsProcessor([[2], [3]])),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda x: repr(x) if isinstance(x, Processor) else "")
@pytest.mark.parametrize("kind", ["random", "ties", "masked", "bfloat16"])
def test_a_processor_equals_transformers_bit_for_bit(ours: Processor, theirs: Callable, kind: str) -> None:
    logits = random_logits(0)
    if kind == "ties":
        logits = logits.round()
    if kind == "masked":
        logits = logits.masked_fill(random_logits(1) > 2, -math.inf)
    if kind == "bfloat16":
        logits = logits.bfloat16()
    before = logits.clone()
    got = ours.process(logits, FakeView())
    assert torch.equal(got, theirs()(torch.zeros(8, 0, dtype=torch.long), before.clone()))
    assert torch.equal(logits, before), "the input was written"


@pytest.mark.parametrize(("factor", "start"), [(1.01, 0), (1.5, 4), (0.8, 3), (1.0, 0), (1.2, 50)])
def test_the_length_penalty_equals_transformers_bit_for_bit(factor: float, start: int) -> None:
    logits, tokens = random_logits(2), torch.zeros(8, 20, dtype=torch.long)
    theirs = reference.ExponentialDecayLengthPenalty((start, factor), V - 1, input_ids_seq_length=0)
    got = LengthPenalty(factor=factor, start=start).process(logits, FakeView(history=tokens, stop=V - 1))
    assert torch.equal(got, theirs(tokens, logits.clone()))


@pytest.mark.parametrize("penalty", [0.5, 1.0, 1.2, 3.0])
def test_the_repetition_penalty_equals_transformers_bit_for_bit(penalty: float) -> None:
    logits = random_logits(2)
    tokens = torch.randint(0, V, (8, 20), generator=torch.Generator().manual_seed(3))
    got = RepetitionPenalty(penalty=penalty).process(logits, FakeView(history=tokens))
    assert torch.equal(got, reference.RepetitionPenaltyLogitsProcessor(penalty)(tokens, logits.clone()))


@pytest.mark.parametrize("penalty", [0.7, 1.0, 1.3])
def test_without_decay_the_penalty_is_the_one_of_hardly_any_decay(penalty: float) -> None:
    """Two ways of computing it. Token 0 is in row 0 alone: padding, and the empty row 1, do not change it."""
    logits, history = random_logits(3), random_history(8).masked_fill(random_history(8) == 0, 1)
    history[0, 0] = 0
    logits[:, 5], logits[2, 0] = -math.inf, 0.0
    view = FakeView(history=history)
    alike = RepetitionPenalty(penalty=penalty).process(logits, view)
    assert torch.allclose(alike, RepetitionPenalty(penalty=penalty, decay=1e-9).process(logits, view), rtol=1e-6)
    assert torch.equal(alike[1:, 0], logits[1:, 0])


def test_a_repeated_token_never_gains_whatever_the_sign_of_its_logit() -> None:
    """Dividing negative logits, a known mistake, makes repetition more likely."""
    logits = torch.tensor([[2.0, -2.0, 0.0, 1.0, -1.0]])
    got = RepetitionPenalty(penalty=2.0).process(logits, FakeView(history=torch.tensor([[0, 1, 2]])))
    assert got.tolist() == [[1.0, -4.0, 0.0, 1.0, -1.0]]


def test_the_penalty_weighs_near_tokens_most() -> None:
    """A penalty that grows with distance is a known mistake."""
    logits = torch.full((1, 6), 8.0)
    got = RepetitionPenalty(penalty=4.0, decay=0.5).process(logits, FakeView(history=torch.tensor([[3, 2, 1, 0]])))
    exponents = [1.0, 0.5, 0.25, 0.125]
    assert torch.allclose(got[0, :4], torch.tensor([8 / 4**e for e in exponents]))
    assert got[0, 4:].tolist() == [8.0, 8.0]
    assert (got[0, :5].diff() > 0).all()


def test_with_decay_a_token_counts_by_its_most_recent_place() -> None:
    logits = torch.full((1, 3), 8.0)
    sampler = RepetitionPenalty(penalty=4.0, decay=0.5)
    often = sampler.process(logits, FakeView(history=torch.tensor([[1, 1, 2, 1]])))
    once = sampler.process(logits, FakeView(history=torch.tensor([[0, 0, 2, 1]])))
    assert often[0, 1] == once[0, 1] == 2.0
    assert sampler.process(logits, FakeView(history=torch.tensor([[1, 0]])))[0, 1] == 4.0


def test_full_decay_looks_at_the_last_token_only() -> None:
    history = torch.tensor([[0, 1, 2, -1, -1]])
    got = RepetitionPenalty(penalty=2.0, decay=1.0).process(torch.ones(1, 4), FakeView(history=history))
    assert got.tolist() == [[1.0, 1.0, 0.5, 1.0]]


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_padding_of_the_history_is_no_token(decay: float) -> None:
    logits, history = random_logits(4), random_history(5)
    sampler = RepetitionPenalty(penalty=1.5, decay=decay)
    got = sampler.process(logits, FakeView(history=history))
    for row in range(8):
        length = int((history[row] >= 0).sum())
        alone = sampler.process(logits[row : row + 1], FakeView(history=history[row : row + 1, :length]))
        assert torch.equal(got[row], alone[0])
    assert torch.equal(got[1], logits[1])
    assert not torch.equal(got[0], logits[0])


def test_zero_temperature_leaves_only_the_first_of_the_best() -> None:
    got = Temperature(t=0).process(torch.tensor([[1.0, 3.0, 3.0], [5.0, -1.0, 0.0]]), FakeView())
    assert got.tolist() == [[-math.inf, 3.0, -math.inf], [5.0, -math.inf, -math.inf]]


def test_greedy_picks_the_largest() -> None:
    logits = random_logits(6)
    assert torch.equal(Greedy().choose(logits, FakeView()), logits.argmax(-1))


def test_sample_inverts_the_cumulative_distribution() -> None:
    logits = torch.tensor([0.1, 0.2, 0.0, 0.7]).log().expand(6, -1)
    numbers = torch.tensor([0.001, 0.099, 0.101, 0.299, 0.301, 0.999], dtype=torch.float64)
    assert Sample().choose(logits, FakeView(numbers=(numbers,))).tolist() == [0, 0, 1, 1, 3, 3]


def test_impossible_tokens_are_never_drawn_even_at_the_edges() -> None:
    logits = torch.tensor([-math.inf, 0.0, -math.inf, 0.0, -math.inf]).expand(3, -1)
    numbers = torch.tensor([2.0**-53, 0.5, 1 - 2.0**-53], dtype=torch.float64)
    assert draw(logits, numbers).tolist() == [1, 3, 3]


def test_draws_follow_the_distribution() -> None:
    probabilities = torch.tensor([0.45, 0.3, 0.2, 0.05])
    numbers = torch.rand(40_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    counts = torch.bincount(draw(probabilities.log().expand(40_000, -1), numbers), minlength=4)
    expected = probabilities * 40_000
    assert ((counts - expected) ** 2 / expected).sum() < 18  # χ², 3 degrees of freedom, p = 0.0004


def test_repetition_aware_takes_the_nucleus_draw_until_it_fills_the_window() -> None:
    # The nucleus of 0.5 is token 0 alone; the free draw at 0.9 is token 2.
    logits = torch.tensor([0.6, 0.2, 0.2]).log()
    history = torch.tensor(
        [
            [1, 1, 1, 1, 1, 1],  # no repeat
            [1, 1, 0, 1, 1, 1],  # one of the last four: not above a quarter
            [1, 1, 0, 0, 1, 1],  # two of the last four
            [0, 0, 1, 1, 1, 1],  # repeats out of the window
            [0, 0, 1, 1, 1, -1],  # shorter row: one in its window
            [0, 0, 1, 1, -1, -1],  # shorter row: two in its window
            [-1, -1, -1, -1, -1, -1],
            [0, -1, -1, -1, -1, -1],
        ]
    )
    numbers = (torch.full((8,), 0.5, dtype=torch.float64), torch.full((8,), 0.9, dtype=torch.float64))
    sampler = RepetitionAware(p=0.5, window=4, threshold=0.25)
    got = sampler.choose(logits.expand(8, -1), FakeView(history=history, numbers=numbers))
    assert got.tolist() == [0, 0, 2, 0, 0, 2, 0, 0]


def test_repetition_aware_breaks_a_loop() -> None:
    """With one likely token the nucleus repeats it for ever; the free draw now and then leaves it."""
    logits = torch.tensor([[0.9, *[0.1 / 9] * 9]]).log()
    generator = torch.Generator().manual_seed(0)
    history = torch.zeros(1, 0, dtype=torch.long)
    for _ in range(300):
        numbers = tuple(torch.rand(1, dtype=torch.float64, generator=generator) for _ in range(2))
        token = RepetitionAware(p=0.8).choose(logits, FakeView(history=history, numbers=numbers))
        history = torch.cat([history, token[:, None]], dim=1)
    assert 10 <= (history != 0).sum() <= 60


def test_samplers_work_without_any_history() -> None:
    logits, numbers = random_logits(7), torch.full((8,), 0.3, dtype=torch.float64)
    view = FakeView(numbers=(numbers, numbers))
    assert torch.equal(RepetitionPenalty(penalty=2.0, decay=0.2).process(logits, view), logits)
    assert RepetitionAware().choose(logits, view).shape == (8,)


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: Temperature(t=-0.1), r"temperature's t must be 0 or in \[0.001, 10000\], got -0.1"),
        (lambda: Temperature(t=1e-38), r"temperature's t must be 0 or in \[0.001, 10000\], got 1e-38"),
        (lambda: Temperature(t=math.nan), r"temperature's t must be 0 or in \[0.001, 10000\], got nan"),
        (lambda: Temperature(t=math.inf), r"temperature's t must be 0 or in \[0.001, 10000\], got inf"),
        (lambda: TopK(k=0), "top_k's k must be at least 1, got 0"),
        (lambda: TopP(p=1.1), r"top_p's p must be in \[0, 1\], got 1.1"),
        (lambda: TopP(p=-0.1), r"top_p's p must be in \[0, 1\], got -0.1"),
        (lambda: MinP(p=2), r"min_p's p must be in \[0, 1\], got 2"),
        (lambda: RepetitionPenalty(penalty=0), r"penalty must be in \[0.001, 1000\], got 0"),
        (lambda: RepetitionPenalty(penalty=1e-300), r"penalty must be in \[0.001, 1000\], got 1e-300"),
        (lambda: RepetitionPenalty(penalty=1e300), r"penalty must be in \[0.001, 1000\], got 1e\+300"),
        (lambda: RepetitionPenalty(decay=1.5), r"decay must be in \[0, 1\], got 1.5"),
        (lambda: RepetitionAware(p=3), r"repetition_aware's p must be in \[0, 1\], got 3"),
        (lambda: RepetitionAware(window=0), r"window must be in \[1, 1000000\], got 0"),
        (lambda: RepetitionAware(threshold=-1), r"threshold must be in \[0, 1\], got -1"),
    ],
)
def test_an_option_out_of_range_is_refused_by_name(build: Callable[[], object], named: str) -> None:
    with pytest.raises(UserError, match=named):
        build()


@pytest.mark.parametrize(
    "sampler", [Temperature(t=1e-3), RepetitionPenalty(penalty=1e-3), RepetitionPenalty(penalty=1e3)]
)
def test_at_the_end_of_its_range_a_sampler_still_gives_numbers(sampler: Processor) -> None:
    logits = 50 * random_logits(3)
    assert sampler.process(logits, FakeView(history=random_history(0))).isfinite().all()


SPECS = [value for name, value in vars(plugin).items() if name.isupper()]


def sampler_of(spec: plugin.PluginSpec) -> Sampler:
    """With its default options."""
    module, _, attribute = spec.options.partition(":")
    return getattr(importlib.import_module(module), attribute)()


def applied(sampler: Sampler, logits: Tensor, view: FakeView) -> Tensor:
    """Processed logits, or tokens."""
    return sampler.process(logits, view) if isinstance(sampler, Processor) else sampler.choose(logits, view)


ONE_STEP = [spec for spec in SPECS if not spec.capabilities & {"search", "filler"}]


@pytest.mark.parametrize("spec", ONE_STEP, ids=lambda spec: spec.name)
def test_a_batch_of_no_rows_gives_no_rows(spec: plugin.PluginSpec) -> None:
    sampler, numbers = sampler_of(spec), torch.zeros(0, dtype=torch.float64)
    for length in (0, 5):
        view = FakeView(history=torch.zeros(0, length, dtype=torch.long), numbers=(numbers, numbers))
        wanted = (0, 9) if isinstance(sampler, Processor) else (0,)
        assert applied(sampler, torch.zeros(0, 9), view).shape == wanted


@pytest.mark.parametrize("spec", ONE_STEP, ids=lambda spec: spec.name)
def test_rows_of_a_codebook_are_the_same_in_every_batch(spec: plugin.PluginSpec) -> None:
    """1,025 logits, 64 rows: bit for bit those of 3 rows and of each row alone."""
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(64, 1025, generator=random) * 3
    history = torch.randint(0, 40, (64, 30), generator=random)
    numbers = torch.rand(64, dtype=torch.float64, generator=random)

    def of(rows: slice) -> Tensor:
        view = FakeView(history=history[rows], numbers=(numbers[rows], numbers[rows]), stop=1024)
        return applied(sampler_of(spec), logits[rows], view)

    whole = of(slice(0, 64))
    for rows in (slice(61, 64), slice(0, 1), slice(33, 34)):
        assert torch.equal(of(rows), whole[rows])


def test_declared_roles_hold() -> None:
    assert len(SPECS) == 21
    for spec in SPECS:
        for role, what in {"processor": Processor, "chooser": Chooser, "search": Search, "filler": Filler}.items():
            assert isinstance(sampler_of(spec), what) is (role in spec.capabilities)


def test_specs_and_options_import_no_torch() -> None:
    modules = ",".join(sorted({spec.options.partition(":")[0] for spec in SPECS}))
    code = f"import sys, valle_samplers.plugin, valle_samplers.factory, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("spec", ONE_STEP, ids=lambda spec: spec.name)
def test_no_sampler_reads_a_value_back_from_the_device(spec: plugin.PluginSpec) -> None:
    """Meta tensors have no values, so `.item()`, `bool(tensor)` and masks of unknown size raise on them."""
    numbers = torch.zeros(8, dtype=torch.float64, device="meta")
    view = FakeView(history=random_history(0).to("meta"), numbers=(numbers, numbers), stop=V - 1)
    sampler, logits = sampler_of(spec), random_logits(0).to("meta")
    assert applied(sampler, logits, view).shape == (logits.shape if isinstance(sampler, Processor) else (8,))
