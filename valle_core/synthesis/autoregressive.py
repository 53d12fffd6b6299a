"""Level 0: one token per step from a cache, rows leaving the batch as they stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
    embed: Callable[[Int[Tensor, "B"], Int[Tensor, "B"]], Float[Tensor, "B 1 D"]],
    head: Callable[[Float[Tensor, "B D"], Int[Tensor, "B"]], Float[Tensor, "B V"]],
    chain: SamplerChain,
    view: View,
    *,
    bounds: list[int],
    stop: int,
    check_every: int | None = None,
) -> Decoded:
    """Decode every row until it chooses `stop` or has `bounds[b]` tokens.

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
    """
    B = prompted.x.shape[0]
    if B == 0:
        return Decoded(tokens=[], stopped=[], steps=0)
    x, device = prompted.x, prompted.x.device
    most = max(bounds)
    # A row's own bound counts: the longest prompt and the largest bound may be of two rows, and exceed the backbone.
    needed = max(length + bound for length, bound in zip(prompted.mask.lengths.tolist(), bounds, strict=True))
    cache = backbone.new_cache(B, needed, x.dtype, device)
    out = backbone(x, prompted.mask, prompted.positions, condition=prompted.condition, cache=cache)
    h = backbone.finish(out.h[torch.arange(B, device=device), prompted.mask.lengths - 1])
    stepper = _Stepper(backbone, cache, prompted)

    tokens = torch.full((B, most), stop, dtype=torch.long, device=device)
    bound = torch.tensor(bounds, device=device)
    rows = torch.arange(B, device=device)
    last_steps = set(bounds)
    every = check_every or (1 if device.type == "cpu" else CHECK_EVERY_ON_ACCELERATOR)
    steps = checked = 0
    for i in range(most):
        logits = head(h, rows).float()  # samplers add up probabilities, which half precision cannot
        if i % every == 0:
            refuse_undefined(logits, "level 0")
        if i == 0 and stop >= 0:
            logits = logits.index_fill(1, torch.tensor([stop], device=device), float("-inf"))
        token = chain(logits, view)
        tokens[rows, i] = token
        if i + 1 == most:
            break
        if i + 1 - checked >= every or i + 1 in last_steps:
            ended = token == stop if checked == i else tokens[rows, checked : i + 1].eq(stop).any(1)
            if i + 1 in last_steps:
                ended = ended | (bound[rows] <= i + 1)
            checked = i + 1
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
        steps += 1
    return _cut(tokens, bound, stop, steps)


class _Stepper:
    """One step of the backbone, by its own `step` where it has one."""

    def __init__(self, backbone: Backbone, cache: Cache, prompted: Prompted) -> None:
        self.backbone, self.cache, self.condition = backbone, cache, prompted.condition
        self.lengths = prompted.mask.lengths
        self.padded = prompted.mask.padded
        self.fast = backbone.step if isinstance(backbone, Stepping) else None

    def __call__(self, x: Float[Tensor, "B 1 D"]) -> Float[Tensor, "B D"]:
        if self.fast is not None:
            return self.fast(x, self.cache)
        start = self.lengths
        self.lengths = start + 1
        mask = SequenceMask(
            lengths=self.lengths,
            prefix=torch.zeros_like(start),
            query_start=start,
            form="causal",
            padded=self.padded,
        )
        out = self.backbone(x, mask, start[:, None], condition=self.condition, cache=self.cache)
        return self.backbone.finish(out.h[:, 0])

    def select(self, rows: Int[Tensor, "R"]) -> None:
        self.cache.select(rows)
        self.lengths = self.lengths[rows]
        if self.condition is not None:
            self.condition = self.condition[rows]


def _cut(decoded: Int[Tensor, "B L"], bound: Int[Tensor, "B"], stop: int, steps: int) -> Decoded:
    """Cut each row at its first stop token or bound."""
    index = torch.arange(decoded.shape[1], device=decoded.device)
    past = decoded.eq(stop) if stop >= 0 else torch.zeros_like(decoded, dtype=torch.bool)
    first = torch.where(past, index, decoded.shape[1]).min(1).values
    counts = torch.minimum(first, bound).tolist()
    stopped = (first < bound).tolist()
    return Decoded(tokens=[row[:n] for row, n in zip(decoded, counts, strict=True)], stopped=stopped, steps=steps)
