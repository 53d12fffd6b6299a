"""Hugging Face's BitNet folders with unpacked weights: read unchanged, written so that transformers reads them."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from valle_bitnet.backbone import BitNetBackbone
from valle_bitnet.options import BitNetOptions, BitNetSizes
from valle_core.plugin import UserError
from valle_core.reading.json_text import read_json

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
AROUND = ("embed_tokens.", "lm_head.")
"""Tensors of the model around a backbone."""

CONFIG_KEYS = {
    "d_model": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads",
    "ffn_dim": "intermediate_size",
    "activation": "hidden_act",
    "norm_eps": "rms_norm_eps",
}

ONLINE = {"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "online"}
"""What tells transformers to round in every forward, as `BitLinear` does."""


def sizes_in(folder: Path, options: BitNetOptions) -> BitNetSizes:
    """The sizes written in `folder/config.json`.

    Raises:
        UserError: no such folder, no BitNet, a variant that is not supported, or an option that was set to something
            else than the folder says.
    """
    config = _read_config(folder)
    if odd := _other_rounding(config.get("quantization_config")):
        raise _refuse(folder, odd)
    try:
        read: dict[str, Any] = {ours: config[theirs] for ours, theirs in CONFIG_KEYS.items()}
    except KeyError as missing:
        raise _refuse(folder, f"its config.json lacks {missing}") from None
    rope = config.get("rope_parameters") or {}
    read["rope_theta"] = float(rope.get("rope_theta", config.get("rope_theta", 500000.0)))
    plain = {"attention_bias": (False, None), "hidden_act": ("relu2", "silu")}
    for key, known in plain.items():
        if config.get(key) not in known:
            raise _refuse(folder, f"its {key} is {config.get(key)!r}, arch 'bitnet' knows only {known[0]!r}")
    if rope.get("rope_type", "default") != "default":
        raise _refuse(folder, f"its rope_type is {rope['rope_type']!r}, arch 'bitnet' knows only 'default'")
    if config.get("head_dim", read["d_model"] // read["n_heads"]) != read["d_model"] // read["n_heads"]:
        raise _refuse(folder, f"its head_dim is {config['head_dim']}, arch 'bitnet' knows only d_model / n_heads")
    for field in fields(BitNetOptions):
        asked = getattr(options, field.name)
        if field.name in read and asked != field.default and asked != read[field.name]:
            raise _refuse(folder, f"it has {field.name} = {read[field.name]} and the options ask for {asked}")
    return BitNetSizes(**read, max_length=options.max_length)


def load_weights(backbone: BitNetBackbone, folder: Path) -> None:
    """Fill the backbone with the folder's tensors, of a `BitNetModel` or a `BitNetForCausalLM`.

    Raises:
        UserError: no safetensors, packed weights, a missing or foreign tensor, or a shape that differs.
    """
    wanted = backbone.state_dict()
    found: dict[str, Tensor] = {}
    for file in _files(folder):
        try:
            stored = load_file(file)
        except (SafetensorError, OSError) as error:
            raise _refuse(folder, f"{file.name} cannot be read ({error})") from None
        named = {name.removeprefix("model."): tensor for name, tensor in stored.items()}
        found |= {name: tensor for name, tensor in named.items() if not name.startswith(AROUND)}
    if any(tensor.dtype == torch.uint8 for tensor in found.values()):
        raise _refuse(folder, "its weights are packed; give the unpacked ones (of the 2B4T model: its bf16 folder)")
    if wanted.keys() != found.keys():
        odd = sorted(wanted.keys() ^ found.keys())[0]
        raise _refuse(folder, f"tensor {odd!r} is {'missing' if odd in wanted else 'not one of BitNet'}")
    for name, tensor in found.items():
        if tensor.shape != wanted[name].shape:
            raise _refuse(folder, f"{name} is {list(tensor.shape)}, config.json says {list(wanted[name].shape)}")
        wanted[name].copy_(tensor)


def config_of(sizes: BitNetSizes, vocabulary: int) -> dict[str, Any]:
    """What `transformers.BitNetConfig` takes."""
    return {
        "model_type": "bitnet",
        "architectures": ["BitNetModel"],
        "vocab_size": vocabulary,
        "rope_parameters": {"rope_type": "default", "rope_theta": sizes.rope_theta},
        "max_position_embeddings": sizes.max_length or 2048,
        "attention_bias": False,
        "bos_token_id": None,
        "eos_token_id": None,
        **{theirs: getattr(sizes, ours) for ours, theirs in CONFIG_KEYS.items()},
    }


def save_folder(
    backbone: BitNetBackbone, folder: Path, *, embed_tokens: Float[Tensor, "vocabulary D"] | None = None
) -> None:
    """Write what `transformers.BitNetModel.from_pretrained` reads: full precision, rounded in every forward.

    BitNetModel wants an embedding; without one a vocabulary of a single zero row is written, and the model is then to
    be run on `inputs_embeds`. Files are written beside their place and renamed.
    """
    state = {name: tensor.detach().contiguous().cpu() for name, tensor in backbone.state_dict().items()}
    table = torch.zeros(1, backbone.d_model) if embed_tokens is None else embed_tokens
    state["embed_tokens.weight"] = table.detach().to(state["norm.weight"].dtype).contiguous().cpu()
    dtype = str(state["norm.weight"].dtype).removeprefix("torch.")
    config = {**config_of(backbone.sizes, len(table)), "dtype": dtype, "quantization_config": ONLINE}
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as scratch:
        save_file(state, Path(scratch) / WEIGHTS, metadata={"format": "pt"})
        (Path(scratch) / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        for name in (WEIGHTS, "config.json"):
            os.replace(Path(scratch) / name, folder / name)


def _read_config(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise _refuse(folder, "there is no such folder")
    try:
        config = read_json(folder / "config.json")
    except FileNotFoundError:
        raise _refuse(folder, "it has no config.json; give a folder written by BitNetModel.save_pretrained") from None
    except (OSError, ValueError) as error:
        raise _refuse(folder, f"config.json cannot be read ({error})") from None
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "bitnet":
        raise _refuse(folder, f"its model_type is {kind!r}, not 'bitnet'")
    return config


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


def _files(folder: Path) -> Iterator[Path]:
    if (folder / WEIGHTS).is_file():
        yield folder / WEIGHTS
        return
    try:
        shards = set(read_json(folder / INDEX)["weight_map"].values())
    except FileNotFoundError:
        raise _refuse(folder, f"it has no {WEIGHTS}; pickled weights are not read, save as safetensors") from None
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise _refuse(folder, f"{INDEX} cannot be read ({error})") from None
    for name in sorted(shards):
        if Path(name).name != name:
            raise _refuse(folder, f"{INDEX} points outside the folder: {name!r}")
        yield folder / name


def _refuse(folder: Path, reason: str) -> UserError:
    return UserError(f"arch 'bitnet' cannot start from {str(folder)!r}: {reason}")
