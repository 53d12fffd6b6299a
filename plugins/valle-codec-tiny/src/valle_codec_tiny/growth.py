"""A network that starts from the weights of a smaller one: blocks that are new begin almost silent."""

from __future__ import annotations

from pathlib import Path

import torch

from valle_codec_tiny.checkpoint import load_network
from valle_codec_tiny.network import TinyNetwork
from valle_core.plugin import UserError

BENEATH = 3.0
"""How far new noise starts below what is still said directly, in nepers."""
WHISPER = 0.02
"""Layer scale of a new block: small enough to change nothing at first, large enough for its weights to learn."""


@torch.no_grad()
def grow(network: TinyNetwork, path: Path) -> bool:
    """Start from the exported weights at `path`; whether its codebooks fit too, else the run makes its own by k-means.

    A noise source that is new takes the magnitudes that were said directly, where they no longer are.

    Raises:
        UserError: a weight of `path` has another shape, or the network has no place for it.
    """
    small, _, _ = load_network(path)
    places = network.state_dict()
    same_books = small.quantizer.books.shape == network.quantizer.books.shape
    known = {n: t for n, t in small.state_dict().items() if same_books or not n.startswith("quantizer.")}
    for name, tensor in known.items():
        if name not in places or places[name].shape != tensor.shape:
            raise UserError(
                f"'{path}' holds {name} {tuple(tensor.shape)}, which this codec has no place for. Start from others"
            )
    network.load_state_dict({**places, **known})
    for name, parameter in network.named_parameters():
        if name not in known and name.endswith(".scale"):
            parameter.fill_(WHISPER)
    decoder = network.decoder
    if decoder.noise is not None and "decoder.noise.weight" not in known:
        bins = len(decoder.noise.bias)
        decoder.noise.weight.copy_(decoder.out.weight[:bins])
        decoder.noise.bias.copy_(decoder.out.bias[:bins] - BENEATH * decoder.fade)
    if same_books:
        network.quantizer.counts.fill_(1.0)
        network.quantizer.sums.copy_(network.quantizer.books)
    return same_books
