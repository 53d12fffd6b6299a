"""Several optimizers as one: each has the parameter groups of its roles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.optim import Optimizer


class Joined(Optimizer):
    """One optimizer for each set of roles; groups and state are held here, and lent for a step.

    Args:
        parts: roles of parameter groups → what makes the optimizer of these groups.
        groups: as a run gives them, each with its `role`.
        rate: the learning rate.
    """

    def __init__(
        self,
        parts: Mapping[Sequence[str], Callable[[list[dict[str, Any]]], Optimizer]],
        groups: Sequence[dict[str, Any]],
        rate: float,
    ) -> None:
        self._parts: list[tuple[Sequence[str], Optimizer]] = []
        for roles, make in parts.items():
            if mine := [dict(group) for group in groups if group["role"] in roles]:
                self._parts.append((roles, make(mine)))
        complete = [group for _, part in self._parts for group in part.param_groups]
        defaults = {key: value for _, part in self._parts for key, value in part.defaults.items()}
        super().__init__(complete, {**defaults, "lr": rate})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """A step of each."""
        for roles, part in self._parts:
            part.param_groups = [group for group in self.param_groups if group["role"] in roles]
            part.state = self.state
            part.step()
