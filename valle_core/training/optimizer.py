"""AdamW with decay on matrices only, its learning-rate schedule, and its state as plain tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from valle_core.plugin import UserError
from valle_core.training.options import TrainOptions


def make_optimizer(model: nn.Module, options: TrainOptions) -> torch.optim.AdamW:
    """Weight decay applies to matrices of layers, not to the embedding table, biases, gains or norms."""
    decayed = [p for name, p in model.named_parameters() if p.requires_grad and _decays(name, p)]
    others = [p for name, p in model.named_parameters() if p.requires_grad and not _decays(name, p)]
    groups = [
        {"params": decayed, "weight_decay": options.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=options.lr, betas=options.betas, fused=True)


def learning_rate(options: TrainOptions, step: int) -> float:
    """Rate of optimizer step `step` (0-based): linear warm-up, then constant or cosine to a tenth."""
    if step < options.warmup:
        return options.lr * (step + 1) / options.warmup
    if options.schedule == "constant":
        return options.lr
    done = (step - options.warmup) / max(options.steps - options.warmup, 1)
    return options.lr * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state by parameter name, e.g. `"heads.weight/exp_avg"`."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    return {
        f"{names[parameter]}/{key}": value
        for parameter, state in optimizer.state.items()
        for key, value in state.items()
    }


def load_optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put a saved state back, where its parameters are: the fused AdamW counts its steps on their device too.

    Raises:
        UserError: it belongs to other parameters.
    """
    parameters = dict(model.named_parameters())
    for full_name, value in tensors.items():
        name, _, key = full_name.rpartition("/")
        if name not in parameters:
            raise UserError(f"the optimizer's state knows a parameter '{name}' that this model does not have")
        parameter = parameters[name]
        optimizer.state[parameter][key] = value.to(parameter.device, copy=True)


def _decays(name: str, parameter: Tensor) -> bool:
    return parameter.ndim >= 2 and not name.startswith(("embedding.", "heads.stop", "heads.bias"))
