"""Rows of logits, histories and random numbers for the suite of samplers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.interfaces import Filler, Processor, Sampler, Search
from valle_core.synthesis.sampling.randomness import row_seeds, uniform

Build = Callable[[], Sampler]
"""Makes a sampler; options that make it do something visible show more."""

STEPS = 6
V = 23


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """What a view is made of.

    Attributes:
        history: [B, L], right-padded with −1.
        lengths: [B].
        seeds: [B].
    """

    history: Int[Tensor, "B L"]
    lengths: Int[Tensor, "B"]
    seeds: Int[Tensor, "B"]

    @classmethod
    def some(cls, B: int, V: int, device: str, *, seed: int = 0) -> Rows:
        """Rows of up to 12 tokens, one of none and one of the first and last token among them."""
        random = torch.Generator().manual_seed(1000 + seed)
        tokens = torch.randint(0, V, (B, 12), generator=random)
        lengths = torch.tensor([(12, 3, 0, 7, 1, 12, 5, 2)[b % 8] for b in range(B)])
        tokens[0] = torch.tensor([0, V - 1] * 6)
        return cls(
            history=tokens.masked_fill(torch.arange(12) >= lengths[:, None], -1).to(device),
            lengths=lengths.to(device),
            seeds=row_seeds(seed, range(B), device=device),
        )

    def select(self, rows: Int[Tensor, "R"]) -> Rows:
        """These rows in this order."""
        return Rows(history=self.history[rows], lengths=self.lengths[rows], seeds=self.seeds[rows])


@dataclass(kw_only=True, slots=True)
class RowsView:
    """A `SamplerView` over given rows.

    Attributes:
        rows: histories, lengths and seeds.
        stop: index of the stop token, or None.
        forced: what `uniform` gives in place of the rows' own numbers, or None.
        state: the sampler's.
    """

    rows: Rows
    stop: int | None = None
    forced: float | None = None
    state: dict[str, Tensor] = field(default_factory=dict)

    @property
    def history(self) -> Int[Tensor, "B L"]:
        return self.rows.history

    @property
    def lengths(self) -> Int[Tensor, "B"]:
        return self.rows.lengths

    def uniform(self, salt: int = 0) -> Float[Tensor, "B"]:
        numbers = uniform(self.rows.seeds, self.rows.lengths, salt)
        return numbers if self.forced is None else torch.full_like(numbers, self.forced)

    def advance(self, tokens: Int[Tensor, "B"]) -> None:
        """The rows chose these; they go behind each row's own end."""
        history = torch.nn.functional.pad(self.rows.history, (0, 1), value=-1)
        history = history.scatter(1, self.rows.lengths[:, None], tokens[:, None])
        self.rows = Rows(history=history, lengths=self.rows.lengths + 1, seeds=self.rows.seeds)

    def select(self, rows: Int[Tensor, "R"]) -> None:
        """What the decoder does to a view when rows move or leave."""
        self.rows = self.rows.select(rows)
        self.state.update({name: tensor[rows] for name, tensor in self.state.items()})


def view_of(rows: Rows, *, stop: int | None = None, forced: float | None = None) -> RowsView:
    """A fresh view without state."""
    return RowsView(rows=rows, stop=stop, forced=forced)


def step_logits(B: int, step: int, device: str, *, V: int = V) -> Float[Tensor, "B V"]:
    """Row b's logits at a step; the same whatever B is."""
    lines = [torch.randn(V, generator=torch.Generator().manual_seed(71 * b + 7919 * step)) * 2 for b in range(B)]
    return torch.stack(lines).to(device)


def hard_logits(device: str) -> Iterator[tuple[str, Float[Tensor, "B V"]]]:
    """Logits with tokens excluded, with ties, with one token left, very large, very small."""
    plain = step_logits(6, 3, "cpu")
    excluded = plain.clone()
    excluded[:, 0] = excluded[:, -1] = -math.inf
    excluded[1, 5:15] = -math.inf
    one = torch.full_like(plain, -math.inf)
    one[torch.arange(6), torch.tensor([0, V - 1, 7, 1, 11, 20])] = torch.tensor([0.0, -3.0, 2.0, 9.0, -50.0, 1.0])
    pairs = one.clone()
    pairs[:, 3] = 0.5
    for name, logits in {
        "plain logits": plain,
        "logits with excluded tokens": excluded,
        "rows with one token left": one,
        "rows with two tokens left": pairs,
        "equal logits": torch.zeros_like(plain),
        "equal logits, the first and last excluded": torch.zeros_like(plain).where(excluded.isfinite(), -math.inf),
        "large logits": plain * 1e4,
        "one certain token": plain - 200 * (torch.arange(V) != 4),
    }.items():
        yield name, logits.to(device)


def apply(sampler: Sampler, logits: Float[Tensor, "B V"], view: RowsView) -> Tensor:
    """What a sampler of any role makes of the logits; a search looks for answers of one token, a filler fills them."""
    if isinstance(sampler, Processor):
        return sampler.process(logits, view)
    if isinstance(sampler, Filler):
        return sampler.fill(lambda codes: logits, [1] * len(logits), logits.shape[1], view)
    if not isinstance(sampler, Search):
        return sampler.choose(logits, view)

    def follow(rows: Int[Tensor, "R"], tokens: Int[Tensor, "R"]) -> Float[Tensor, "R V"]:
        raise AssertionError("it goes on though every row is at its bound of one token")

    return sampler.search(logits, follow, [1] * len(logits), view.stop)[:, 0]


def settled(row: Int[Tensor, "L"], stop: int) -> tuple[list[int], bool]:
    """A row that a search gave: its tokens before the first stop token, and whether there is one."""
    tokens = row.tolist()
    return (tokens[: tokens.index(stop)], True) if stop in tokens else (tokens, False)


def decode(
    sampler: Sampler, rows: Sequence[int], device: str, *, select: tuple[int, Sequence[int]] | None = None
) -> list[Tensor]:
    """Results of six steps of these rows, which choose greedily where the sampler is a processor.

    A search gives its answers, the stop token behind their ends.

    `select = (step, order)` keeps these of the rows, in this order, before that step.
    """
    numbers = list(rows)
    if isinstance(sampler, Search):
        from valle_testing.suites.sampler.searching import searched

        answers = [settled(row, V - 1)[0] for row in searched(sampler, numbers, [STEPS] * len(numbers), device)]
        return list(torch.tensor([[*answer, *[V - 1] * STEPS][:STEPS] for answer in answers]).T)
    whole = Rows.some(8, V, device)
    view = view_of(whole.select(torch.tensor(numbers, device=device)), stop=V - 1)
    results = []
    for step in range(STEPS):
        if select is not None and step == select[0]:
            view.select(torch.tensor(list(select[1]), device=device))
            numbers = [numbers[row] for row in select[1]]
        logits = step_logits(8, step, device)[torch.tensor(numbers, device=device)]
        found = apply(sampler, logits, view)
        results.append(found)
        view.advance(found.argmax(-1) if isinstance(sampler, Processor) else found)
    return results


def same(one: Tensor, other: Tensor) -> bool:
    """Bit for bit; NaN equals NaN."""
    return one.shape == other.shape and bool(torch.equal(one.nan_to_num(77.5), other.nan_to_num(77.5)))
