"""Hugging Face's Mixtral folders: read unchanged by transformers itself, written so that it reads them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import MixtralConfig, MixtralForCausalLM, MixtralModel

from valle_core.plugin import UserError
from valle_core.reading.json_text import read_json
from valle_mixtral.backbone import MixtralBackbone
from valle_mixtral.layers import ATTENTION
from valle_mixtral.options import MixtralOptions

CONFIG_KEYS = {
    "d_model": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads",
    "ffn_dim": "intermediate_size",
    "n_experts": "num_local_experts",
    "experts_per_token": "num_experts_per_tok",
    "router_aux_loss_coef": "router_aux_loss_coef",
    "router_jitter_noise": "router_jitter_noise",
    "norm_eps": "rms_norm_eps",
}
"""Our options → Hugging Face's names."""


def load_model(folder: Path, options: MixtralOptions) -> MixtralModel:
    """The model of a `MixtralModel` or `MixtralForCausalLM` folder, in float32, whose attention is ours.

    Raises:
        UserError: no such folder, no Mixtral, a variant that is not supported, an option that was set to something
            else than the folder says, no safetensors, or tensors that are missing or of another shape.
    """
    config = _read_config(folder, options)
    causal = "MixtralForCausalLM" in (config.architectures or ())
    try:
        model, info = (MixtralForCausalLM if causal else MixtralModel).from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            attn_implementation=ATTENTION,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except Exception as error:  # transformers raises OSError, RuntimeError, ValueError and safetensors' own
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise _refuse(folder, f"its weights cannot be read ({reason})") from None
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if names := sorted(str(name) for name in info[what]):
            raise _refuse(folder, f"tensor {names[0]} is {what.removesuffix('_keys')}")
    return model.model if causal else model


def save_folder(
    backbone: MixtralBackbone, folder: Path, *, embed_tokens: Float[Tensor, "vocabulary D"] | None = None
) -> None:
    """Write what `transformers.MixtralModel.from_pretrained` reads.

    MixtralModel wants an embedding; without one a vocabulary of a single zero row is written, and the model is then
    to be run on `inputs_embeds`.
    """
    weight = backbone.norm.weight
    table = weight.new_zeros(1, backbone.d_model) if embed_tokens is None else embed_tokens
    hf_model(backbone, table.to(weight), "eager").save_pretrained(folder)


def hf_model(backbone: MixtralBackbone, table: Float[Tensor, "vocabulary D"], attention: str) -> MixtralModel:
    """A `MixtralModel` with the backbone's weights (copied), run by transformers alone with this attention."""
    said = backbone.config.to_dict() | {"vocab_size": len(table), "pad_token_id": None}
    config = MixtralConfig(**said, attn_implementation=attention)
    with torch.device("meta"):
        model = MixtralModel(config)
    model.to_empty(device=table.device).to(table.dtype)
    model.rotary_emb = type(model.rotary_emb)(config=config).to(table.device)
    model.embed_tokens = nn.Embedding(*table.shape, _weight=table.detach().clone())
    model.load_state_dict({**backbone.state_dict(), "embed_tokens.weight": table})
    return model


def _read_config(folder: Path, options: MixtralOptions) -> MixtralConfig:
    if not folder.is_dir():
        raise _refuse(folder, "there is no such folder")
    try:
        said = read_json(folder / "config.json")
    except FileNotFoundError:
        raise _refuse(folder, "it has no config.json; give a folder of MixtralModel.save_pretrained") from None
    except (OSError, ValueError) as error:
        raise _refuse(folder, f"config.json cannot be read ({error})") from None
    kind = said.get("model_type") if isinstance(said, dict) else None
    if kind != "mixtral":
        raise _refuse(folder, f"its model_type is {kind!r}, not 'mixtral'")
    if not list(folder.glob("*.safetensors")):
        raise _refuse(folder, "it has no safetensors; pickled weights are not read")
    try:
        config = MixtralConfig.from_pretrained(folder)
    except Exception as error:
        raise _refuse(folder, f"config.json is not that of a Mixtral ({str(error).splitlines()[0]})") from None
    for key, plain in {"hidden_act": "silu", "sliding_window": None}.items():
        if getattr(config, key) != plain:
            raise _refuse(folder, f"its {key} is {getattr(config, key)!r}, arch 'mixtral' knows only {plain!r}")
    if config.rope_parameters["rope_type"] != "default":
        raise _refuse(folder, f"its rope_type is {config.rope_parameters['rope_type']!r}, not 'default'")
    _check_agreement(folder, config, options)
    return config


def _check_agreement(folder: Path, config: MixtralConfig, options: MixtralOptions) -> None:
    """An option left at its default takes what the folder says; one that was set must say the same."""
    for field in fields(MixtralOptions):
        if field.name == "rope_theta":
            found = config.rope_parameters["rope_theta"]
        elif field.name in CONFIG_KEYS:
            found = getattr(config, CONFIG_KEYS[field.name])
        else:
            continue
        asked = getattr(options, field.name)
        if field.name.startswith("router_") and asked != field.default:
            setattr(config, field.name, asked)  # how to train is no property of the weights
        elif asked != field.default and asked != found:
            raise _refuse(folder, f"it has {field.name} = {found} and the options ask for {asked}")


def _refuse(folder: Path, reason: str) -> UserError:
    return UserError(f"arch 'mixtral' cannot start from {str(folder)!r}: {reason}")
