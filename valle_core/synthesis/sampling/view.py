"""What samplers see of a batch while it is decoded: histories, per-row state and randomness."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.synthesis.sampling.randomness import mix, uniform

_AHEAD = 256
"""Steps whose numbers are made at once: a step costs a hundredth of what it would by itself."""


class View:
    """A `SamplerView` that the decoder advances: `append` after every step, `select` when rows move or leave.

    Attributes:
        lengths: [B] tokens chosen so far by each row.
        stop: index of the stop token among the logits, or None.
        state: tensors of the sampler at work, each [B, …]; the chain sets it through `enter`.
    """

    __slots__ = ("_buffer", "_numbers", "_seeds", "_states", "_steps", "_used", "lengths", "state", "stop")

    def __init__(self, *, seeds: Int[Tensor, "B"], capacity: int, stop: int | None = None) -> None:
        """Rows without history.

        Args:
            seeds: one per row, see `randomness.row_seeds`.
            capacity: most tokens that will be appended.
            stop: index of the stop token among the logits, or None.
        """
        self._seeds = seeds
        self._buffer = seeds.new_full((seeds.shape[0], capacity), -1)
        self._used = 0
        self._states: dict[int, dict[str, Tensor]] = {}
        self._numbers: dict[int, tuple[int, Float[Tensor, "B K"]]] = {}  # by salt: of the steps from one on
        self.lengths = torch.zeros_like(seeds)
        self._steps: Int[Tensor, "B"] | None = None
        self.state: dict[str, Tensor] = {}
        self.stop = stop

    @classmethod
    def for_frames(cls, *, seeds: Int[Tensor, "B"], frames: Sequence[int], level: int) -> View:
        """Rows of a non-autoregressive level: the frames of all rows laid end to end; a frame's step is its index.

        Each level draws other numbers. There is no history.
        """
        counts = torch.as_tensor(frames, device=seeds.device)
        view = cls(seeds=mix(seeds + level).repeat_interleave(counts), capacity=0)
        view._steps = torch.cat([torch.arange(count, device=seeds.device) for count in frames])
        return view

    @property
    def history(self) -> Int[Tensor, "B L"]:
        """Tokens chosen so far, right-padded with −1; L is the number of `append`s."""
        return self._buffer[:, : self._used]

    def uniform(self, salt: int = 0) -> Float[Tensor, "B"]:
        """One number in (0, 1) per row, a pure function of (the row's seed, its step, salt)."""
        if self._steps is not None:
            return uniform(self._seeds, self._steps, salt)
        first, numbers = self._numbers.get(salt, (-_AHEAD, self._buffer))
        if self._used >= first + _AHEAD:
            first, steps = self._used, self.lengths[:, None] + torch.arange(_AHEAD, device=self.lengths.device)
            numbers = uniform(self._seeds[:, None], steps, salt)
            self._numbers[salt] = first, numbers
        return numbers[:, self._used - first]

    def append(self, tokens: Int[Tensor, "B"]) -> None:
        """The rows chose these tokens."""
        if self._used == self._buffer.shape[1]:
            raise ValueError(f"this view holds at most {self._used} tokens per row")
        self._buffer.select(1, self._used).copy_(tokens)
        self._used += 1
        self.lengths += 1

    def select(self, rows: Int[Tensor, "R"]) -> None:
        """Keep these rows in this order (repeats allowed), with their histories, seeds and sampler states."""
        self._seeds = self._seeds[rows]
        self._buffer = self._buffer[rows]
        self.lengths = self.lengths[rows]
        self._steps = None if self._steps is None else self._steps[rows]
        self._numbers = {salt: (first, numbers[rows]) for salt, (first, numbers) in self._numbers.items()}
        for state in self._states.values():
            state.update({name: tensor[rows] for name, tensor in state.items()})

    def enter(self, sampler: int) -> None:
        """Show `state` of this member of the chain."""
        self.state = self._states.setdefault(sampler, {})
