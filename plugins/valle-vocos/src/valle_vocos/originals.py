"""Modules of the packages encodec and vocos over our weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from valle_core.plugin import UserError
from valle_kit.codes.pretrained import load_strictly, without_weight_norm
from valle_vocos.encoder import Encoder
from valle_vocos.network import Sizes


def vocos_parts(sizes: Sizes, tensors: Mapping[str, Tensor]) -> tuple[Any, Any]:
    """Backbone and head of the package vocos.

    Raises:
        UserError: the package is missing, or the weights do not fit.
    """
    try:
        from vocos.heads import ISTFTHead  # pyright: ignore[reportMissingImports]
        from vocos.models import VocosBackbone  # pyright: ignore[reportMissingImports]
    except (ImportError, OSError) as error:
        raise UserError(
            f"engine 'original' needs the package vocos ({str(error).splitlines()[0][:100]}). "
            "Install it with: pip install vocos, or use --codec.engine own"
        ) from error

    def make() -> nn.Module:
        model = nn.Module()
        model.backbone = VocosBackbone(
            sizes.latent, sizes.width, sizes.inner, sizes.blocks, adanorm_num_embeddings=sizes.bandwidths
        )
        model.head = ISTFTHead(sizes.width, sizes.window, sizes.hop)
        return model

    model = without_weight_norm(make)
    load_strictly(model, tensors, "vocos", lambda name: name == "head.istft.window")
    return model.backbone, model.head


def encodec_parts(half: Encoder) -> Any:
    """`encoder` and `quantizer` of the package encodec with plain weights in the place of weight norm."""
    from encodec.modules import SEANetEncoder  # pyright: ignore[reportMissingImports]
    from encodec.quantization import ResidualVectorQuantizer  # pyright: ignore[reportMissingImports]

    config = half.config

    def make() -> nn.Module:
        model = nn.Module()
        model.encoder = SEANetEncoder(
            channels=1, norm="weight_norm", causal=True, true_skip=False, pad_mode=config.pad_mode,
            dimension=config.hidden_size, n_filters=config.num_filters, ratios=list(config.upsampling_ratios),
            n_residual_layers=config.num_residual_layers, kernel_size=config.kernel_size,
            last_kernel_size=config.last_kernel_size, residual_kernel_size=config.residual_kernel_size,
            dilation_base=config.dilation_growth_rate, compress=config.compress, lstm=config.num_lstm_layers,
        )  # fmt: skip
        model.quantizer = ResidualVectorQuantizer(
            dimension=config.hidden_size, n_q=config.num_quantizers, bins=config.codebook_size
        )
        return model

    model = without_weight_norm(make)
    load_strictly(
        model, _original_names(half), "encodec", lambda name: name.endswith(("inited", "cluster_size", "avg"))
    )
    for level in model.quantizer.vq.layers:
        level._codebook.inited.fill_(1)  # else the first call would draw codebooks
    return model.to(next(half.network.parameters()).device)


def _original_names(half: Encoder) -> dict[str, Tensor]:
    """Weights of the encoder and codebooks under the names of the package encodec."""
    named = {}
    for name, tensor in half.network.state_dict().items():
        name = re.sub(r"^layers\.(\d+)\.", r"encoder.model.\1.", name)
        named[name.replace(".conv.", ".conv.conv.")] = tensor
    for level, layer in enumerate(half.quantizer.layers):
        named[f"quantizer.vq.layers.{level}._codebook.embed"] = layer.codebook.embed  # pyright: ignore
    return named
