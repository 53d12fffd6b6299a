"""Level 0 with its matrices in whole numbers of 8 bits: `--quantize`, by choice or by measuring on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import nn

from valle_core.plugin import UserError
from valle_kit.int8_linear import Int8Linear
from valle_kit.onednn import OneDnnLinear

Quantize = Literal["none", "int8", "auto"]

ROUNDS, STEPS = 4, 6
"""How often both ways are timed in turns, and steps each time: the best step counts."""
GAIN = 1.1
"""So many times as fast a step must be for `auto` to take it."""


@runtime_checkable
class Compiles(Protocol):
    """A backbone whose decoding step may be a compiled program, which reads int8 weights as they are."""

    def compiles(self) -> bool:
        """Whether it is one, with the layers as they now are."""
        ...


def quantize(backbone: nn.Module, way: Quantize) -> bool:
    """Replace the linear layers of a backbone by `Int8Linear` where `way` says so; whether that was done.

    Embeddings, heads, norms and everything outside of the backbone stay as they are. A backbone that predicts other
    levels too has one set of weights for all.

    Raises:
        UserError: "int8" where no compiled step reads such weights: another device or dtype, or another backbone.
    """
    if way == "none":
        return False
    layers = linear_layers(backbone)
    if not (layers and isinstance(backbone, Compiles) and backbone.compiles()):
        if way == "auto":
            return False
        raise UserError(
            "quantize = int8 is for models whose level 0 decodes by a compiled step: on a CPU, in float32, with numba, "
            "by a backbone that has one (llama, mamba2, retnet, transformer), without an adapter. Leave --quantize out"
        )
    found: dict[str, nn.Module] = {name: Int8Linear(layer) for name, layer in layers.items()}
    if way == "auto" and not _faster(backbone, layers, found):
        return False
    _put(backbone, found)
    return True


def linear_layers(module: nn.Module) -> dict[str, nn.Linear]:
    """Linear layers whose weights are matrices and nothing else, by name."""
    return {name: part for name, part in module.named_modules() if type(part) in (nn.Linear, OneDnnLinear)}


def _faster(backbone: Any, usual: dict[str, nn.Linear], whole: dict[str, nn.Module]) -> bool:
    """Whether a step with the one set of layers is faster than with the other, timed in turns."""
    seconds = {False: float("inf"), True: float("inf")}
    for _ in range(ROUNDS):
        for quantized in (False, True):
            _put(backbone, whole if quantized else usual)
            seconds[quantized] = min(seconds[quantized], step_seconds(backbone))
    _put(backbone, usual)
    return seconds[True] * GAIN < seconds[False]


@torch.inference_mode()
def step_seconds(backbone: Any, steps: int = STEPS, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of the best of some steps of one row, whose cache is fresh."""
    weight = next(backbone.parameters())
    cache = backbone.new_cache(1, steps + 1, torch.float32, weight.device)
    x = torch.zeros(1, 1, backbone.d_model)
    best = float("inf")
    for count in range(steps + 1):
        start = clock()
        backbone.step(x, cache)
        best = min(best, clock() - start) if count else best  # the first one lists the program
    return best


def _put(module: nn.Module, layers: dict[str, Any]) -> None:
    for name, layer in layers.items():
        parent, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(parent), leaf, layer)
