"""Hugging Face's LLaMA folders (config.json beside safetensors): read unchanged, written so that HF reads them."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from valle_core.plugin import UserError
from valle_core.reading.json_text import read_json
from valle_llama.options import LlamaOptions, LlamaSizes

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
NOT_OURS = ("embed_tokens.", "lm_head.")
"""Tensors of a folder that a backbone has no use for: the embedding and the head belong to the model around it."""

CONFIG_KEYS = {
    "d_model": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "ffn_dim": "intermediate_size",
    "norm_eps": "rms_norm_eps",
}


def sizes_in(folder: Path, options: LlamaOptions) -> LlamaSizes:
    """The sizes written in `folder/config.json`.

    Raises:
        UserError: no such folder, no LLaMA, a variant that is not supported, or an option that was set to
            something else than the folder says.
    """
    config = _read_config(folder)
    for key, plain in {"attention_bias": False, "mlp_bias": False, "hidden_act": "silu"}.items():
        if config.get(key, plain) != plain:
            raise _refuse(folder, f"its {key} is {config[key]!r}, arch 'llama' knows only {plain!r}")
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default":
        raise _refuse(folder, f"its rope_type is {kind!r}, arch 'llama' knows only 'default'")
    try:
        read = {ours: config[theirs] for ours, theirs in CONFIG_KEYS.items()}
    except KeyError as missing:
        raise _refuse(folder, f"its config.json lacks {missing}") from None
    read["n_kv_heads"] = config.get("num_key_value_heads") or read["n_heads"]
    read["rope_theta"] = float(rope.get("rope_theta", config.get("rope_theta", 10000.0)))
    _check_agreement(folder, read, options)
    return LlamaSizes(
        **read,
        head_dim=config.get("head_dim") or read["d_model"] // read["n_heads"],
        max_length=options.max_length,
    )


def load_weights(backbone: nn.Module, folder: Path) -> None:
    """Fill the backbone with the folder's tensors, of a `LlamaModel` or a `LlamaForCausalLM`.

    Raises:
        UserError: no safetensors, a missing or foreign tensor, or a shape that differs.
    """
    wanted = backbone.state_dict()
    found: dict[str, Tensor] = {}
    for file in _weight_files(folder):
        try:
            with safe_open(file, framework="pt") as tensors:
                for key in tensors.keys():  # noqa: SIM118 (a safe_open handle is no dict)
                    name = key.removeprefix("model.")
                    if not name.startswith(NOT_OURS) and not name.endswith("rotary_emb.inv_freq"):
                        found[name] = tensors.get_tensor(key)
        except (SafetensorError, OSError) as error:
            raise _refuse(folder, f"{file.name} cannot be read ({error})") from None
    if wanted.keys() != found.keys():
        odd = sorted(wanted.keys() ^ found.keys())[0]
        raise _refuse(folder, f"tensor {odd!r} is {'missing' if odd in wanted else 'not one of LLaMA'}")
    for name, tensor in found.items():
        if tensor.shape != wanted[name].shape:
            raise _refuse(folder, f"{name} is {list(tensor.shape)}, config.json says {list(wanted[name].shape)}")
        wanted[name].copy_(tensor)


def save_folder(
    backbone: nn.Module,
    sizes: LlamaSizes,
    folder: Path,
    *,
    embed_tokens: Float[Tensor, "vocabulary D"] | None = None,
) -> None:
    """Write what `transformers.LlamaModel.from_pretrained` reads.

    LlamaModel wants an embedding; without one a vocabulary of a single zero row is written, and the model is
    then to be run on `inputs_embeds`. Files are written beside their place and renamed.
    """
    state = {name: tensor.detach().contiguous().cpu() for name, tensor in backbone.state_dict().items()}
    table = torch.zeros(1, sizes.d_model) if embed_tokens is None else embed_tokens
    state["embed_tokens.weight"] = table.detach().to(state["norm.weight"].dtype).contiguous().cpu()
    config = {
        "architectures": ["LlamaModel"],
        "model_type": "llama",
        "hidden_act": "silu",
        "vocab_size": len(table),
        "num_key_value_heads": sizes.n_kv_heads,
        "head_dim": sizes.head_dim,
        "rope_theta": sizes.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": sizes.rope_theta},
        "max_position_embeddings": sizes.max_length or 2048,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": None,
        "eos_token_id": None,
        "dtype": str(state["norm.weight"].dtype).removeprefix("torch."),
        **{theirs: getattr(sizes, ours) for ours, theirs in CONFIG_KEYS.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as scratch:
        save_file(state, Path(scratch) / WEIGHTS, metadata={"format": "pt"})
        (Path(scratch) / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        for name in (WEIGHTS, "config.json"):
            os.replace(Path(scratch) / name, folder / name)


def _read_config(folder: Path) -> dict:
    if not folder.is_dir():
        raise _refuse(folder, "there is no such folder")
    try:
        config = read_json(folder / "config.json")
    except FileNotFoundError:
        raise _refuse(folder, "it has no config.json; give a folder written by LlamaModel.save_pretrained") from None
    except (OSError, ValueError) as error:
        raise _refuse(folder, f"config.json cannot be read ({error})") from None
    if not isinstance(config, dict) or config.get("model_type") != "llama":
        kind = config.get("model_type") if isinstance(config, dict) else None
        raise _refuse(folder, f"its model_type is {kind!r}, not 'llama'")
    return config


def _check_agreement(folder: Path, read: dict, options: LlamaOptions) -> None:
    for field in fields(LlamaOptions):
        asked = getattr(options, field.name)
        if field.name in read and asked != field.default and asked != read[field.name]:
            raise _refuse(folder, f"it has {field.name} = {read[field.name]} and the options ask for {asked}")


def _weight_files(folder: Path) -> Iterator[Path]:
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
    return UserError(f"arch 'llama' cannot start from {str(folder)!r}: {reason}")
