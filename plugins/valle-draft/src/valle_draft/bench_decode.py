"""Decoding with drafts beside one token a step: what they cost and gain where so many of them hold.

A model with random weights has no drafts that hold, so they are planted: the drafter does its work, and gives the state
that is right (or wrong) with the probability asked for.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.api import Prompted, Registry, SamplerChain, SamplingView, build, decode_autoregressive, row_seeds
from valle_core.types import SequenceMask
from valle_draft.heads import DraftHeads, HeadDrafter
from valle_draft.layer_skip import EarlyExit
from valle_draft.options import HeadsOptions
from valle_kit.decode_rates import Greedy, in_turns
from valle_kit.drafting import Drafter, decode_drafted

VOCABULARY = 1024
SIZES = {"d 256, 5 layers": (256, 5), "d 512, 8 layers": (512, 8), "d 1024, 12 layers": (1024, 12)}
_ALIKE = 1e-3
"""States that are the same but for rounding differ by less."""
HOLDING = (0.4, 0.6, 0.8)
"""Probabilities that a draft holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """One way to decode at one size: llama, batch 1, float32, CPU, greedy.

    Attributes:
        size: of the model.
        setting: who drafts how many tokens, and how many of them hold.
        batch: rows.
        compiled: how the step was, "" for as it comes.
        match: the tokens are those of one a step.
        per_step: tokens for each pass of the backbone.
        tokens_per_s: after the prompt has been read.
        ratio: tokens_per_s over that of one token a step.
    """

    size: str
    setting: str
    batch: int = 1
    compiled: str = ""
    match: bool
    per_step: float
    tokens_per_s: float
    ratio: float


class Planted:
    """A drafter whose work is done, and whose states are taken from `right`, the true ones by frame."""

    def __init__(self, drafter: Any, right: Float[Tensor, "N D"], holds: float) -> None:
        self._drafter, self._right, self._holds, self._draw = drafter, right, holds, random.Random(1)

    def next(self, state: Float[Tensor, "R D"], x: Float[Tensor, "R 1 D"], cache: Any) -> Float[Tensor, "R D"]:
        """See `Drafter.next`; the state says which frame it is of, unless it is a wrong one."""
        self._drafter.next(state, x, cache)
        place = ((self._right - state).abs().amax(1) < _ALIKE).nonzero()
        if not len(place) or self._draw.random() >= self._holds:
            return -state
        return self._right[int(place[0, 0]) + 1 :][:1]

    def check(self, x: Float[Tensor, "R T D"], cache: Any) -> Float[Tensor, "R T D"]:
        """See `Drafter.check`."""
        return self._drafter.check(x, cache)

    def select(self, rows: Int[Tensor, "R"]) -> None:
        """See `Drafter.select`."""


def compare(
    *,
    sizes: Sequence[str] = tuple(SIZES),
    part: str = "",
    new_tokens: int = 160,
    prompt_tokens: int = 100,
    repeats: int = 3,
    drafts: int = 3,
    compiled: bool = False,
) -> list[Measurement]:
    """All settings at all sizes, or at the one that `part` names; they take turns and the median counts.

    `compiled` is of other cases of the benchmark.
    """
    return [
        row
        for size in sizes
        if part in ("", size)
        for row in _compare_one(size, new_tokens, prompt_tokens, repeats, drafts)
    ]


compare.parts = tuple(SIZES)  # pyright: ignore[reportFunctionMemberAccess]


def _compare_one(size: str, new: int, prompt: int, repeats: int, drafts: int) -> list[Measurement]:
    width, layers = SIZES[size]
    torch.manual_seed(0)
    registry = Registry.open()
    plugin, kernel = registry.select("arch", "llama"), registry.select("attention", "sdpa")
    options = plugin.options_type()(d_model=width, n_layers=layers, n_heads=width // 64)
    backbone = build(plugin, options, attention=build(kernel, kernel.options_type()())).eval()
    table, weight, x = torch.randn(VOCABULARY, width), torch.randn(VOCABULARY, width), torch.randn(1, prompt, width)
    right: list[Tensor] = []

    def run(count: int, drafter: Drafter | None, held: list[Tensor] | None = None) -> Any:
        def head(h: Tensor, rows: Tensor) -> Tensor:
            if held is not None:
                held.append(h)
            return F.linear(h, weight)

        given = (
            backbone,
            Prompted(x=x, mask=SequenceMask.causal(torch.tensor([prompt])), positions=torch.arange(prompt)[None]),
            lambda token, rows: table[token][:, None],
            head,
            SamplerChain([Greedy()]),
            SamplingView(seeds=row_seeds(0, [0], device="cpu"), capacity=count),
        )
        if drafter is None:
            return decode_autoregressive(*given, bounds=[count], stop=-1)
        return decode_drafted(drafter, drafts, [], *given, bounds=[count], stop=-1)

    plain = run(new, None, right)
    states = torch.cat(right)
    heads = DraftHeads(HeadsOptions(), width).eval()
    kinds: dict[str, Callable[[], Any]] = {
        "heads": lambda: HeadDrafter(heads, backbone, None),
        f"layer-skip, exit {max(1, layers // 3)}": lambda: EarlyExit(backbone, None, max(1, layers // 3)),
    }
    settings: dict[str, Callable[[], Drafter | None]] = {"one token a step": lambda: None}
    for name, made in kinds.items():
        for holds in HOLDING:
            settings[f"{name}, {drafts} drafts, {holds:.0%} hold"] = lambda made=made, holds=holds: Planted(
                made(), states, holds
            )
    found = {setting: run(new, make()) for setting, make in settings.items()}  # also the warm-up
    ways = [lambda count, make=make: run(count, make()) for make in settings.values()]
    timed = in_turns(ways, new, repeats)
    rates = {setting: one.tokens_per_s for setting, one in zip(settings, timed, strict=True)}
    return [
        Measurement(
            size=f"drafts, {size}",
            setting=setting,
            match=torch.equal(found[setting].tokens[0], plain.tokens[0]),
            per_step=(new - 1) / found[setting].steps,
            tokens_per_s=rate,
            ratio=rate / rates["one token a step"],
        )
        for setting, rate in rates.items()
    ]
