"""Names of EnCodec's weights: those of the original package and those of transformers, which the codecs keep."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from valle_kit.codes.pretrained import fold_weight_norm

_TO_OURS = (
    (re.compile(r"^quantizer\.vq\.layers\.(\d+)\._codebook\."), r"quantizer.layers.\1.codebook."),
    (re.compile(r"^(encoder|decoder)\.model\.(\d+)\."), r"\1.layers.\2."),
    (re.compile(r"\.(?:conv\.conv|convtr\.convtr)\."), ".conv."),
)
_TRAINING = re.compile(r"\.codebook\.(inited|cluster_size|embed_avg)$")
"""What only training needs; left out, so that all copies of the same codec have one identity."""


def is_original(tensors: Mapping[str, object]) -> bool:
    """Whether the names are those of the original package."""
    return any(name.startswith("encoder.model.") for name in tensors)


def is_training_state(name: str) -> bool:
    """Whether decoding and encoding do without this tensor."""
    return bool(_TRAINING.search(name))


def ours(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Either naming → transformers' names with weight norm folded, without what only training needs."""
    renamed = {}
    for name, tensor in tensors.items():
        for pattern, replacement in _TO_OURS if is_original(tensors) else ():
            name = pattern.sub(replacement, name)
        renamed[name] = tensor
    return fold_weight_norm({name: tensor for name, tensor in renamed.items() if not is_training_state(name)})


def original(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `ours` for the original package's modules after their weight norm was removed.

    Upsampling layers are the decoder's with a transposed weight, so their place tells them apart.
    """
    upsampling = _upsampling_layers(tensors)
    renamed = {}
    for name, tensor in tensors.items():
        name = re.sub(r"^quantizer\.layers\.(\d+)\.codebook\.", r"quantizer.vq.layers.\1._codebook.", name)
        if match := re.match(r"^(encoder|decoder)\.layers\.(\d+)\.", name):
            inner = ".convtr.convtr." if match[1] == "decoder" and int(match[2]) in upsampling else ".conv.conv."
            name = re.sub(r"\.conv\.", inner, f"{match[1]}.model.{match[2]}.{name[match.end() :]}")
        renamed[name] = tensor
    return renamed


def _upsampling_layers(tensors: Mapping[str, Tensor]) -> set[int]:
    """Convolutions of the decoder directly below `layers`, but the first and the last."""
    direct = re.compile(r"^decoder\.layers\.(\d+)\.conv\.weight$")
    found = sorted(int(match[1]) for name in tensors if (match := direct.match(name)))
    return set(found[1:-1])
