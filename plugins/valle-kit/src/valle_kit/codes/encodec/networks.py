"""EnCodec's networks (SEANet) and codebooks: as layers of a stack, drawn, and those of the package encodec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import EncodecConfig

from valle_core.plugin import UserError
from valle_kit.codes.convolutions import Layer, Pointwise, causal
from valle_kit.codes.encodec.names import original
from valle_kit.codes.pretrained import draw_convolutions, load_strictly, without_weight_norm
from valle_kit.codes.recurrence import Recurrence
from valle_kit.codes.stack import Added


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


def original_model(
    config: EncodecConfig, tensors: Mapping[str, Tensor], device: torch.device, *, decoder: bool = True
) -> Any:
    """`encoder`, `quantizer` and perhaps `decoder` of the package `encodec`, with plain weights, not weight norm.

    Raises:
        UserError: the package is missing, or the weights do not fit.
    """
    try:
        from encodec.modules import SEANetDecoder, SEANetEncoder  # pyright: ignore[reportMissingImports]
        from encodec.quantization import ResidualVectorQuantizer  # pyright: ignore[reportMissingImports]
    except (ImportError, OSError) as error:
        raise UserError(
            f"engine 'original' needs the package encodec ({str(error).splitlines()[0][:100]}). "
            "Install it with: pip install encodec, or use --codec.engine transformers"
        ) from error
    sizes: dict[str, Any] = {
        "channels": 1, "norm": "weight_norm", "causal": True, "true_skip": False, "pad_mode": config.pad_mode,
        "dimension": config.hidden_size, "n_filters": config.num_filters, "ratios": list(config.upsampling_ratios),
        "n_residual_layers": config.num_residual_layers, "kernel_size": config.kernel_size,
        "last_kernel_size": config.last_kernel_size, "residual_kernel_size": config.residual_kernel_size,
        "dilation_base": config.dilation_growth_rate, "compress": config.compress, "lstm": config.num_lstm_layers,
    }  # fmt: skip

    def make() -> nn.Module:
        model = nn.Module()
        model.encoder = SEANetEncoder(**sizes)
        if decoder:
            model.decoder = SEANetDecoder(**sizes)
        model.quantizer = ResidualVectorQuantizer(
            dimension=config.hidden_size, n_q=config.num_quantizers, bins=config.codebook_size
        )
        return model

    model = without_weight_norm(make)
    training = ("inited", "cluster_size", "embed_avg")
    load_strictly(model, original(tensors), "encodec", lambda name: name.endswith(training))
    for level in model.quantizer.vq.layers:
        level._codebook.inited.fill_(1)  # else the first call would draw codebooks
    return model.to(device)
