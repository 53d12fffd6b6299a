"""Hugging Face's Mixtral folders: read unchanged by transformers itself, written so that it reads them."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import MixtralConfig, MixtralForCausalLM, MixtralModel

from valle_kit.hugging_face.layout import FolderLayout
from valle_kit.hugging_face.reader import FolderReader
from valle_mixtral.backbone import MixtralBackbone
from valle_mixtral.layers import ATTENTION
from valle_mixtral.options import MixtralOptions

TRAINING = ("router_aux_loss_coef", "router_jitter_noise")

LAYOUT = FolderLayout(
    arch="mixtral",
    model="MixtralModel",
    keys={
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
    },
    known={"hidden_act": ("silu",), "sliding_window": (None,)},
)


def load_model(folder: FolderReader, options: MixtralOptions) -> MixtralModel:
    """The model of a `MixtralModel` or `MixtralForCausalLM` folder, in float32, whose attention is ours.

    Raises:
        UserError: no such folder, no Mixtral, a variant that is not supported, an option that was set to something
            else than the folder says, no safetensors, or tensors that are missing or of another shape.
    """
    config = _config_in(folder, options)
    causal = "MixtralForCausalLM" in (config.architectures or ())
    try:
        model, info = (MixtralForCausalLM if causal else MixtralModel).from_pretrained(
            folder.path,
            config=config,
            dtype=torch.float32,
            attn_implementation=ATTENTION,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except Exception as error:  # transformers raises OSError, RuntimeError, ValueError and safetensors' own
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise folder.refuse(f"its weights cannot be read ({reason})") from None
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if names := sorted(str(name) for name in info[what]):
            raise folder.refuse(f"tensor {names[0]} is {what.removesuffix('_keys')}")
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
    stored = backbone.config.to_dict() | {"vocab_size": len(table), "pad_token_id": None}
    config = MixtralConfig(**stored, attn_implementation=attention)
    with torch.device("meta"):
        model = MixtralModel(config)
    model.to_empty(device=table.device).to(table.dtype)
    model.rotary_emb = type(model.rotary_emb)(config=config).to(table.device)
    model.embed_tokens = nn.Embedding(*table.shape, _weight=table.detach().clone())
    model.load_state_dict({**backbone.state_dict(), "embed_tokens.weight": table})
    return model


def _config_in(folder: FolderReader, options: MixtralOptions) -> MixtralConfig:
    """The folder's configuration; how to train is no property of the weights and taken from options that were set."""
    folder.config()
    folder.weight_files()  # what transformers would read lies in the folder
    try:
        config = MixtralConfig.from_pretrained(folder.path)
    except Exception as error:
        raise folder.refuse(f"config.json is not that of a Mixtral ({str(error).splitlines()[0]})") from None
    filled = config.to_dict()
    folder.check_known(filled)
    folder.sizes(filled, options, free=TRAINING)
    folder.check_agreement({"rope_theta": folder.rope_theta(filled, 10000.0)}, options)
    for name in TRAINING:
        if getattr(options, name) != MixtralOptions.__dataclass_fields__[name].default:
            setattr(config, name, getattr(options, name))
    return config
