"""What a learning-rate schedule must be able to do; an optimizer is a `torch.optim.Optimizer`."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Schedule(Protocol):
    """The course of the learning rate. Factory: `(options) → Schedule`.

    A function of its arguments alone, so that a run that goes on has the rates of one that never stopped.
    """

    def __call__(self, step: int, steps: int, warmup: int) -> float:
        """Share of the peak rate, in [0, 1], at optimizer step `step` (0-based) of `steps`.

        It rises over the first `warmup` steps, and reaches 1 in any run that is longer than those.
        """
        ...


def rising(step: int, warmup: int) -> float:
    """The linear warm-up: (step + 1) / warmup, at most 1."""
    return min(1.0, (step + 1) / max(warmup, 1))
