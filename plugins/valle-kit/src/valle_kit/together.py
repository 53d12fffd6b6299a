"""One step of rows that have caches of their own, so that they come and go without a copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from valle_core.types import SequenceMask

if TYPE_CHECKING:
    from valle_kit.stepping.runner import Tables

StepTogether = Callable[[Float[Tensor, "B D"], Sequence[Any]], Float[Tensor, "B D"]]
"""(what each row reads next, their caches of one row each) → their finished states; the caches go on by one."""


@runtime_checkable
class StepsTogether(Protocol):
    """A backbone that steps rows with caches of their own at once; each gets the bits it gets alone."""

    def together(self) -> StepTogether:
        """Such a step; what it keeps between calls is its own."""
        ...


def step_of(backbone: Any) -> StepTogether:
    """The backbone's own way, or each row by itself."""
    if isinstance(backbone, StepsTogether):
        return backbone.together()
    return lambda x, caches: one_by_one(backbone, x, caches)


def one_by_one(backbone: Any, x: Float[Tensor, "B D"], caches: Sequence[Any]) -> Float[Tensor, "B D"]:
    """Each row by itself."""
    return torch.cat([alone(backbone, row[None, None], cache) for row, cache in zip(x, caches, strict=True)])


def gathered(tables: Sequence[Tables]) -> np.ndarray:
    """Those of caches of one row each."""
    return np.concatenate([one.rows for one in tables])


def alone(backbone: Any, x: Float[Tensor, "B 1 D"], cache: Any) -> Float[Tensor, "B D"]:
    """The next position of all rows of one cache."""
    if hasattr(backbone, "step"):
        return backbone.step(x, cache)
    start = cache.lengths
    mask = SequenceMask.causal(start + 1, query_start=start)
    return backbone.finish(backbone(x, mask, start[:, None], cache=cache).h[:, 0])
