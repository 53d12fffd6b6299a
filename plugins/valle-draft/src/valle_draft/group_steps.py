"""A backbone as decoding sees it that is asked frame by frame and steps once for each group of frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.types import BackboneOutput, SequenceMask

Read = Callable[[Float[Tensor, "R G D"]], Float[Tensor, "R D"]]
Inside = Callable[[Float[Tensor, "R D"], Float[Tensor, "R D"], Float[Tensor, "R D"], int], Float[Tensor, "R D"]]
"""(state of the group, state before, what the position reads, its place) → the state, not finished."""


class GroupCache:
    """See `valle_core.interfaces.Cache`; beside the backbone's own it holds what was read of the present group.

    Attributes:
        room: positions of the longest row, each frame one.
        inner: the backbone's cache, once it has read the prompts.
        condition: of the rows, or None.
        group: [R, D] finished state behind the last whole group.
        state: [R, D] the same of the last frame.
        read: what the frames since then read, [R, 1, D] each.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self.inner: Any = None
        self.condition: Tensor | None = None
        self.group = self.state = torch.zeros(0, 0)
        self.read: list[Float[Tensor, "R 1 D"]] = []

    @property
    def lengths(self) -> Int[Tensor, "R"]:
        """Positions of the backbone: groups, and what stands alone."""
        return self.inner.lengths

    @property
    def nbytes(self) -> int:
        """Of the backbone's cache."""
        return self.inner.nbytes

    def select(self, rows: Int[Tensor, "S"]) -> None:
        """See `Cache.select`."""
        self.inner.select(rows)
        self.group, self.state = self.group[rows], self.state[rows]
        self.read = [x[rows] for x in self.read]
        if self.condition is not None:
            self.condition = self.condition[rows]

    def rewind(self, lengths: Int[Tensor, "R"]) -> None:
        """Raises `UserError`: a group that was read cannot be parted."""
        raise UserError("frames that were read as a group cannot be taken back")


class GroupSteps:
    """What `valle_core.synthesis.autoregressive.decode` needs of a backbone, for these prompts.

    Attributes:
        steps: of the backbone behind the prompts.

    Args:
        backbone: reads groups.
        prompt: the backbone's way through the prompts: (x, lengths in groups → its cache, condition) → [B, T, D]
            states where groups end, zeros elsewhere.
        read: G positions as one.
        inside: see `Inside`.
        size: G.
    """

    def __init__(
        self,
        backbone: Any,
        prompt: Callable[[Float[Tensor, "B T D"], Callable[[Int[Tensor, "B"]], Any], Any], Float[Tensor, "B T D"]],
        read: Read,
        inside: Inside,
        size: int,
    ) -> None:
        self._backbone, self._prompt, self._read, self._inside, self._size = backbone, prompt, read, inside, size
        self.steps = 0
        self.d_model, self.n_layers = backbone.d_model, backbone.n_layers
        self.max_length, self.mask_forms = backbone.max_length, backbone.mask_forms

    def new_cache(self, batch: int, max_length: int, dtype: torch.dtype, device: torch.device) -> GroupCache:
        """See `Backbone.new_cache`; the backbone's own is made with the prompts."""
        return GroupCache(max_length)

    def finish(self, h: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
        """See `Backbone.finish`."""
        return self._backbone.finish(h)

    def __call__(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask,
        positions: Int[Tensor, "B T"],
        *,
        condition: Float[Tensor, "B C"] | None = None,
        cache: GroupCache,
    ) -> BackboneOutput:
        """The prompts."""
        B = len(x)

        def inner(lengths: Int[Tensor, "B"]) -> Any:
            room = int((lengths + (cache.room - mask.lengths) // self._size).max())
            cache.inner = self._backbone.new_cache(B, room, x.dtype, x.device)
            return cache.inner

        h = self._prompt(x, inner, condition)
        cache.condition, cache.read = condition, []
        cache.group = cache.state = self.finish(h[torch.arange(B, device=x.device), mask.lengths - 1])
        return BackboneOutput(h=h)

    def step(self, x: Float[Tensor, "R 1 D"], cache: GroupCache) -> Float[Tensor, "R D"]:
        """Finished state of the next frame of each row."""
        cache.read.append(x)
        place = len(cache.read)
        if place < self._size:
            cache.state = self.finish(self._inside(cache.group, cache.state, x[:, 0], place))
            return cache.state
        self.steps += 1
        group = self._read(torch.cat(cache.read, 1))[:, None]
        cache.read = []
        if hasattr(self._backbone, "step"):
            cache.group = self._backbone.step(group, cache.inner)
        else:
            start = cache.inner.lengths
            mask = SequenceMask.causal(start + 1, query_start=start)
            out = self._backbone(group, mask, start[:, None], condition=cache.condition, cache=cache.inner)
            cache.group = self.finish(out.h[:, 0])
        cache.state = cache.group
        return cache.state
