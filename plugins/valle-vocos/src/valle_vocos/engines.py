"""Whose network decodes: our own or the original package's, with equal weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_kit.codes.convolutions import Layer
from valle_kit.codes.pretrained import load_strictly
from valle_kit.codes.stack import Windowed, lookahead
from valle_vocos.network import Sizes, VocosNetwork
from valle_vocos.originals import vocos_parts


def own_engine(sizes: Sizes, tensors: Mapping[str, Tensor]) -> VocosNetwork:
    """Our network."""
    with torch.random.fork_rng(devices=[]):  # what is drawn here is overwritten
        network = VocosNetwork(sizes)
    load_strictly(network, tensors, "vocos")
    return network.eval().requires_grad_(False)


class OriginalNetwork(nn.Module):
    """Backbone and head of the package vocos."""

    def __init__(self, sizes: Sizes, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        with torch.device("meta"):
            self._context = lookahead(VocosNetwork(sizes).layers(0), sizes.hop)
        self._hop = sizes.hop
        self.backbone, self.head = vocos_parts(sizes, tensors)

    def forward(self, x: Float[Tensor, "B d F"], bandwidth: int) -> Float[Tensor, "B N"]:
        """Sound of summed codebook vectors at a bandwidth id."""
        return self.head(self.backbone(x, bandwidth_id=torch.tensor([bandwidth], device=x.device)))

    def layers(self, bandwidth: int) -> tuple[Layer, ...]:
        """It only runs whole windows, and looks as far to either side as ours looks ahead."""
        return (Windowed(lambda x: self(x, bandwidth)[:, None], 1, self._context, self._hop),)


ENGINES: Mapping[str, Callable[[Sizes, Mapping[str, Tensor]], VocosNetwork | OriginalNetwork]] = {
    "own": own_engine,
    "original": OriginalNetwork,
}
"""Name of the engine → its network with the weights, [B, d, F] and a bandwidth id → [B, F · hop]."""
