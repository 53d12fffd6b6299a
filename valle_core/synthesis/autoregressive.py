"""Level 0: one token per step from a cache, rows leaving the batch as they stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.interfaces import Backbone, Cache
from valle_core.synthesis.sampling.chain import SamplerChain, refuse_undefined
from valle_core.synthesis.sampling.view import View
from valle_core.types import SequenceMask

CHECK_EVERY_ON_ACCELERATOR = 16
"""Steps between two looks at who has stopped: looking makes a GPU wait. On the CPU every step looks."""


@runtime_checkable
class Stepping(Protocol):
    """A backbone with a shorter way through one decoding step than the general forward (for one without condition)."""

    def step(self, x: Float[Tensor, "B 1 D"], cache: Cache) -> Float[Tensor, "B D"]:
        """Finished state of the next position of each row; the same values as forward and finish."""
        ...


@runtime_checkable
class MakesReady(Protocol):
    """A backbone that compiles something for decoding; it is asked to when a synthesizer is opened."""

    def make_ready(self, say: Callable[[str], None]) -> None:
        """Compile it, so that no speech waits for it; `say` is told where that takes seconds."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompted:
    """What decoding starts from.

    Attributes:
        x: [B, T, D] embedded prompt, right-padded.
        mask: its mask (causal).
        positions: [B, T].
        condition: [B, C] for backbones with adaptive norms, or None.
    """

    x: Float[Tensor, "B T D"]
    mask: SequenceMask
    positions: Int[Tensor, "B T"]
    condition: Float[Tensor, "B C"] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """Tokens of each row without the stop token, and whether it ended by itself.

    Attributes:
        tokens: one [F] tensor per row.
        stopped: False where a row ran into its bound.
        steps: backbone calls after the prompt.
    """

    tokens: list[Int[Tensor, "F"]]
    stopped: list[bool]
    steps: int


@torch.inference_mode()
def decode(
    backbone: Backbone,
    prompted: Prompted,
    embed: Callable[[Int[Tensor, "B"], Int[Tensor, "B"]], Float[Tensor, "R 1 D"]],
    head: Callable[[Float[Tensor, "R D"], Int[Tensor, "B"]], Float[Tensor, "B V"]],
    chain: SamplerChain,
    view: View,
    *,
    bounds: list[int],
    stop: int,
    check_every: int | None = None,
    max_context: int = 0,
    branches: int = 1,
    watch: Callable[[Int[Tensor, "B L"]], None] | None = None,
) -> Decoded:
    """Decode every row until it chooses `stop` or has `bounds[b]` tokens; what a `Search` finds, at its choice.

    The first token is never the stop token: an answer has at least one frame. No rows give no rows.

    Args:
        backbone: the sequence model, in eval mode.
        prompted: embedded rows.
        embed: (tokens, the rows of the first batch they belong to) → what the backbone reads next.
        head: (finished states, their rows as for `embed`) → logits.
        chain: samplers.
        view: their histories and seeds, one row per row of the batch; narrowed with it.
        bounds: most tokens of each row, ≥ 1.
        stop: index of the stop token among the logits; −1 for none.
        check_every: steps between two looks at who has stopped; None is 1 on the CPU, elsewhere
            `CHECK_EVERY_ON_ACCELERATOR`. Rows leave at their bounds without being looked for.
        max_context: most tokens of its answer that a row reads, 0 or at least 2; 0 is all. When there are more, it
            begins anew behind the prompt with the last half of them.
        branches: rows of the backbone for each row that is decoded, as with guidance: first of all rows the first,
            then of all rows the second. They come and go together; `embed` gives the input of all, and `head` takes the
            states of all and gives logits for each row.
        watch: called with what was chosen so far, once a step; what it raises ends the decoding. Not in a search.
    """
    B = prompted.x.shape[0] // branches
    if B == 0:
        return Decoded(tokens=[], stopped=[], steps=0)
    device = prompted.x.device
    most = max(bounds)
    # A row's own bound counts: the longest prompt and the largest bound may be of two rows, and exceed the backbone.
    read = [min(bound, max_context or bound) for bound in bounds]
    needed = max(length + count for length, count in zip(prompted.mask.lengths.tolist(), read * branches, strict=True))
    stepper = _Stepper(backbone, prompted, needed, max_context if max_context < most else 0, branches)
    tokens = torch.full((B, most), stop, dtype=torch.long, device=device)
    bound = torch.tensor(bounds, device=device)
    rows = torch.arange(B, device=device)
    logits = head(stepper.begin(), rows).float()  # samplers add up probabilities, which half precision cannot
    refuse_undefined(logits, "level 0")
    if stop >= 0:
        logits = logits.index_fill(1, torch.tensor([stop], device=device), float("-inf"))
    if chain.search is not None:

        def follow(chosen: Int[Tensor, "R"], token: Int[Tensor, "R"]) -> Float[Tensor, "R V"]:
            nonlocal rows
            rows = rows[chosen]
            view.select(chosen)
            stepper.select(chosen)
            view.append(token)
            logits = head(stepper(embed(token, rows)), rows).float()
            refuse_undefined(logits, "level 0")
            return chain.process(logits, view)

        tokens = chain.search.search(chain.process(logits, view), follow, bounds, stop if stop >= 0 else None)
        return cut(tokens, bound, stop, stepper.steps)
    last_steps = set(bounds)
    every = check_every or (1 if device.type == "cpu" else CHECK_EVERY_ON_ACCELERATOR)
    checked = 0
    for i in range(1, most + 1):
        token = chain(logits, view)
        tokens[rows, i - 1] = token
        if watch is not None:
            watch(tokens[:, :i])
        if i == most:
            break
        if i - checked >= every or i in last_steps:
            ended = token == stop if checked == i - 1 else tokens[rows, checked:i].eq(stop).any(1)
            if i in last_steps:
                ended = ended | (bound[rows] <= i)
            checked = i
            if bool(ended.any()):
                staying = (~ended).nonzero().squeeze(1)
                if staying.numel() == 0:
                    break
                rows, token = rows[staying], token[staying]
                view.select(staying)
                stepper.select(staying)
        view.append(token)
        # Between two checks a stopped row may go on; its further tokens are cut off below.
        h = stepper(embed(token.clamp(max=stop - 1) if every > 1 and stop >= 0 else token, rows))
        logits = head(h, rows).float()
        if i % every == 0:
            refuse_undefined(logits, "level 0")
    return cut(tokens, bound, stop, stepper.steps)


class _Stepper:
    """One step of the backbone, by its own `step` where it has one; begins anew where a row reads no more than so much.

    Args:
        needed: positions of the longest row.
        most: tokens of an answer that are read, or 0 for all.
        branches: as in `decode`; `select` takes rows that are decoded.
    """

    def __init__(self, backbone: Backbone, prompted: Prompted, needed: int, most: int, branches: int) -> None:
        self.branches = branches
        self.backbone, self.condition, self.needed, self.most = backbone, prompted.condition, needed, most
        self.x, self.positions, self.prompt = prompted.x, prompted.positions, prompted.mask
        self.lengths = self.prompt.lengths
        self.read = prompted.x[:, :0]  # [B, at most `most`, D] of the answer
        self.fast = backbone.step if isinstance(backbone, Stepping) else None
        self.steps = 0

    def begin(self) -> Float[Tensor, "B D"]:
        """The prompt, and what is read of the answer behind it."""
        B, L, D = self.read.shape
        self.lengths = self.prompt.lengths + L
        T = int(self.lengths.max()) if L else self.x.shape[1]  # the longest row may have left
        place = self.prompt.lengths[:, None] + torch.arange(L, device=self.x.device)
        x = torch.cat([self.x, torch.zeros_like(self.read)], 1)
        x = x.scatter(1, place[:, :, None].expand(B, L, D), self.read)[:, :T]
        positions = torch.cat([self.positions, place], 1).scatter(1, place, place)[:, :T]
        self.cache: Cache = self.backbone.new_cache(B, self.needed, x.dtype, x.device)
        mask = replace(self.prompt, lengths=self.lengths)
        out = self.backbone(x, mask, positions, condition=self.condition, cache=self.cache)
        return self.backbone.finish(out.h[torch.arange(B, device=x.device), self.lengths - 1])

    def __call__(self, x: Float[Tensor, "B 1 D"]) -> Float[Tensor, "B D"]:
        self.steps += 1
        if self.most:
            self.read = torch.cat([self.read, x], 1)
            if self.read.shape[1] > self.most:
                self.read = self.read[:, -(self.most // 2) :]
                return self.begin()
        if self.fast is not None:
            return self.fast(x, self.cache)
        start = self.lengths
        self.lengths = start + 1
        mask = replace(SequenceMask.causal(self.lengths, query_start=start), padded=self.prompt.padded)
        out = self.backbone(x, mask, start[:, None], condition=self.condition, cache=self.cache)
        return self.backbone.finish(out.h[:, 0])

    def select(self, rows: Int[Tensor, "R"]) -> None:
        count = self.x.shape[0] // self.branches
        rows = torch.cat([rows + branch * count for branch in range(self.branches)])
        self.cache.select(rows)
        self.x, self.positions, self.lengths, self.read = (
            one[rows] for one in (self.x, self.positions, self.lengths, self.read)
        )
        lengths, prefix, start = (
            one[rows] for one in (self.prompt.lengths, self.prompt.prefix, self.prompt.query_start)
        )
        self.prompt = replace(self.prompt, lengths=lengths, prefix=prefix, query_start=start)
        if self.condition is not None:
            self.condition = self.condition[rows]


def cut(decoded: Int[Tensor, "B L"], bound: Int[Tensor, "B"], stop: int, steps: int) -> Decoded:
    """Cut each row at its first stop token or bound."""
    index = torch.arange(decoded.shape[1], device=decoded.device)
    past = decoded.eq(stop) if stop >= 0 else torch.zeros_like(decoded, dtype=torch.bool)
    first = torch.where(past, index, decoded.shape[1]).min(1).values
    counts = torch.minimum(first, bound).tolist()
    stopped = (first < bound).tolist()
    return Decoded(tokens=[row[:n] for row, n in zip(decoded, counts, strict=True)], stopped=stopped, steps=steps)
