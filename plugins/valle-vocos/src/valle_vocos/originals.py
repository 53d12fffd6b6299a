"""Modules of the packages encodec and vocos over our weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from valle_core.plugin import UserError
from valle_kit.codes.encodec.names import ours
from valle_kit.codes.encodec.networks import original_model
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
    """`encoder` and `quantizer` of the package encodec."""
    parts = {"encoder": half.network, "quantizer": half.quantizer}
    tensors = {f"{part}.{name}": value for part, of in parts.items() for name, value in of.state_dict().items()}
    return original_model(half.config, ours(tensors), next(half.network.parameters()).device, decoder=False)
