"""What a further loss must be able to do, and what several of them need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float32, Int
from torch import Tensor


@runtime_checkable
class Loss(Protocol):
    """Adds to the loss of a training step, or to its figures. Factory: `(options, *, manifest, rules) → Loss`.

    `manifest` is what the run's checkpoints will say (codec, symbols, languages), `rules` how its rows are packed. It
    is called for every batch, under autocast where the run has it; it computes in float32, keeps nothing between
    calls and writes into nothing it is given. What others have put into the output stays there.
    """

    def __call__(self, batch: Any, output: Any) -> Any:
        """The output (`logits`, `losses`, `figures`, a named tuple) with more among its losses and figures.

        A loss is a mean over all predicted positions of the batch, weighted already; its name is its name in the
        metrics. A figure is such a mean, or a tensor [2]: a sum and the number of positions it is of.
        """
        ...


def of_levels(batch: Any, output: Any) -> list[tuple[int | str, Float32[Tensor, "K V"], Int[Tensor, "K"]]]:
    """(level or answer, logits in float32, targets) of all that the batch predicts."""
    return [_answer(level, logits.float(), batch.predicted[level].targets) for level, logits in output.logits.items()]


def _answer(
    level: int | str, logits: Float32[Tensor, "K V"], targets: Int[Tensor, "K"]
) -> tuple[int | str, Float32[Tensor, "K V"], Int[Tensor, "K"]]:
    return level, logits, targets


def mean(parts: Sequence[Float32[Tensor, "_"]]) -> Float32[Tensor, ""]:
    """The mean over all positions of values given level by level."""
    return torch.cat([*parts]).mean()


def with_more(
    output: Any,
    *,
    losses: Mapping[str, Float32[Tensor, ""]] | None = None,
    figures: Mapping[str, Float32[Tensor, ""] | Float32[Tensor, "2"]] | None = None,
) -> Any:
    """The output with these too."""
    return output._replace(losses={**output.losses, **(losses or {})}, figures={**output.figures, **(figures or {})})
