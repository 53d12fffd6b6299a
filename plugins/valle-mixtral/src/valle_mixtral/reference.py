"""Transformers' MixtralModel on the weights of a backbone, for comparisons."""

from __future__ import annotations

from valle_kit.hugging_face.model import HuggingFaceModel
from valle_mixtral.backbone import MixtralBackbone
from valle_mixtral.folder import hf_model


def load(backbone: MixtralBackbone) -> HuggingFaceModel:
    """`MixtralModel` with SDPA attention, its fastest on a CPU."""
    table = backbone.norm.weight.new_zeros(1, backbone.d_model)
    return HuggingFaceModel(hf_model(backbone, table, "sdpa").train(backbone.training))
