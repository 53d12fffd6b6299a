"""Full passes of a backbone over whole rows, as the levels ≥ 1 are chosen: several of one shape in each answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from valle_core.types import PackedMask, SequenceMask
from valle_kit.graphs.capture import places, replayable
from valle_kit.graphs.pure import PureGraphs

MOST_POSITIONS = 4096
"""Positions of a batch up to which it is replayed: where there are more, the device and not its launches takes long."""


def replayed(
    backbone: Any,
    graphs: PureGraphs,
    x: Float[Tensor, "B T D"],
    mask: SequenceMask | PackedMask,
    positions: Int[Tensor, "B T"],
    condition: Float[Tensor, "B C"] | None,
) -> Float[Tensor, "B T D"] | None:
    """States of a pass over full rows without a cache, or None where it is not replayed."""
    B, T, _ = x.shape
    full = isinstance(mask, SequenceMask) and mask.form == "full" and mask.uncached
    plain = full and mask.window is None and mask.tree is None
    if not plain or not 0 < B * T <= MOST_POSITIONS or not replayable(backbone):
        return None
    padded = mask.padded

    def through(inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        x, lengths, positions, *condition = inputs
        # Fresh tensors, so that no kernel knows the mask from an earlier call.
        mask = replace(SequenceMask.full(lengths.clone()), padded=padded)
        return [backbone.through(x, mask, positions, condition=next(iter(condition), None)).h]

    given = [x, mask.lengths, positions, *([] if condition is None else [condition])]
    found = graphs((padded, places(backbone)), through, given)
    return None if found is None else found[0]
