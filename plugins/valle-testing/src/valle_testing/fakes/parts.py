"""Samplers of each role and a task that keep their contracts: small examples, and what tests plant faults in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.interfaces import Ask, Follow, Pool, SamplerView
from valle_core.plugin import UserError
from valle_core.sequence.layout import lay_out
from valle_core.types import TaskInputs, TaskSequence, Utterance


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeProcessor:
    """A processor: keeps the smallest set with probability p."""

    p: float = 0.7

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise UserError(f"p must be in [0, 1], got {self.p}")

    def process(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]:
        ascending, order = logits.sort(dim=-1)
        drop = ascending.softmax(-1).cumsum(-1) <= 1 - self.p
        drop[:, -1] = False
        return logits.masked_fill(drop.scatter(1, order, drop), -math.inf)


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeChooser:
    """A chooser: draws, and counts in its state how often each row did."""

    t: float = 1.0

    def __post_init__(self) -> None:
        if not 0.01 <= self.t <= 100:
            raise UserError(f"t must be in [0.01, 100], got {self.t}")

    def choose(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Int[Tensor, "B"]:
        steps = view.state.get("steps", torch.zeros_like(view.lengths))
        view.state["steps"] = steps + 1
        scaled = (logits - logits.amax(-1, keepdim=True)) / (self.t + 0.1 * steps[:, None])
        counts = (scaled.double().softmax(-1) * 2.0**40).long().cumsum(-1)
        return (counts <= (view.uniform() * counts[:, -1]).long()[:, None]).sum(-1)


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeSearch:
    """A search with one beginning: the best token, again and again."""

    worth: float = 1.0

    def __post_init__(self) -> None:
        if not 0.5 <= self.worth <= 2:
            raise UserError(f"worth must be in [0.5, 2], got {self.worth}")

    def search(
        self, logits: Float[Tensor, "B V"], follow: Follow, bounds: Sequence[int], stop: int | None
    ) -> Int[Tensor, "B L"]:
        tokens = torch.full((len(logits), max(bounds, default=0)), -1 if stop is None else stop, device=logits.device)
        rows = torch.arange(len(logits), device=logits.device)
        bound = torch.tensor(list(bounds), device=logits.device)
        for place in range(tokens.shape[1]):
            chosen = (logits * self.worth).argmax(-1)
            tokens[rows, place] = chosen
            staying = ((chosen != (-1 if stop is None else stop)) & (bound[rows] > place + 1)).nonzero().squeeze(1)
            if not len(staying):
                break
            rows, logits = rows[staying], follow(staying, chosen[staying])
        return tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeFiller:
    """A filler: the best code of every frame, the first half of each row before the other."""

    worth: float = 1.0

    def __post_init__(self) -> None:
        if not 0.5 <= self.worth <= 2:
            raise UserError(f"worth must be in [0.5, 2], got {self.worth}")

    def fill(self, ask: Ask, frames: Sequence[int], hidden: int, view: SamplerView) -> Int[Tensor, "N"]:
        codes = torch.full_like(view.lengths, hidden)
        late = torch.cat([torch.arange(count) * 2 >= count for count in frames] or [torch.zeros(0) > 0]).to(
            codes.device
        )
        codes = torch.where(late, codes, (ask(codes) * self.worth).argmax(-1))
        return torch.where(late, (ask(codes) * self.worth).argmax(-1), codes)


class FakeTask:
    """Says a text in the voice of a random piece of another utterance."""

    output = "codes"
    continues = False

    def draw(self, utterance: Utterance, pool: Pool, rng: Random, *, frame_rate: float) -> TaskInputs | None:
        others = list(pool.other(utterance.speaker, utterance.id))
        if not others:
            return None
        codes = pool.codes(rng.choice(others))
        size = max(1, round(rng.uniform(1, 2) * frame_rate))
        start = rng.randint(0, max(0, len(codes) - size))
        return TaskInputs(
            text=utterance.symbols,
            language=utterance.language,
            prompt=codes[start : start + size],
            response=utterance.codes,
        )

    def compose(self, inputs: TaskInputs, level: int, *, training: bool) -> TaskSequence:
        visible = inputs.response[:, : max(level, 1)]
        if level == 0 and not len(visible):
            visible = inputs.response.new_zeros(0, 1)
        target = inputs.response[:, level] if training else None
        return lay_out(inputs, level, response=visible, target=target, continues=self.continues)

    def finish(self, inputs: TaskInputs, output: Int[Tensor, "F Q"]) -> Int[Tensor, "F Q"]:
        return output
