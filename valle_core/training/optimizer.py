"""AdamW with decay on matrices only, its learning-rate schedule, and its state as plain tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from valle_core.plugin import UserError
from valle_core.reading.tensors import check_tensors
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
    """Rate of optimizer step `step` (0-based): linear warm-up, then constant, or a cosine to a tenth."""
    if step < options.warmup:
        return options.lr * (step + 1) / options.warmup
    if options.schedule == "constant":
        return options.lr
    start = max(options.warmup, round(options.decay_from * options.steps))
    done = (step - start) / max(options.steps - start, 1)
    return options.lr * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(max(done, 0.0), 1.0))))


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state by parameter name, e.g. `"heads.weight/exp_avg"`.

    A parameter that never had a gradient has none yet; what stands for it is what AdamW would begin with.
    """
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    states = {
        names[parameter]: optimizer.state.get(parameter) or _beginning(parameter)
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    return {f"{name}/{key}": value for name, state in states.items() for key, value in state.items()}


def load_optimizer_tensors(
    model: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], *, whole: bool = True
) -> None:
    """Put a saved state back, where its parameters are: the fused AdamW counts its steps on their device too.

    Nothing is loaded before all of it was compared: fused AdamW writes past the end of a state that is too small.

    Args:
        model: whose parameters the state belongs to.
        optimizer: receives it.
        tensors: of `optimizer_tensors`.
        whole: whether each trained parameter must have one; the oldest checkpoints left out what never had a gradient.

    Raises:
        UserError: it belongs to other parameters, or is incomplete, of other shapes or types.
    """
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    stated = {name.rpartition("/")[0] for name in tensors}
    if foreign := sorted(stated - parameters.keys()):
        raise UserError(f"the optimizer's state knows a parameter '{foreign[0]}' that this model does not have")
    if not stated and parameters:
        raise UserError("the optimizer's state is empty")
    expected = parameters if whole else {name: p for name, p in parameters.items() if name in stated}
    wanted = {f"{name}/{key}": value for name, p in expected.items() for key, value in _beginning(p, "meta").items()}
    try:
        check_tensors(tensors, wanted)
    except ValueError as error:
        raise UserError(f"the optimizer's state does not fit the model: {error}") from None
    for name in expected:
        if not 0 <= float(tensors[f"{name}/step"]) < math.inf:
            raise UserError(f"the optimizer's state counts {float(tensors[f'{name}/step'])} steps of '{name}'")
    for full_name, value in tensors.items():
        name, _, key = full_name.rpartition("/")
        optimizer.state[parameters[name]][key] = value.to(parameters[name].device, copy=True)


def _beginning(parameter: Tensor, device: str | torch.device | None = None) -> dict[str, Tensor]:
    """The state of AdamW before a parameter's first step."""
    zeros = torch.zeros_like(parameter, device=device or parameter.device, requires_grad=False)
    return {
        "step": torch.zeros((), dtype=torch.float32, device=device or parameter.device),
        "exp_avg": zeros,
        "exp_avg_sq": torch.zeros_like(zeros),
    }


def _decays(name: str, parameter: Tensor) -> bool:
    return parameter.ndim >= 2 and not name.startswith(("embedding.", "heads.stop", "heads.bias"))
