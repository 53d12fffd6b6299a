"""transformers' MambaModel and Mamba2Model over the weights of one of our backbones."""

from __future__ import annotations

from typing import Any

import torch

from valle_kit.hugging_face.model import HuggingFaceModel
from valle_kit.hugging_face.writer import config_of
from valle_mamba.backbone import MambaBackbone
from valle_mamba.folder import LAYOUTS, is_second, own_config


def load(backbone: MambaBackbone) -> HuggingFaceModel:
    """The model, in eval mode, with weights of its own that equal ours."""
    from transformers import Mamba2Config, Mamba2Model, MambaConfig, MambaModel

    weight = backbone.norm_f.weight
    config = config_of(LAYOUTS[backbone.sizes.arch], backbone.sizes, 1, own_config(backbone.sizes))
    for key in ("architectures", "model_type"):
        config.pop(key)
    first = backbone.sizes.arch == "mamba"
    model: Any = MambaModel(MambaConfig(**config)) if first else Mamba2Model(Mamba2Config(**config))
    state = {name: tensor for name, tensor in backbone.state_dict().items() if not is_second(name)}
    state["embeddings.weight"] = torch.zeros(1, backbone.d_model)
    model.load_state_dict(state)
    return HuggingFaceModel(model.to(weight.device, weight.dtype).eval(), "cache_params")
