"""A network that starts from the weights of a smaller one: blocks that are new begin almost silent."""

from __future__ import annotations

from pathlib import Path

import torch

from valle_codec_tiny.checkpoint import load_network
from valle_codec_tiny.network import TinyNetwork
from valle_core.plugin import UserError

WHISPER = 0.02
"""Layer scale of a new block: small enough to change nothing at first, large enough for its weights to learn."""


@torch.no_grad()
def grow(network: TinyNetwork, path: Path) -> None:
    """Start from the exported weights at `path`. The codebooks stay untouched: the run makes its own by k-means.

    Raises:
        UserError: a weight of `path` has another shape, or the network has no place for it.
    """
    small, _, _ = load_network(path)
    places = network.state_dict()
    known = {name: tensor for name, tensor in small.state_dict().items() if not name.startswith("quantizer.")}
    for name, tensor in known.items():
        if name not in places or places[name].shape != tensor.shape:
            raise UserError(
                f"'{path}' holds {name} {tuple(tensor.shape)}, which this codec has no place for. Start from others"
            )
    network.load_state_dict({**places, **known})
    for name, parameter in network.named_parameters():
        if name not in known and name.endswith(".scale"):
            parameter.fill_(WHISPER)
