"""Names of DAC's weights: those of the original package and those of transformers, which are ours.

The original nests anonymous sequences: a block of the encoder is three residual units, a Snake and a convolution; one
of the decoder a Snake, a convolution and three residual units; a residual unit Snake, convolution, Snake, convolution.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from valle_kit.codes.pretrained import fold_weight_norm

_UNIT = ("snake1", "conv1", "snake2", "conv2")
_ENCODER_BLOCK = ("res_unit1", "res_unit2", "res_unit3", "snake1", "conv1")
_DECODER_BLOCK = ("snake1", "conv_t1", "res_unit1", "res_unit2", "res_unit3")


def is_original(tensors: Mapping[str, object]) -> bool:
    """Whether the names are those of the original package."""
    return any(name.startswith("decoder.model.") for name in tensors)


def prefixes(blocks: int) -> dict[str, str]:
    """Name of every module with weights, original → ours, of a network of so many blocks (without the quantizer)."""
    names = {}
    for root, side, parts in (
        ("encoder.block", "encoder", _ENCODER_BLOCK),
        ("decoder.model", "decoder", _DECODER_BLOCK),
    ):
        names[f"{root}.0"] = f"{side}.conv1"
        for block in range(blocks):
            for place, part in enumerate(parts):
                theirs, ours_ = f"{root}.{block + 1}.block.{place}", f"{side}.block.{block}.{part}"
                if part.startswith("res_unit"):
                    names |= {f"{theirs}.block.{inner}": f"{ours_}.{name}" for inner, name in enumerate(_UNIT)}
                else:
                    names[theirs] = ours_
        names[f"{root}.{blocks + 1}"] = f"{side}.snake1"
        names[f"{root}.{blocks + 2}"] = f"{side}.conv2"
    return names


def ours(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Either naming → transformers' names with weight norm folded."""
    if not is_original(tensors):
        return fold_weight_norm(tensors)
    places = [int(match[1]) for name in tensors if (match := re.match(r"encoder\.block\.(\d+)\.", name))]
    return fold_weight_norm(_renamed(tensors, prefixes(max(places, default=2) - 2)))


def original(tensors: Mapping[str, Tensor], blocks: int) -> dict[str, Tensor]:
    """The inverse of `ours` for the original package's modules after their weight norm was removed."""
    return _renamed(tensors, {ours_: theirs for theirs, ours_ in prefixes(blocks).items()})


def _renamed(tensors: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """Each tensor under its module's other name; what has none keeps its own (the quantizer's are alike)."""
    renamed = {}
    for name, tensor in tensors.items():
        module, _, last = name.rpartition(".")
        while module and module not in names and last.count(".") < 2:  # parametrizations.weight.original0
            module, _, inner = module.rpartition(".")
            last = f"{inner}.{last}"
        renamed[f"{names[module]}.{last}" if module in names else name] = tensor
    return renamed
