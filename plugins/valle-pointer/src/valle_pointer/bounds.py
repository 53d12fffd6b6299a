"""Times → frames: at which frame of the response each unit begins."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_pointer.units import Units


def bounds_of(
    units: Units, times: Float[Tensor, "B P_plus_1"], frames: Int[Tensor, "B"], *, jitter: float = 0.0
) -> Int[Tensor, "B U"]:
    """[B, N + 3] frames at which each unit begins; the last of a row is its end, and so are those behind it.

    Begins are rounded one by one, so that errors do not add up. Each phoneme that begins before the end has at least
    one frame where there are enough; the silences before and behind may have none.

    Args:
        units: of the texts.
        times: frames, with fractions, at which each symbol begins and the last one ends; right-padded with that.
        frames: of the responses.
        jitter: chance that a boundary inside of the text is moved by one frame, by torch's random state.
    """
    B, P = units.of.shape
    U = P + 3
    # Where each unit begins: units are numbered from 1, and behind the last one the times stay at the end of the text.
    begins = times[:, -1:].repeat(1, U)
    begins[:, 0] = 0
    index = torch.where(units.first, units.of, U)  # a column that is thrown away takes what is not first
    begins = torch.cat([begins, begins[:, :1]], 1).scatter(1, index, times[:, :P])[:, :U]
    number = torch.arange(U, device=times.device)
    inside = (number >= 1) & (number <= units.counts[:, None]) & (begins < frames[:, None])
    count = inside.sum(1, keepdim=True)  # [B, 1] units that begin before the response ends
    found = begins.round().long()
    if jitter:
        moved = torch.rand(B, U, device=times.device)
        step = (moved < jitter / 2).long() - ((moved >= jitter / 2) & (moved < jitter)).long()
        found = found + torch.where(inside & (number > 1), step, 0)
    most = frames[:, None] - count - 1 + number
    spread = torch.minimum((found - number)[:, 1:].cummax(1).values + number[1:], most[:, 1:])
    enough = count <= frames[:, None]
    placed = torch.where(enough, spread, found[:, 1:].cummax(1).values)
    silent = number[1:] == count + 1  # where the text ends, or the response in the middle of it
    placed = torch.where(inside[:, 1:] | silent, placed, frames[:, None])
    return torch.cat([begins.new_zeros(B, 1).long(), torch.minimum(placed.clamp(min=0), frames[:, None])], 1)
