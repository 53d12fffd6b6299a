"""Options of the drafts (standard library only, so that help panels are cheap)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadsOptions:
    """Options of `--draft heads`.

    Attributes:
        count: frames that are drafted per step and trained for, in [1, 16].
        width: width of its hidden layer as a multiple of the model's, in [0.25, 8].
        weight: loss weight of the drafts, relative to the cross-entropy of the codes.
    """

    count: int = 3
    width: float = 2.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        _check_count(self.count)
        _check_width(self.width)
        _check_weight(self.weight)


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerSkipOptions:
    """Options of `--draft layer-skip`.

    Attributes:
        exit: number of layers that draft; 0: a third of them, at least one.
        count: frames that are drafted per step, in [1, 16].
        dropout: probability that a row skips the last layer in training, in [0, 1); less for earlier layers, none for
            the first.
        scale: weight of early exits in the loss, in [0, 1].
        every: a training step has the early exits of every nth layer (n is this), in turn; 1: of all.
    """

    exit: int = 0
    count: int = 3
    dropout: float = 0.1
    scale: float = 0.2
    every: int = 1

    def __post_init__(self) -> None:
        if self.exit < 0:
            raise UserError(f"exit must be at least 0, got {self.exit}")
        _check_count(self.count)
        if not 0 <= self.dropout < 1:
            raise UserError(f"dropout must be in [0, 1), got {self.dropout:g}")
        if not 0 <= self.scale <= 1:
            raise UserError(f"scale must be in [0, 1], got {self.scale:g}")
        if self.every < 1:
            raise UserError(f"every must be at least 1, got {self.every}")


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupedOptions:
    """Options of `--draft grouped`.

    Attributes:
        size: frames in a group, in [1, 16]; 1: the plain model.
        inside: how the frames of a group are answered: each after the other, by a small recurrent layer that reads
            them (recurrent), or all at once from the state of the group (parallel).
        width: width of the recurrent layer as a multiple of the model's, in [0.25, 8].
    """

    size: int = 2
    inside: Literal["recurrent", "parallel"] = "recurrent"
    width: float = 2.0

    def __post_init__(self) -> None:
        if not 1 <= self.size <= 16:
            raise UserError(f"size must be in [1, 16], got {self.size}")
        _check_width(self.width)


def _check_count(count: int) -> None:
    if not 1 <= count <= 16:
        raise UserError(f"count must be in [1, 16], got {count}")


def _check_width(width: float) -> None:
    if not 0.25 <= width <= 8:
        raise UserError(f"width must be in [0.25, 8], got {width:g}")


def _check_weight(weight: float) -> None:
    if not 0 <= weight < math.inf:
        raise UserError(f"weight must be at least 0, got {weight:g}")
