"""AdamW with decay on matrices only, the usual schedule, and the state of any optimizer as plain tensors."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from valle_core.plugin import UserError
from valle_core.reading.tensors import check_tensors

ROLES = ("hidden", "matrix", "other")
NO_GRADIENT = "had-no-gradient"
_OF_THE_RUN = ("lr", "weight_decay")
_NUMBERS = {bool: torch.bool, int: torch.int64, float: torch.float64}


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Trained parameters by `role`: hidden (matrices of the backbone), matrix (others), other.

    Weight decay is for matrices of layers, not for the embedding table, biases, gains, norms and what a layer marks
    with `_no_weight_decay`.
    """
    found: dict[str, list[nn.Parameter]] = {role: [] for role in ROLES}
    for name, parameter in model.named_parameters():
        matrix = "hidden" if name.startswith("backbone.") and parameter.ndim == 2 else "matrix"
        if parameter.requires_grad:
            found[matrix if _decays(name, parameter) else "other"].append(parameter)
    decays = {"hidden": weight_decay, "matrix": weight_decay, "other": 0.0}
    return [{"params": params, "role": role, "weight_decay": decays[role]} for role, params in found.items() if params]


def train_only(model: nn.Module, patterns: Sequence[str]) -> None:
    """Freeze all parameters whose name fits no pattern. Raises `UserError` for a pattern that names none."""
    names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise UserError(f"train_only: {pattern!r} names no parameter. They are called like: {', '.join(names[:8])}")
    for name, parameter in model.named_parameters() if patterns else ():
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            parameter.requires_grad_(False)


def adamw(*, groups: list[dict[str, Any]], rate: float, betas: tuple[float, float]) -> torch.optim.AdamW:
    """The optimizer of a run that names no other."""
    return torch.optim.AdamW(groups, lr=rate, betas=betas, fused=True)


def cosine(step: int, steps: int, warmup: int, decay_from: float) -> float:
    """Share of the peak rate at optimizer step `step` (0-based): linear warm-up, then a cosine to a tenth."""
    if step < warmup:
        return (step + 1) / warmup
    start = max(warmup, round(decay_from * steps))
    done = (step - start) / max(steps - start, 1)
    return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(max(done, 0.0), 1.0)))


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state by parameter name, e.g. `"heads.weight/exp_avg"`, and what its groups count, `"group.0/k"`.

    A parameter that never had a gradient has no state yet, and says so.
    """
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    states: dict[str, Mapping[str, Any]] = {
        names[parameter]: optimizer.state.get(parameter) or {NO_GRADIENT: True}
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    for number, group in enumerate(optimizer.param_groups):
        numbers = {key: value for key, value in group.items() if type(value) in _NUMBERS and key not in _OF_THE_RUN}
        states[f"group.{number}"] = {k: value for k, value in numbers.items() if value != optimizer.defaults.get(k)}
    found = {f"{name}/{key}": value for name, state in states.items() for key, value in _as_tensors(state).items()}
    first = {value.data_ptr(): name for name, value in reversed(found.items())}
    return {name: value if first[value.data_ptr()] == name else value.clone() for name, value in found.items()}


def load_optimizer_tensors(
    model: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], *, whole: bool = True
) -> None:
    """Put a saved state back, where its parameters are; the weights are to be loaded afterwards.

    Nothing is loaded before all of it was compared with what a step lays out: fused AdamW writes past the end of a
    state that is too small.

    Args:
        model: whose parameters the state belongs to.
        optimizer: fresh; receives it.
        tensors: of `optimizer_tensors`.
        whole: whether each trained parameter must have one; the oldest checkpoints left out what never had a gradient.

    Raises:
        UserError: it belongs to other parameters, or is incomplete, of other shapes or types.
    """
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    groups = {f"group.{number}": group for number, group in enumerate(optimizer.param_groups)}
    stated = {name.rpartition("/")[0] for name in tensors}
    if foreign := sorted(stated - parameters.keys() - groups.keys()):
        raise UserError(f"the optimizer's state knows a parameter '{foreign[0]}' that this model does not have")
    if not stated and parameters:
        raise UserError("the optimizer's state is empty")
    untouched = {name for name in parameters if f"{name}/{NO_GRADIENT}" in tensors or not (whole or name in stated)}
    before = {name: dict(group) for name, group in groups.items()}
    _step_without_gradient(optimizer, parameters.values())
    states = {name: optimizer.state[p] for name, p in parameters.items() if name not in untouched}
    laid = {**states, **groups, **{name: {NO_GRADIENT: True} for name in untouched}}
    wanted = {f"{name}/{key}": value for name, state in laid.items() for key, value in _as_tensors(state).items()}
    needed = {name for name in wanted if name.rpartition("/")[0] in states}
    for name in (name for name in tensors if name.rpartition("/")[0] in groups and tensors[name].ndim == 0):
        wanted.setdefault(name, tensors[name])  # a number that no step without a gradient counts
    try:
        check_tensors(tensors, {name: wanted[name] for name in needed | (wanted.keys() & tensors.keys())})
        for name in (name for name in tensors if name.endswith("/step")):
            if not 0 <= float(tensors[name]) < math.inf:
                raise ValueError(f"it counts {float(tensors[name])} steps of '{name.removesuffix('/step')}'")
    except ValueError as error:
        optimizer.state.clear()
        raise UserError(f"the optimizer's state does not fit the model: {error}") from None
    for name, group in groups.items():
        group.update(before[name])
    for name in untouched:
        optimizer.state.pop(parameters[name], None)
    for full_name, value in tensors.items():
        name, _, key = full_name.rpartition("/")
        if name not in untouched:
            old = laid[name].get(key)
            laid[name][key] = old.copy_(value) if isinstance(old, Tensor) else value.item()


@torch.no_grad()
def _step_without_gradient(optimizer: torch.optim.Optimizer, parameters: Iterable[nn.Parameter]) -> None:
    """Lays the state out as training would, at a rate of nothing."""
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _as_tensors(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors and numbers of a state, numbers as tensors of one value; what else it holds is no state."""
    return {
        key: value if isinstance(value, Tensor) else torch.tensor(value, dtype=_NUMBERS[type(value)])
        for key, value in state.items()
        if isinstance(value, Tensor) or type(value) in _NUMBERS
    }


def _decays(name: str, parameter: Tensor) -> bool:
    marked = getattr(parameter, "_no_weight_decay", False)
    return parameter.ndim >= 2 and not marked and not name.startswith(("embedding.", "heads.stop", "heads.bias"))
