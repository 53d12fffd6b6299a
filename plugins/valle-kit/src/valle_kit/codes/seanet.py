"""EnCodec's networks (SEANet) and codebooks, of either package, for the codecs built on them."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from valle_kit.codes.convolutions import Layer, Pointwise, causal
from valle_kit.codes.pretrained import draw_convolutions
from valle_kit.codes.stack import Added, Recurrence


def layers_of(network: Any) -> tuple[Layer, ...]:
    """An encoder or decoder as `valle_kit.codes.stack.Stack` takes it; both packages nest the same layers under other
    names."""
    return _layers(getattr(network, "layers", None) or network.model)


def _layers(modules: Any) -> tuple[Layer, ...]:
    return tuple(_layer(module, first=place == 0) for place, module in enumerate(modules))


def _layer(module: Any, *, first: bool) -> Layer:
    if hasattr(module, "block"):
        shortcut = () if isinstance(module.shortcut, nn.Identity) else (_layer(module.shortcut, first=True),)
        return Added(_layers(module.block), shortcut)
    while not isinstance(module, nn.Conv1d | nn.ConvTranspose1d | nn.LSTM | nn.ELU):
        module = next(getattr(module, name) for name in ("lstm", "convtr", "conv") if hasattr(module, name))
    match module:
        case nn.LSTM():
            return Recurrence(module)
        case nn.ELU():
            return _elu(module.alpha, first=first)
        case _:
            return causal(module)


def _elu(alpha: float, *, first: bool) -> Pointwise:
    """In place, where the input is a layer's own output."""
    if not first:
        return Pointwise(lambda x: F.elu(x, alpha, inplace=True))
    return Pointwise(lambda x: F.elu(x, alpha), into=lambda x, out: F.elu(out.copy_(x), alpha, inplace=True))


def quantise(levels: Any, latents: Float[Tensor, "1 d f"], count: int) -> Int[Tensor, "f Q"]:
    """Codes of the first `count` levels of transformers' quantizer."""
    codes = []
    for level in list(levels)[:count]:
        codes.append(level.encode(latents))
        latents = latents - level.decode(codes[-1])
    return torch.stack(codes, dim=-1)[0]


def draw(model: Any, hop: int) -> None:
    """Draw the weights of transformers' model. Codebooks hold latents of swelling noise, level after level."""
    draw_convolutions(model)
    samples = 100 * hop
    residual = model.encoder(torch.randn(1, 1, samples) * torch.logspace(-3, 0, samples))
    for layer in model.quantizer.layers:
        drawn = residual[0].T[torch.randint(residual.shape[-1], (len(layer.codebook.embed),))]
        drawn += 0.3 * residual.std(-1).clamp(min=1e-4) * torch.randn(drawn.shape)
        layer.codebook.embed.copy_(drawn)
        residual = residual - layer.decode(layer.encode(residual))
