"""Hugging Face's BitNet folders with unpacked weights: what config.json calls the sizes and the rounding."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from valle_bitnet.backbone import BitNetBackbone
from valle_bitnet.options import BitNetOptions, BitNetSizes, sizes_of
from valle_kit.hugging_face.layout import FolderLayout
from valle_kit.hugging_face.reader import FolderReader
from valle_kit.hugging_face.writer import write_folder

LAYOUT = FolderLayout(
    arch="bitnet",
    model="BitNetModel",
    keys={
        "d_model": "hidden_size",
        "n_layers": "num_hidden_layers",
        "n_heads": "num_attention_heads",
        "n_kv_heads": "num_key_value_heads",
        "ffn_dim": "intermediate_size",
        "activation": "hidden_act",
        "norm_eps": "rms_norm_eps",
    },
    known={"attention_bias": (False,), "hidden_act": ("relu2", "silu")},
)

ONLINE = {"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "online"}
"""What tells transformers to round in every forward, as `BitLinear` does."""


def sizes_in(folder: FolderReader, options: BitNetOptions) -> BitNetSizes:
    """The sizes written in config.json.

    Raises:
        UserError: no such folder, no BitNet, a variant that is not supported, or an option that was set to something
            else than the folder says.
    """
    config = folder.config()
    if odd := _other_rounding(config.get("quantization_config")):
        raise folder.refuse(odd)
    read = {**folder.sizes(config, options), "rope_theta": folder.rope_theta(config, 500000.0)}
    folder.check_agreement(read, options)
    sizes = sizes_of(replace(options, **read))
    if config.get("head_dim") not in (None, sizes.head_dim):
        raise folder.refuse(f"its head_dim is {config['head_dim']}, arch 'bitnet' knows only d_model / n_heads")
    return sizes


def load_weights(backbone: BitNetBackbone, folder: FolderReader) -> None:
    """Fill the backbone with the folder's tensors, of a `BitNetModel` or a `BitNetForCausalLM`.

    Raises:
        UserError: no safetensors, packed weights, a missing or foreign tensor, or a shape that differs.
    """
    found = folder.tensors()
    if any(tensor.dtype == torch.uint8 for tensor in found.values()):
        raise folder.refuse("its weights are packed; give the unpacked ones (of the 2B4T model: its bf16 folder)")
    folder.fill(backbone, found)


def own_config(sizes: BitNetSizes) -> dict[str, Any]:
    """What `transformers.BitNetConfig` takes beside the layout's keys."""
    return {
        "rope_parameters": {"rope_type": "default", "rope_theta": sizes.rope_theta},
        "max_position_embeddings": sizes.max_length or 2048,
        "attention_bias": False,
    }


def save_folder(
    backbone: BitNetBackbone, folder: Path, *, embed_tokens: Float[Tensor, "vocabulary D"] | None = None
) -> None:
    """Write what `transformers.BitNetModel.from_pretrained` reads: full precision, rounded in every forward."""
    own = {**own_config(backbone.sizes), "quantization_config": ONLINE}
    write_folder(folder, LAYOUT, backbone.state_dict(), backbone.sizes, own, table=embed_tokens)


def _other_rounding(found: Any) -> str:
    """Why transformers would compute something else than `BitLinear` with this `quantization_config`, or ""."""
    if not isinstance(found, dict):
        return (
            "its config.json has no quantization_config, so transformers would not round its weights; if it was "
            f'trained with rounding, add "quantization_config": {json.dumps(ONLINE)}'
        )
    usual = {"quant_method": "bitnet", "linear_class": "bitlinear", "quantization_mode": "offline"}
    for key, wanted in ONLINE.items():
        value = found.get(key, usual[key])
        if value != wanted:
            return f"its quantization_config has {key} {value!r}, arch 'bitnet' computes as with {wanted!r}"
    if found.get("use_rms_norm"):
        return "its quantization_config has use_rms_norm, arch 'bitnet' has no norm inside its linear layers"
    kept = [name for name in found.get("modules_to_not_convert") or () if name != "lm_head"]
    if kept:
        return f"its quantization_config leaves {', '.join(map(repr, kept))} unrounded, arch 'bitnet' rounds all"
    return ""
