"""FSDP2: weights, their gradients and the optimizer's state split over the processes of a run."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils._pytree import tree_flatten, tree_unflatten


def split(model: nn.Module, device: torch.device) -> None:
    """Each process keeps a part of every weight; layers are gathered in turn."""
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    layers = layers_of(model)
    inside = {id(part) for layer in layers for part in layer.modules()}
    for module in (*layers, model):
        own = [part for part in module.modules() if module is not model or id(part) not in inside]
        module.register_forward_hook(partial(with_all_weights, own))
        fully_shard(module, mesh=mesh, reshard_after_forward=True)  # whoever saves finds parts, never whole weights


def layers_of(model: nn.Module) -> list[nn.Module]:
    """What is gathered in turn: not the lists within layers, as experts, say, are not all used by every process."""
    lists = {name: module for name, module in model.named_modules() if isinstance(module, nn.ModuleList)}
    outer = [module for name, module in lists.items() if not any(name.startswith(f"{other}.") for other in lists)]
    return [layer for module in outer for layer in module]


def split_with_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """The same, and the optimizer goes on with the parts of its state."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    split(model, device)
    now = dict(model.named_parameters())
    for group in optimizer.param_groups:
        before, group["params"] = group["params"], [now[names[parameter]] for parameter in group["params"]]
        for old, new in zip(before, group["params"], strict=True):
            if state := optimizer.state.pop(old, None):
                optimizer.state[new] = {key: part_of(value, new) for key, value in state.items()}


def with_all_weights(parts: list[nn.Module], module: nn.Module, given: Any, output: Any) -> Any:
    """The output, which now depends on every weight, if by nothing: FSDP2 wants the same gradients of all processes."""
    weights = [weight for part in parts for weight in part.parameters(recurse=False) if weight.requires_grad]
    leaves, form = tree_flatten(output)
    place = next(place for place, leaf in enumerate(leaves) if isinstance(leaf, Tensor) and leaf.is_floating_point())
    leaves[place] = leaves[place] + 0.0 * sum(weight.reshape(-1)[0] for weight in weights)
    return tree_unflatten(leaves, form)


def part_of(tensor: Tensor, like: Tensor) -> Tensor:
    """This process's part of a whole tensor, split as a weight of its shape is."""
    if not isinstance(like, DTensor) or tensor.shape != like.shape:
        return tensor
    return distribute_tensor(tensor, like.device_mesh, like.placements, src_data_rank=None)
