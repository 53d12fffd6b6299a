"""AdaBelief (Zhuang et al. 2020, arXiv 2010.07468, algorithm 2), with decoupled weight decay."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from acme_package.options import AcmeNameOptions


def build(options: AcmeNameOptions, *, groups: list[dict[str, Any]], rate: float) -> AcmeNameOptimizer:
    """Factory of the entry point. `rate` is AdamW's; another rate that fits would be a multiple of it."""
    return AcmeNameOptimizer(groups, rate, options)


class AcmeNameOptimizer(torch.optim.Optimizer):
    """Keeps the contract `Optimizer`: what it remembers is tensors and numbers in `state`, by parameter."""

    def __init__(self, groups: list[dict[str, Any]], rate: float, options: AcmeNameOptions) -> None:
        super().__init__(groups, {"lr": rate, "weight_decay": 0.0})
        self._options = options

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One step along the gradients; a parameter without one stays what it is."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.sub_(group["lr"] * self._direction(parameter, parameter.grad))

    def _direction(self, parameter: Tensor, gradient: Tensor) -> Tensor:
        """The mean of the gradients over their deviation from it, both corrected for having begun at zero."""
        (slow, slower), epsilon = self._options.betas, self._options.epsilon
        state = self.state[parameter]
        if not state:
            state.update(step=0, mean=torch.zeros_like(parameter), variance=torch.zeros_like(parameter))
        state["step"] += 1
        mean, variance = state["mean"], state["variance"]
        mean.lerp_(gradient, 1 - slow)
        variance.lerp_((gradient - mean).square(), 1 - slower).add_(epsilon)
        deviation = (variance / (1 - slower ** state["step"])).sqrt() + epsilon
        return mean / (1 - slow ** state["step"]) / deviation
