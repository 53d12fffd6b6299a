"""Where in a text a frame lies, and the walk through texts while they are said."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor


def symbol_at(
    times: Float[Tensor, "B P_plus_1"] | Int[Tensor, "B P_plus_1"], lengths: Int[Tensor, "B"], frame: Int[Tensor, "B T"]
) -> Int[Tensor, "B T"]:
    """The symbol that is said in the middle of each frame; the first before them all, the last behind."""
    begins = times[:, 1:].double().contiguous()
    at = torch.searchsorted(begins, frame.double() + 0.5, right=True)
    return torch.minimum(at, lengths[:, None] - 1)


class AcmeNameWalk:
    """See `valle_core.sequence.alignment.Walk`.

    Args:
        lengths: [B] symbols of each text.
        sounds: [B, P, D] what each symbol adds to the frames that say it.
        begins: [B, P + 1] frame at which each symbol begins; the last of a row is its end, and so are those behind it.
    """

    def __init__(
        self, lengths: Int[Tensor, "B"], sounds: Float[Tensor, "B P D"], begins: Int[Tensor, "B P_plus_1"]
    ) -> None:
        self._lengths, self._sounds, self._begins = lengths, sounds, begins
        self._frame = torch.zeros_like(lengths)

    def answer(
        self,
        h: Float[Tensor, "R D"],
        logits: Float[Tensor, "R V"],
        rows: Int[Tensor, "R"],
        chance: Float[Tensor, "R"],
    ) -> Float[Tensor, "R V"]:
        """The plan alone decides, so neither state nor chance is looked at."""
        over = self._frame[rows] >= self._begins[rows, -1]
        stop = torch.zeros_like(logits, dtype=torch.bool)
        stop[:, -1] = True
        self._frame[rows] += 1
        return logits.masked_fill(stop != over[:, None], float("-inf"))

    def guide(self, rows: Int[Tensor, "R"]) -> Float[Tensor, "R D"]:
        """For the frame that comes next."""
        at = symbol_at(self._begins[rows], self._lengths[rows], self._frame[rows][:, None])
        return self._sounds[rows, at[:, 0]]

    def times(self, frames: Sequence[int]) -> list[Float[Tensor, "P_plus_1"]]:
        """The plan, up to what was said of it."""
        begins, lengths = self._begins.cpu().float(), self._lengths.tolist()
        return [row[: n + 1].clamp(max=count) for row, n, count in zip(begins, lengths, frames, strict=True)]
