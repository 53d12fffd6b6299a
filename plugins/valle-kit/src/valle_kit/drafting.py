"""Several tokens a step: a drafter says what may come, and one pass of the backbone tells how much of it holds.

After speculative decoding (2211.17192). Here a token is a function of (logits, history, random seed, frame), so what is
checked is the token itself and not its distribution: whatever samplers there are, the tokens are those of one a step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.interfaces import Backbone, Cache
from valle_core.plugin import UserError
from valle_core.synthesis.autoregressive import Decoded, Prompted, cut, decode
from valle_core.synthesis.sampling.chain import SamplerChain, refuse_undefined
from valle_core.synthesis.sampling.view import View
from valle_kit.snapshot import Snapshot

Embed = Callable[[Int[Tensor, "B"], Int[Tensor, "B"]], Float[Tensor, "R 1 D"]]
Head = Callable[[Float[Tensor, "R D"], Int[Tensor, "B"]], Float[Tensor, "B V"]]


class Drafter(Protocol):
    """Says states beforehand, cheaply, and runs the backbone over what was drafted from them."""

    def next(self, state: Float[Tensor, "R D"], x: Float[Tensor, "R 1 D"], cache: Any) -> Float[Tensor, "R D"]:
        """What the finished state may be behind `state`, of the position that reads x."""
        ...

    def check(self, x: Float[Tensor, "R T D"], cache: Any) -> Float[Tensor, "R T D"]:
        """The finished states of these positions; `next` was called for all but the last. The cache goes on by T."""
        ...

    def select(self, rows: Int[Tensor, "R"]) -> None:
        """Rows leave."""
        ...


@runtime_checkable
class Shared(Protocol):
    """A backbone whose steps are computed with those of other rows, where there are others."""

    def crowded(self) -> bool:
        """Whether there are: then one token of all rows a step costs less than drafts of each."""
        ...


@torch.inference_mode()
def decode_drafted(
    drafter: Drafter,
    drafts: int,
    changing: Sequence[object],
    backbone: Backbone,
    prompted: Prompted,
    embed: Embed,
    head: Head,
    chain: SamplerChain,
    view: View,
    *,
    bounds: list[int],
    stop: int,
    check_every: int | None = None,
    max_context: int = 0,
    branches: int = 1,
    watch: Callable[[Int[Tensor, "B L"]], None] | None = None,
    unchecked: bool = False,
) -> Decoded:
    """As `valle_core.synthesis.autoregressive.decode`, with the same tokens in fewer steps.

    Rows of a batch go on together, by as many tokens as hold in all of them. Where drafts are of no use (a search,
    `max_context`), one token is decoded a step.

    Args:
        drafter: for these rows.
        drafts: tokens to draft beyond the one that is certain.
        changing: what `embed` and `head` change, beside `view`: attributes that are tensors, or lists, tuples and
            dictionaries of some, are put back after drafting.
        unchecked: drafts are taken as they are: `drafts` + 1 tokens a step, and other ones.

    Raises:
        UserError: a backbone that cannot take tokens back, a search without checking.
    """
    shortened = 0 < max_context < max(bounds, default=0)
    if unchecked and (chain.search is not None or shortened):
        what = "a sampler that looks for whole answers" if chain.search is not None else "--max-context"
        raise UserError(f"drafts without a check do not go with {what}; leave one of the two out")
    if not bounds or drafts < 1 or chain.search is not None or shortened:
        more = {"bounds": bounds, "stop": stop, "branches": branches, "watch": watch}
        more |= {"check_every": check_every, "max_context": max_context}
        return decode(backbone, prompted, embed, head, chain, view, **more)
    cache, h = _begin(backbone, prompted, bounds, branches)
    run = _Run(embed, head, chain, view, drafter, cache, bounds, stop, branches, watch)
    states, x, steps = h[:, None], h[:, None], 0
    while True:
        T, place, right = states.shape[1], 0, None
        for place in range(T):
            right = run.answer(states[:, place])
            if right is None:
                return run.decoded(steps)
            last = run.narrowed is not None or place + 1 == T
            if last or not torch.equal(right, x[:, place + 1 : place + 2]):
                break
        assert right is not None
        if place + 1 < T:
            _take_back(cache, cache.lengths - (T - place - 1))
        h = states[:, place] if run.narrowed is None else states[run.narrowed, place]
        count = 0 if not unchecked and isinstance(backbone, Shared) and backbone.crowded() else drafts
        drafted = run.trust(h, right, count) if unchecked else run.draft(h, right, count, changing)
        if drafted is None:
            return run.decoded(steps)
        x, steps = drafted, steps + 1
        states = drafter.check(x, cache)
        if unchecked:
            states = states[:, -1:]


class _Run:
    """Rows that are decoded: what they said, and which still go on.

    Attributes:
        rows: [R] places of the rows that go on in the first batch.
        narrowed: rows of the backbone that stayed at the last answer, or None where all did.
    """

    def __init__(
        self,
        embed: Embed,
        head: Head,
        chain: SamplerChain,
        view: View,
        drafter: Drafter,
        cache: Cache,
        bounds: list[int],
        stop: int,
        branches: int,
        watch: Callable[[Int[Tensor, "B L"]], None] | None,
    ) -> None:
        self.embed, self.head, self.chain, self.view = embed, head, chain, view
        self.drafter, self.cache, self.bounds, self.stop, self.branches = drafter, cache, bounds, stop, branches
        self.watch, self.said = watch, 0
        device = cache.lengths.device
        self.rows = torch.arange(len(bounds), device=device)
        self.bound = torch.tensor(bounds, device=device)
        self.tokens = torch.full((len(bounds), max(bounds)), stop, device=device)
        self.least = min(bounds)
        self.narrowed: Int[Tensor, "R"] | None = None

    def choose(self, h: Float[Tensor, "R D"]) -> Int[Tensor, "B"]:
        """The next tokens."""
        logits = self.head(h, self.rows).float()
        refuse_undefined(logits, "level 0")
        if not self.said and self.stop >= 0:
            logits = logits.index_fill(1, torch.tensor([self.stop], device=logits.device), float("-inf"))
        return self.chain(logits, self.view)

    def answer(self, h: Float[Tensor, "R D"]) -> Float[Tensor, "S 1 D"] | None:
        """Say the next tokens; what the backbone reads of the rows that go on, None where none does."""
        token = self.choose(h)
        self.tokens[self.rows, self.said] = token
        self.said += 1
        if self.watch is not None:
            self.watch(self.tokens[:, : self.said])
        ended = (token == self.stop) | (self.bound[self.rows] <= self.said)
        self.narrowed = None
        if bool(ended.any()):
            staying = (~ended).nonzero().squeeze(1)
            if not len(staying):
                return None
            self.narrowed = torch.cat([staying + branch * len(token) for branch in range(self.branches)])
            self.cache.select(self.narrowed)
            self.drafter.select(self.narrowed)
            self.view.select(staying)
            self.rows, token = self.rows[staying], token[staying]
            self.least = int(self.bound[self.rows].min())
        self.view.append(token)
        return self.embed(token, self.rows)

    def draft(
        self, h: Float[Tensor, "R D"], x: Float[Tensor, "R 1 D"], count: int, changing: Sequence[object]
    ) -> Float[Tensor, "R T D"]:
        """What the backbone reads: x, and behind it drafts, of which nothing is left but this."""
        read, count = [x], self._room(count)
        before = [Snapshot(one) for one in (self.view, *changing)] if count else []
        for _ in range(count):
            h = self.drafter.next(h, read[-1], self.cache)
            token = self.choose(h)
            self.view.append(token)
            read.append(self.embed(token, self.rows))
        for one in before:
            one.restore()
        return torch.cat(read, 1)

    def trust(self, h: Float[Tensor, "R D"], x: Float[Tensor, "R 1 D"], count: int) -> Float[Tensor, "R T D"] | None:
        """The same of drafts that are said as they are; None where no row goes on."""
        read = [x]
        for _ in range(self._room(count)):
            h = self.drafter.next(h, read[-1], self.cache)
            found = self.answer(h)
            if found is None:
                return None
            if self.narrowed is not None:
                h, read = h[self.narrowed], [one[self.narrowed] for one in read]
            read.append(found)
        return torch.cat(read, 1)

    def decoded(self, steps: int) -> Decoded:
        """What all rows said."""
        return cut(self.tokens, torch.tensor(self.bounds, device=self.tokens.device), self.stop, steps)

    def _room(self, count: int) -> int:
        """So many drafts that no row reads past its bound."""
        return max(0, min(count, self.least - self.said - 1))


def _begin(
    backbone: Backbone, prompted: Prompted, bounds: list[int], branches: int
) -> tuple[Cache, Float[Tensor, "R D"]]:
    """A cache that has read the prompts, and the finished states behind them."""
    x, lengths = prompted.x, prompted.mask.lengths
    needed = max(length + bound for length, bound in zip(lengths.tolist(), bounds * branches, strict=True))
    cache = backbone.new_cache(len(x), needed, x.dtype, x.device)
    out = backbone(x, prompted.mask, prompted.positions, condition=prompted.condition, cache=cache)
    return cache, backbone.finish(out.h[torch.arange(len(x), device=x.device), lengths - 1])


def _take_back(cache: Cache, lengths: Int[Tensor, "R"]) -> None:
    try:
        cache.rewind(lengths)
    except UserError as error:
        raise UserError(
            f"drafts are checked by taking tokens back, which this arch cannot ({error}); "
            "leave --drafts out, or add --unchecked"
        ) from None
