"""The rewrite `lora`: the weights of linear layers become what they were plus a product of two thin matrices."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from valle_core.plugin import UserError
from valle_lora.by_level import tell_levels
from valle_lora.options import LoraOptions, level_set
from valle_lora.parametrization import Adapter


class LoraRewrite:
    """Satisfies `valle_core.interfaces.Rewrite`; applied again, it adds another adapter to the same layers."""

    def __init__(self, options: LoraOptions) -> None:
        self.options = options

    def targets(self, backbone: nn.Module) -> Sequence[str]:
        """Linear layers whose name fits a pattern."""
        return [name for name in linear_layers(backbone) if any(fnmatchcase(name, one) for one in self.options.targets)]

    def apply(self, backbone: nn.Module) -> nn.Module:
        """In place. The weights that get an adapter are frozen.

        Raises:
            UserError: a pattern names no linear layer, or there is none.
        """
        there = linear_layers(backbone)
        if not there:
            raise UserError("rewrite 'lora' finds no linear layer. Leave it out")
        for pattern in self.options.targets:
            if not any(fnmatchcase(name, pattern) for name in there):
                named = ", ".join(there[:8])
                raise UserError(
                    f"rewrite 'lora': target {pattern!r} names no linear layer. They are called like: {named}"
                )
        for name in self.targets(backbone):
            layer = backbone.get_submodule(name)
            adapter = Adapter(
                whole_weight(layer), self.options.rank, self.options.alpha, level_set(self.options.levels)
            )
            parametrize.register_parametrization(layer, "weight", adapter, unsafe=True)
            layer.train(layer.training)
            whole_weight(layer).requires_grad_(False)
        return tell_levels(backbone)


def whole_weight(layer: Any) -> nn.Parameter:
    """The weight itself, without what adapters add."""
    return layer.parametrizations.weight.original if parametrize.is_parametrized(layer, "weight") else layer.weight


def adapters_of(layer: Any) -> list[Adapter]:
    """Those that a layer has, the oldest first."""
    return list(layer.parametrizations.weight) if parametrize.is_parametrized(layer, "weight") else []


def merge(layer: Any, predicted: frozenset[int] | None = None) -> None:
    """What adapters add becomes the weight; the layer is of its former class again.

    Those that act at some of the `predicted` levels only stay as they are; without, there is none of them.
    torch's own `remove_parametrizations` would take `weight` from every copy of the layer, as they share a class.
    """
    adapters, trained = adapters_of(layer), whole_weight(layer).requires_grad
    whole = [acts_at_all(one, predicted) for one in adapters]
    if not any(whole):
        return
    with torch.no_grad():
        weight = whole_weight(layer).detach().clone()
        for adapter in itertools.compress(adapters, whole):
            weight = torch.addmm(weight, adapter.lora_B, adapter.lora_A, alpha=adapter.scale)
    if not all(whole):
        whole_weight(layer).data = weight
        for number in reversed([*itertools.compress(range(len(whole)), whole)]):
            del layer.parametrizations.weight[number]
        return
    del layer.parametrizations
    layer.__class__ = type(layer).__bases__[0]
    layer.register_parameter("weight", nn.Parameter(weight, requires_grad=trained))


def acts_at_all(adapter: Adapter, predicted: frozenset[int] | None) -> bool:
    """Whether an adapter acts at every level that a model predicts; None: at every level that there may be."""
    return adapter.levels is None or (predicted is not None and predicted <= adapter.levels)


def linear_layers(backbone: nn.Module) -> list[str]:
    """Names of the linear layers, each once, whether they have an adapter or not."""
    return [name for name, part in backbone.named_modules() if isinstance(part, nn.Linear)]


def build(options: LoraOptions) -> LoraRewrite:
    """Factory of the registry entry `lora`."""
    return LoraRewrite(options)
