"""ZeRO's stage 3: the weights are split too, gathered layer by layer, and whole again for whoever saves or averages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import pad

from valle_core.types import BackboneOutput
from valle_training.sharding import layers_of, with_all_weights
from valle_training.together import BUCKET

SETTINGS = {
    "stage3_param_persistence_threshold": 0,
    "stage3_prefetch_bucket_size": 0,  # batches of causal and of full rows do not read weights in one order
    "stage3_max_live_parameters": BUCKET,
    "stage3_max_reuse_distance": BUCKET,
}
"""Beside those of all stages."""


class Opened(tuple):
    """The fields of a `BackboneOutput`, as DeepSpeed looks into tuples and into nothing that has slots."""


def before(model: nn.Module) -> None:
    """What has to stand in a model before DeepSpeed splits its weights: who gathers them; all get gradients."""
    from deepspeed.runtime.zero.partition_parameters import register_external_parameter
    from deepspeed.utils import set_z3_leaf_module

    layers = layers_of(model)
    for layer in layers:
        set_z3_leaf_module(layer, True)  # as a whole: not all weights are read by the part that they belong to
        layer.register_forward_hook(partial(with_all_weights, list(layer.modules())))
    inside = {id(weight) for layer in layers for weight in layer.parameters()}
    for weight in model.parameters():
        if id(weight) not in inside:
            register_external_parameter(model, weight)
    within = {id(part) for layer in layers for part in layer.modules()}
    model.register_forward_hook(partial(with_all_weights, [part for part in model.modules() if id(part) not in within]))
    for part in model.modules():
        part.register_forward_hook(_open)


def after(model: nn.Module, average: Any) -> None:
    """What has to stand behind that: outputs are what they were, and so are the weights where they are looked at."""
    for part in model.modules():
        part.register_forward_hook(_close)
    model.register_state_dict_post_hook(_whole)
    if average.averaged is not None:
        average.update = partial(_gathered, model, average.update)


def part_of_state(zero: Any, weight: nn.Parameter) -> Tensor:
    """What the optimizer steps on in place of a weight and the others of its group."""
    return zero.fp32_partitioned_groups_flat[zero.grad_position[zero.get_param_id(weight)][0]]


def load_state(weight: nn.Parameter, state: Mapping[str, Tensor], rank: int) -> None:
    """This process's part of the state of a weight."""
    from deepspeed.utils import safe_get_local_optimizer_state

    for key, whole in state.items():
        part: Any = safe_get_local_optimizer_state(weight, key)
        start = rank * part.numel()
        flat = whole.flatten()[start : start + part.numel()]
        part.copy_(pad(flat, (0, part.numel() - flat.numel())).view_as(part))


def _open(module: nn.Module, given: Any, output: Any) -> Any:
    if isinstance(output, BackboneOutput):
        return Opened(getattr(output, one.name) for one in fields(output))
    return None


def _close(module: nn.Module, given: Any, output: Any) -> Any:
    if isinstance(output, Opened):
        return BackboneOutput(**{one.name: value for one, value in zip(fields(BackboneOutput), output, strict=True)})
    return None


def _gathered(model: nn.Module, call: Any) -> None:
    from deepspeed.runtime.zero.partition_parameters import GatheredParameters

    with GatheredParameters(list(model.parameters())):
        call()


def _whole(module: nn.Module, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    def fill() -> None:
        for name, weight in module.named_parameters(remove_duplicate=False):
            state[prefix + name] = weight.detach().clone()

    _gathered(module, fill)
