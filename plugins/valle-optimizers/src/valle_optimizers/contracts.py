"""What an optimizer and a learning-rate schedule must be able to do: one Protocol each."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Optimizer(Protocol):
    """How weights follow their gradients: a `torch.optim.Optimizer`. Factory: `(options, *, groups, rate) → Optimizer`.

    `groups` are parameter groups as torch has them. Each says its `weight_decay` and its `role`: "hidden" (matrices of
    the backbone), "matrix" (other matrices of layers) or "other" (tables, biases, norms, and what a layer marks with
    `_no_weight_decay`). A role without parameters is left out. `rate` is AdamW's peak rate at the width of the model;
    the peak that this optimizer wants is what it has in `defaults["lr"]`, and it is the user's where `--lr` is given.

    The run sets the `lr` of every group before each step; a rate of 0 moves nothing. A parameter without a gradient
    stays what it is. Its state is tensors and numbers in `state` and numbers in `param_groups`: put back, they go on
    as if nothing had happened, and equal states take equal steps. One that has two sets of weights has `train()` and
    `eval()`, and a checkpoint is of both.
    """

    @property
    def defaults(self) -> dict[str, Any]: ...
    @property
    def param_groups(self) -> list[dict[str, Any]]: ...
    @property
    def state(self) -> Any: ...

    def step(self) -> Any:
        """One step along the gradients that the parameters hold."""
        ...

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        ...


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
