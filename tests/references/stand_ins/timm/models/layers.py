"""What torchscale 0.3.0 takes from timm, so that timm and torchvision need not be installed."""

from __future__ import annotations

from torch import Tensor


def drop_path(x: Tensor, drop_prob: float = 0.0, training: bool = False) -> Tensor:
    """The input, unchanged: the references are compared in eval mode, or with a drop probability of 0."""
    assert not (training and drop_prob), "this stand-in drops no paths; compare with drop_path_rate = 0"
    return x
